"""Open Inference Protocol (KServe v2), for those who speak it already: /v2/health, /v2/models/{name}, /infer.

In: one BYTES tensor of image files. Out: tensors with a verdict, a probability and the kinds for each. The same keys,
admission, cache and engine as /v1/detect; errors are problem details with the protocol's `error` beside.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from refundlens.model.detection import ModelName
from refundlens.model.names import KINDS
from refundlens.serving.detection import tensors
from refundlens.serving.detection.endpoints import Judged, cache_status, refuse_if_all_late, timing
from refundlens.serving.detection.request import DEADLINE, DetectRequest
from refundlens.serving.detection.service import PhotoOutcome
from refundlens.serving.detection.tensors import InferenceRequest, TensorIntake
from refundlens.serving.http.connections import while_connected
from refundlens.serving.http.problems import Problem, responses
from refundlens.serving.kit.context import Services
from refundlens.serving.settings import Settings

router = APIRouter(prefix="/v2", tags=["open inference protocol"])

NOT_JUDGED = "not_judged"
"""The verdict of a picture that has none; its numbers are -1 and `error` has the code. Its neighbours have theirs."""
OUTPUTS: dict[str, tuple[str, list[int]]] = {
    "verdict": ("BYTES", [-1]),
    "probability": ("FP64", [-1]),
    "kind": ("FP64", [-1, len(KINDS)]),
    "error": ("BYTES", [-1]),
    "id": ("BYTES", [-1]),
}
"""Output tensors: type and shape, -1 for the number of pictures. `kind` is in the order of the model's metadata."""
BODY_MODELS: list[type[BaseModel]] = [InferenceRequest]
"""Models that OpenAPI must know although no parameter names them."""
_BODY: dict[str, Any] = {
    "parameters": [DEADLINE],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/InferenceRequest"},
                "example": {
                    "inputs": [
                        {"name": "image", "shape": [1], "datatype": "BYTES", "data": ["/9j/4AAQSkZJRg..."]}
                    ]
                },
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
}


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    ready: bool


class TensorMetadata(BaseModel):
    name: str
    datatype: str
    shape: list[int]


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class ModelMetadata(BaseModel):
    """A model and its tensors. parameters: the order of the values of `kind`."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: dict[str, list[str]]


class OutputTensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[str | float]


class InferenceResponse(BaseModel):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


@router.get("", operation_id="v2_server", response_model=ServerMetadata)
async def server(request: Request) -> ServerMetadata:
    """Who answers."""
    return ServerMetadata(name="refundlens", version=request.app.version, extensions=["binary_tensor_data"])


@router.get("/health/live", operation_id="v2_live", response_model=Live)
async def live() -> Live:
    """The process lives."""
    return Live(live=True)


@router.get("/health/ready", operation_id="v2_ready", response_model=Ready, responses=responses(503))
async def ready(request: Request) -> Ready:
    """The model is warm."""
    if not Services.of(request).ready:
        raise Problem(503, "not_ready", "Warming up; ask again in a moment.", {"Retry-After": "1"})
    return Ready(ready=True)


def _model(request: Request, name: str, version: str | None) -> ModelName:
    """The running model, if it is the one asked for. Raises Problem 404."""
    service = Services.of(request).service
    running = service.detector.name
    if name != running.name or version not in (None, running.version):
        wanted = name if version is None else f"{name} {version}"
        detail = f"There is no model {wanted} here; {running.name} {running.version} is running."
        raise Problem(404, "not_found", detail)
    return running


Name = Annotated[str, Path(examples=["refundlens-s"])]
Version = Annotated[str, Path(examples=["1.0.0"])]


async def metadata(request: Request, caller: Judged, name: Name) -> ModelMetadata:
    """The model's tensors."""
    return _metadata(_model(request, name, None))


async def metadata_of_version(
    request: Request, caller: Judged, name: Name, version: Version
) -> ModelMetadata:
    """The tensors of the model's running version."""
    return _metadata(_model(request, name, version))


async def model_ready(request: Request, caller: Judged, name: Name) -> Ready:
    """The model is warm."""
    _model(request, name, None)
    return await ready(request)


async def version_ready(request: Request, caller: Judged, name: Name, version: Version) -> Ready:
    """This version of the model is running and warm."""
    _model(request, name, version)
    return await ready(request)


