"""The stored detections over HTTP: the answer again, its maps, the picture that convinces.

In: an id, and who asks. Out: what was answered by /v1/detect, or found by a reported photo's screening.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends, Path, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from refundlens.model.network.regions import heatmap_png
from refundlens.serving.detection.oracle import coarse, coarse_map
from refundlens.serving.detection.schemas import EXAMPLE, DetectionOut
from refundlens.serving.detection.store import load_map
from refundlens.serving.drawing.picture import evidence_jpeg
from refundlens.serving.evidence import material
from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.problems import responses
from refundlens.serving.http.turns import drawn
from refundlens.serving.identity.access import calls
from refundlens.serving.kit.apart import Drawing
from refundlens.serving.kit.errors import Gone, NotFound
from refundlens.serving.kit.roles import KEY_ROLES
from refundlens.serving.storage.files import FileError, MissingFile
from refundlens.serving.storage.tables import DetectionRecord, Image

router = APIRouter(prefix="/v1", tags=["detections"])
Map = NDArray[np.float32]
Reader = Annotated[ApiCall, Depends(calls(*KEY_ROLES))]
_FILE = {"type": "string", "format": "binary"}
DetectionId = Annotated[str, Path(alias="id", examples=[EXAMPLE["id"]])]


_ERRORS = responses(401, 403, 404, 410)
_DRAWN = responses(401, 403, 404, 410, 429, 503)
_PNG = {200: {"content": {"image/png": {"schema": _FILE}}}, **_DRAWN}
MapName = Literal["heatmap", "reliability"]


@router.get("/detections/{id}", response_model=DetectionOut, responses=_ERRORS)
def get_detection(call: Reader, identifier: DetectionId) -> JSONResponse:
    """A detection, as it was answered: any of your tenant's; for a merchant, those of its shop."""
    body = material.body_of(_find(call, identifier), call.language)
    return JSONResponse(body if call.principal.judges else coarse(body))


@router.get("/detections/{id}/heatmap", response_class=Response, responses=_PNG)
async def get_heatmap(call: Reader, identifier: DetectionId) -> Response:
    """Grey PNG of the picture's displayed size: 0 to 255 = probability that this pixel was manipulated."""
    rows = await run_in_threadpool(_find, call, identifier)
    return await _picture(
        call, rows, "heatmap", (lambda cells: cells) if call.principal.judges else coarse_map
    )


@router.get("/detections/{id}/reliability", response_class=Response, responses=_PNG)
async def get_reliability(call: Reader, identifier: DetectionId) -> Response:
    """Grey PNG of the picture's displayed size: 0 (the heat map says nothing here) to 255 (it is always right)."""
    rows = await run_in_threadpool(_find, call, identifier)
    if rows[0].reliability is None:
        raise NotFound("The model of this detection was calibrated without a reliability map.")
    return await _picture(call, rows, "reliability")


@router.get(
    "/detections/{id}/evidence.jpg",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": _FILE}}}, **_DRAWN},
)
async def get_detection_evidence(call: Reader, identifier: DetectionId) -> Response:
    """The picture that convinces, under 130,000 bytes, in the language of Accept-Language. For photos of mirrored
    refunds: those sent to /v1/detect are not kept."""
    record, image = await run_in_threadpool(_find, call, identifier)
    if image is None:
        detail = f"No photo of {identifier} is kept here: only those of mirrored refunds are."
        raise NotFound(detail)
    try:
        content = await drawn(call.request, partial(_evidence, call, record, image))
    except FileError as error:
        raise Gone("photo_missing", str(error)) from error
    return Response(content, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


def _evidence(call: ApiCall, record: DetectionRecord, image: Image) -> Drawing[bytes]:
    """Raises FileError."""
    files = call.services.files
    if image.erased_at is not None or record.heatmap is None:
        raise MissingFile(f"the photo of {record.id} was erased")
    heat = load_map(files, record.heatmap)
    photo = files.get(image.sha256)
    return partial(evidence_jpeg, photo, record.body, heat, None, image.supplied_by, call.language)


async def _picture(
    call: ApiCall, rows: material.Rows, name: MapName, change: Callable[[Map], Map] = lambda cells: cells
) -> Response:
    """One of a detection's maps; it never changes."""
    record = rows[0]

    def collect() -> Drawing[bytes]:
        cells = change(_map(call, rows, getattr(record, name)))
        return partial(heatmap_png, cells, record.body["width"], record.body["height"])

    png = await drawn(call.request, collect)
    return Response(
        png, media_type="image/png", headers={"Cache-Control": "private, max-age=86400, immutable"}
    )


def _map(call: ApiCall, rows: material.Rows, file: str | None) -> Map:
    """Raises Gone."""
    record, image = rows
    try:
        if file is None:
            raise MissingFile(f"the maps of {record.id} were erased with its photo")
        return load_map(call.services.files, file)
    except FileError as error:
        if image is not None:
            raise Gone("damaged", str(error)) from error
        call.services.service.store.forget(record.id)
        detail = f"What was stored of {record.id} is damaged. Send the photo again to have it judged anew."
        raise Gone("damaged", detail) from error


def _find(call: ApiCall, identifier: str) -> material.Rows:
    """Raises NotFound."""
    with call.reading() as context:
        found = material.find_rows(context.session, call.principal, identifier)
    if found is None:
        raise NotFound(f"There is no detection {identifier}, or it is no longer kept.")
    return found
