"""How fine a picture's detail is, and whether it is an enlarged small copy. Compression must not be taken for detail.

In: luma windows (`model.photo.windows`). Out: `Detail`. NumPy alone, some 10 ms.

**Octaves.** Detail of some 4 to 8 pixels (0.125 to 0.25 cycles a pixel) is compared with detail twice as coarse, summed
over all windows so that the parts in focus decide: a photo with a blurred background stays a sharp photo. The finest
octave is left out on purpose: there, what JPEG adds to a smooth picture is as strong as a sharp photo's own detail. The
same pixels as PNG, JPEG (95, 85, 70) and WebP (80) lie within 0.08 of each other in 95 of 100.

**Smooth enlargement.** A picture enlarged more than four times has almost nothing in that octave, whatever kernel,
encoder and quality. **Nearest neighbour** leaves steps between columns and rows of equal pixels; those steps stand out
from their neighbours in the mean of a window's columns, also after JPEG 70.

Measured on photos shrunk to 64 to 160 px and enlarged 4 to 10 times (`tests/load/enlarged.py`; docs/experiments.md
has the table): 97 to 100 of 100 enlarged 6 to 10 times are seen, none of 1,250 files of honest photos is taken for one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refundlens.model.photo.windows import Luma

SOFTEST, SHARPEST = -1.0, 0.2
"""Decimal logarithm of the ratio of the two octaves' energies where sharpness is 0 and 1: thumbnails enlarged ten times
lie at -1.0; honest photos between -0.5 and 0.15 (95 of 100), at -0.2 in the median."""
ENLARGED = -0.64
"""The same below which a picture is an enlarged one: 1 % of honest photos, mostly shaken ones, lie lower."""
STEPS = 0.22
"""Share of neighbouring differences in columns and rows that stand out as single steps, from which a picture was
enlarged by nearest neighbour: honest photos reach 0.17, enlarged ones 0.29 after JPEG 70 and 1 as PNG."""
NOISE_FLOOR = 0.05
"""Grey levels squared: rounding noise of a flat window, which must not count as detail."""
STEP_FLOOR = 0.5
"""Grey levels: the same for differences of neighbours."""
LEAST_SIDE = 24
"""Pixels a window needs, so that the octaves, which lose 7 on every side, have something left."""


@dataclass(frozen=True)
class Detail:
    """sharpness: 0 (nothing fine, as in a thumbnail enlarged ten times) to 1 (crisp). enlarged: whether the picture can
    only be a small one that was enlarged, or one as blurred as that."""

    sharpness: float
    enlarged: bool


def measure(windows: Sequence[Luma]) -> Detail:
    """Of the windows of one picture; a picture too small or too flat to measure has sharpness 0 and counts as enlarged:
    there is no detail in it to judge by."""
    large = [luma for luma in windows if min(luma.shape) >= LEAST_SIDE]
    if not large:
        return Detail(0.0, True)
    ratio = octaves(large)
    share = (ratio - SOFTEST) / (SHARPEST - SOFTEST)
    return Detail(round(float(np.clip(share, 0.0, 1.0)), 4), ratio < ENLARGED or steps(large) > STEPS)


def octaves(windows: Sequence[Luma]) -> float:
    """Decimal logarithm of the energy of the octave above the finest over the one after it."""
    fine, coarse = 0.0, 0.0
    for luma in windows:
        once = _blur(luma, 1)
        twice = _blur(once, 2)
        four = _blur(twice, 4)
        fine += float(np.mean((once[2:-2, 2:-2] - twice)[4:-4, 4:-4] ** 2))
        coarse += float(np.mean((twice[4:-4, 4:-4] - four) ** 2))
    return float(np.log10(max(fine / (coarse + NOISE_FLOOR), 1e-9)))


def steps(windows: Sequence[Luma]) -> float:
    """0 to 1: how much of the differences between neighbouring columns stands out from the differences beside it; the
    smaller of columns and rows, so that neither fences nor ruled paper count."""
    return min(_steps(windows), _steps([luma.T for luma in windows]))


def _steps(windows: Sequence[Luma]) -> float:
    alone, everything = 0.0, STEP_FLOOR
    for luma in windows:
        profile = np.abs(np.diff(luma, axis=1)).mean(axis=0)
        inner = profile[1:-1]
        alone += float(np.maximum(inner - np.maximum(profile[:-2], profile[2:]), 0.0).sum())
        everything += float(inner.sum())
    return alone / everything


def _blur(luma: Luma, step: int) -> NDArray[np.float32]:
    """Binomial 1-2-1 in both directions with holes of `step`: loses `step` pixels a side."""
    across = luma[:, : -2 * step] + 2 * luma[:, step:-step] + luma[:, 2 * step :]
    return np.asarray(
        (across[: -2 * step] + 2 * across[step:-step] + across[2 * step :]) / np.float32(16.0), np.float32
    )
