"""What a photo shows that an aligned picture of the same scene does not: a map, and the spots it is made of.

In: RGB pixels of both and how one lies in the other. Out: a `Difference`. Both are brought to one size at which
neither is enlarged, the reference gets the photo's colours (`tone`), and what is left is measured in units of what
compression and resampling leave at such a place: more on edges than on plain ground.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare.align import Alignment, Pixels
from refundlens.model.compare.parts import moved_places
from refundlens.model.compare.spots import MOST, Spot, find_spots
from refundlens.model.compare.tone import Values, match_tone

Known = NDArray[np.bool_]

SIDE = 512
"""Longest side, in pixels, at which two photos are compared: a claimed defect of 1 % of a side has 5 pixels."""
EDGE_WEIGHT = 0.18
"""How far a pixel may be off for each level of the steepest step beside it: half a pixel of misalignment is 0.5, and
smoothing leaves a third of that."""
FLOOR = 2.0
"""Levels of 255 by which plain ground is off after one strong JPEG compression, smoothed."""
SMOOTHING = 1.2
"""Standard deviation in pixels: averages out the grain of compression, not a spot of ten pixels."""
MARGIN = 3
"""Pixels at the border of what both show that are left out: half of them come from one side only."""
BLURS = (0.0, 0.6, 0.9, 1.3, 1.8)
"""Smoothing tried on the finer of the two, as standard deviations in pixels."""
CELL = 16
"""Pixels a side of the cells whose fine detail is compared."""
DETAIL = 2.0
"""Levels of fine detail, root mean square, that a cell needs to be compared by it: under it there is grain only."""
ALIKE = 0.8
"""Correlation of a cell's fine detail from which it is the same."""


@dataclass(frozen=True)
class Difference:
    """units: float32 [h,w], how many times what delivery explains, 0 where only one photo shows the place; the
    photo's frame at SIDE or smaller. overlap: share of the photo that the reference shows, too. same_detail: share
    of the textured places whose fine detail is the same in both, 0 to 1. noise: levels of 255 by which most places
    differ. spots: those that anybody is told of, likeliest painted first. painted: 0 to 1, the most that any spot looks
    painted, told of or not. moved: places of one part that lies elsewhere, 0 where none does."""

    units: Values
    overlap: float
    same_detail: float
    noise: float
    spots: tuple[Spot, ...]
    painted: float
    moved: int


@dataclass(frozen=True)
class Overlaid:
    """Two aligned photos on one grid: units float32 [h,w] (see `Difference`); reference in the photo's colours and
    photo, float32 [h,w,3]; known: where both show something."""

    units: Values
    reference: Values
    photo: Values
    known: Known
    same_detail: float
    noise: float


def differ(reference: Pixels, photo: Pixels, alignment: Alignment) -> Difference:
    """uint8 [H,W,3] both."""
    laid = overlay(reference, photo, alignment)
    height, width = laid.units.shape
    scale = (photo.shape[1] / width, photo.shape[0] / height)
    spots = find_spots(laid.units, laid.reference, laid.photo, laid.known, scale)
    told = tuple(spot for spot in spots if spot.told)[:MOST]
    painted = max((spot.painted for spot in spots), default=0.0)
    moved = moved_places(laid.units, laid.reference, laid.photo) if spots else 0
    return Difference(
        laid.units, float(laid.known.mean()), laid.same_detail, laid.noise, told, painted, moved
    )


def overlay(reference: Pixels, photo: Pixels, alignment: Alignment) -> Overlaid:
    """uint8 [H,W,3] both. Where nothing is known to both, there are no units, no detail and no noise."""
    if alignment.mirrored:
        reference = np.ascontiguousarray(reference[:, ::-1])
    here, there, known = _on_one_grid(reference, photo, alignment)
    if not known.any():
        return Overlaid(np.zeros(known.shape, np.float32), here, there, known, 0.0, 0.0)
    plain, alike = _same_blur(here, there, known)
    toned = match_tone(plain, alike, known)
    left = cv2.GaussianBlur(alike - toned, (0, 0), SMOOTHING)
    off = np.sqrt(np.square(left).mean(2))
    noise = float(np.median(off[known]))
    units = np.asarray(off / (max(FLOOR, 1.5 * noise) + EDGE_WEIGHT * _steps(toned)), np.float32)
    units[~known] = 0
    return Overlaid(units, toned, there, known, _same_detail(toned, alike, known), noise)


