"""Defects painted on the product itself: holes, stains, mould, and other marks (scratch, crack, tear line).

Data in: a real photo, uint8 RGB, and the type of defect. Data out: `Painted`, the photo with the defect,
the region it covers and the parameters it was painted with. A painted photo is what an editor then turns
into an edit (`datasets.editors`): on its own it is a brush painting, not an AI edit.

>>> import numpy as np
>>> photo = np.full((120, 90, 3), 180, np.uint8)
>>> painted = paint(photo, "stain", np.random.default_rng(1))
>>> bool((painted.pixels[painted.region == 0] == 180).all()), painted.parameters["defect"]
(True, 'stain')
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from refundlens.datasets.defects.canvas import (
    BLOTS,
    LINES,
    Canvas,
    Layer,
    Mask,
    Painted,
    Pixels,
    compose,
    open_canvas,
)
from refundlens.datasets.defects.foreground import find_foreground
from refundlens.datasets.defects.hole import paint_hole
from refundlens.datasets.defects.mark import paint_mark
from refundlens.datasets.defects.mould import paint_mould
from refundlens.datasets.defects.stain import paint_stain
from refundlens.model.names import Defect

__all__ = ["Painted", "find_foreground", "paint"]

_PAINTERS: dict[Defect, Callable[[Canvas, np.random.Generator], Layer]] = {
    "hole": paint_hole,
    "stain": paint_stain,
    "mould": paint_mould,
    "other": paint_mark,
}


def paint(
    pixels: Pixels, defect: Defect, rng: np.random.Generator, foreground: Mask | None = None
) -> Painted:
    """Paint one defect on the product.

    pixels: uint8 [H,W,3]. foreground: float32 [H,W], where the product is; found if not given. Everything
    random comes from `rng`; pixels where `region` is 0 are those of the photo. Raises ValueError for a
    picture with a side under 48 px, on which no defect of a recorded size fits, or for a foreground of
    another size.
    """
    if foreground is None:
        foreground = find_foreground(pixels)
    canvas = open_canvas(pixels, foreground, rng, LINES if defect == "other" else BLOTS)
    layer = _PAINTERS[defect](canvas, rng)
    result, region = compose(pixels, canvas, layer)
    parameters: dict[str, Any] = {
        "defect": defect,
        "asked_share": round(canvas.area / (pixels.shape[0] * pixels.shape[1]), 5),
        "area_share": round(float((region > 0.5).mean()), 5),
        "centre": [round(canvas.left + canvas.centre_x, 1), round(canvas.top + canvas.centre_y, 1)],
        **layer.parameters,
    }
    return Painted(result, region, parameters)
