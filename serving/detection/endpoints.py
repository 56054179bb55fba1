"""POST /v1/detect and the stored results. Thin: reads, asks the service, answers."""

import asyncio
import time
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from pydantic import BaseModel

from refundlens.model.names import DEFECTS
from refundlens.model.network.regions import heatmap_png
from refundlens.serving.detection import body as intake
from refundlens.serving.detection import request as gate
from refundlens.serving.detection.body import DetectBody, Intake
from refundlens.serving.detection.cache import CacheUse
from refundlens.serving.detection.schemas import EXAMPLE, EXAMPLE_ERROR, DetectionOut, Detections
from refundlens.serving.detection.service import DetectionService, Outcome
from refundlens.serving.detection.store import Damaged, Stored
from refundlens.serving.evidence import stored as detections
from refundlens.serving.http.disconnect import while_connected
from refundlens.serving.http.idempotency import Replays
from refundlens.serving.http.problems import Problem, responses
from refundlens.serving.identity.access import needs
from refundlens.serving.kit.language import preferred
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import KEY_ROLES, Role
from refundlens.serving.storage.files import FileError

router = APIRouter(prefix="/v1", tags=["detections"])
Judged = Annotated[Principal, Depends(needs(Role.ADJUDICATOR, Role.ENGINEER, Role.MERCHANT, csrf=False))]
"""Who may have photos judged. A stream of photos is not searched for a form's token; where it came from is checked."""
Reader = Annotated[Principal, Depends(needs(*KEY_ROLES))]

_FILE = {"type": "string", "format": "binary"}
_BODY: dict[str, Any] = {
    "parameters": [
        {
            "name": "claim",
            "in": "query",
            "description": "the damage the buyer claims, for a raw image body",
            "schema": {"type": "string", "enum": list(DEFECTS)},
        },
        {
            "name": "X-Deadline-Ms",
            "in": "header",
            "description": "milliseconds you wait; what cannot be answered in that time is refused at once",
            "schema": {"type": "integer", "minimum": 1},
            "example": 5000,
        },
        {
            "name": "Priority",
            "in": "header",
            "description": "RFC 9218; u=4 to u=7 lets callers who wait go first, for up to 10 s",
            "schema": {"type": "string"},
            "example": "u=5",
        },
        {
            "name": "Cache-Control",
            "in": "header",
            "description": "no-cache has a photo judged anew that was judged before; Cache-Status tells",
            "schema": {"type": "string"},
            "example": "no-cache",
        },
        {
            "name": "Content-Digest",
            "in": "header",
            "description": "RFC 9530, for a raw image body: a photo that was judged before gets its answer even while "
            "too many others wait",
            "schema": {"type": "string"},
            "example": "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
        },
        {
            "name": "Accept-Language",
            "in": "header",
            "description": "language of the reasons: en or zh",
            "schema": {"type": "string"},
            "example": "zh-CN, en;q=0.5",
        },
    ],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {"type": "array", "items": _FILE, "minItems": 1, "maxItems": 16},
                        "claim": {"type": "string", "enum": list(DEFECTS)},
                        "reference": {"type": "array", "items": _FILE, "maxItems": intake.MAX_REFERENCES},
                    },
                },
                "encoding": {"image": {"contentType": "image/*"}},
            },
            "image/*": {"schema": _FILE},
            "application/json": {
                "schema": {"$ref": "#/components/schemas/DetectBody"},
                "example": {"image": [{"name": "a.jpg", "data": "/9j/4AAQSkZJRg..."}], "claim": "hole"},
            },
        },
    },
}
_EXAMPLES = {"application/json": {"example": {"detections": [EXAMPLE, EXAMPLE_ERROR]}}}
BODY_MODELS: list[type[BaseModel]] = [DetectBody]
"""Models that OpenAPI must know although no parameter names them: the endpoint reads its body itself."""


