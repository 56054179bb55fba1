"""Whether two prints are of one picture: as many of their patches agree, in one common layout, as chance never gives.

In: two prints. Out: a `Sameness`, or None. A patch that two different pictures share (a watermark, a logo, a stamp of
date and time) is not enough: the agreeing patches must lie apart, or the whole must agree.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare.pdq import GOOD, NEAR, distance
from refundlens.model.compare.prints import Codes, Print

PATCH_NEAR = 24
"""Bits of 128 up to which two patches may be of one place. Of different photos' patches one pair in some 200,000 is
that near; of the same place's patches after a crop and compression nine in ten."""
AGREEING = 3
"""Patches that must agree in one layout."""
SPREAD = 0.02
"""Least share of the smaller picture that the agreeing patches' centres span, as a box: more than a mark's."""
_TURN = 0.22
"""Largest difference of two pairs' scales, as a logarithm, and of their shifts as a share of the patch: what a blob's
own place and size vary by."""


@dataclass(frozen=True)
class Sameness:
    """agreeing: patches in common. bits: mean distance of those patches, of 128 (of the wholes, where those agree).
    whole: whether it is the whole picture again, not a part of it."""

    agreeing: int
    bits: float
    whole: bool


def same_picture(first: Print, second: Print) -> Sameness | None:
    """None where the prints are of different pictures."""
    if min(first.quality, second.quality) >= GOOD and distance(first.pdq, second.pdq) <= NEAR:
        far = int(np.bitwise_count(first.codes[-1] ^ second.codes[-1]).sum())
        return Sameness(_agreeing(first, second)[0], float(far), True)
    agreeing, bits = _agreeing(first, second)
    return Sameness(agreeing, bits, False) if agreeing >= AGREEING else None


def patch_distances(first: Codes, second: Codes) -> NDArray[np.uint8]:
    """Bits in which each row of one differs from each of the other: uint8 [n,m]."""
    return np.asarray(np.bitwise_count(first[:, None] ^ second[None]).sum(2), np.uint8)


def _agreeing(first: Print, second: Print) -> tuple[int, float]:
    """How many patches agree in the best common layout, and in how many bits they differ on average."""
    if not len(first.places) or not len(second.places):
        return 0, 128.0
    bits = patch_distances(first.codes[:-1], second.codes[:-1])
    rows, columns = np.nonzero(bits <= PATCH_NEAR)
    best, mean = 0, 128.0
    a, b = first.places[rows], second.places[columns]
    scale = b[:, 2] / a[:, 2]
    for index in range(len(rows)):
        # one upright pair of patches says how one picture lies in the other
        shift = b[index, :2] - scale[index] * a[index, :2]
        off = np.hypot(*(scale[index] * a[:, :2] + shift - b[:, :2]).T)
        fits = (np.abs(np.log(scale / scale[index])) <= _TURN) & (off <= _TURN * b[:, 2])
        count = min(len(np.unique(rows[fits])), len(np.unique(columns[fits])))
        if count > best and _span(a[fits], first) >= SPREAD and _span(b[fits], second) >= SPREAD:
            best, mean = count, float(bits[rows[fits], columns[fits]].mean())
    return best, mean


def _span(places: NDArray[np.float32], of: Print) -> float:
    """Share of the picture in the box around some centres."""
    width, height = np.ptp(places[:, 0]), np.ptp(places[:, 1])
    return float(width * height / (of.size[0] * of.size[1]))
