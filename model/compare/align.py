"""Lays one photo over another of the same picture: where each pixel of the one lies in the other.

In: RGB pixels of a reference and of a photo. Out: an `Alignment`, or None where no common layout is found.

Local features (SIFT, Lowe 2004) say which places may correspond; a robust fit (MAGSAC, Barath et al. 2020) says
which of them agree on one affine map, and fits that to all of them: to a third of a pixel, on photos cut, reduced
and compressed. An affine map is all that resizing and cropping do; another shot needs more, and is told by what the
map leaves over.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Map = NDArray[np.float64]
"""[2,3]: (x, y) of the photo from (x, y, 1) of the reference, in pixels of each as given; centres lie on whole
numbers."""

SIDE = 512
"""Longest side, in pixels, at which features are looked for: details of a crop to a third are still found."""
FEATURES = 1000
CONTRAST = 0.01
"""Under which SIFT drops a feature; a quarter of its usual value: of plain goods, 0.02 left too few."""
RATIO = 0.85
"""A feature's nearest match counts if it is that much nearer than the second (Lowe's test, with the weaker bound that
a robust fit allows)."""
LEAST_AGREEING = 12
"""Matches that must agree on the map: three make one, chance adds one or two among those of different photos."""
WITHIN = 2.0
"""Pixels at SIDE by which a match may miss the map."""
NEAR = 4.0
"""Pixels at SIDE by which a match may miss the map and still tell of perspective, which grows towards the corners."""
ROUNDS = 8
"""Of reweighting; see `tone`."""
_TUKEY = 3.5
"""Deviations beyond which a match weighs nothing."""
_LEAST_MISS = 0.15
"""Pixels at SIDE: no match is nearer than that but by chance."""
SURE = 5.0
"""How many times what chance gives a perspective must be to be believed: of the 620 copies that
`training.references.measure --photos 90` makes none is."""


@dataclass(frozen=True)
class Alignment:
    """matrix: see `Map`. mirrored: the map is of the reference's mirror image. agreeing: matches that agree.
    share: of all matches. miss: their median distance from the map, in pixels at SIDE. perspective: pixels at SIDE by
    which a corner lies elsewhere than an affine map has it, as far as that is more than chance, else 0: no copy has
    any, a camera that stood elsewhere does."""

    matrix: Map
    mirrored: bool
    agreeing: int
    share: float
    miss: float
    perspective: float

    @property
    def turn(self) -> float:
        """Degrees by which the reference is turned."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))


