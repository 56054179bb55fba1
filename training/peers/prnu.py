"""prnu 0.1.0 (GPL-3.0): a ResNet-18 on the multiplicative noise residual of the middle 512 x 512 pixels.

Its own API, weights and preprocessing, unchanged. It reads files only, so the bytes go through the system's
temporary folder. GPL code that we neither copy nor pass on: whoever wants the comparison installs it.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refundlens.training.peers.base import load

INSTALL = "pip install --no-deps prnu==0.1.0 && pip install scikit-learn"


@contextmanager
def _logging_kept() -> Iterator[None]:
    """The package replaces the root logger's handlers when it is imported; they are ours to choose."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


class PrnuResnet:
    """The probability of prnu's ai_predictor; it has no map."""

    name = "prnu"

    def __init__(self) -> None:
        with _logging_kept():
            predictor = load("prnu.ai_predictor", self.name, INSTALL)
        self._model = predictor.Model()
        if not self._model.load():
            raise FileNotFoundError(f"{self._model.model_path}: the weights of prnu are missing; {INSTALL}")

    def score(self, data: bytes) -> float | None:
        """Probability from 0 to 1; None for pictures under 512 pixels a side and formats OpenCV cannot read."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture"
            path.write_bytes(data)
            with np.errstate(all="ignore"):  # its Wiener filter divides by the variance of flat areas
                probability = self._model.predict(str(path))
        return None if probability is None else float(probability)

    def heatmap(self, data: bytes) -> NDArray[np.float32] | None:
        """None: it says nothing about where."""
        return None
