"""Whether two photos of one claim show the same thing, and whether a spot that is marked in one is in the other, too.

In: RGB pixels of both photos and a box of the one. Out: how many places they have in common, and a `Seen`.

A real defect is there from every side that shows its place; one that was painted into a single photo is not. Between
two shots only flat parts of the goods follow one map, so the map is fitted to the features around the spot alone, and
the spot is held against what is left at as many places beside it: another shot leaves light, parallax and blur
everywhere. What can hide a true defect (a hand, a reflection, a fold) is not told from its absence, so this informs a
person and accuses nobody. Measured by `training.references.views`; its figures are in docs/reuse.md.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare.align import RATIO, Pixels
from refundlens.model.compare.tone import Values, match_light
from refundlens.model.detection import Box

Kind = Literal["both", "one", "unsaid"]

SIDE = 800
"""Longest side, in pixels, at which features are looked for and spots compared: a spot of 2 % of it has 16 pixels."""
FEATURES = 1500
CONTRAST = 0.02
WITHIN = 3.0
"""Pixels by which a match may miss the map."""
SAME_THING = 20
"""Places in common from which two photos show the same thing."""
LEAST_SIDE = 3.0
"""Pixels of a spot's sides under which nothing can be seen of it."""
AROUND = 2.5
"""Half the side of the neighbourhood that is compared, in half sides of the spot."""
LEAST_AROUND = 72
"""The same in pixels, at least."""
LEAST_AGREEING = 9
"""Features beside the spot that must agree on the map."""
ALIKE = 0.6
"""Correlation of the surroundings from which the map is believed."""
FLOOR, EDGE_WEIGHT = 4.0, 0.3
"""Levels by which plain ground is off, and how far a pixel may be off for each level of the step beside it."""
STANDS_OUT = 2.0
"""How many times as far off as the worst place beside it a spot is that is in one photo only."""
LEAST_OFF = 1.5
"""Units by which it is off at least."""
AS_OTHERS = 1.2
"""How many times as far off a spot is at most that is in both."""
CONTENT = 0.95
"""Correlation of the spot itself from which it is in both, and under which it may be in one only."""


@dataclass(frozen=True)
class View:
    """A photo, ready to be held against others. pixels: uint8 RGB [h,w,3], SIDE or smaller. scale: of the photo's own.
    points float32 [n,2] and descriptors float32 [n,128]."""

    pixels: Pixels
    scale: float
    points: Values
    descriptors: Values


@dataclass(frozen=True)
class Seen:
    """both: what the spot shows is in the other photo, too. one: the place is there and looks otherwise. unsaid: the
    place is not seen, or the two cannot be laid over each other there. off: how many times as far off as the worst
    place beside it. place: where it lies in the other photo, x0, y0, x1, y1 in its pixels; None where unsaid."""

    kind: Kind
    off: float = 0.0
    place: Box | None = None


def view_of(pixels: Pixels) -> View:
    """uint8 RGB [H,W,3]."""
    scale = min(SIDE / max(pixels.shape[:2]), 1.0)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    sift = cv2.SIFT.create(nfeatures=FEATURES, contrastThreshold=CONTRAST)
    found, described = sift.detectAndCompute(grey, None)
    points = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
    descriptors = np.zeros((0, 128), np.float32) if described is None else np.asarray(described, np.float32)
    return View(small, scale, points, descriptors)


@dataclass(frozen=True)
class Matches:
    """Places of two views that may be the same: here, there float32 [n,2]. common: how many agree on one map."""

    here: Values
    there: Values
    common: int

    @property
    def same_thing(self) -> bool:
        return self.common >= SAME_THING


def match(one: View, other: View) -> Matches:
    """The two views' common places."""
    empty = np.zeros((0, 2), np.float32)
    if min(len(one.points), len(other.points)) < LEAST_AGREEING:
        return Matches(empty, empty, 0)
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(one.descriptors, other.descriptors, k=2)
    good = [first for first, second in pairs if first.distance < RATIO * second.distance]
    here = one.points[[pair.queryIdx for pair in good]]
    there = other.points[[pair.trainIdx for pair in good]]
    fitted = _fit(here, there)
    return Matches(here, there, 0 if fitted is None else _distinct(there[fitted[1]]))


