"""The stored detections over HTTP: the answer again, its maps, the picture that convinces.

In: an id, and who asks. Out: what was answered, from the store of /v1/detect or from a reported photo's screening.
"""

from functools import partial
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from refundlens.model.network.regions import heatmap_png
from refundlens.serving.detection.oracle import coarse, coarse_record
from refundlens.serving.detection.schemas import EXAMPLE, DetectionOut
from refundlens.serving.detection.service import DetectionService
from refundlens.serving.detection.store import Damaged, DetectionRecord
from refundlens.serving.evidence import stored
from refundlens.serving.http.problems import responses
from refundlens.serving.http.turns import drawn
from refundlens.serving.identity.access import needs
from refundlens.serving.kit.errors import Gone, NotFound
from refundlens.serving.kit.language import preferred
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import KEY_ROLES
from refundlens.serving.storage.files import FileError

router = APIRouter(prefix="/v1", tags=["detections"])
Reader = Annotated[Principal, Depends(needs(*KEY_ROLES))]
_FILE = {"type": "string", "format": "binary"}
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
    reported = await run_in_threadpool(stored.stored_json, state.database, reader, identifier, language)
    if reported is None:
        return JSONResponse((await _find(request, reader, identifier)).body)
    return JSONResponse(reported if reader.judges else coarse(reported))


@router.get(
    "/detections/{id}/heatmap",
    operation_id="get_heatmap",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": _FILE}}}, **responses(401, 403, 404, 410, 429, 503)},
)
async def get_heatmap(request: Request, reader: Reader, identifier: DetectionId) -> Response:
    """Grey PNG of the picture's displayed size: 0 to 255 = probability that this pixel was manipulated."""
    found = await _find(request, reader, identifier)
    return await _picture(request, found, found.heatmap)


@router.get(
    "/detections/{id}/reliability",
    operation_id="get_reliability",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": _FILE}}}, **responses(401, 403, 404, 410, 429, 503)},
)
async def get_reliability(request: Request, reader: Reader, identifier: DetectionId) -> Response:
    """Grey PNG of the picture's displayed size: 0 (the heat map says nothing here) to 255 (it is always right)."""
    found = await _find(request, reader, identifier)
    if found.reliabilitymap is None:
        raise NotFound("The model of this detection was calibrated without a reliability map.")
    return await _picture(request, found, found.reliabilitymap)


@router.get(
    "/detections/{id}/evidence.jpg",
    operation_id="get_detection_evidence",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {"schema": _FILE}}},
        **responses(401, 403, 404, 410, 429, 503),
    },
)
async def get_detection_evidence(request: Request, reader: Reader, identifier: DetectionId) -> Response:
    """The picture that convinces, under 130,000 bytes, in the language of Accept-Language. For photos of mirrored
    refunds: those sent to /v1/detect are not kept."""
    state, language = request.app.state, preferred(request.headers.get("accept-language"))
    try:
        content = await drawn(
            request, partial(stored.evidence, state.database, state.files, reader, identifier, language)
        )
    except FileError as error:
        raise Gone("photo_missing", str(error)) from error
    if content is None:
        detail = f"No photo of {identifier} is kept here: only those of mirrored refunds are."
        raise NotFound(detail)
    return Response(content, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


async def _picture(request: Request, found: DetectionRecord, cells: NDArray[np.float32]) -> Response:
    """One of a detection's maps; it never changes."""
    png = await drawn(request, partial(heatmap_png, cells, found.body["width"], found.body["height"]))
    return Response(
        png, media_type="image/png", headers={"Cache-Control": "private, max-age=86400, immutable"}
    )


async def _find(request: Request, reader: Principal, identifier: str) -> DetectionRecord:
    service: DetectionService = request.app.state.service
    try:
        found = await run_in_threadpool(service.store.read, identifier, reader.may_read)
    except Damaged as error:
        detail = f"What was stored of {identifier} is damaged. Send the photo again to have it judged anew."
        raise Gone("damaged", detail) from error
    found = found or await run_in_threadpool(_of_report, request, reader, identifier)
    if found is None:
        raise NotFound(f"There is no detection {identifier}, or it is no longer kept.")
    return found if reader.judges else coarse_record(found)


def _of_report(request: Request, reader: Principal, identifier: str) -> DetectionRecord | None:
    state, language = request.app.state, preferred(request.headers.get("accept-language"))
    try:
        return stored.find_stored(state.database, state.files, reader, identifier, language)
    except FileError as error:
        raise Gone("damaged", str(error)) from error
