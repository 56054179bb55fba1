"""Putting generated pixels back into a photo, and cutting out the window that a local edit works on.

In: a photo uint8 [H,W,3], a generated picture of the same size, a region float32 [H,W]. Out: the composite and the soft
mask it was made with. Where the mask is 0 the composite equals the photo to the last bit: editors that composite (and
people who copy a patch over) leave those pixels alone, and a detector may rely on it.
"""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.editors.base import Mask, Pixels

DILATION = (0.02, 0.12)
"""Growth of the mask, as a share of the region's own size: people mask generously, tools add a margin."""
FEATHER = (0.0, 0.06)
"""Width of the soft border, as a share of the region's own size: from a hard cut to a wide blend."""
CONTEXT = (16, 64)
"""Least and most pixels kept around the region in a working window: a decoder's receptive field and more."""
VISIBLE = 1 / 255
"""A mask under this cannot change an 8-bit pixel by a level that anyone could count on: it is cut to 0."""


@dataclass(frozen=True)
class Window:
    """A rectangle of the photo, [top, bottom) x [left, right) in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """A view of the window in a picture or mask."""
        return pixels[self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True)
class Composite:
    """pixels: uint8 [H,W,3]. changed: the soft mask used. parameters: how it was drawn, for the dataset's row."""

    pixels: Pixels
    changed: Mask
    parameters: dict[str, Any] = field(default_factory=dict)


def extent(region: Mask) -> Window:
    """The bounding box of a region (above one half). Raises ValueError if the region is empty."""
    rows, columns = np.flatnonzero((region > 0.5).any(axis=1)), np.flatnonzero((region > 0.5).any(axis=0))
    if not len(rows):
        raise ValueError("the region is empty: no pixel above one half")
    return Window(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def region_size(region: Mask) -> float:
    """Side of the square with the region's area, in pixels: the scale for margins and feathers."""
    return float(np.sqrt(max(1.0, float((region > 0.5).sum()))))


def soft_mask(region: Mask, rng: np.random.Generator) -> tuple[Mask, dict[str, Any]]:
    """The region grown and feathered by random amounts -> (mask float32 [H,W] in 0..1, parameters in pixels)."""
    size = region_size(region)
    grow = max(1, round(size * rng.uniform(*DILATION)))
    feather = float(size * rng.uniform(*FEATHER))
    # The blur pulls the half-level inwards at convex corners and eats thin parts: grow by its width as well.
    reach = grow + int(np.ceil(feather))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    mask = cv2.dilate((region > 0.5).astype(np.float32), kernel)
    if feather > 0.3:
        mask = cv2.GaussianBlur(mask, (0, 0), feather)
    clipped = np.clip(mask, 0, 1).astype(np.float32)
    clipped[clipped < VISIBLE] = 0
    return clipped, {"dilation": grow, "feather": round(feather, 2)}


def blend(photo: Pixels, generated: Pixels, mask: Mask) -> Pixels:
    """Composite of two pictures of one size; bit-exact where the mask is 0 or 1."""
    share = mask[..., None]
    return np.rint(photo * (1 - share) + generated * share).astype(np.uint8)


def splice(photo: Pixels, generated: Pixels, region: Mask, rng: np.random.Generator) -> Composite:
    """Put the generated picture's region back into the photo through a soft, slightly grown mask.

    Raises ValueError if the shapes differ or the region is empty.
    """
    if photo.shape != generated.shape or photo.shape[:2] != region.shape:
        raise ValueError(f"shapes differ: {photo.shape}, {generated.shape}, {region.shape}")
    extent(region)
    mask, parameters = soft_mask(region, rng)
    return Composite(blend(photo, generated, mask), mask, parameters)


def working_window(region: Mask, rng: np.random.Generator, least: int = 0) -> Window:
    """A window around the region with random context, at least `least` pixels a side where the photo allows.

    Its corner is not aligned to anything, as when an editor crops around the user's mask.
    """
    box = extent(region)
    height, width = region.shape
    margin = int(rng.integers(CONTEXT[0], CONTEXT[1] + 1)) + round(
        region_size(region) * (DILATION[1] + FEATHER[1])
    )
    top, bottom = _stretch(box.top - margin, box.bottom + margin, least, height)
    left, right = _stretch(box.left - margin, box.right + margin, least, width)
    return Window(top, bottom, left, right)


def _stretch(start: int, stop: int, least: int, length: int) -> tuple[int, int]:
    """The interval widened to `least` around its middle, moved and cut to lie in 0..length."""
    missing = max(0, least - (stop - start))
    start, stop = start - missing // 2, stop + missing - missing // 2
    shift = max(0, -start) - max(0, stop - length)
    return max(0, start + shift), min(length, stop + shift)


def pad_to_multiple(pixels: Pixels, multiple: int) -> Pixels:
    """Continue a picture by reflection at the bottom and right until both sides are multiples of `multiple`."""
    bottom, right = -pixels.shape[0] % multiple, -pixels.shape[1] % multiple
    return np.pad(pixels, ((0, bottom), (0, right), (0, 0)), mode="symmetric")


def with_colours_of(drawn: Pixels, source: Pixels, radius: float) -> Pixels:
    """The drawn picture with the source's colours at scales above `radius` pixels (a Gaussian's width), its own detail.

    Inpainting tools match colours before they paste; without it a weak network is known by its cast alone.
    """
    lift = cv2.GaussianBlur(source.astype(np.float32) - drawn, (0, 0), radius)
    return np.asarray(np.rint(np.clip(drawn + lift, 0, 255)), np.uint8)


def random_region(height: int, width: int, rng: np.random.Generator) -> Mask:
    """A smooth blob of 1 to 12 % of the picture at a random place: what someone brushes over to have it redrawn."""
    area = height * width * float(np.exp(rng.uniform(np.log(0.01), np.log(0.12))))
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radii = np.ones_like(angles)
    for wave in (2, 3, 5):
        radii += rng.normal(0, 0.25 / wave) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    radii = np.clip(radii, 0.4, 1.8) * np.sqrt(area / np.pi)
    reach = float(radii.max())
    centre_x = rng.uniform(min(reach, width / 2), max(width - reach, width / 2))
    centre_y = rng.uniform(min(reach, height / 2), max(height - reach, height / 2))
    points = np.stack([centre_x + radii * np.cos(angles), centre_y + radii * np.sin(angles)], axis=1)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1)
    return mask.astype(np.float32)
