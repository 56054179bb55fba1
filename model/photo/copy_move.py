"""Finds a part of a photo that is in it twice: copy-move forgery, as by a clone stamp or by copy and paste.

In: pixels. Out: a `CopyMove` with both places, or none. Points of the photo are matched with points elsewhere in it
(SIFT in RootSIFT's form; Amerini et al., IEEE TIFS 2011; Christlein et al., IEEE TIFS 2012), groups of matches that one
shift, turn and scale explains are found by RANSAC, and the photo is laid upon itself by each: where it agrees pixel for
pixel around the matches is the part. Goods have parts that look alike, such as keys and patterns. They differ in light
and noise, and seldom end where nothing ends in the picture; a forest fitted to photos of the training split
(`training.copy_move`) weighs such figures.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.model.forest import Forest
from refundlens.model.photo.shrinking import shrunk_grey

FILE = Path(__file__).with_name("copy_move.npz")
SIDE = 560
"""Pixels of the long side that is looked at. Fitted and measured anew with 800 (`training.copy_move`), which take more
time, 27 of 33 forgeries were found and 2 of 529 photos accused; with 560 it is 26 and none."""
POINTS = 2_000
"""Matched at most; the strongest. Fitted anew with 1,200, which take less time, 76 of 100 copies are found and not
82."""
BLOCK = 128
"""Points held against all others at once: what they make stays in a processor's cache."""
APART = 14.0
"""Least distance in pixels of two points that are held against each other."""
NEAR, RATIO = 0.45, 0.8
"""Largest distance of two descriptors (0 to 2), and of that to the next best one's (Lowe, IJCV 2004)."""
LEAST_MATCHES = 4
GROUPS = 3
"""Shifts looked at."""
LOOSE = 1.5
"""Pixels that a match may lie beside its group's shift."""
SCALES = (0.5, 2.0)
WINDOW = 9
"""Pixels of the windows in which the photo is compared with itself."""
ALIKE, PLAIN = 0.8, 4.0
"""Least correlation within a window; and the variance, in squared grey levels, under which there is nothing to
correlate and the brightness must be the same."""
SAME, OFF = 1.5, 12.0
"""Grey levels that plain windows, and any windows, may differ by."""
_OPENING = np.ones((7, 7), np.uint8)
_FINE = 1.5
"""Sigma in pixels of the blur that is taken off to leave fine detail."""

Box = tuple[int, int, int, int]
Plane = NDArray[np.float32]

FIGURES = (
    "matches", "group", "all_matches", "area", "detail", "difference", "offset", "unevenness", "contrast", "scaling",
    "turning", "groups", "others", "difference_of_contrast", "group_of_all", "unevenness_of_contrast",
    "matches_of_group",
)  # fmt: skip
"""What the forest reads, in order."""


@dataclass(frozen=True)
class CopyMove:
    """first, second: boxes (x0, y0, x1, y1) in pixels of the two places, which of them is the copy is not known.
    mask: bool [H,W], both. score: 0 to 1, from the forest."""

    first: Box
    second: Box
    mask: NDArray[np.bool_]
    score: float

    @property
    def places(self) -> tuple[Box, Box]:
        """Both boxes."""
        return self.first, self.second


@dataclass(frozen=True)
class Candidate:
    """A part that seems to be there twice. at: bool [h,w] at SIDE; matrix: float64 [2,3], from there to the other
    place. figures: float32 [len(FIGURES)]."""

    at: NDArray[np.bool_]
    matrix: NDArray[np.float64]
    figures: NDArray[np.float32]


class CopyForest(NamedTuple):
    """trees: as fitted. least: the score from which a part counts as copied. ratio: how many times as often such a part
    is found where one was copied as in honest photos, at least."""

    trees: Forest
    least: float
    ratio: float


@lru_cache(maxsize=1)
def copy_forest() -> CopyForest:
    """The forest that ships with the package."""
    with np.load(FILE, allow_pickle=False) as stored:
        return CopyForest(Forest.read(stored), float(stored["least"]), float(stored["ratio"]))


def find_copy(pixels: NDArray[np.uint8]) -> CopyMove | None:
    """The part of uint8 RGB [H,W,3] that is most surely there twice; None where none is sure enough."""
    trees, least, _ = copy_forest()
    candidate = look(pixels)
    score = trees.mean(candidate.figures) if candidate else 0.0
    if candidate is None or score < least:
        return None
    return placed(candidate, score, pixels.shape[0], pixels.shape[1])


