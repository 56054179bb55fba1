"""A small forest that tells a painted defect from a drawing, by a spot's figures.

In: the figures of `model.compare.spots`. Out: 0 to 1, the mean of the trees' votes. The trees lie in `marks.npz`,
made by `training.references.fit` from photos of the training split; read in pure NumPy.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("marks.npz")
LEAF = 255
"""In `feature`: a node that asks nothing more."""


@dataclass(frozen=True)
class Forest:
    """Nodes of all trees in one row. feature: uint8 [n], which figure a node asks for, LEAF at the end. threshold:
    float32 [n]; at or under it the way leads to `left`, else to `right`: uint16 [n], counted from the tree's root.
    share: float32 [n], of painted spots at that node. roots: int32 [trees]."""

    feature: NDArray[np.uint8]
    threshold: NDArray[np.float32]
    left: NDArray[np.uint16]
    right: NDArray[np.uint16]
    share: NDArray[np.float32]
    roots: NDArray[np.int32]

    def mean(self, figures: NDArray[np.float32]) -> float:
        """The mean share over the trees, of one spot's figures [n]."""
        node = self.roots.astype(np.int64)
        while True:
            asked = self.feature[node]
            open_ = asked != LEAF
            if not open_.any():
                return float(self.share[node].mean())
            value = figures[np.where(open_, asked, 0)]
            onward = np.where(value <= self.threshold[node], self.left[node], self.right[node])
            node = np.where(open_, self.roots + onward, node)


@lru_cache(maxsize=1)
def forest() -> Forest:
    with np.load(FILE, allow_pickle=False) as stored:
        return Forest(**{name: stored[name] for name in Forest.__dataclass_fields__})


def painted(figures: NDArray[np.float32]) -> float:
    """How much a spot of these figures looks painted, 0 to 1."""
    return forest().mean(figures)