def look(one: View, other: View, matches: Matches, box: Box) -> Seen:
    """Whether the spot in a box of the first photo, in its own pixels, is in the second photo."""
    x0, y0, x1, y1 = (side * one.scale for side in box)
    if min(x1 - x0, y1 - y0) < LEAST_SIDE:
        return Seen("unsaid")
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    half = np.array([(x1 - x0) / 2, (y1 - y0) / 2])
    reach = max(AROUND * float(half.max()), LEAST_AROUND)
    apart = np.abs(matches.here - centre)
    beside = (apart < 2.2 * reach).all(1) & ~(apart < half).all(1)
    fitted = _fit(matches.here[beside], matches.there[beside])
    if fitted is None or _distinct(matches.there[beside][fitted[1]]) < LEAST_AGREEING:
        return Seen("unsaid")
    matrix = fitted[0]
    corners = np.array([[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]], np.float32)
    placed = cv2.perspectiveTransform(corners, matrix)[0]
    height, width = other.pixels.shape[:2]
    if not _inside(placed, width, height) or not _sensible(corners[0], placed):
        return Seen("unsaid")
    off = _off(one.pixels, other.pixels, matrix, centre, half, reach)
    if off is None:
        return Seen("unsaid")
    low, high = placed.min(0) / other.scale, placed.max(0) / other.scale
    place = (round(low[0]), round(low[1]), round(high[0]), round(high[1]))
    times, units, alike = off
    if alike < CONTENT:
        return Seen("one" if times >= STANDS_OUT and units >= LEAST_OFF else "unsaid", times, place)
    return Seen("both" if times <= AS_OTHERS else "unsaid", times, place)


def _fit(here: Values, there: Values) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """A projective map and which matches agree on it."""
    if len(here) < LEAST_AGREEING:
        return None
    cv2.setRNGSeed(0)  # the same photos give the same map
    matrix, inside = cv2.findHomography(here, there, cv2.USAC_MAGSAC, WITHIN, maxIters=5000, confidence=0.999)
    return None if matrix is None else (np.asarray(matrix, np.float64), inside.ravel().astype(bool))


def _distinct(points: Values) -> int:
    return len(np.unique(np.rint(points), axis=0))


def _inside(points: Values, width: int, height: int) -> bool:
    return bool((points >= 2).all() and (points < [width - 2, height - 2]).all())


def _sensible(corners: Values, placed: Values) -> bool:
    """Whether a box stays a box: convex, not turned over, of a size that still can be compared."""
    one, other = (cv2.contourArea(points, oriented=True) for points in (corners, placed))
    return cv2.isContourConvex(placed) and one * other > 0 and 0.1 < other / one < 10


def _off(
    one: Pixels,
    other: Pixels,
    matrix: NDArray[np.float64],
    centre: NDArray[np.float64],
    half: NDArray[np.float64],
    reach: float,
) -> tuple[float, float, float] | None:
    """(how many times as far off as the worst place beside it, units, correlation) of the spot; None where the
    surroundings are not the same."""
    left, top = np.floor(np.maximum(centre - reach, 0)).astype(int)
    right, bottom = np.ceil(np.minimum(centre + reach, [one.shape[1], one.shape[0]])).astype(int)
    here = one[top:bottom, left:right].astype(np.float32)
    size = (right - left, bottom - top)
    shift = np.array([[1, 0, left], [0, 1, top], [0, 0, 1.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(other.astype(np.float32), matrix @ shift, size, flags=flags)
    known = cv2.warpPerspective(np.ones(other.shape[:2], np.uint8), matrix @ shift, size, flags=flags) > 0
    spot = np.zeros(known.shape, bool)
    low, high = (centre - half - [left, top]).astype(int), np.ceil(centre + half - [left, top]).astype(int)
    spot[max(low[1], 0) : high[1], max(low[0], 0) : high[0]] = True
    margin = cv2.dilate(spot.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    ring = known & ~margin
    if ring.sum() < 2 * spot.sum() or not known[spot].all():
        return None
    there = match_light(np.asarray(warped, np.float32), here, ring)
    grey, other_grey = (cv2.GaussianBlur(part.mean(2), (0, 0), 1.0) for part in (here, there))
    if _correlation(grey[ring], other_grey[ring]) < ALIKE:
        return None
    left_over = np.sqrt(np.square(cv2.GaussianBlur(here - there, (0, 0), 1.5)).mean(2))
    steps = np.maximum(_steps(grey), _steps(other_grey))
    units = np.asarray(left_over / (FLOOR + EDGE_WEIGHT * steps), np.float32)
    wide, high_ = max(3, int(2 * half[0])), max(3, int(2 * half[1]))
    means = cv2.blur(np.where(ring, units, 0), (wide, high_))
    share = cv2.blur(ring.astype(np.float32), (wide, high_))
    places = share > 0.7
    if not places.any():
        return None
    worst = float((means[places] / share[places]).max())
    mine = float(units[spot].mean())
    return mine / max(worst, 0.2), mine, _correlation(grey[spot], other_grey[spot])


def _steps(grey: Values) -> Values:
    return np.asarray(cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.float32)


def _correlation(one: Values, other: Values) -> float:
    spread = float(one.std() * other.std())
    return float(((one - one.mean()) * (other - other.mean())).mean()) / spread if spread > 1 else 0.0