@router.post(
    "/detect",
    operation_id="detect",
    response_model=Detections,
    responses={200: {"content": _EXAMPLES}, **responses(400, 401, 403, 408, 409, 413, 415, 422, 429, 503)},
    openapi_extra=_BODY,
)
async def detect(
    request: Request,
    caller: Judged,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            description="Optional here: a photo's SHA-256 is its identity already. With it, a repeated request "
            "gets the stored answer for 24 hours.",
        ),
    ] = None,
) -> JSONResponse:
    """Judge 1 to 16 pictures. `claim` may also be a query parameter of a raw image body.

    Header X-Deadline-Ms: how long you wait; a request that cannot be answered in that time is refused at once (503).
    Answers carry Server-Timing. Reasons follow Accept-Language (en, zh).
    """
    with gate.turn(request, caller.owner) as turn:
        body = await intake.read(request, request.app.state.settings)
        await turn.take(body)
        answer, headers = await _answer(request, caller.owner, idempotency_key, body, turn.expires)
    total = (time.monotonic() - turn.began) * 1000
    headers["Server-Timing"] += f"total;dur={total:.1f}"
    return JSONResponse(answer, headers=headers)


async def _answer(
    request: Request, owner: str, key: str | None, body: Intake, expires: float
) -> tuple[dict[str, Any], dict[str, str]]:
    """The answer and headers that tell how it came about; a stored answer for a repeated key."""
    replays: Replays = request.app.state.replays
    service: DetectionService = request.app.state.service
    # on a thread: hashing 64 MB would hold up every other request
    stored = replays.begin(owner, key, await asyncio.to_thread(body.fingerprint)) if key else None
    if stored is not None:
        return stored, {"Server-Timing": "replay;dur=0, "}
    try:
        language = preferred(request.headers.get("accept-language"))
        cache = intake.cache_use(request)
        judged = service.judge(body, owner, language, expires, intake.priority(request), cache)
        outcomes = await while_connected(request, judged)
        refuse_if_all_late(outcomes)
    except BaseException:
        if key:
            replays.abandon(owner, key)
        raise
    entries = [_entry(index, body.images[index].name, outcome) for index, outcome in enumerate(outcomes)]
    answer = {"detections": entries}
    if key:
        replays.finish(owner, key, answer)
    return answer, {"Server-Timing": timing(outcomes), "Cache-Status": cache_status(outcomes, cache)}


def _entry(index: int, name: str | None, outcome: Outcome) -> dict[str, Any]:
    if outcome.body is not None:
        return outcome.body
    return {"index": index, "file": name, "error": outcome.error}


def refuse_if_all_late(outcomes: list[Outcome]) -> None:
    """Raises Problem 503 where no picture was judged in time."""
    if all(outcome.error is not None and outcome.error["code"] == "deadline" for outcome in outcomes):
        detail = "The deadline passed before any picture's turn. Try later, or wait longer."
        raise Problem(503, "deadline", detail, {"Retry-After": "1"})


def timing(outcomes: list[Outcome]) -> str:
    """Longest wait, and the sums of decoding and inference, in milliseconds (W3C Server-Timing)."""
    judged = [outcome.detection.timings_ms for outcome in outcomes if outcome.detection]
    if not judged and all(outcome.known for outcome in outcomes):
        return 'cache;desc="hit", '
    queue = max(outcome.queued for outcome in outcomes) * 1000
    decode = sum(timings.get("decode", 0.0) for timings in judged)
    infer = sum(timings.get("infer", 0.0) for timings in judged)
    return f"queue;dur={queue:.1f}, decode;dur={decode:.1f}, infer;dur={infer:.1f}, "


def cache_status(outcomes: list[Outcome], cache: CacheUse) -> str:
    """RFC 9211: a hit where every picture's answer was known; else how many were."""
    known = sum(outcome.known for outcome in outcomes)
    if known == len(outcomes):
        return "refundlens; hit"
    why = "miss" if cache == "use" else "request"
    return f"refundlens; fwd={why}" + (f'; detail="{known} of {len(outcomes)} known"' if known else "")


