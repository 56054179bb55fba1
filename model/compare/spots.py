"""The places where two aligned photos differ, and whether each looks drawn (text, arrows, stickers, stamps) or
painted.

In: the map of difference and both pictures on its grid. Out: `Spot`s. People draw on photos in good faith: a spot is
described by figures that tell a drawing (one ink, sharp edges, thin strokes, many parts in a row) from a defect
(shading, the goods' own texture, a soft edge), and a small forest (`marks`) weighs them.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare import marks
from refundlens.model.compare.figures import Mask, describe_spot, surrounded
from refundlens.model.compare.tone import Values

STRONG, WEAK = 3.0, 1.8
"""Units of difference at which a spot begins, and down to which it reaches. Filters leave such places, too: the forest
knows them."""
PLAIN = 5.0
"""Units at which anybody sees that something is there: a fainter spot counts only where it looks painted."""
FAINT = 0.5
"""How much it has to, as `Spot.painted`."""
LEAST_SHARE = 2e-4
"""Share of the compared picture that a spot has at least: 40 pixels of the grid."""
LEAST_PIXELS = 12
GAP = 5
"""Pixels between parts that make one spot: the letters of a line, the drops of a splash."""
SURROUNDED = 0.85
"""Share of a spot's border that must be the same scene before a spot counts as added to it: at the border of what
both show, a collage or a frame begins."""
UNSURE = 0.75
"""What a spot at the border comes to at most, under `reference.PAINTED`: it accuses nobody."""
LOOKED = 16
"""Spots described at most, the strongest: grain may leave hundreds."""
MOST = 8
"""Spots reported at most."""


@dataclass(frozen=True)
class Spot:
    """box: x0, y0, x1, y1 in pixels of the photo. share: of the compared picture. strength: mean units of the map.
    peak: its highest. painted: 0 to 1, how much it looks like a defect painted into the photo; a drawing comes near
    0."""

    box: tuple[int, int, int, int]
    share: float
    strength: float
    peak: float
    painted: float

    @property
    def told(self) -> bool:
        """Whether it is shown to anybody."""
        return self.peak >= PLAIN or self.painted >= FAINT


def find_spots(
    units: Values, reference: Values, photo: Values, shown: Mask, scale: tuple[float, float]
) -> tuple[Spot, ...]:
    """units float32 [h,w]; both pictures float32 [h,w,3]. shown: bool [h,w], what both show. scale: of the photo's
    own pixels to these, across and down. The likeliest painted first, faint ones that nobody is told of with them."""
    found, known = [], int(shown.sum())
    for mask in masks(units, known):
        rows, columns = np.nonzero(mask)
        left, right = columns.min() * scale[0], (columns.max() + 1) * scale[0]
        top, bottom = rows.min() * scale[1], (rows.max() + 1) * scale[1]
        painted = marks.painted(describe_spot(mask, units, reference, photo, shown))
        if surrounded(mask, shown) < SURROUNDED:
            painted = min(painted, UNSURE)
        box = (int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom)))
        here = units[mask]
        found.append(Spot(box, float(mask.sum() / known), float(here.mean()), float(here.max()), painted))
    return tuple(sorted(found, key=lambda spot: (-spot.painted, -spot.share)))


def masks(units: Values, known: int) -> list[Mask]:
    """The spots' pixels, bool [h,w] each: parts that are strong somewhere, near parts together. units float32 [h,w];
    known: pixels that are compared. The strongest first, LOOKED at most."""
    weak = units >= WEAK
    count, labels, stats, _ = cv2.connectedComponentsWithStats(weak.astype(np.uint8), connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= max(LEAST_PIXELS, LEAST_SHARE * known)
    kept &= _peaks(labels, count, units) >= STRONG
    kept[0] = False
    parts = kept[labels]
    joined = cv2.dilate(parts.astype(np.uint8), np.ones((2 * GAP + 1, 2 * GAP + 1), np.uint8))
    number, groups = cv2.connectedComponents(joined, connectivity=8)
    peaks = _peaks(np.where(parts, groups, 0), number, units)
    strongest = 1 + np.argsort(-peaks[1:], kind="stable")[:LOOKED]
    return [parts & (groups == group) for group in strongest]


def _peaks(labels: NDArray[Any], count: int, units: Values) -> Values:
    """The highest unit of each label: float32 [count]."""
    peaks = np.zeros(count, np.float32)
    np.maximum.at(peaks, np.asarray(labels, np.int64).ravel(), units.ravel())
    return peaks