def _on_one_grid(reference: Pixels, photo: Pixels, alignment: Alignment) -> tuple[Values, Values, Known]:
    """(reference, photo, where both are known), float32 [h,w,3] each, on the photo's frame reduced to SIDE or to the
    reference's detail, whichever is less."""
    size = float(np.sqrt(abs(np.linalg.det(alignment.matrix[:, :2]))))
    height, width = photo.shape[:2]
    scale = min(SIDE / max(height, width), 1.0, 1.0 / size)
    grid = (max(1, round(width * scale)), max(1, round(height * scale)))
    there = cv2.resize(photo, grid, interpolation=cv2.INTER_AREA).astype(np.float32)
    # the reference is averaged down first, as the photo was, and then only moved
    reduce = min(1.0, size * scale)
    small = (max(1, round(reference.shape[1] * reduce)), max(1, round(reference.shape[0] * reduce)))
    less = cv2.resize(reference, small, interpolation=cv2.INTER_AREA)
    onto = _reduction(grid[0] / width, grid[1] / height)
    back = np.linalg.inv(_reduction(small[0] / reference.shape[1], small[1] / reference.shape[0]))
    matrix = (onto @ np.vstack([alignment.matrix, [0, 0, 1]]) @ back)[:2]
    here = cv2.warpAffine(less, matrix, grid, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    shown = cv2.warpAffine(np.full(less.shape[:2], 255, np.uint8), matrix, grid, flags=cv2.INTER_NEAREST)
    shown[[0, -1], :], shown[:, [0, -1]] = 0, 0
    known = cv2.erode(shown, np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)) > 0
    return here.astype(np.float32), there, known


def _reduction(fx: float, fy: float) -> NDArray[np.float64]:
    """From pixels of a picture to pixels of its reduced form, centre to centre: [3,3]."""
    return np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1.0]])


def _same_blur(here: Values, there: Values, known: Known) -> tuple[Values, Values]:
    """The same two, the finer of them smoothed until both have as much detail."""
    one, other = _energy(here.mean(2), known), _energy(there.mean(2), known)
    finer = here if one > other else there
    wanted, grey = min(one, other), finer.mean(2)
    gaps = [abs(np.log((_energy(_smooth(grey, sigma), known) + 1) / (wanted + 1))) for sigma in BLURS]
    smoothed = _smooth(finer, BLURS[int(np.argmin(gaps))])
    return (smoothed, there) if finer is here else (here, smoothed)


def _smooth(values: Values, sigma: float) -> Values:
    return values if sigma == 0 else np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def _energy(grey: Values, known: Known) -> float:
    """How much fine detail there is: the 80th percentile of the Laplacian's size, of every seventh pixel."""
    return float(np.percentile(np.abs(cv2.Laplacian(grey, cv2.CV_32F))[known][::7], 80))


def _steps(values: Values) -> Values:
    """The steepest step beside each pixel, in levels: float32 [h,w]."""
    steps = cv2.morphologyEx(values.mean(2), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.GaussianBlur(steps, (0, 0), 1.0), np.float32)


def _same_detail(here: Values, there: Values, known: Known) -> float:
    """Share of textured cells whose fine detail correlates; 0 where no cell is textured."""
    weight = known.astype(np.float32)
    one, other = (_fine(values) * weight for values in (here, there))
    power, power_other, common, mass = (
        cv2.blur(values, (CELL + 1, CELL + 1))[CELL // 2 :: CELL, CELL // 2 :: CELL]
        for values in (one * one, other * other, one * other, weight)
    )
    textured = (mass > 0.8) & (np.minimum(power, power_other) > DETAIL**2)
    if not textured.any():
        return 0.0
    alike = common[textured] / np.sqrt(power[textured] * power_other[textured])
    return float((alike > ALIKE).mean())


def _fine(values: Values) -> Values:
    grey = values.mean(2)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 3), np.float32)
