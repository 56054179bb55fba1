"""One delivered picture through the whole detector: what it said, and how its maps lie on what is known.

In: a file's bytes and masks. Out: a `Reading`, from the store where the same bytes were judged before.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

import refundlens.model
from refundlens.model.detection import Conditions, Detection, ModelName
from refundlens.model.names import Kind, Verdict
from refundlens.model.network import pooling
from refundlens.training.evaluation import metrics
from refundlens.training.evaluation.metrics import PixelCounts, best_threshold_f1, pixel_f1, roc_auc
from refundlens.training.evaluation.suite.store import Store, code_of, digest

MaskName = Literal["edit", "defect", "object"]
"""edit: pixels that are no longer the camera's. defect: pixels of a painted defect, compared with the map of defects.
object: pixels of the product, compared with the map of edits on cells that nobody edited."""
Masks = Mapping[MaskName, NDArray[np.float32]]
"""Masks of the delivered picture, float32 [H,W], 0 to 1."""
INSIDE = 0.5
"""Share of a map's cell that a mask must cover for the cell to lie inside it."""


class Detects(Protocol):
    """What the suite asks of a detector (`model.detect.Detector`)."""

    @property
    def name(self) -> ModelName: ...

    def detect(self, data: bytes) -> Detection: ...


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class MapReading(_Frozen):
    """How a map lies on a mask.

    counts: pixels (found, wrongly marked, missed) at 0.5. best_f1: F1 had someone known where to cut; None for an empty
    mask. inside, outside: mean of the map's cells. auc: how often a cell inside is hotter than one outside; None where
    one side has no cell.
    """

    counts: tuple[int, int, int]
    best_f1: float | None
    inside: float | None
    outside: float | None
    auc: float | None

    @property
    def pixels(self) -> PixelCounts:
        return PixelCounts(*self.counts)


class Reading(_Frozen):
    """What the detector said of one delivered picture."""

    probability: float
    verdict: Verdict
    bound: float | None
    kind: dict[Kind, float]
    conditions: Conditions
    maps: dict[MaskName, MapReading]


class Reader:
    """Judges delivered pictures, each once. May be called from many threads."""

    def __init__(self, detector: Detects, store: Store) -> None:
        self.detector = detector
        self.store = store
        self._basis = digest([detector.name.sha256, _code()])

    @property
    def basis(self) -> str:
        """What every result rests on: the model's file and the code that reads it."""
        return self._basis

    def read(self, data: bytes, masks: Masks | None = None) -> Reading:
        """Judge a file. Raises model.photo.image.ImageError for one that cannot be judged."""
        known = dict(masks or {})
        parts = [self._basis, data, *(part for name, mask in sorted(known.items()) for part in (name, mask))]
        value = self.store.remember(parts, lambda: self._judge(data, known).model_dump(mode="json"))
        return Reading.model_validate(value)

    def _judge(self, data: bytes, masks: Masks) -> Reading:
        found = self.detector.detect(data)
        return Reading(
            probability=found.probability,
            verdict=found.verdict,
            bound=found.false_accusation_bound,
            kind=found.kind,
            conditions=found.conditions,
            maps={name: _map(name, masks, found) for name in masks},
        )


@cache
def _code() -> str:
    """The code that a result rests on, as it was when this process first asked: what is edited later does not run."""
    measured_by = [Path(file).read_bytes() for file in (__file__, metrics.__file__)]
    return digest([code_of(Path(refundlens.model.__file__).parent), *measured_by])


def _map(name: MaskName, masks: Masks, found: Detection) -> MapReading:
    heat, mask = found.defectmap if name == "defect" else found.tracemap, masks[name]
    large = pooling.enlarge(heat, *mask.shape)
    inside = _cells(mask, heat.shape) >= INSIDE
    outside = _cells(mask, heat.shape) == 0
    if name == "object":  # what was edited is hot wherever it lies: ask about the rest
        untouched = _cells(masks["edit"], heat.shape) == 0 if "edit" in masks else np.ones(heat.shape, bool)
        inside, outside = inside & untouched, outside & untouched
    counts = pixel_f1(mask, large)
    best, _ = best_threshold_f1(mask, large)
    both = bool(inside.any() and outside.any())
    cells = np.concatenate([heat[inside], heat[outside]])
    labels = np.repeat([1, 0], [int(inside.sum()), int(outside.sum())])
    return MapReading(
        counts=(counts.true_positives, counts.false_positives, counts.false_negatives),
        best_f1=None if np.isnan(best) else best,
        inside=float(heat[inside].mean()) if inside.any() else None,
        outside=float(heat[outside].mean()) if outside.any() else None,
        auc=roc_auc(labels, cells) if both else None,
    )


def _cells(mask: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Share of each cell of a map that the mask covers, float32 of the map's shape."""
    return np.asarray(cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32)
