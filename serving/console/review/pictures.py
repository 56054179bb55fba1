"""The workbench's images: the photo, a thumbnail, the maps as overlays, the noise view, other photos of the refund.

In: a report (and an image of its refund, or of one that used the same picture) that this judge may see. Out: bytes
with private cache headers. Photos are strangers' bytes: they are never to be taken for a page.

The noise view: what is left of a photo when its content is taken away, for a judge's eyes.

In: pixels. Out: a grey picture of bounded size in which a place is as bright as its finest noise is strong. Camera
noise is even over like surfaces; a patch that was regenerated, blurred or pasted often stands out darker or brighter.
It is no part of the verdict.
"""

import io
import threading
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends, Response
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from refundlens.model.compare.reference import compare
from refundlens.model.network.tiles import STRIDE
from refundlens.model.photo.image import ImageError, read_photo
from refundlens.serving.console.page import Visit, visits
from refundlens.serving.console.review import blind_review, repository
from refundlens.serving.detection.page import DOUBT_COLOUR, HEAT_COLOUR
from refundlens.serving.detection.store import load_map
from refundlens.serving.drawing.picture import scaled
from refundlens.serving.kit.errors import Forbidden, Gone, NotFound
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports import repository as reports
from refundlens.serving.storage.files import FileError
from refundlens.serving.storage.tables import DetectionRecord, Image

