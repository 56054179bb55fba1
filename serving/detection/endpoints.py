"""POST /v1/detect and the stored results. Thin: reads, asks the service, answers."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from refundlens.serving.detection.body import REQUEST_BODY, DetectBody, Intake
from refundlens.serving.detection.body import read as read_body
from refundlens.serving.detection.cache import CacheUse
from refundlens.serving.detection.request import HEADERS, DetectRequest
from refundlens.serving.detection.schemas import EXAMPLE, EXAMPLE_ERROR, Detections
from refundlens.serving.detection.service import PhotoOutcome
from refundlens.serving.http.connections import while_connected
from refundlens.serving.http.idempotency import answered_once
from refundlens.serving.http.problems import Problem, responses
from refundlens.serving.identity.access import needs
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role

router = APIRouter(prefix="/v1", tags=["detections"])
Judged = Annotated[Principal, Depends(needs(Role.ADJUDICATOR, Role.ENGINEER, Role.MERCHANT, csrf=False))]
"""Who may have photos judged. A stream of photos is not searched for a form's token; where it came from is checked."""

SLACK = 15.0
"""Seconds beyond its deadline that a request may still hold its Idempotency-Key: its last stage ends, and is stored."""
_EXAMPLES = {"application/json": {"example": {"detections": [EXAMPLE, EXAMPLE_ERROR]}}}
BODY_MODELS: list[type[BaseModel]] = [DetectBody]
"""Models that OpenAPI must know although no parameter names them: the endpoint reads its body itself."""


@router.post(
    "/detect",
    response_model=Detections,
    responses={200: {"content": _EXAMPLES}, **responses(400, 401, 403, 408, 409, 413, 415, 422, 429, 503)},
    openapi_extra={"parameters": HEADERS, "requestBody": REQUEST_BODY},
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
    async with DetectRequest.admit(request, caller.owner, read_body, reuse=True) as asked:
        answer, headers = await _answer(request, caller, idempotency_key, asked)
    headers["Server-Timing"] += f"total;dur={asked.spent_ms:.1f}"
    return JSONResponse(answer, headers=headers)


async def _answer(
    request: Request, caller: Principal, key: str | None, asked: DetectRequest[Intake]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The answer and headers that tell how it came about; a stored answer for a repeated key."""
    service = Services.of(request).service
    # on a thread: hashing 64 MB would hold up every other request
    body = await asyncio.to_thread(asked.body.fingerprint) if key else None
    longest = asked.expires - asked.began + SLACK
    async with answered_once(Services.of(request), request, caller, key, body, longest) as work:
        if work is not None and work.stored is not None:
            return work.stored, {"Server-Timing": "replay;dur=0, "}
        outcomes = await while_connected(request, service.judge(asked))
        refuse_if_all_late(outcomes)
        entries = [
            _entry(index, upload.name, outcome)
            for index, (upload, outcome) in enumerate(zip(asked.body.images, outcomes, strict=True))
        ]
        answer = {"detections": entries}
        if work is not None:
            await work.finish(answer)
    return answer, {"Server-Timing": timing(outcomes), "Cache-Status": cache_status(outcomes, asked.cache)}


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
