"""Cut a hole and let a network invent what was there: the trace that every inpainter and object remover leaves.

In: an `EditRequest`. Out: an `Edit`, the hole put back into the photo (ai_edited) or the network's whole picture
(ai_generated). Where nothing was painted, the whole region is invented from its surroundings, as object removal does.
Where a defect was painted, the network sees islands of it and invents the rest and its border: an inpainter is not told
what to draw, so that this is how a defect's look comes through it. Networks: those of `training.editors.inpainters`,
and MI-GAN as it was published.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from refundlens.datasets.editors.base import Edit, EditRequest, Mask, Pixels
from refundlens.datasets.editors.compositing import (
    blend,
    pad_to_multiple,
    random_region,
    region_size,
    soft_mask,
    with_colours_of,
    working_window,
)
from refundlens.datasets.editors.regeneration import WHOLE_SHARE, Mode
from refundlens.datasets.editors.small_inpainter import FACTOR, SmallInpainter

LEAST_WINDOW = 128
"""Smallest window drawn, in pixels a side: the crops that the networks were trained on. Smaller photos are continued by
reflection: the gated network's widest dilation needs sides above 64."""
MOST_WINDOW = 512
"""Longest side of the window drawn, in pixels. Larger ones are shrunk to it and enlarged again: so do the tools that
MI-GAN and LaMa come in, and it keeps an edit under a second."""
KEPT = (0.35, 0.7)
"""Share of a painted defect that the network is shown: less, and it invents an unharmed surface."""
ISLAND = 0.15
"""Width of the islands' Gaussian noise field, as a share of the defect's size: a few islands, not a sieve."""
FAITHFUL = 30.0
"""Least PSNR outside the hole, in dB, of a picture given out whole: what the autoencoders of chat editors reach. Below
it the picture is blurred, and a detector would learn that blur is fake; measured, networks trained for 420 steps reach
24 to 26 dB, so that their holes alone are used."""
COLOUR_RADIUS = 8.0
"""Colours of known pixels are kept above this scale, in pixels: the networks were trained so briefly that without it a
cast would give them away."""


Draw = Callable[[Pixels, NDArray[np.bool_], int], Pixels]
"""A picture uint8 [H,W,3], its hole bool [H,W] and a seed -> the picture drawn, of the same size."""


class InpaintingEditor:
    """Draws holes by `draw`. Where the rest does not come back well enough, it splices, whatever `mode` says. faithful:
    whether what was drawn may be given out whole at all."""

    def __init__(self, name: str, draw: Draw, mode: Mode = "either", faithful: bool = False) -> None:
        self.name = name
        self.draw = draw
        self.mode = mode
        self.faithful = faithful

    def edit(self, request: EditRequest, rng: np.random.Generator) -> Edit:
        """Remove the region, or redraw its painted defect, in a window of the photo or in all of it."""
        whole = self.mode == "whole" or (self.mode == "either" and rng.random() < WHOLE_SHARE)
        given = bool((request.region > 0.5).any())
        height, width = request.photo.shape[:2]
        region = request.region if given else random_region(height, width, rng)
        mask, parameters = soft_mask(region, rng)
        hole = mask > 0
        removal = not given or np.array_equal(request.painted, request.photo)
        if not removal:
            kept, parameters["kept"] = _islands(region, rng)
            hole &= ~kept
        parameters = {"task": "removal" if removal else "damage", **parameters}
        seed = int(rng.integers(2**31))
        if whole and self.faithful:
            pixels = self.draw(request.painted, hole, seed)
            if _likeness(pixels, request.painted, ~hole) >= FAITHFUL:
                ones = np.ones(mask.shape, np.float32)
                return Edit(pixels, ones, "ai_generated", self.name, {"mode": "whole", **parameters})
            pixels = blend(request.photo, pixels, mask)
        else:
            pixels = self._splice(request, mask, hole, seed, rng)
        return Edit(pixels, mask, "ai_edited", self.name, {"mode": "spliced", **parameters})

    def _splice(
        self, request: EditRequest, mask: Mask, hole: NDArray[np.bool_], seed: int, rng: np.random.Generator
    ) -> Pixels:
        """The photo with the mask's pixels from the network. All of them: islands of a defect come redrawn too."""
        window = working_window((mask > 0).astype(np.float32), rng, LEAST_WINDOW)
        drawn = request.photo.copy()
        window.cut(drawn)[:] = self._draw_small(window.cut(request.painted), window.cut(hole), seed)
        return blend(request.photo, drawn, mask)

    def _draw_small(self, pixels: Pixels, hole: NDArray[np.bool_], seed: int) -> Pixels:
        """`draw`, at MOST_WINDOW if the window is larger."""
        height, width = hole.shape
        scale = MOST_WINDOW / max(height, width)
        if scale >= 1:
            return self.draw(pixels, hole, seed)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        shrunk = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        part = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        drawn = self.draw(np.asarray(shrunk, np.uint8), part > 0, seed)
        return np.asarray(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def drawn_by(network: SmallInpainter) -> Draw:
    """By a network of our own, in the colours of what it was shown."""

    def draw(pixels: Pixels, hole: NDArray[np.bool_], seed: int) -> Pixels:
        height, width = hole.shape
        missing = [(0, max(0, LEAST_WINDOW - side)) for side in (height, width)]
        stacked = np.pad(
            np.dstack([pixels, hole.astype(np.uint8) * 255]), (*missing, (0, 0)), mode="symmetric"
        )
        padded = pad_to_multiple(stacked, FACTOR)
        given = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            output = network(given[:, :3], given[:, 3:], torch.Generator().manual_seed(seed))
        drawn = (output[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        drawn = drawn[:height, :width].copy()
        return with_colours_of(drawn, np.where(hole[..., None], drawn, pixels), COLOUR_RADIUS)

    return draw


def load_migan(path: Path) -> Draw:
    """By MI-GAN (Sargsyan et al., ICCV 2023; MIT), from `migan_pipeline_v2.onnx`, as tools on phones and in browsers
    carry it: the file itself cuts a square around the hole, draws it at 512 pixels and puts it back.

    Raises onnxruntime's errors for a file that is none.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def draw(pixels: Pixels, hole: NDArray[np.bool_], _seed: int) -> Pixels:
        known = np.where(hole, 0, 255).astype(np.uint8)[None, None]
        given = {"image": np.ascontiguousarray(pixels.transpose(2, 0, 1))[None], "mask": known}
        (drawn,) = session.run(None, given)
        return np.ascontiguousarray(np.asarray(drawn, np.uint8)[0].transpose(1, 2, 0))

    return draw


def _islands(region: Mask, rng: np.random.Generator) -> tuple[NDArray[np.bool_], float]:
    """Random smooth parts of a region -> (bool [H,W], the share of the region that they cover)."""
    inside = region > 0.5
    width = max(1.0, ISLAND * region_size(region))
    field = cv2.GaussianBlur(rng.standard_normal(region.shape).astype(np.float32), (0, 0), width)
    share = float(rng.uniform(*KEPT))
    kept: NDArray[np.bool_] = inside & (field > np.quantile(field[inside], 1 - share))
    return kept, round(share, 3)


def _likeness(drawn: Pixels, shown: Pixels, known: NDArray[np.bool_]) -> float:
    """Peak signal-to-noise ratio over the known pixels in dB; 0 when none is known."""
    if not known.any():
        return 0.0
    error = (drawn[known].astype(np.float64) - shown[known]) / 255
    return float(-10 * np.log10(max(float(np.square(error).mean()), 1e-10)))