LONGEST = 1600
"""Pixels a side of the view at most; larger photos show the root mean square of each block."""
FULL = 10.0
"""Grey levels of residual that are shown white: noise of phone photos is 1 to 4, edges go beyond."""
BRIGHTEN = 0.5
"""Exponent of the brightness curve: weak noise must be told apart, strong edges need not."""
STRIP = 512
"""Rows worked on at once: some 25 MB for the widest photo."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def residual(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB uint8 [H,W,3] -> grey uint8 [h,w], both sides at most LONGEST."""
    height, width = pixels.shape[:2]
    block = -(-max(height, width) // LONGEST)
    rows = max(block, STRIP // block * block)
    strips = [
        _pooled(_high_pass(pixels, top, min(top + rows, height)), block) for top in range(0, height, rows)
    ]
    strength = np.concatenate(strips)
    shown = 255 * np.clip(strength / FULL, 0, 1) ** BRIGHTEN
    return np.asarray(shown + 0.5, np.uint8)


def _high_pass(pixels: NDArray[np.uint8], top: int, bottom: int) -> NDArray[np.float32]:
    """Luma less the mean of its neighbours, of rows top to bottom: float32 [bottom-top,W]."""
    first, last = max(top - 1, 0), min(bottom + 1, len(pixels))
    luma = pixels[first:last].astype(np.float32) @ _LUMA
    padded = np.pad(luma, ((int(top == first), int(bottom == last)), (1, 1)), mode="edge")
    across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    blurred = (across[:-2] + 2 * across[1:-1] + across[2:]) / 16
    found: NDArray[np.float32] = padded[1:-1, 1:-1] - blurred
    return found


def _pooled(values: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Root mean square of each block; the last of a side may be smaller."""
    if block == 1:
        return np.abs(values)
    rows = np.arange(0, values.shape[0], block)
    columns = np.arange(0, values.shape[1], block)
    sums = np.add.reduceat(np.add.reduceat(values**2, rows, axis=0), columns, axis=1)
    heights = np.diff(np.append(rows, values.shape[0]))
    widths = np.diff(np.append(columns, values.shape[1]))
    return np.asarray(np.sqrt(sums / np.outer(heights, widths)), np.float32)


router = APIRouter(prefix="/queue", include_in_schema=False)

Judge = Annotated[Visit, Depends(visits(Role.ADJUDICATOR))]
Kind = Literal["photo", "thumb", "heat", "reliability", "residual"]

SHOWN_BY_BROWSERS = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
"""Formats that every browser opens; others are shown as JPEG."""
SHOWN_QUALITY = 95
THUMB_SIDE = 320
"""Pixels: sharp at the 120 CSS pixels of a list on most screens."""
OVERLAY_SIDE = 640
"""Longest side of a map in pixels: cells of eight pixels, smoothed, need no more."""
DIFFERENT = 6.0
"""How many times what delivery explains a place must differ to be fully red (`model.compare.difference`)."""
KEEP = "private, max-age=3600"
_one_at_a_time = threading.Lock()
"""Noise views work on whole photos in memory: one at a time is fast enough for people."""


@router.get("/{report_id}/view/{kind}")
def view(visit: Judge, report_id: str, kind: Kind) -> Response:
    """An image of the report's own photo. Raises Forbidden while the model's opinion is hidden, 404, 410."""
    with visit.services.database.reading() as session:
        whole = reports.report_detail(session, reports.find_report(session, visit.principal, report_id))
        seen = blind_review.may_see(session, visit.principal, whole.report)
    if kind in ("photo", "thumb", "residual"):
        return _of_photo(visit, whole.image, kind)
    if not seen:
        raise Forbidden("Look for yourself first; then the page shows the model's maps.", "opinion_hidden")
    return _map(visit, whole.image, whole.screening, kind)


@router.get("/{report_id}/photos/{image_id}/{kind}")
def other_photo(
    visit: Judge, report_id: str, image_id: str, kind: Literal["photo", "thumb", "residual", "difference"]
) -> Response:
    """An image of another photo of the report's refund, or what the report's photo shows beyond it. Raises NotFound,
    Gone."""
    with visit.services.database.reading() as session:
        report = reports.find_report(session, visit.principal, report_id)
        image = repository.photo_of(session, visit.principal, report, image_id)
        own = session.get_one(Image, report.image_id)
    if image is None:
        raise NotFound(f"This refund has no photo {image_id}.")
    return _difference(visit, own, image) if kind == "difference" else _of_photo(visit, image, kind)


@router.get("/{report_id}/uses/{image_id}/{kind}")
def use_elsewhere(
    visit: Judge, report_id: str, image_id: str, kind: Literal["photo", "thumb", "difference"]
) -> Response:
    """An image of a photo of another refund that shows the same picture, or what the report's photo shows beyond it.
    Raises NotFound, Gone."""
    with visit.services.database.reading() as session:
        report = reports.find_report(session, visit.principal, report_id)
        image = repository.photo_of_tenant(session, visit.principal, image_id)
        own = session.get_one(Image, report.image_id)
    if image is None:
        raise NotFound(f"There is no photo {image_id}.")
    return _difference(visit, own, image) if kind == "difference" else _of_photo(visit, image, kind)


def overlay(
    cells: NDArray[np.float32], colour: tuple[int, int, int], width: int, height: int
) -> Picture.Image:
    """One colour, as opaque as the cells are near to 1, in exactly the photo's frame (the cells of its right and lower
    edge may reach beyond it)."""
    scale = min(OVERLAY_SIDE / max(width, height), 1.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    box = (0.0, 0.0, min(width / STRIDE, cells.shape[1]), min(height / STRIDE, cells.shape[0]))
    alpha = Picture.fromarray(np.asarray(np.clip(cells, 0, 1) * 255 + 0.5, np.uint8))
    picture = Picture.new("RGBA", size, (*colour, 0))
    picture.putalpha(alpha.resize(size, Picture.Resampling.BILINEAR, box))
    return picture


def _of_photo(visit: Visit, image: Image, kind: str) -> Response:
    data = _bytes(visit, image)
    try:
        if kind == "thumb":
            return _answer(scaled(data, THUMB_SIDE), "image/jpeg")
        if kind == "residual":
            with _one_at_a_time:
                return _answer(
                    _encoded(Picture.fromarray(residual(read_photo(data).pixels)), "PNG"), "image/png"
                )
        if image.media_type in SHOWN_BY_BROWSERS:
            return _answer(data, image.media_type)
        return _answer(
            _encoded(Picture.fromarray(read_photo(data).pixels), "JPEG", SHOWN_QUALITY), "image/jpeg"
        )
    except (ImageError, OSError, ValueError) as error:
        raise Gone("photo_unreadable", f"This photo cannot be shown: {error}") from error


def _difference(visit: Visit, image: Image, other: Image) -> Response:
    """The photo in grey, with what the other picture does not show in red and its spots framed: a comparison that the
    judge asks for, and no part of the verdict."""
    data, before = _bytes(visit, image), _bytes(visit, other)
    try:
        with _one_at_a_time:
            photo = read_photo(data).pixels
            found = compare(read_photo(before).pixels, photo)
    except ImageError as error:
        raise Gone("photo_unreadable", f"This photo cannot be shown: {error}") from error
    if found.kind == "other" or found.difference is None:
        raise NotFound(
            "These are two different shots, so nothing can be said of what was changed between them."
        )
    height, width = photo.shape[:2]
    scale = min(OVERLAY_SIDE / max(width, height), 1.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shown = Picture.fromarray(photo).convert("L").resize(size, Picture.Resampling.BOX).convert("RGB")
    units = np.clip((found.difference.units - 1) / (DIFFERENT - 1), 0, 1)
    alpha = Picture.fromarray(np.asarray(255 * units + 0.5, np.uint8)).resize(
        size, Picture.Resampling.BILINEAR
    )
    shown.paste(Picture.new("RGB", size, HEAT_COLOUR), mask=alpha)
    pen = ImageDraw.Draw(shown)
    for spot in found.difference.spots:
        x0, y0, x1, y1 = (round(place * scale) for place in spot.box)
        pen.rectangle((x0 - 2, y0 - 2, x1 + 1, y1 + 1), outline=HEAT_COLOUR, width=2)
    return _answer(_encoded(shown, "PNG"), "image/png")


def _map(visit: Visit, image: Image, screening: DetectionRecord | None, kind: str) -> Response:
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
    drawn = (
        overlay(cells, HEAT_COLOUR, width, height)
        if kind == "heat"
        else overlay(1 - cells, DOUBT_COLOUR, width, height)
    )
    return _answer(_encoded(drawn, "PNG"), "image/png")


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


def _encoded(picture: Picture.Image, form: str, quality: int | None = None) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **({} if quality is None else {"quality": quality}))
    return file.getvalue()


def _answer(content: bytes, media_type: str) -> Response:
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": KEEP,
        "Vary": "Cookie",
    }
    return Response(content, media_type=media_type, headers=headers)
