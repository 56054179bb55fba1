"""The replicas of `refundlens serve --engine ray`: a Ray Serve deployment that runs batches.

`refundlens deploy ray` writes a configuration that names `app` here; RefundLens must be installed on the cluster's
nodes. Bundles are brought by those who ask: a replica that does not have one yet takes it out of Ray's object store, so
that a new model needs no deployment, and a replica that was started anew heals itself.
"""

from collections import OrderedDict
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray import serve

from refundlens.model.bundle import Bundle, as_file, load
from refundlens.serving.remote.batches import Logits
from refundlens.serving.remote.ray_config import DEPLOYMENT

MOST_MODELS = 3
"""Bundles that a replica holds: the old one and the new one while models are changed, and a challenger."""


@serve.deployment(name=DEPLOYMENT)
class Scorer:
    """One replica: an ONNX Runtime session for each bundle, on the share of a GPU that Ray gave it, or one thread."""

    def __init__(self) -> None:
        self._models: OrderedDict[str, Bundle] = OrderedDict()

    def score(self, sha256: str, bundle: list[Any], tiles: NDArray[np.uint8]) -> Logits:
        """bundle: the reference of its bytes, in a list, so that Ray fetches it only where it is wanted."""
        if sha256 not in self._models:
            with as_file(np.asarray(ray.get(bundle[0])).tobytes()) as path:
                self._models[sha256] = load(path, threads=1)
            while len(self._models) > MOST_MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(sha256)
        return self._models[sha256].run(tiles)


app: Any = Scorer.bind()  # type: ignore[attr-defined]