def placed(candidate: Candidate, score: float, height: int, width: int) -> CopyMove:
    """In pixels of a picture of this size."""
    tall, wide = candidate.at.shape
    here = candidate.at.astype(np.uint8)
    there = cv2.warpAffine(here, candidate.matrix, (wide, tall), flags=cv2.INTER_NEAREST)
    shown = [cv2.resize(one, (width, height), interpolation=cv2.INTER_NEAREST) > 0 for one in (here, there)]
    first, second = (_box(one) for one in shown)
    return CopyMove(first, second, shown[0] | shown[1], score)


def look(pixels: NDArray[np.uint8]) -> Candidate | None:
    """The most telling part that seems to be there twice in uint8 RGB [H,W,3], if any does."""
    grey = shrunk_grey(pixels, SIDE)
    places, descriptors = _points(grey)
    if len(places) < LEAST_MATCHES:
        return None
    pairs = _matches(places, descriptors)
    left, sizes, found = pairs, [], []
    for _ in range(GROUPS):
        group = _group(places, left)
        if group is None:
            break
        matrix, sources, kept = group
        sizes.append(int(kept.sum()))
        if candidate := _laid(grey, matrix, sources):
            found.append((candidate, len(sizes) - 1))
        left = left[~kept]
    if not found:
        return None
    best, number = max(found, key=lambda one: _telling(one[0].figures))
    figures = best.figures.copy()
    _set(figures, all_matches=len(pairs), groups=len(sizes), others=sum(sizes) - sizes[number])
    _set(figures, group_of_all=figures[FIGURES.index("matches")] / len(pairs))
    return Candidate(best.at, best.matrix, figures)


def _points(grey: NDArray[np.uint8]) -> tuple[Plane, Plane]:
    """Places [n,2] as x, y, and RootSIFT descriptors [n,128] (Arandjelović and Zisserman, CVPR 2012)."""
    sift = cv2.SIFT.create(nfeatures=POINTS, contrastThreshold=0.01, edgeThreshold=20)
    points, found = sift.detectAndCompute(grey, None)
    if found is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    roots = np.sqrt(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-6))
    return np.array([point.pt for point in points], np.float32), roots.astype(np.float32)


def _matches(places: Plane, descriptors: Plane) -> NDArray[np.int64]:
    """Pairs of points [m,2] that are alike, apart, and more alike than either is to any third place."""
    # in the order of one coordinate, what may lie near a block's points is a short stretch of all
    order = np.argsort(places[:, 0], kind="stable")
    places, descriptors = places[order], descriptors[order]
    found = []
    for start in range(0, len(places), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(places)))
        likeness = descriptors[rows] @ descriptors.T
        left, right = places[rows[[0, -1]], 0] + (-APART, APART)
        near = slice(*np.searchsorted(places[:, 0], (left, right)))
        likeness[:, near][_beside(places[rows], places[near])] = -1
        best = likeness.argmax(axis=1)
        one = _distance(likeness[rows - start, best])
        kept = np.flatnonzero(one < NEAR)
        third = likeness[kept]
        # of third places, those beside the best one are the same
        third[_beside(places[best[kept]], places)] = -1
        kept = kept[one[kept] < RATIO * _distance(third.max(axis=1))]
        found.append(np.stack([order[rows[kept]], order[best[kept]]], axis=1))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0).astype(np.int64)


def _distance(likeness: Plane) -> Plane:
    """Of descriptors of length 1, from their products."""
    return np.asarray(np.sqrt(np.maximum(0, 2 - 2 * likeness)))


def _beside(chosen: Plane, places: Plane) -> NDArray[np.bool_]:
    """Which places [n,2] lie nearer than APART to each of the chosen ones [k,2]: bool [k,n]."""
    across, down = (chosen[:, None, axis] - places[None, :, axis] for axis in (0, 1))
    return np.asarray(across * across + down * down < APART**2)


