"""What pages show of a photo and of its maps, each as the bytes of a picture.

In: a photo's bytes, as a stranger sent them, or a map's cells. Out: JPEG or PNG, for looking only: the detector reads
the photo itself. All of it is drawn apart (`kit.apart`), so the functions take and give plain values. Raises ImageError
for photos that cannot be opened.
"""

import base64

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from refundlens.model.compare.reference import compare
from refundlens.model.detection import Box
from refundlens.model.network.tiles import STRIDE
from refundlens.model.photo.image import read_photo
from refundlens.serving.drawing.noise import residual
from refundlens.serving.drawing.picture import picture_file, to_jpeg

Cells = NDArray[np.float32]
Colour = tuple[int, int, int]

HEAT_COLOUR: Colour = (255, 45, 32)
DOUBT_COLOUR: Colour = (40, 110, 255)
PREVIEW_SIDE = 1280
"""Longest side of the preview in pixels: sharp on a phone and in half a desktop window, some 200 kB."""
PREVIEW_QUALITY = 85
CROP_SIDE = 1000
"""Longest side in pixels of an enlarged place."""
OVERLAY_SIDE = 640
"""Longest side of a map in pixels: cells of eight pixels, smoothed, need no more."""
SHOWN_QUALITY = 95
"""Of photos in formats that browsers do not open."""
DIFFERENT = 6.0
"""How many times what delivery explains a place must differ to be fully red (`model.compare.difference`)."""


def result_pictures(photo: bytes, heat: Cells, trust: Cells | None) -> tuple[str, str, str | None]:
    """Of a verdict on the page: a preview of the photo, its heat map, where that is not to be trusted; as data: URLs,
    because the service does not keep photos."""
    picture = Image.fromarray(read_photo(photo).pixels)
    picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    preview = _data_url(picture_file(picture, "JPEG", quality=PREVIEW_QUALITY), "image/jpeg")
    doubt = None if trust is None else _data_url(map_overlay(1 - trust, DOUBT_COLOUR), "image/png")
    return preview, _data_url(map_overlay(heat, HEAT_COLOUR), "image/png"), doubt


def map_overlay(cells: Cells, colour: Colour) -> bytes:
    """PNG of one colour, as opaque as the map's cells, float32 [h,w], are near to 1; a pixel a cell."""
    pixels = np.empty((*cells.shape, 4), np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = np.clip(cells * 255 + 0.5, 0, 255)
    return picture_file(Image.fromarray(pixels), "PNG")


def framed_overlay(cells: Cells, colour: Colour, width: int, height: int) -> bytes:
    """The same, smoothed, in exactly the photo's frame (the cells of its right and lower edge may reach beyond it)."""
    size, _ = _overlay_size(width, height)
    box = (0.0, 0.0, min(width / STRIDE, cells.shape[1]), min(height / STRIDE, cells.shape[0]))
    alpha = Image.fromarray(np.asarray(np.clip(cells, 0, 1) * 255 + 0.5, np.uint8))
    picture = Image.new("RGBA", size, (*colour, 0))
    picture.putalpha(alpha.resize(size, Image.Resampling.BILINEAR, box))
    return picture_file(picture, "PNG")


def crop(photo: bytes, box: Box) -> bytes:
    """A part of the photo as displayed, enlarged by nobody: JPEG."""
    return to_jpeg(Image.fromarray(read_photo(photo).pixels).crop(box), CROP_SIDE)


def whole(photo: bytes) -> bytes:
    """All of a photo as JPEG."""
    return picture_file(Image.fromarray(read_photo(photo).pixels), "JPEG", quality=SHOWN_QUALITY)


def noise(photo: bytes) -> bytes:
    """Its noise view as PNG."""
    return picture_file(Image.fromarray(residual(read_photo(photo).pixels)), "PNG")


def difference(photo: bytes, other: bytes) -> bytes | None:
    """The photo in grey, with what the other picture does not show in red and its spots framed: PNG; none where they
    are two different shots. A comparison that the judge asks for, and no part of the verdict."""
    pixels = read_photo(photo).pixels
    found = compare(read_photo(other).pixels, pixels)
    if found.kind == "other" or found.difference is None:
        return None
    height, width = pixels.shape[:2]
    size, scale = _overlay_size(width, height)
    shown = Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.BOX).convert("RGB")
    units = np.clip((found.difference.units - 1) / (DIFFERENT - 1), 0, 1)
    alpha = Image.fromarray(np.asarray(255 * units + 0.5, np.uint8)).resize(size, Image.Resampling.BILINEAR)
    shown.paste(Image.new("RGB", size, HEAT_COLOUR), mask=alpha)
    pen = ImageDraw.Draw(shown)
    for spot in found.difference.spots:
        x0, y0, x1, y1 = (round(place * scale) for place in spot.box)
        pen.rectangle((x0 - 2, y0 - 2, x1 + 1, y1 + 1), outline=HEAT_COLOUR, width=2)
    return picture_file(shown, "PNG")


def _overlay_size(width: int, height: int) -> tuple[tuple[int, int], float]:
    """What a photo's frame is drawn at, and its scale."""
    scale = min(OVERLAY_SIDE / max(width, height), 1.0)
    return (max(1, round(width * scale)), max(1, round(height * scale))), scale


def _data_url(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
