"""Shrink, then let a super-resolution network draw the pixels again; or run any image-to-image network.

In: an `EditRequest`. Out: an `Edit`, spliced back (ai_edited) or whole (ai_generated). The networks themselves are one
small loader each in `datasets.editors.image_networks`.
"""

from typing import Any

import cv2
import numpy as np

from refundlens.datasets.editors.base import Pixels
from refundlens.datasets.editors.image_networks import ImageNetwork
from refundlens.datasets.editors.regeneration import Mode, RegeneratingEditor

_SHRINKING = {"area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC, "linear": cv2.INTER_LINEAR_EXACT}
_FITTING = {"area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}


class NetworkEditor(RegeneratingEditor):
    """Regenerates through an `ImageNetwork`.

    shrinks: by which factors the picture may be shrunk before the network enlarges it by its own scale; the result is
    brought back to the photo's size. Default: half the network's scale (mild, as phones and "enhance" buttons do) or
    all of it (every pixel newly drawn); 1 for networks that keep the size.
    """

    def __init__(
        self,
        name: str,
        network: ImageNetwork,
        mode: Mode = "either",
        shrinks: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__(name, mode)
        self.network = network
        self.shrinks = shrinks or _default_shrinks(network.scale)

    def regenerate(
        self, pixels: Pixels, rng: np.random.Generator, whole: bool
    ) -> tuple[Pixels, dict[str, Any]]:
        """Shrink by a random factor of `shrinks`, run the network, fit to the old size."""
        height, width = pixels.shape[:2]
        shrink = float(self.shrinks[int(rng.integers(len(self.shrinks)))])
        down, fit = str(rng.choice(list(_SHRINKING))), str(rng.choice(list(_FITTING)))
        drawn = self.network.run(_resize(pixels, height / shrink, width / shrink, _SHRINKING[down]))
        parameters: dict[str, Any] = {"shrink": shrink, "shrinking": down}
        if drawn.shape[:2] != (height, width):
            parameters["fitting"] = fit
        return _resize(drawn, height, width, _FITTING[fit]), parameters


def _default_shrinks(scale: int) -> tuple[float, ...]:
    return (scale / 2, float(scale)) if scale > 2 else (float(scale),)


def _resize(pixels: Pixels, height: float, width: float, how: int) -> Pixels:
    size = (max(1, round(width)), max(1, round(height)))
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)
