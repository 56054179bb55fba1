"""A small forest of decision trees, read in pure NumPy.

In: the figures of one thing. Out: 0 to 1, the mean of the trees' votes. `training.forest` packs scikit-learn's trees.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

LEAF = 255
"""In `feature`: a node that asks nothing more."""


@dataclass(frozen=True)
class Forest:
    """Nodes of all trees in one row. feature: uint8 [n], which figure a node asks for, LEAF at the end. threshold:
    float32 [n]; at or under it the way leads to `left`, else to `right`: uint16 [n], counted from the tree's root.
    share: float32 [n], of examples at that node that are what is looked for. roots: int32 [trees]."""

    feature: NDArray[np.uint8]
    threshold: NDArray[np.float32]
    left: NDArray[np.uint16]
    right: NDArray[np.uint16]
    share: NDArray[np.float32]
    roots: NDArray[np.int32]

    @classmethod
    def read(cls, stored: Mapping[str, NDArray[Any]]) -> Self:
        """From an open `.npz` file with an array for each field."""
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__})

    def mean(self, figures: NDArray[np.float32]) -> float:
        """The mean share over the trees, of figures [n]."""
        node = self.roots.astype(np.int64)
        while True:
            asked = self.feature[node]
            open_ = asked != LEAF
            if not open_.any():
                return float(self.share[node].mean())
            value = figures[np.where(open_, asked, 0)]
            onward = np.where(value <= self.threshold[node], self.left[node], self.right[node])
            node = np.where(open_, self.roots + onward, node)
