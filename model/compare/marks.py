"""A small forest that tells a painted defect from a drawing, by a spot's figures.

In: the figures of `model.compare.spots`. Out: 0 to 1, the mean of the trees' votes. The trees lie in `marks.npz`,
made by `training.references.fit` from photos of the training split; read in pure NumPy.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refundlens.model.forest import Forest

FILE = Path(__file__).with_name("marks.npz")


@lru_cache(maxsize=1)
def forest() -> Forest:
    with np.load(FILE, allow_pickle=False) as stored:
        return Forest.read(stored)


def painted(figures: NDArray[np.float32]) -> float:
    """How much a spot of these figures looks painted, 0 to 1."""
    return forest().mean(figures)