async def infer(request: Request, caller: Judged, name: Name) -> JSONResponse:
    """Judge 1 to 16 pictures: a BYTES tensor `image` of shape [n], in base64, or by the binary tensor extension.

    A picture that cannot be judged gets the verdict `not_judged`, -1 for numbers and its code in `error`.
    """
    return await _infer(request, caller.owner, _model(request, name, None), None)


async def infer_version(request: Request, caller: Judged, name: Name, version: Version) -> JSONResponse:
    """The same, if this version of the model is running."""
    return await _infer(request, caller.owner, _model(request, name, version), version)


for _place, _plain, _versioned, _what in (
    ("", metadata, metadata_of_version, ModelMetadata),
    ("/ready", model_ready, version_ready, Ready),
):
    _said = responses(401, 403, 404, *([503] if _place else []))
    router.get(f"/models/{{name}}{_place}", response_model=_what, responses=_said)(_plain)
    router.get(f"/models/{{name}}/versions/{{version}}{_place}", response_model=_what, responses=_said)(
        _versioned
    )
for _path, _endpoint in (
    ("/models/{name}/infer", infer),
    ("/models/{name}/versions/{version}/infer", infer_version),
):
    router.post(
        _path,
        response_model=InferenceResponse,
        responses=responses(400, 401, 403, 404, 408, 413, 422, 429, 503),
        openapi_extra=_BODY,
    )(_endpoint)


async def _infer(request: Request, owner: str, running: ModelName, version: str | None) -> JSONResponse:
    service = Services.of(request).service
    async with DetectRequest.admit(request, owner, _read) as asked:
        outcomes = await while_connected(request, service.judge(asked))
        refuse_if_all_late(outcomes)
    columns = _columns(outcomes)
    judge_name, judge_version = _judged_by(outcomes, running, version)
    answer = InferenceResponse(
        model_name=judge_name,
        model_version=judge_version,
        id=asked.body.id,
        outputs=[
            OutputTensor(
                name=name,
                datatype=OUTPUTS[name][0],
                shape=[len(outcomes), *OUTPUTS[name][1][1:]],
                data=columns[name],
            )
            for name in asked.body.outputs or OUTPUTS
        ],
    )
    headers = {
        "Server-Timing": f"{timing(outcomes)}total;dur={asked.spent_ms:.1f}",
        "Cache-Status": cache_status(outcomes, asked.cache),
    }
    return JSONResponse(answer.model_dump(exclude_none=True), headers=headers)


def _judged_by(outcomes: list[PhotoOutcome], running: ModelName, version: str | None) -> tuple[str, str]:
    """Name and version of the model that judged the pictures; where none was judged, of the one that was running.

    Raises Problem 503 where the model was swapped since the request came and the answer would be another's than the one
    asked for, or of two.
    """
    models = [outcome.body["model"] for outcome in outcomes if outcome.body]
    judges = {(model["name"], model["version"]) for model in models} or {(running.name, running.version)}
    judge = judges.pop()
    if judges or judge[0] != running.name or version not in (None, judge[1]):
        detail = "The model was changed while the pictures were judged. Try again in a moment."
        raise Problem(503, "overloaded", detail, {"Retry-After": "1"})
    return judge


async def _read(request: Request, settings: Settings) -> TensorIntake:
    """The body. Raises Problem, 400 also where an output is asked for that there is not."""
    body = await tensors.read(request, settings)
    for name in body.outputs:
        if name not in OUTPUTS:
            raise Problem(400, "invalid_request", f"outputs: {name[:80]} is none of {', '.join(OUTPUTS)}")
    return body


def _columns(outcomes: list[PhotoOutcome]) -> dict[str, list[str | float]]:
    """The outcomes as columns, `kind` row by row."""
    bodies = [outcome.body or {} for outcome in outcomes]
    return {
        "verdict": [body.get("verdict", NOT_JUDGED) for body in bodies],
        "probability": [body.get("probability", -1.0) for body in bodies],
        "kind": [body["kind"][kind] if body else -1.0 for body in bodies for kind in KINDS],
        "error": [outcome.error["code"] if outcome.error else "" for outcome in outcomes],
        "id": [body.get("id", "") for body in bodies],
    }


def _metadata(model: ModelName) -> ModelMetadata:
    return ModelMetadata(
        name=model.name,
        versions=[model.version],
        platform="onnx_onnxruntime",
        inputs=[TensorMetadata(name=tensors.IMAGE, datatype="BYTES", shape=[-1])],
        outputs=[
            TensorMetadata(name=name, datatype=kind, shape=shape) for name, (kind, shape) in OUTPUTS.items()
        ],
        parameters={"kind": list(KINDS)},
    )
