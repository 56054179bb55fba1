"""Pictures of the pages, made small on the server: thumbnails, views, heat maps, enlarged places, the evidence.

In: a photo's or a report's id. Out: JPEG or PNG that only the visitor's own browser may keep. A photo's bytes never
change, so its hash is the tag that a browser asks with again. Erased photos answer 410.

The places of a photo that stand out, each with what is around it.

In: a detection's JSON, and the photo. Out: boxes, and parts of the photo as JPEG. For looking only.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from refundlens.model.detection import Box
from refundlens.model.photo.image import ImageError
from refundlens.serving.console.page import Visit, visits
from refundlens.serving.detection.oracle import coarse_map
from refundlens.serving.detection.store import load_map
from refundlens.serving.drawing.picture import scaled
from refundlens.serving.drawing.views import DOUBT_COLOUR, HEAT_COLOUR, crop, map_overlay
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.turns import drawn
from refundlens.serving.kit.apart import Drawing
from refundlens.serving.kit.errors import Gone, Invalid, NotFound
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import repository as refunds
from refundlens.serving.reports import refusal, repository
from refundlens.serving.reports.repository import ReportDetail
from refundlens.serving.storage.files import FileError, FileStore
from refundlens.serving.storage.tables import Image

AROUND = 0.6
"""Share of a region's longer side that is shown on each side of it: what is odd shows against what is not."""
LEAST_SIDE = 192
"""Pixels of the photo that an enlarged place shows at least."""
MOST_PLACES = 3
"""Enlarged places of a photo; regions come with the most probable first, then both of a part that is there twice."""


def places(body: dict[str, Any]) -> list[Box]:
    """What to enlarge of a photo whose detection this is: its regions with their surroundings, within the photo."""
    return [_around(region["box"], body["width"], body["height"]) for region in body["regions"][:MOST_PLACES]]


def _around(box: Box, width: int, height: int) -> Box:
    x0, y0, x1, y1 = box
    margin = AROUND * max(x1 - x0, y1 - y0)
    across = max(x1 - x0 + 2 * margin, LEAST_SIDE)
    down = max(y1 - y0 + 2 * margin, LEAST_SIDE)
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    return (
        max(0, round(middle_x - across / 2)),
        max(0, round(middle_y - down / 2)),
        min(width, round(middle_x + across / 2)),
        min(height, round(middle_y + down / 2)),
    )


THUMB_SIDE, VIEW_SIDE = 320, 1600
"""Longest sides in pixels: sharp in a list on a phone's screen, and as large as a desktop window shows."""
KEPT = "private, max-age=3600"
"""An hour: an erased photo is gone from browsers, too, before anybody wonders."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Visit, Depends(visits(Role.MERCHANT))]
"""Adjudicators have pictures of their own (`serving.console.review.pictures`), which keep an opinion hidden."""
Identifier = Annotated[str, Path(alias="id", max_length=40)]


@router.get("/refunds/photos/{id}/{size}")
async def photo(
    request: Request, visit: Reader, identifier: Identifier, size: Literal["thumb", "view"]
) -> Response:
    """A photo of a refund as JPEG, at most 320 or 1600 pixels a side."""
    image = await run_in_threadpool(_photo, visit, identifier)
    side = THUMB_SIDE if size == "thumb" else VIEW_SIDE
    return await _made(request, visit, f"{image.sha256}-{side}", partial(_scaled, visit, image.sha256, side))


@router.get("/reports/{id}/{layer}.png")
async def overlay_of(
    request: Request, visit: Reader, identifier: Identifier, layer: Literal["heat", "doubt"]
) -> Response:
    """The heat map of a report's photo in red, or where it is not to be trusted in blue: a cell a pixel."""
    whole = await run_in_threadpool(_whole, visit, identifier)
    screening = whole.screening
    name = None if screening is None else screening.heatmap if layer == "heat" else screening.reliability
    if name is None:
        raise NotFound("There is no such map of this photo.")
    return await _made(request, visit, f"{name}-{layer}", partial(_overlay, visit, name, layer), "image/png")


@router.get("/reports/{id}/place-{number}.jpg")
async def place(
    request: Request, visit: Reader, identifier: Identifier, number: Annotated[int, Path(ge=0, le=15)]
) -> Response:
    """A marked region of a report's photo with what is around it, at the photo's own resolution."""
    whole = await run_in_threadpool(_whole, visit, identifier)
    if whole.image.erased_at is not None:
        raise Gone("photo_erased", "This photo was erased.")
    boxes = [] if whole.screening is None else places(whole.screening.body)
    if number >= len(boxes):
        raise NotFound("There is no such place.")
    tag = f"{whole.image.sha256}-{'-'.join(map(str, boxes[number]))}"

    def collect() -> Drawing[bytes]:
        return partial(crop, _bytes(visit, whole.image.sha256), boxes[number])

    return await _made(request, visit, tag, collect)


@router.get("/reports/{id}/evidence.jpg")
async def evidence(
    request: Request, visit: Reader, identifier: Identifier, download: bool = False
) -> Response:
    """The picture that goes with a refusal: what was sent, or what would be."""
    whole = await run_in_threadpool(_whole, visit, identifier)
    if whole.refusal is not None:
        content = await run_in_threadpool(_sent, visit, whole.refusal.evidence)
    else:
        content = await drawn(request, partial(_refusal_picture, visit, whole))
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    if download:
        headers["Content-Disposition"] = f'attachment; filename="{identifier}.jpg"'
    return Response(content, media_type="image/jpeg", headers=headers)


async def _made(
    request: Request,
    visit: Visit,
    tag: str,
    collect: Callable[[], Drawing[bytes]],
    kind: str = "image/jpeg",
) -> Response:
    """A picture that never changes; not made where the browser still has it."""
    headers = {"ETag": f'"{tag}"', "Cache-Control": KEPT, "X-Content-Type-Options": "nosniff"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    try:
        content = await drawn(request, collect)
    except FileError as error:
        raise Gone("photo_missing", str(error)) from error
    except ImageError as error:
        raise Invalid(error.code, error.message) from error
    return Response(content, media_type=kind, headers=headers)


def _photo(visit: Visit, identifier: str) -> Image:
    with visit.services.database.reading() as session:
        image = refunds.photo(session, visit.principal, identifier)
    if image.erased_at is not None:
        raise Gone("photo_erased", "This photo was erased; its hash and verdicts remain.")
    return image


def _whole(visit: Visit, identifier: str) -> ReportDetail:
    with visit.services.database.reading() as session:
        return repository.report_detail(session, repository.find_report(session, visit.principal, identifier))


def _refusal_picture(visit: Visit, whole: ReportDetail) -> Drawing[bytes]:
    """Raises Conflict, Gone."""
    return refusal.refusal_picture(visit.services.files, whole, refusal.language_of(whole.refund))


def _sent(visit: Visit, name: str) -> bytes:
    """Raises Gone."""
    try:
        return _bytes(visit, name)
    except FileError as error:
        raise Gone("photo_missing", str(error)) from error


def _scaled(visit: Visit, name: str, side: int) -> Drawing[bytes]:
    return partial(scaled, _bytes(visit, name), side)


def _overlay(visit: Visit, name: str, layer: str) -> Drawing[bytes]:
    cells = load_map(visit.services.files, name)
    if layer == "heat":
        return partial(map_overlay, coarse_map(cells), HEAT_COLOUR)
    return partial(map_overlay, 1 - cells, DOUBT_COLOUR)


def _bytes(visit: Visit, name: str) -> bytes:
    files: FileStore = visit.services.files
    return files.get(name)
