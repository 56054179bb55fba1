"""Where a defect is painted: a window of the photo around a point on the product.

Data in: photo and foreground. Data out: a `Canvas` (the window, the product in it, the wished area); a
painter answers with a `Layer` on it, which `compose` puts back without touching any other pixel.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.float32]

LEAST_SHARE, MOST_SHARE = 0.003, 0.15
"""Defect's share of the picture's area: from a spot a buyer still points at to damage one sees first."""
MOST_OF_PRODUCT = 0.45
"""Share of the product that a defect covers at most; more would be another product."""
LEAST_SIDE = 48
"""Pixels: below this 0.3 % of the picture is under 7 pixels."""
BLOTS = (MOST_SHARE, 3.4)
"""Most share of the picture, and side of the window in roots of the defect's area, for what is about as
long as wide: room for a shape five to one, and its splashes."""
LINES = (0.02, 7.0)
"""The same for scratches and cracks, which are long for their area."""
FAINTEST = 0.02
"""Opacity under which a layer is dropped, so that it does not claim pixels it would not visibly change."""


@dataclass(frozen=True)
class Painted:
    """A photo with a defect: pixels uint8 [H,W,3], region float32 [H,W] (0 = untouched), parameters plain
    JSON."""

    pixels: Pixels
    region: Mask
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Canvas:
    """A window of the photo.

    pixels: float32 [h,w,3], 0 to 255. product: float32 [h,w]. top, left: the window's place in the photo.
    centre_y, centre_x: in the window. area: wished size of the defect in pixels. behind: RGB of what lies
    around the product. unit: pixels per 1/460 of the picture's mean side, at least 1: the size of the
    finest strokes.
    """

    pixels: Mask
    product: Mask
    top: int
    left: int
    centre_y: float
    centre_x: float
    area: float
    behind: Mask
    unit: float

    @property
    def radius(self) -> float:
        """Radius in pixels of a disc of the wished area."""
        return float(np.sqrt(self.area / np.pi))


@dataclass(frozen=True)
class Layer:
    """A painter's answer: new pixels float32 [h,w,3], the region float32 [h,w] they belong to, parameters."""

    pixels: Mask
    region: Mask
    parameters: dict[str, Any]


def open_canvas(
    pixels: Pixels, foreground: Mask, rng: np.random.Generator, extent: tuple[float, float] = BLOTS
) -> Canvas:
    """Draw size (log-uniform) and place (away from the product's edge) and cut the window out.

    extent: most share of the picture and relative side of the window, `BLOTS` or `LINES`.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST_SIDE:
        raise ValueError(f"a painter needs {LEAST_SIDE} px on each side, got {width}x{height}")
    if foreground.shape != (height, width):
        raise ValueError(f"foreground is {foreground.shape}, the picture {(height, width)}")
    if not (foreground > 0.5).any():
        foreground = np.ones_like(foreground)  # no product was found: the whole picture may be one
    most = min(extent[0], max(LEAST_SHARE, MOST_OF_PRODUCT * float(foreground.mean())))
    share = float(np.exp(rng.uniform(np.log(LEAST_SHARE), np.log(most))))
    area = share * height * width
    y, x = _place(foreground, rng)
    half = extent[1] * np.sqrt(area) / 2 + 8
    top, left = max(0, int(y - half)), max(0, int(x - half))
    window = np.s_[top : min(height, int(y + half) + 1), left : min(width, int(x + half) + 1)]
    return Canvas(
        pixels=pixels[window].astype(np.float32),
        product=foreground[window],
        top=top,
        left=left,
        centre_y=y - top,
        centre_x=x - left,
        area=area,
        behind=_colour_behind(pixels, foreground),
        unit=max(1.0, float(np.sqrt(height * width)) / 460),
    )


def _place(foreground: Mask, rng: np.random.Generator) -> tuple[float, float]:
    """A point on the product, the likelier the further it is from the product's edge."""
    height, width = foreground.shape
    scale = min(1.0, 96 / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = (cv2.resize(foreground, size, interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
    framed = cv2.copyMakeBorder(small, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    weight = cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1].astype(np.float64).ravel()
    total = weight.sum()
    if total == 0:
        return height / 2, width / 2
    row, column = divmod(int(rng.choice(weight.size, p=weight / total)), size[0])
    return (row + rng.random()) * height / size[1], (column + rng.random()) * width / size[0]


def _colour_behind(pixels: Pixels, foreground: Mask) -> Mask:
    step = max(1, min(foreground.shape) // 64)
    around = pixels[::step, ::step][foreground[::step, ::step] < 0.2]
    chosen = around if len(around) > 20 else pixels[::step, ::step].reshape(-1, 3)
    return np.asarray(np.median(chosen, axis=0), np.float32)


def compose(pixels: Pixels, canvas: Canvas, layer: Layer) -> tuple[Pixels, Mask]:
    """Put the layer's pixels into the photo where its region is above `FAINTEST`; nothing else changes."""
    height, width = layer.region.shape
    window = np.s_[canvas.top : canvas.top + height, canvas.left : canvas.left + width]
    kept = np.where(layer.region > FAINTEST, np.clip(layer.region, 0, 1), 0).astype(np.float32)
    region = np.zeros(pixels.shape[:2], np.float32)
    region[window] = kept
    result = pixels.copy()
    new = np.clip(np.rint(layer.pixels), 0, 255).astype(np.uint8)
    result[window] = np.where((kept > 0)[..., None], new, result[window])
    return result, region
