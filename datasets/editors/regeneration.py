"""What all editors share that draw existing pixels again: where to do it, and what becomes of the result.

A subclass says how one picture is drawn again (`regenerate`); this file does the rest: the working window, the splice
back into the photo (kind ai_edited), or the whole picture regenerated (kind ai_generated).
"""

from abc import ABC, abstractmethod
from typing import Any, Literal

import numpy as np

from refundlens.datasets.editors.base import Edit, EditRequest, Mask, Pixels
from refundlens.datasets.editors.compositing import random_region, splice, working_window

Mode = Literal["spliced", "whole", "either"]

WHOLE_SHARE = 0.4
"""How often "either" regenerates the whole picture: chat editors do, local inpainting is still the more common."""
EXTRA_REGION_SHARE = 0.15
"""How often a second, unpainted region is regenerated too: what was redrawn need not hold a defect."""


class RegeneratingEditor(ABC):
    """An editor that takes the painted picture and draws it again.

    A request whose `painted` equals its `photo` is allowed: then the region (or, without one, a random blob) is
    regenerated though nothing was painted there. `least_window`: the smallest window drawn again, in pixels a side.
    """

    least_window = 64

    def __init__(self, name: str, mode: Mode = "either") -> None:
        self.name = name
        self.mode = mode

    @abstractmethod
    def regenerate(
        self, pixels: Pixels, rng: np.random.Generator, whole: bool
    ) -> tuple[Pixels, dict[str, Any]]:
        """Draw a picture of any size again -> (picture of the same size, parameters)."""

    def edit(self, request: EditRequest, rng: np.random.Generator) -> Edit:
        """Regenerate all of the painted picture or a region of it, as `mode` says."""
        if self.mode == "whole" or (self.mode == "either" and rng.random() < WHOLE_SHARE):
            return self._whole(request, rng)
        return self._spliced(request, rng)

    def _whole(self, request: EditRequest, rng: np.random.Generator) -> Edit:
        pixels, parameters = self.regenerate(request.painted, rng, whole=True)
        ones = np.ones(request.photo.shape[:2], np.float32)
        return Edit(pixels, ones, "ai_generated", self.name, {"mode": "whole", **parameters})

    def _spliced(self, request: EditRequest, rng: np.random.Generator) -> Edit:
        height, width = request.photo.shape[:2]
        given = bool((request.region > 0.5).any())
        first = request.region if given else random_region(height, width, rng)
        regions: list[Mask] = [first]
        if given and rng.random() < EXTRA_REGION_SHARE:
            regions.append(random_region(height, width, rng))
        pixels, changed = request.photo, np.zeros((height, width), np.float32)
        parts = []
        for region in regions:
            window = working_window(region, rng, self.least_window)
            drawn, parameters = self.regenerate(window.cut(request.painted), rng, whole=False)
            generated = pixels.copy()
            window.cut(generated)[:] = drawn
            composite = splice(pixels, generated, region, rng)
            pixels, changed = composite.pixels, np.maximum(changed, composite.changed)
            parts.append({**parameters, **composite.parameters})
        return Edit(pixels, changed, "ai_edited", self.name, {"mode": "spliced", "regions": parts})
