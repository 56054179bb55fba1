"""By what an evaluation is cut: which values each scored row has in every dimension.

In: scored rows of a dataset. Out: for each dimension, a function from a row to the values it counts for (none, one
or several). `training.evaluation.slices` cuts and measures.
"""

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from refundlens.datasets.row import Row
from refundlens.model.detection import Conditions
from refundlens.model.names import Kind, Verdict
from refundlens.training.evaluation.metrics import PixelCounts

Values = Callable[["Scored"], Iterable[str]]
"""Which values of a dimension a row counts for."""
SIZES = (720, 1280)
"""Long side in pixels that parts small, medium and large: what messengers send, and what shops ask for."""
QUALITIES = (75, 90)
"""JPEG quality that parts strong, usual and light compression."""
CROSSED = (
    "kind and defect",
    "kind and collection",
    "generator and delivery",
    "defect and delivery",
    "collection and delivery",
)
"""Dimensions that cross two others: many slices, so that only those with enough rows are kept."""


@dataclass(frozen=True)
class Scored:
    """One row of a dataset and what the detector said of it.

    kind: the four probabilities. pixel: counts of the manipulated map against the mask at threshold 0.5,
    None where nobody knows the mask. defect_pixel: the same for the map of defects. conditions: as
    estimated from the file. bound: the stated bound on false accusations, None where the file's condition has
    none. best_f1: of the manipulated map, had someone known where to cut it; nan where nobody knows the mask.
    """

    row: Row
    probability: float
    verdict: Verdict
    kind: dict[Kind, float]
    pixel: PixelCounts | None
    defect_pixel: PixelCounts | None
    conditions: Conditions
    bound: float | None = None
    best_f1: float = math.nan


def delivery_of(scored: Scored) -> str:
    """Name of the chain that the row was sent through."""
    return str(scored.row.delivery.get("name", "unnamed"))


def _size(scored: Scored) -> str:
    side = scored.conditions.long_side
    reached = [edge for edge in SIZES if side <= edge]
    return f"up to {reached[0]} px" if reached else f"over {SIZES[-1]} px"


def _quality(scored: Scored) -> str:
    quality = scored.conditions.jpeg_quality
    if quality is None:
        return "not JPEG"
    reached = [edge for edge in QUALITIES if quality <= edge]
    return f"JPEG up to {reached[0]}" if reached else f"JPEG over {QUALITIES[-1]}"


def _source(scored: Scored) -> str:
    """Which sort of photo an authentic row is: with real damage, processed harmlessly, or plain."""
    row = scored.row
    return "real defect" if row.real_defect else "benign processing" if row.benign else "plain photo"


def _collection(scored: Scored) -> str | None:
    """The collection a photo came from: what stands before the colon of its group."""
    before, colon, _ = scored.row.group.partition(":")
    return before if colon else None


def _crossed(first: Callable[[Scored], str | None], second: Callable[[Scored], str | None]) -> Values:
    """Values of two dimensions together, where a row has both."""

    def values(scored: Scored) -> list[str]:
        both = [first(scored), second(scored)]
        return [", ".join(one for one in both if one)] if all(both) else []

    return values


def _fake(value: Callable[[Scored], str | None]) -> Values:
    """Values of manipulated rows only."""
    return lambda scored: [found] if scored.row.label == 1 and (found := value(scored)) else []


def _authentic(value: Callable[[Scored], str | None]) -> Values:
    """Values of authentic rows only."""
    return lambda scored: [found] if scored.row.label == 0 and (found := value(scored)) else []


def _operations(scored: Scored) -> list[str]:
    """Harmless operations done to an authentic row; a row with several counts for each."""
    if scored.row.label:
        return []
    return sorted({str(step.get("operation", "unnamed")) for step in scored.row.benign})


def dimensions(trained: Collection[str] | None = None) -> dict[str, Values]:
    """Every dimension by name, in the order of a report.

    trained: the generators of the training split, to tell seen from never seen; None leaves that out.
    """

    def seen(scored: Scored) -> str | None:
        if trained is None or scored.row.generator is None:
            return None
        return f"{scored.row.kind}, {'seen' if scored.row.generator in trained else 'never seen'} in training"

    return {
        "overall": lambda scored: ["all"],
        "kind": lambda scored: [scored.row.kind],
        "generator seen": _fake(seen),
        "generator": _fake(lambda scored: scored.row.generator),
        "defect": _fake(lambda scored: scored.row.defect),
        "delivery": lambda scored: [delivery_of(scored)],
        "kind and delivery": _fake(lambda scored: f"{scored.row.kind}, {delivery_of(scored)}"),
        "size": lambda scored: [_size(scored)],
        "compression": lambda scored: [_quality(scored)],
        "content": lambda scored: [scored.row.content] if scored.row.content else [],
        "source": _authentic(_source),
        "real defect": _authentic(lambda scored: scored.row.real_defect),
        "benign operation": _operations,
        "collection": lambda scored: [found] if (found := _collection(scored)) else [],
        "kind and defect": _crossed(lambda scored: scored.row.kind, lambda scored: scored.row.defect),
        "kind and collection": _crossed(lambda scored: scored.row.kind, _collection),
        "generator and delivery": _crossed(lambda scored: scored.row.generator, delivery_of),
        "defect and delivery": _crossed(lambda scored: scored.row.defect, delivery_of),
        "collection and delivery": _crossed(_collection, delivery_of),
    }