def _group(
    places: Plane, pairs: NDArray[np.int64]
) -> tuple[NDArray[np.float64], Plane, NDArray[np.bool_]] | None:
    """The shift, turn and scale that explains most pairs -> (matrix [2,3], sources [k,2], bool of the pairs)."""
    if len(pairs) < LEAST_MATCHES:
        return None
    one, two = places[pairs[:, 0]], places[pairs[:, 1]]
    # a pair has no direction: all are turned to the same half, and a little off upright, where it would be unsure
    back = ((two - one) @ np.array([1.0, 0.37]) < 0)[:, None]
    sources, targets = np.where(back, two, one), np.where(back, one, two)
    matrix, inside = cv2.estimateAffinePartial2D(
        sources, targets, method=cv2.RANSAC, ransacReprojThreshold=LOOSE, maxIters=1000, confidence=0.99
    )
    if matrix is None:
        return None
    kept = inside.ravel().astype(bool)
    if kept.sum() < LEAST_MATCHES:
        return None
    return np.asarray(matrix, np.float64), sources[kept], kept


def _laid(grey: NDArray[np.uint8], matrix: NDArray[np.float64], sources: Plane) -> Candidate | None:
    """The photo laid upon itself: the part around the most matches in which it agrees."""
    scale, turn = np.hypot(matrix[0, 0], matrix[1, 0]), np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    if not SCALES[0] < scale < SCALES[1]:
        return None
    here = grey.astype(np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(here, matrix, here.shape[::-1], flags=flags, borderValue=-1000)
    inside = moved > -1
    there = np.where(inside, moved, 0).astype(np.float32)
    same, offsets = _agreeing(here, there)
    opened = cv2.morphologyEx((same & inside).astype(np.uint8), cv2.MORPH_OPEN, _OPENING)
    count, labels = cv2.connectedComponents(opened)
    x, y = (np.clip(sources[:, axis].round().astype(int), 0, here.shape[1 - axis] - 1) for axis in (0, 1))
    hits = np.bincount(labels[y, x], minlength=count)
    hits[0] = 0
    part = int(hits.argmax())
    if hits[part] < LEAST_MATCHES - 1:
        return None
    at = labels == part
    difference = (here - there)[at]
    contrast, spread, uneven = float(here[at].std()), float(difference.std()), float(offsets[at].std())
    figures = np.zeros(len(FIGURES), np.float32)
    _set(figures, matches=hits[part], group=len(sources), area=at.mean(), detail=_detail(here, there, at))
    _set(figures, difference=spread, offset=abs(difference.mean()), unevenness=uneven, contrast=contrast)
    _set(
        figures, scaling=abs(np.log(scale)), turning=abs(turn), difference_of_contrast=spread / (contrast + 3)
    )
    _set(figures, unevenness_of_contrast=uneven / (contrast + 3), matches_of_group=hits[part] / len(sources))
    return Candidate(at, matrix, figures)


def _agreeing(here: Plane, there: Plane) -> tuple[NDArray[np.bool_], Plane]:
    """(where windows of both agree, by how many grey levels their means differ): bool and float32 [h,w]."""

    def mean(plane: Plane) -> Plane:
        return np.asarray(cv2.boxFilter(plane, -1, (WINDOW, WINDOW)), np.float32)

    one, two = mean(here), mean(there)
    of_one, of_two = mean(here * here) - one * one, mean(there * there) - two * two
    together = mean(here * there) - one * two
    offsets = one - two
    plain = np.minimum(of_one, of_two) <= PLAIN
    correlation = together / np.sqrt(np.maximum(of_one, 2) * np.maximum(of_two, 2))
    same = np.where(plain, np.abs(offsets) < SAME, correlation > ALIKE) & (np.abs(offsets) < OFF)
    return same, offsets


def _detail(here: Plane, there: Plane, at: NDArray[np.bool_]) -> float:
    """Correlation of fine detail inside a part."""
    fine = [(one - cv2.GaussianBlur(one, (0, 0), _FINE))[at] for one in (here, there)]
    if min(one.std() for one in fine) == 0:
        return 0.0
    return float(np.corrcoef(fine[0], fine[1])[0, 1])


def _telling(figures: NDArray[np.float32]) -> float:
    """Of several parts, which is to be judged: matches, fine detail, and the same light."""
    matches, detail, offset, uneven = (
        figures[FIGURES.index(name)] for name in ("matches", "detail", "offset", "unevenness")
    )
    return float(np.log1p(matches) * max(0.0, detail) / (1 + 0.3 * offset + 0.2 * uneven))


def _set(figures: NDArray[np.float32], **values: float | np.floating[Any] | np.integer[Any]) -> None:
    for name, value in values.items():
        figures[FIGURES.index(name)] = value


def _box(mask: NDArray[np.bool_]) -> Box:
    """Around a mask; of nothing, nothing."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return (0, 0, 0, 0)
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