@dataclass(frozen=True)
class _Features:
    """points float32 [n,2] in pixels at the reduced size; descriptors float32 [n,128]; scale: of that size."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    scale: float


def align(reference: Pixels, photo: Pixels) -> Alignment | None:
    """The reference laid over the photo; of the reference as it is and its mirror image, the one that fits."""
    there = _features(photo)
    upright = _fit(_features(reference), there)
    if upright is not None:
        return _alignment(upright, there, mirrored=False)
    turned = _fit(_features(np.ascontiguousarray(reference[:, ::-1])), there)
    return None if turned is None else _alignment(turned, there, mirrored=True)


@dataclass(frozen=True)
class _Fit:
    """A map between the reduced pictures."""

    matrix: Map
    reference: _Features
    agreeing: int
    share: float
    miss: float
    perspective: float


def _features(pixels: Pixels) -> _Features:
    scale = min(SIDE / max(pixels.shape[:2]), 1.0)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    sift = cv2.SIFT.create(nfeatures=FEATURES, contrastThreshold=CONTRAST)
    points, described = sift.detectAndCompute(grey, None)
    descriptors = np.zeros((0, 128), np.float32) if described is None else np.asarray(described, np.float32)
    places = np.array([point.pt for point in points], np.float32).reshape(-1, 2)
    return _Features(places, descriptors, scale)


def _fit(reference: _Features, photo: _Features) -> _Fit | None:
    if min(len(reference.points), len(photo.points)) < LEAST_AGREEING:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(reference.descriptors, photo.descriptors, k=2)
    good = [first for first, second in pairs if first.distance < RATIO * second.distance]
    if len(good) < LEAST_AGREEING:
        return None
    here = reference.points[[match.queryIdx for match in good]]
    there = photo.points[[match.trainIdx for match in good]]
    cv2.setRNGSeed(0)  # the same photos give the same map
    found, inside = cv2.estimateAffine2D(
        here, there, method=cv2.USAC_MAGSAC, ransacReprojThreshold=WITHIN, maxIters=5000, confidence=0.9999
    )
    if found is None:
        return None
    matrix = np.asarray(found, np.float64)
    if not _sensible(matrix):
        return None
    agreeing = inside.ravel().astype(bool)
    distinct = len(np.unique(np.rint(there[agreeing]), axis=0))
    if distinct < LEAST_AGREEING:
        return None
    miss = np.hypot(*(here[agreeing] @ matrix[:, :2].T + matrix[:, 2] - there[agreeing]).T)
    bent = _perspective(here, there, matrix)
    return _Fit(matrix, reference, distinct, float(agreeing.mean()), float(np.median(miss)), bent)


def _perspective(here: NDArray[np.float32], there: NDArray[np.float32], matrix: Map) -> float:
    """See `Alignment.perspective`. What the matches, float32 [n,2] each, miss the map by is fitted as a perspective
    beside an affine map of its own, robustly, and held against what a match misses that fit by."""
    placed = here @ matrix[:, :2].T + matrix[:, 2]
    missed = there - placed
    near = np.hypot(*missed.T) < NEAR
    (x, y), missed = placed[near].T / (SIDE / 2) - 1, missed[near]
    none, one = np.zeros_like(x), np.ones_like(x)
    across = np.stack([one, x, y, none, none, none, x * x, x * y], 1)
    down = np.stack([none, none, none, one, x, y, x * y, y * y], 1)
    terms, wanted = np.concatenate([across, down]), missed.T.ravel()
    weights = np.ones(len(wanted))
    factors, left = np.zeros(terms.shape[1]), wanted
    ridge = 1e-6 * len(wanted) * np.eye(terms.shape[1])
    for _ in range(ROUNDS):
        weighed = terms * weights[:, None]
        factors = np.linalg.solve(weighed.T @ terms + ridge, weighed.T @ wanted)
        left = wanted - terms @ factors
        far = np.hypot(*left.reshape(2, -1))
        spread = max(1.2 * float(np.median(far)), _LEAST_MISS)
        weights = np.tile(np.square(np.clip(1 - np.square(far / (_TUKEY * spread)), 0, 1)), 2)
    freedom = weights.sum() - terms.shape[1]
    if freedom < LEAST_AGREEING:
        return 0.0
    spread_of = np.linalg.inv((terms * weights[:, None]).T @ terms + ridge)
    spread_of *= (weights * np.square(left)).sum() / freedom
    bent = factors[-2:]
    times = float(np.sqrt(bent @ np.linalg.solve(spread_of[-2:, -2:], bent) / 2))
    return float(np.abs(bent).sum() * np.sqrt(2)) if times >= SURE else 0.0


def _sensible(matrix: Map) -> bool:
    """Whether a map keeps a picture a picture: neither squeezed to a line nor turned inside out."""
    large, small = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return bool(np.linalg.det(matrix[:, :2]) > 0 and small > 0.1 and large < 10 and large < 2 * small)


def _alignment(fit: _Fit, photo: _Features, mirrored: bool) -> Alignment:
    matrix = fit.matrix
    full = matrix.copy()
    full[:, :2] *= fit.reference.scale / photo.scale
    # centres of pixels keep their places between a picture and its reduced form
    half_here, half_there = (1 - 1 / fit.reference.scale) / 2, (1 - 1 / photo.scale) / 2
    full[:, 2] = matrix[:, 2] / photo.scale - half_there + full[:, :2] @ np.array([half_here, half_here])
    return Alignment(full, mirrored, fit.agreeing, fit.share, fit.miss, fit.perspective)