DetectionId = Annotated[str, Path(alias="id", examples=[EXAMPLE["id"]])]


@router.get(
    "/detections/{id}",
    operation_id="get_detection",
    response_model=DetectionOut,
    responses=responses(401, 403, 404, 410),
)
async def get_detection(request: Request, reader: Reader, identifier: DetectionId) -> JSONResponse:
    """A detection, as it was answered: any of your tenant's; for a merchant, those of its shop."""
    state, language = request.app.state, preferred(request.headers.get("accept-language"))
    reported = await run_in_threadpool(detections.body, state.database, reader, identifier, language)
    if reported is not None:
        return JSONResponse(reported)
    return JSONResponse((await _find(request, reader, identifier)).body)


@router.get(
    "/detections/{id}/heatmap",
    operation_id="get_heatmap",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": _FILE}}}, **responses(401, 403, 404, 410)},
)
async def get_heatmap(request: Request, reader: Reader, identifier: DetectionId) -> Response:
    """Grey PNG of the picture's displayed size: 0 to 255 = probability that this pixel was manipulated."""
    found = await _find(request, reader, identifier)
    return await _picture(found, found.heatmap)


@router.get(
    "/detections/{id}/reliability",
    operation_id="get_reliability",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": _FILE}}}, **responses(401, 403, 404, 410)},
)
async def get_reliability(request: Request, reader: Reader, identifier: DetectionId) -> Response:
    """Grey PNG of the picture's displayed size: 0 (the heat map says nothing here) to 255 (it is always right)."""
    found = await _find(request, reader, identifier)
    if found.reliabilitymap is None:
        raise Problem(
            404, "not_found", "The model of this detection was calibrated without a reliability map."
        )
    return await _picture(found, found.reliabilitymap)


@router.get(
    "/detections/{id}/evidence.jpg",
    operation_id="get_detection_evidence",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": _FILE}}}, **responses(401, 403, 404, 410)},
)
def get_detection_evidence(request: Request, reader: Reader, identifier: DetectionId) -> Response:
    """The picture that convinces, under 130,000 bytes, in the language of Accept-Language. For photos of mirrored
    refunds: those sent to /v1/detect are not kept."""
    state, language = request.app.state, preferred(request.headers.get("accept-language"))
    try:
        content = detections.evidence(state.database, state.files, reader, identifier, language)
    except FileError as error:
        raise Problem(410, "photo_missing", str(error)) from error
    if content is None:
        detail = f"No photo of {identifier} is kept here: only those of mirrored refunds are."
        raise Problem(404, "not_found", detail)
    return Response(content, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


async def _picture(found: Stored, cells: NDArray[np.float32]) -> Response:
    """One of a detection's maps; it never changes."""
    png = await run_in_threadpool(heatmap_png, cells, found.body["width"], found.body["height"])
    return Response(
        png, media_type="image/png", headers={"Cache-Control": "private, max-age=86400, immutable"}
    )


async def _find(request: Request, reader: Principal, identifier: str) -> Stored:
    service: DetectionService = request.app.state.service
    try:
        found = await run_in_threadpool(service.store.read, identifier, reader.may_read)
    except Damaged as error:
        detail = f"What was stored of {identifier} is damaged. Send the photo again to have it judged anew."
        raise Problem(410, "damaged", detail) from error
    found = found or await run_in_threadpool(_of_report, request, reader, identifier)
    if found is None:
        raise Problem(404, "not_found", f"There is no detection {identifier}, or it is no longer kept.")
    return found


def _of_report(request: Request, reader: Principal, identifier: str) -> Stored | None:
    state, language = request.app.state, preferred(request.headers.get("accept-language"))
    try:
        return detections.find(state.database, state.files, reader, identifier, language)
    except FileError as error:
        raise Problem(410, "damaged", str(error)) from error
