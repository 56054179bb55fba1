"""Traces of earlier lossy compression in the pixels: an 8-pixel grid, and a second quantisation under the first.

In: luma windows (model.photo.windows) with the file's grid at (0, 0); the quantiser table of the last save. Out:
numbers.

Double quantisation: the last save left each DCT coefficient on a multiple of its step q2. If an earlier save had put
it on multiples of q1, the histogram of multiples has gaps and doubled bins that no smooth distribution has. Two
explanations are fitted to each low frequency's histogram: a mixture of Laplacians and Gaussians quantised once, and
the same quantised by q1 first. The log-likelihood gained by the best earlier quality is the evidence. After Lukas and
Fridrich, "Estimation of primary quantization matrix in double compressed JPEG images" (DFRWS 2003), with the
histogram's own smooth fit in place of their cropped-and-recompressed one (which is biased at low quality).

What it cannot see: an earlier save on another grid (cropped or resized between), at the same quality, or finer than
the last one. So counts are lower bounds.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import erfc

import numpy as np
from numpy.typing import NDArray

from refundlens.model.photo.jpeg import Table, ijg_tables
from refundlens.model.photo.windows import Luma

Floats = NDArray[np.float64]

MODES = (1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18)
"""DCT frequencies used, in raster order: the 12 lowest; higher ones are mostly zero."""
BINS = 24
"""Multiples of q2 that are counted, from 1 on; larger coefficients are too rare for a histogram."""
LEAST_COUNT = 50
"""Non-zero coefficients a frequency needs to be used."""
ENOUGH_GAIN = 150.0
"""Log-likelihood gain (nats) from which a second quantisation counts. Of 544 photos saved once none exceeded 83."""
ENOUGH_GAIN_EACH = 0.006
"""The same per coefficient: a misfit of the smooth model grows with the sample, and stayed under 0.0026."""
GRID_RISE = 0.05
"""Least relative rise of the third difference over a grid line (uncompressed photos: 99 % under 0.03)."""
GRID_Z = 4.0
"""And least rise in standard deviations of the other columns, which stops periodic fabrics from counting."""

_SCALES: Floats = np.array([2.0, 4.0, 8.0, 16.0, 32.0])
"""Mean absolute coefficients of the mixture's Laplacians."""
_DEVIATIONS: Floats = np.array([3.0, 5.0, 8.0, 13.0, 21.0, 34.0])
"""Standard deviations of its Gaussians: an even texture, such as cloth, has no Laplacian's peak and tail."""
_PARTS = len(_SCALES) + len(_DEVIATIONS)
_EARLIER: Floats = np.array([*range(1, 17), *range(18, 40, 2), *range(40, 62, 4)], np.float64)
"""Earlier quantiser steps that are tried; between 16 and 62 neighbours look alike."""
_BLUR = ((-0.7, 0.2), (0.0, 0.6), (0.7, 0.2))
"""(offset, weight): pixels were rounded between the two saves, which moves coefficients by about 0.5."""
_STRAY = 0.03
"""Share of coefficients that keep to no earlier multiple (clipped blocks)."""
_ROUNDS = 10
"""Rounds of expectation-maximisation; the gain changes by under 2 % after 8."""
_THIRD_DIFFERENCE_CAP = 18.0
"""Grey levels: strong edges of the content are cut to this, so that they do not drown the grid."""

_COSINES = np.cos((2 * np.arange(8)[None] + 1) * np.arange(8)[:, None] * np.pi / 16) * 0.5
_DCT = (_COSINES * np.where(np.arange(8) == 0, np.sqrt(0.5), 1.0)[:, None]).astype(np.float32)


def _coefficients(windows: Sequence[Luma]) -> NDArray[np.float32]:
    """DCT of all whole 8 x 8 blocks, float32 [blocks,64] in raster order."""
    blocks = []
    for luma in windows:
        rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
        cut = luma[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)
        blocks.append(cut.transpose(0, 2, 1, 3).reshape(-1, 8, 8))
    transformed: NDArray[np.float32] = _DCT @ np.concatenate(blocks) @ _DCT.T
    return transformed.reshape(-1, 64)


def _beyond(distance: Floats) -> Floats:
    """Share of each part of the mixture that lies further from 0 than `distance`: float64 [_PARTS,n]."""
    gaussian = np.vectorize(erfc, otypes=[np.float64])(distance / (np.sqrt(2.0) * _DEVIATIONS[:, None]))
    return np.concatenate([np.exp(-distance / _SCALES[:, None]), gaussian])


