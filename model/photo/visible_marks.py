"""Marks that generators paint into a corner for everybody to see.

In: a picture, uint8 RGB [H,W,3]. Out: `VisibleMark`s. Known so far: the four-pointed sparkle that Google's Gemini puts
at the lower right, half transparent white, its middle as far from the right side as from the lower one. Found by
normalised cross-correlation with a drawn star (Lewis, "Fast Normalized Cross-Correlation", 1995) on that diagonal, at
every size it is seen in after shrinking. Cropping removes it, and anybody can paint one: it never decides alone.

Measured by `python -m tests.load.visible_marks COLLECTED`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Places = NDArray[np.intp] | np.intp
WORKING_SIDE = 720
"""Pixels of the short side at which marks are looked for; larger pictures are shrunk to it."""
SIZES = tuple(float(size) for size in np.geomspace(0.026, 0.1, 14))
"""Widths of a sparkle as shares of the short side."""
OFFSETS = (0.78, 1.5)
"""Distance of its middle from the right and lower side, in widths."""
LEAST_WIDTH = 10
"""Pixels: a smaller star is a dot."""
EXPONENT = 0.55
"""Of the star's outline, |x|^p + |y|^p = 1."""
ALIKE = 0.74
"""Least correlation. Of 1,000 photos without a mark none reaches it on the diagonal (docs/provenance.md)."""
LIFT = 3.0
"""Least difference in grey levels between the star and its surroundings: it is painted in white."""
OFF_DIAGONAL = 1
"""Pixels by which the middle may miss the diagonal, from rounding."""
NEARLY = 0.15
"""What a place on the diagonal may lack for its neighbours to be looked at."""


@dataclass(frozen=True)
class VisibleMark:
    """tool: who paints it. box: x, y, width, height in pixels of the picture. alike: correlation with the drawn mark,
    0 to 1."""

    tool: str
    box: tuple[int, int, int, int]
    alike: float


def find_visible_marks(pixels: NDArray[np.uint8]) -> list[VisibleMark]:
    """The marks seen in a picture, uint8 RGB [H,W,3]; empty for pictures whose short side is under 200 pixels."""
    height, width = pixels.shape[:2]
    short = min(height, width)
    if short < 200:
        return []
    scale = min(1.0, WORKING_SIDE / short)
    reach = round(short * (SIZES[-1] * (OFFSETS[1] + 1)))
    corner = pixels[height - reach :, width - reach :]
    if scale < 1:
        side = round(reach * scale)
        corner = np.asarray(Image.fromarray(corner).resize((side, side), Image.Resampling.BOX))
    grey: Floats = corner.min(axis=2).astype(np.float32)  # white paint lifts the darkest channel most
    found = max(_sparkles(grey, short * scale), key=lambda one: one[0], default=None)
    if found is None:
        return []
    alike, size, offset = found
    middle, wide = offset / scale, size / scale
    box = (round(width - middle - wide / 2), round(height - middle - wide / 2), round(wide), round(wide))
    return [VisibleMark("Gemini", box, round(alike, 3))]


def _sparkles(grey: Floats, short: float) -> Iterator[tuple[float, float, float]]:
    """(correlation, width, distance of the middle from both sides) in pixels, of each size that fits."""
    side = len(grey)
    grey = grey - grey.mean()
    sums = [
        np.pad(part.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        for part in (np.float64(grey), np.float64(grey) ** 2)
    ]
    for share in SIZES:
        size = round(short * share)
        star = _star(size)
        reach = len(star)
        if size < LEAST_WIDTH or reach > side:
            continue
        near = np.arange(side - reach + 1)
        offsets = side - near - reach / 2
        near = near[(offsets >= OFFSETS[0] * size) & (offsets <= OFFSETS[1] * size)]
        if not len(near):
            continue
        windows = sliding_window_view(grey, star.shape)
        on_diagonal = np.moveaxis(windows.diagonal()[..., near[0] : near[-1] + 1], -1, 0)
        alike = _correlation(on_diagonal, star, *(_boxes(one, near, near, reach) for one in sums))
        for place in near[alike >= ALIKE - NEARLY]:
            along = np.arange(max(0, place - OFF_DIAGONAL), min(place + OFF_DIAGONAL, side - reach) + 1)
            total = (_boxes(one, place, along, reach) for one in sums)
            best = float(_correlation(windows[place, along[0] : along[-1] + 1], star, *total).max())
            part = windows[place, place]
            if best >= ALIKE and float(part[star > 0.9].mean() - part[star < 0.05].mean()) >= LIFT:
                yield best, float(size), float(side - place - reach / 2)


def _boxes(sums: Doubles, rows: Places, columns: Places, reach: int) -> Doubles:
    """Sums over reach x reach pixels from each (row, column), by a summed-area table (Crow, 1984)."""
    low, right = rows + reach, columns + reach
    return np.asarray(sums[low, right] - sums[rows, right] - sums[low, columns] + sums[rows, columns])


def _correlation(windows: Floats, star: Floats, total: Doubles, squares: Doubles) -> Floats:
    """Pearson's correlation of each window [K,r,r], a view that is never copied, with the star [r,r], float32 [K].

    0 for even windows. total, squares: the sums of each window's values and of their squares, float64 [K].
    """
    wanted = star - star.mean()
    spread = np.maximum(squares - total**2 / wanted.size, 0) * (wanted * wanted).sum()
    return np.asarray(np.einsum("kij,ij->k", windows, wanted) / np.maximum(np.sqrt(spread), 1.0), np.float32)


@cache
def _star(size: int) -> Floats:
    """A white star of this width on black with a border, float32, 0 to 1, smooth at its edge."""
    fine = 4 * size
    axis = np.abs(np.arange(fine) - (fine - 1) / 2) / (fine / 2)
    inside = (axis[:, None] ** EXPONENT + axis[None] ** EXPONENT <= 1).astype(np.float32)
    star = inside.reshape(size, 4, size, 4).mean(axis=(1, 3))
    return np.asarray(np.pad(star, max(2, size // 6)), np.float32)
