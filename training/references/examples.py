"""Photos seen again: painted, drawn upon or neither, in another crop, size, quality and tone.

In: RGB pixels and a generator of random numbers. Out: pairs of a reference and a photo, with what was done to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from refundlens.datasets.defects import paint
from refundlens.datasets.degradations.benign import OPERATIONS, benign
from refundlens.datasets.degradations.overlays import DRAWINGS
from refundlens.datasets.editors.base import EditRequest
from refundlens.datasets.editors.classical import ClassicalEditor, Operation
from refundlens.model.names import DEFECTS, Defect

Pixels = NDArray[np.uint8]

PAIRS = 12
"""Made of each photo by `for_fitting`."""
VISIBLE = 0.5
"""Share of the painted pixels that the crop must still show for a miss to count."""
SIDE = 560
"""Longest side of a photo, in pixels, before it is sent: as shops' phones preview them; both are compared at 512."""
TOOLS: tuple[Operation, ...] = ("splice", "poisson", "copy_move", "inpaint")
MARKS = (*DRAWINGS, "mosaic", "stamp")
"""What people put on photos in good faith. `stamp`: a shop's words in one colour, several times, more or less
opaque."""
TONES = tuple(name for name in OPERATIONS if name not in (*MARKS, "collage", "camera_strip"))
LAYOUTS = ("collage", "camera_strip")
_INKS = ((255, 255, 255), (0, 0, 0), (200, 200, 200), (230, 30, 30), (30, 90, 200), (255, 220, 0))
_WORDS = ("MY SHOP", "2026-11-03 14:22", "order 88213", "@seller", "SAMPLE", "Beijing Road 12")


@dataclass(frozen=True)
class Pair:
    """A reference and a photo, uint8 [H,W,3]. what: the operation. region: where the photo was manipulated, float32
    [h,w] of its frame, 0 to 1; None where it was not. seen: share of the changed pixels that the photo's crop still
    shows, 1 where nothing was changed."""

    reference: Pixels
    photo: Pixels
    what: str
    region: NDArray[np.float32] | None
    seen: float

    @property
    def painted(self) -> bool:
        """Whether it is a manipulation."""
        return self.region is not None


def load(path: str) -> Pixels | None:
    """A photo at SIDE or smaller; None for what OpenCV cannot read."""
    read = cv2.imread(path, cv2.IMREAD_COLOR)
    if read is None:
        return None
    scale = min(SIDE / max(read.shape[:2]), 1.0)
    small = cv2.resize(read, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., ::-1])


def pair(pixels: Pixels, donor: Pixels, what: str, rng: np.random.Generator) -> Pair:
    """One photo seen again. what: a defect to paint, one of TOOLS, MARKS, TONES, LAYOUTS, or "plain"."""
    changed, region = _changed(pixels, donor, what, rng)
    return delivered(pixels, changed, what, region, rng)


def delivered(
    reference: Pixels,
    photo: Pixels,
    what: str,
    region: NDArray[np.float32] | None,
    rng: np.random.Generator,
) -> Pair:
    """Both saved, the photo cropped and made smaller first. region: float32 [H,W] of the photo, see `Pair`."""
    window = _window(photo, rng)
    scale = float(rng.uniform(0.6, 1.0))
    sent = _saved(_resized(photo[window], scale), int(rng.integers(50, 93)))
    seen, moved = 1.0, None
    if region is not None:
        seen = float((region[window] > 0.5).sum() / max((region > 0.5).sum(), 1))
        size = (sent.shape[1], sent.shape[0])
        moved = np.asarray(cv2.resize(region[window], size, interpolation=cv2.INTER_AREA), np.float32)
    return Pair(_saved(reference, int(rng.integers(75, 96))), sent, what, moved, seen)


def for_fitting(pixels: Pixels, donor: Pixels, number: int, rng: np.random.Generator) -> Iterator[Pair]:
    """A photo seen again in PAIRS ways, number counting the photos: about half of them painted, the others honest and
    of the kinds that are mistaken most."""
    names = [
        *rng.choice(DEFECTS, 2, replace=False),
        *rng.choice(TOOLS, 2, replace=False),
        "stain" if number % 2 else "plain",
        *rng.choice(TONES, 2, replace=False),
        str(rng.choice(LAYOUTS)),
        *rng.choice(MARKS, 4, replace=False),
    ]
    for name in names:
        yield pair(pixels, donor, str(name), rng)


def _changed(
    pixels: Pixels, donor: Pixels, what: str, rng: np.random.Generator
) -> tuple[Pixels, NDArray[np.float32] | None]:
    """(the photo after `what`, where it was manipulated), None for what is no manipulation."""
    if what in DEFECTS:
        whole = np.ones(pixels.shape[:2], np.float32)
        defect: Defect = next(name for name in DEFECTS if name == what)
        painted = paint(pixels, defect, rng, whole)
        return painted.pixels, painted.region
    if what in TOOLS:
        tool = next(name for name in TOOLS if name == what)
        request = EditRequest(
            photo=pixels, painted=pixels, region=_blot(pixels, rng), defect="other", donor=donor
        )
        edit = ClassicalEditor(tool).edit(request, rng)
        return edit.pixels, edit.changed
    if what == "stamp":
        return _stamped(pixels, rng), None
    return (pixels if what == "plain" else benign(pixels, [], rng, what).pixels), None


def _blot(pixels: Pixels, rng: np.random.Generator) -> NDArray[np.float32]:
    """An ellipse of 4 to 12 % of a side each way."""
    height, width = pixels.shape[:2]
    region = np.zeros((height, width), np.float32)
    centre = (int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.3, 0.7)))
    axes = (int(width * rng.uniform(0.04, 0.12)), int(height * rng.uniform(0.04, 0.12)))
    cv2.ellipse(region, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    return region


def _stamped(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    layer = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    ink = (*_INKS[int(rng.integers(len(_INKS)))], int(rng.integers(60, 255)))
    font = ImageFont.load_default(max(8, int(rng.uniform(0.03, 0.12) * width)))
    for _ in range(int(rng.integers(1, 4))):
        place = (float(rng.uniform(0, 0.7)) * width, float(rng.uniform(0, 0.9)) * height)
        draw.text(place, _WORDS[int(rng.integers(len(_WORDS)))], fill=ink, font=font)
    if rng.random() < 0.3:
        draw.rectangle((0, height * 0.9, width * float(rng.uniform(0.3, 1)), height), fill=ink)
    laid = np.asarray(layer, np.float32)
    return np.rint(pixels + (laid[..., :3] - pixels) * laid[..., 3:] / 255).astype(np.uint8)


def _window(pixels: Pixels, rng: np.random.Generator) -> tuple[slice, slice]:
    """80 to 100 % of each side, anywhere."""
    slices = []
    for side in pixels.shape[:2]:
        length = int(side * rng.uniform(0.8, 1.0))
        start = int(rng.integers(0, side - length + 1))
        slices.append(slice(start, start + length))
    return slices[0], slices[1]


def _resized(pixels: Pixels, scale: float) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _saved(pixels: Pixels, quality: int) -> Pixels:
    """As JPEG of that quality, read again."""
    _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    read = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(read[..., ::-1])
