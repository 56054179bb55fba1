"""POST /v1/detect and the stored results. Thin: reads, asks the service, answers."""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from refundlens.model.names import DEFECTS
from refundlens.serving.detection import body as intake
from refundlens.serving.detection import request as gate
from refundlens.serving.detection.body import DetectBody, Intake
from refundlens.serving.detection.cache import CacheUse
from refundlens.serving.detection.schemas import EXAMPLE, EXAMPLE_ERROR, Detections
from refundlens.serving.detection.service import DetectionService, PhotoOutcome
from refundlens.serving.http.disconnect import while_connected
from refundlens.serving.http.idempotency import Replays
from refundlens.serving.http.problems import Problem, responses
from refundlens.serving.identity.access import needs
from refundlens.serving.kit.language import preferred
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role

router = APIRouter(prefix="/v1", tags=["detections"])
Judged = Annotated[Principal, Depends(needs(Role.ADJUDICATOR, Role.ENGINEER, Role.MERCHANT, csrf=False))]
"""Who may have photos judged. A stream of photos is not searched for a form's token; where it came from is checked."""

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
    with gate.admit(request, caller.owner) as turn:
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


def _entry(index: int, name: str | None, outcome: PhotoOutcome) -> dict[str, Any]:
    if outcome.body is not None:
        return outcome.body
    return {"index": index, "file": name, "error": outcome.error}


def refuse_if_all_late(outcomes: list[PhotoOutcome]) -> None:
    """Raises Problem 503 where no picture was judged in time."""
    if all(outcome.error is not None and outcome.error["code"] == "deadline" for outcome in outcomes):
        detail = "The deadline passed before any picture's turn. Try later, or wait longer."
        raise Problem(503, "deadline", detail, {"Retry-After": "1"})


def timing(outcomes: list[PhotoOutcome]) -> str:
    """Longest wait, and the sums of decoding and inference, in milliseconds (W3C Server-Timing)."""
    judged = [outcome.detection.timings_ms for outcome in outcomes if outcome.detection]
    if not judged and all(outcome.known for outcome in outcomes):
        return 'cache;desc="hit", '
    queue = max(outcome.queued for outcome in outcomes) * 1000
    decode = sum(timings.get("decode", 0.0) for timings in judged)
    infer = sum(timings.get("infer", 0.0) for timings in judged)
    return f"queue;dur={queue:.1f}, decode;dur={decode:.1f}, infer;dur={infer:.1f}, "


def cache_status(outcomes: list[PhotoOutcome], cache: CacheUse) -> str:
    """RFC 9211: a hit where every picture's answer was known; else how many were."""
    known = sum(outcome.known for outcome in outcomes)
    if known == len(outcomes):
        return "refundlens; hit"
    why = "miss" if cache == "use" else "request"
    return f"refundlens; fwd={why}" + (f'; detail="{known} of {len(outcomes)} known"' if known else "")