@lru_cache(maxsize=512)
def _expected(step: int) -> Floats:
    """Histograms over 1..BINS-1 for each earlier step (first: none), float64 [1+earlier,_PARTS,BINS-1]."""
    edges = _beyond((np.arange(1, BINS + 1, dtype=np.float64) - 0.5) * step)
    shapes = [edges[:, :-1] - edges[:, 1:]]
    for earlier in _EARLIER:
        multiples = np.arange(int(BINS * step / earlier) + 2, dtype=np.float64)
        mass = _beyond(np.maximum(multiples - 0.5, 0.0) * earlier) - _beyond((multiples + 0.5) * earlier)
        shape = np.zeros((_PARTS, BINS + 1))
        for offset, weight in _BLUR:
            bins = np.minimum(np.rint(np.abs(multiples * earlier + offset) / step).astype(np.int64), BINS)
            for part, row in enumerate(mass):
                shape[part] += weight * np.bincount(bins, row, minlength=BINS + 1)
        shapes.append(shape[:, 1:BINS])
    expected = np.stack(shapes)
    expected /= expected.sum(axis=-1, keepdims=True) + 1e-12
    mixed: Floats = (1 - _STRAY) * expected + _STRAY * expected[:1]
    return mixed


def _fit(shares: Floats, expected: Floats) -> Floats:
    """Mean log-likelihood of the best mixture.

    shares float64 [modes,bins], expected float64 [modes,steps,_PARTS,bins] -> float64 [modes,steps].
    """
    weights = np.full(expected.shape[:3], 1.0 / _PARTS)
    for _ in range(_ROUNDS):
        fitted = (weights[:, :, None] @ expected)[:, :, 0] + 1e-9
        weights *= (expected @ (shares[:, None] / fitted)[..., None])[..., 0]
        weights /= weights.sum(axis=-1, keepdims=True) + 1e-12
    fitted = (weights[:, :, None] @ expected)[:, :, 0] + 1e-9
    likelihood: Floats = (shares[:, None] * np.log(fitted)).sum(axis=-1)
    return likelihood


def double_quantisation(windows: Sequence[Luma], table: Table) -> tuple[float, float, int | None]:
    """Evidence that the pixels were quantised before the last save with `table` (luminance, raster order).

    Returns (gain in nats, gain per coefficient, the earlier save's likeliest libjpeg quality or None). Zero gain where
    the picture is too flat to tell.
    """
    coefficients = _coefficients(windows)
    histograms, modes = [], []
    for mode in MODES:
        multiples = np.rint(np.abs(coefficients[:, mode]) / table[mode]).astype(np.int64)
        counts = np.bincount(np.minimum(multiples, BINS), minlength=BINS + 1)[1:BINS]
        if counts.sum() >= LEAST_COUNT:
            histograms.append(counts)
            modes.append(mode)
    if not modes:
        return 0.0, 0.0, None
    counted = np.stack(histograms).astype(np.float64)
    totals = counted.sum(axis=1, keepdims=True)
    likelihood = _fit(counted / totals, np.stack([_expected(table[mode]) for mode in modes])) * totals
    gains = likelihood[:, 1:] - likelihood[:, :1]
    steps = ijg_tables()[0][:, modes]
    nearest = np.abs(steps[..., None] - _EARLIER).argmin(axis=-1)
    by_quality = gains[np.arange(len(modes)), nearest].sum(axis=1)
    by_quality[(steps > _EARLIER[-1]).any(axis=1)] = -np.inf
    best = int(by_quality.argmax())
    gain = max(float(by_quality[best]), 0.0)
    return gain, gain / float(totals.sum()), best + 1 if gain > 0 else None


def quantised_twice(windows: Sequence[Luma], table: Table) -> bool:
    """Whether the evidence for an earlier quantisation on the same grid is beyond what single saves show."""
    gain, each, _ = double_quantisation(windows, table)
    return gain >= ENOUGH_GAIN and each >= ENOUGH_GAIN_EACH


def _by_phase(luma: Luma) -> Floats:
    """Sum and count of capped third differences across columns, by the column's place in the 8-pixel grid: [2,8]."""
    jumps = np.abs(luma[:, :-3] - 3 * luma[:, 1:-2] + 3 * luma[:, 2:-1] - luma[:, 3:])
    means = np.minimum(jumps, _THIRD_DIFFERENCE_CAP).mean(axis=0)
    phase = (np.arange(len(means)) + 2) % 8
    return np.stack([np.bincount(phase, means, 8), np.bincount(phase, minlength=8)])


def _stands_out(profile: Floats) -> bool:
    """Whether one of 8 phases rises above the rest; neighbours, which the difference also spans, are left out."""
    peak = int(profile.argmax())
    others = profile[[(peak + step) % 8 for step in range(2, 7)]]
    mean, spread = float(others.mean()) + 1e-6, float(others.std())
    rise = float(profile[peak]) - mean
    return float(profile[peak] - others.max()) > GRID_RISE * mean and rise > GRID_Z * (spread + 0.002 * mean)


def has_grid(windows: Sequence[Luma]) -> bool:
    """Whether the pixels carry an 8 x 8 block grid at any offset, as a picture that was JPEG before does."""
    wide = [luma for luma in windows if min(luma.shape) >= 16]
    if not wide:
        return False
    for turned in (wide, [luma.T for luma in wide]):
        total, count = np.sum([_by_phase(luma) for luma in turned], axis=0)
        if not _stands_out(total / np.maximum(count, 1.0)):
            return False
    return True
