"""What a part that is there twice (`model.photo.copy_move`) changes of a photo's probability, kinds and maps.

The network looks for traces of generators and hardly sees a copy, so the two are taken for witnesses of different
manipulations: manipulated photos are a mixture of both, and the odds that each gives are added. The part says that
somebody copied, not who and why: retouchers continue a background so. It therefore raises doubt and never reaches the
threshold of `fake`, whose bound is counted on the network's odds alone.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.model.names import Kind
from refundlens.model.network import pooling
from refundlens.model.photo.copy_move import CopyMove, copy_forest

SHARE = 0.2
"""Of manipulated photos, those that are taken to have a part copied within them. Nobody knows a service's own share;
with this one a part alone makes a probability of 0.94, which is doubt and sounds like it."""

Map = NDArray[np.float32]


@dataclass(frozen=True)
class Traces:
    """What the pixels of a photo show. probability: that they were manipulated. kinds: how the probability is shared
    among the kinds of manipulation. heat: float32 [h,w], a cell per 8 pixels. trace: the same before it is held under
    the probability."""

    probability: float
    kinds: dict[Kind, float]
    heat: Map
    trace: Map


def network_traces(scores: pooling.Scores, probability: float) -> Traces:
    """What the network alone found."""
    kinds = {kind: probability * share for kind, share in pooling.fake_shares(scores).items()}
    return Traces(probability, kinds, pooling.heat(scores, probability), pooling.trace_map(scores))


def with_copy(found: Traces, twice: CopyMove, threshold: float | None) -> Traces:
    """The same with a part that is there twice; no probability falls. threshold: probability from which the photo's
    condition is `fake`; a photo below stays below. None where nothing is."""
    added = SHARE * copy_forest().ratio
    own = _odds(found.probability)
    most = 1.0
    if threshold is not None and found.probability < threshold:
        most = math.nextafter(threshold, 0)
    raised, copied = (min(odds / (1 + odds), most) for odds in (own + added, added))
    probability, part = max(found.probability, raised), added / (own + added)
    kinds = {
        kind: probability * (1 - part) * share / max(found.probability, 1e-12)
        for kind, share in found.kinds.items()
    }
    kinds["photoshopped"] += probability * part
    heat = _marked(found.heat, twice, copied)
    # the place is known: what the network doubts elsewhere stays under its own probability in both maps
    return Traces(probability, kinds, heat, heat)


def _odds(probability: float) -> float:
    return probability / max(1 - probability, 1e-12)


def _marked(heat: Map, twice: CopyMove, copied: float) -> Map:
    """Both places at least as probable as the copied part."""
    cells = cv2.resize(twice.mask.astype(np.float32), heat.shape[::-1], interpolation=cv2.INTER_AREA)
    return np.where(cells > 0.5, np.maximum(heat, np.float32(copied)), heat)
