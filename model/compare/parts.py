"""Whether a part of the scene lies elsewhere in the photo than in the reference: then it is another shot, however well
the rest fits.

In: two pictures on one grid and where they differ. Out: the places in common that say so. A copy of one shot, whatever
was painted on it, keeps every part where it was; a stand takes second photos in which only what somebody moved lies
otherwise, and what such a photo shows may be a real defect. What was moved left its old place, so only features of
changed places are matched: content that an editor copied within the picture is still where it was copied from.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare.align import RATIO
from refundlens.model.compare.figures import Mask
from refundlens.model.compare.tone import Values

CHANGED = 1.8
"""Units of difference from which a place is no longer what it was."""
REACH = 6
"""Pixels around changed places that belong to them: a feature's own surroundings."""
CONTRAST = 0.01
WITHIN = 2.5
"""Pixels by which a match may miss the part's map."""
LEAST_MOVED = 4.0
"""Pixels by which a part lies elsewhere at least: more than a fit is off."""
AGREEING = 6
"""Matches that must agree on one map of a part."""
SIZES = (0.75, 1.33)
"""Times its size that a part may have: it was moved on the table, not towards the camera."""


def moved_places(units: Values, reference: Values, photo: Values) -> int:
    """units float32 [h,w]; both pictures float32 [h,w,3]. How many places of one part lie elsewhere; 0 where no part
    does."""
    changed = _grown(units >= CHANGED, REACH)
    here, described_here = _features(reference, changed)
    there, described_there = _features(photo, changed)
    if min(len(here), len(there)) < AGREEING:
        return 0
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(described_there, described_here, k=2)
    good = [first for first, second in pairs if first.distance < RATIO * second.distance]
    start = here[[match.trainIdx for match in good]].reshape(-1, 2)
    end = there[[match.queryIdx for match in good]].reshape(-1, 2)
    apart = np.hypot(*(end - start).T) >= LEAST_MOVED
    return _agreeing(start[apart], end[apart])


def _features(picture: Values, within: Mask) -> tuple[Values, Values]:
    """(places float32 [n,2], descriptors float32 [n,128])."""
    grey = np.clip(np.rint(picture.mean(2)), 0, 255).astype(np.uint8)
    found, described = cv2.SIFT.create(contrastThreshold=CONTRAST).detectAndCompute(
        grey, within.astype(np.uint8)
    )
    if described is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    return np.array([point.pt for point in found], np.float32), np.asarray(described, np.float32)


def _agreeing(start: Values, end: Values) -> int:
    """The most distinct places that agree on one map of a part."""
    if len(start) < AGREEING:
        return 0
    cv2.setRNGSeed(0)  # the same photos give the same map
    found, inside = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=WITHIN, maxIters=5000, confidence=0.999
    )
    if found is None or not SIZES[0] < float(np.hypot(*found[:, 0])) < SIZES[1]:
        return 0
    fits = inside.ravel().astype(bool)
    count = min(_distinct(start[fits]), _distinct(end[fits]))
    return count if count >= AGREEING else 0


def _distinct(points: Values) -> int:
    return len(np.unique(np.rint(points), axis=0))


def _grown(mask: NDArray[np.bool_], by: int) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)) > 0
