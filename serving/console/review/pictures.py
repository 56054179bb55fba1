"""The workbench's images: the photo, a thumbnail, the maps as overlays, the noise view, other photos of the refund.

In: a report (and an image of its refund, or of one that used the same picture) that this judge may see. Out: bytes
with private cache headers. Photos are strangers' bytes: they are never to be taken for a page.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from refundlens.model.photo.image import ImageError
from refundlens.serving.console.page import Visit, visits
from refundlens.serving.console.review import blind_review, repository
from refundlens.serving.detection.store import load_map
from refundlens.serving.drawing import views
from refundlens.serving.drawing.picture import scaled
from refundlens.serving.http.turns import drawn
from refundlens.serving.kit.apart import Drawing
from refundlens.serving.kit.errors import Forbidden, Gone, NotFound
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports import repository as reports
from refundlens.serving.storage.files import FileError
from refundlens.serving.storage.tables import DetectionRecord, Image, Report

router = APIRouter(prefix="/queue", include_in_schema=False)

Judge = Annotated[Visit, Depends(visits(Role.ADJUDICATOR))]
Kind = Literal["photo", "thumb", "heat", "reliability", "residual"]

SHOWN_BY_BROWSERS = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
"""Formats that every browser opens; others are shown as JPEG."""
THUMB_SIDE = 320
"""Pixels: sharp at the 120 CSS pixels of a list on most screens."""
KEEP = "private, max-age=3600"


@router.get("/{report_id}/view/{kind}")
async def view(visit: Judge, report_id: str, kind: Kind) -> Response:
    """An image of the report's own photo. Raises Forbidden while the model's opinion is hidden, 404, 410."""
    whole, seen = await run_in_threadpool(_of_report, visit, report_id)
    if kind in ("photo", "thumb", "residual"):
        return await _of_photo(visit, whole.image, kind)
    if not seen:
        raise Forbidden("Look for yourself first; then the page shows the model's maps.", "opinion_hidden")
    collect = partial(_map, visit, whole.image, whole.screening, kind)
    return _answer(await drawn(visit.request, collect), "image/png")


@router.get("/{report_id}/photos/{image_id}/{kind}")
async def other_photo(
    visit: Judge, report_id: str, image_id: str, kind: Literal["photo", "thumb", "residual", "difference"]
) -> Response:
    """An image of another photo of the report's refund, or what the report's photo shows beyond it. Raises NotFound,
    Gone."""

    def find(session: Session, report: Report) -> Image:
        image = repository.photo_of(session, visit.principal, report, image_id)
        if image is None:
            raise NotFound(f"This refund has no photo {image_id}.")
        return image

    return await _beside(visit, report_id, find, kind)


@router.get("/{report_id}/uses/{image_id}/{kind}")
async def use_elsewhere(
    visit: Judge, report_id: str, image_id: str, kind: Literal["photo", "thumb", "difference"]
) -> Response:
    """An image of a photo of another refund that shows the same picture, or what the report's photo shows beyond it.
    Raises NotFound, Gone."""

    def find(session: Session, _: Report) -> Image:
        image = repository.photo_of_tenant(session, visit.principal, image_id)
        if image is None:
            raise NotFound(f"There is no photo {image_id}.")
        return image

    return await _beside(visit, report_id, find, kind)


async def _beside(
    visit: Visit, report_id: str, find: Callable[[Session, Report], Image], kind: str
) -> Response:
    """An image of another photo than the report's own, or what the own one shows beyond it. Raises NotFound, Gone."""

    def both() -> tuple[Image, Image]:
        with visit.services.database.reading() as session:
            report = reports.find_report(session, visit.principal, report_id)
            return session.get_one(Image, report.image_id), find(session, report)

    own, other = await run_in_threadpool(both)
    return await (_difference(visit, own, other) if kind == "difference" else _of_photo(visit, other, kind))


def _of_report(visit: Visit, report_id: str) -> tuple[reports.ReportDetail, bool]:
    """A report, and whether its judge has looked at the photo. Raises NotFound."""
    with visit.services.database.reading() as session:
        whole = reports.report_detail(session, reports.find_report(session, visit.principal, report_id))
        return whole, blind_review.may_see(session, visit.principal, whole.report)


async def _of_photo(visit: Visit, image: Image, kind: str) -> Response:
    if kind == "photo" and image.media_type in SHOWN_BY_BROWSERS:
        return _answer(await run_in_threadpool(_bytes, visit, image), image.media_type)

    def collect() -> Drawing[bytes]:
        data = _bytes(visit, image)
        if kind == "thumb":
            return partial(scaled, data, THUMB_SIDE)
        return partial(views.noise if kind == "residual" else views.whole, data)

    try:
        content = await drawn(visit.request, collect)
    except (ImageError, OSError, ValueError) as error:
        raise Gone("photo_unreadable", f"This photo cannot be shown: {error}") from error
    return _answer(content, "image/png" if kind == "residual" else "image/jpeg")


async def _difference(visit: Visit, image: Image, other: Image) -> Response:
    """What the photo shows beyond another picture (`views.difference`). Raises NotFound, Gone."""
    try:
        content = await drawn(
            visit.request, lambda: partial(views.difference, _bytes(visit, image), _bytes(visit, other))
        )
    except ImageError as error:
        raise Gone("photo_unreadable", f"This photo cannot be shown: {error}") from error
    if content is None:
        raise NotFound(
            "These are two different shots, so nothing can be said of what was changed between them."
        )
    return _answer(content, "image/png")


def _map(visit: Visit, image: Image, screening: DetectionRecord | None, kind: str) -> Drawing[bytes]:
    """Raises NotFound, Gone."""
    name = None
    if screening is not None:
        name = screening.heatmap if kind == "heat" else screening.reliability
    if screening is None or name is None:
        raise NotFound("There is no such map of this photo.")
    if image.erased_at is not None:
        raise _erased()
    try:
        cells = load_map(visit.services.files, name)
    except (FileError, ValueError) as error:
        raise Gone("photo_missing", str(error)) from error
    width, height = frame_of(image, screening)
    if kind == "heat":
        return partial(views.framed_overlay, cells, views.HEAT_COLOUR, width, height)
    return partial(views.framed_overlay, 1 - cells, views.DOUBT_COLOUR, width, height)


def frame_of(image: Image, screening: DetectionRecord | None) -> tuple[int, int]:
    """Width and height as displayed, in pixels: the detector knows them, the file's header has them before rotation."""
    body = screening.body if screening else {}
    return body.get("width", image.width), body.get("height", image.height)


def _bytes(visit: Visit, image: Image) -> bytes:
    if image.erased_at is not None:
        raise _erased()
    try:
        content: bytes = visit.services.files.get(image.sha256)
    except FileError as error:
        raise Gone("photo_missing", str(error)) from error
    return content


def _erased() -> Gone:
    return Gone("photo_erased", "This photo was erased; its hash and verdicts remain.")


def _answer(content: bytes, media_type: str) -> Response:
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": KEEP,
        "Vary": "Cookie",
    }
    return Response(content, media_type=media_type, headers=headers)
