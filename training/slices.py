"""Cut an evaluation into slices and measure each: no average may hide a generator, a defect, a messenger.

In: scored rows of a dataset. Out: one `Measured` a slice, plain numbers (`nan` where a number has no
meaning). A slice that holds one class only (a generator, a kind of real defect) is compared to every row of
the other class that was delivered the same way, so that compression never passes for detection.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from datasets.records import Row
from model.bounds import upper_bound
from model.detection import Conditions
from model.names import Kind, Verdict
from training.metrics import (
    ROUNDS,
    PixelCounts,
    bootstrap_interval,
    brier,
    expected_calibration_error,
    roc_auc,
    tpr_at_fpr,
)

SIZES = (720, 1280)
"""Long side in pixels that parts small, medium and large: what messengers send, and what shops ask for."""
QUALITIES = (75, 90)
"""JPEG quality that parts strong, usual and light compression."""
FALSE_POSITIVE_RATES = (0.01, 0.037, 0.05)
"""Rates at which the share of fakes found is stated: 1 % is our limit, 5 % the papers' habit, and at 3.7 %
the best open detector of refund photos was measured (TPR 0.78), so that figures can be set side by side."""


@dataclass(frozen=True)
class Scored:
    """One row of a dataset and what the detector said of it.

    kind: the four probabilities. pixel: counts of the manipulated map against the mask at threshold 0.5,
    None where nobody knows the mask. defect_pixel: the same for the map of defects. conditions: as
    estimated from the file.
    """

    row: Row
    probability: float
    verdict: Verdict
    kind: dict[Kind, float]
    pixel: PixelCounts | None
    defect_pixel: PixelCounts | None
    conditions: Conditions


@dataclass(frozen=True)
class Slice:
    """Rows that share a value, and those of the class they lack to compare with, from the same deliveries."""

    dimension: str
    value: str
    rows: tuple[Scored, ...]
    against: tuple[Scored, ...]


@dataclass(frozen=True)
class Measured:
    """The figures of one slice. Rates 0 to 1; `nan` where undefined.

    photos, rows, called_*, pixel_*: of the slice's own rows. auc, tpr_*, ece, brier: with the rows compared
    to. pixel_f1: mean over manipulated pictures; pixel_f1_pooled: of all their pixels together (large edits
    weigh more). authentic_photos, accused_photos: source photos with an authentic row, and those with one
    called fake; accusation_bound: the 95 % upper confidence bound on that rate (Clopper-Pearson).
    """

    dimension: str
    value: str
    photos: int
    rows: int
    compared_rows: int
    auc: float
    auc_low: float
    auc_high: float
    tpr_at_1: float
    tpr_at_3_7: float
    tpr_at_5: float
    ece: float
    brier: float
    pixel_f1: float
    pixel_f1_pooled: float
    defect_f1: float
    called_fake: float
    called_inconclusive: float
    called_authentic: float
    authentic_photos: int
    accused_photos: int
    accusation_bound: float


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


def _fake(value: Callable[[Scored], str | None]) -> Callable[[Scored], Iterable[str]]:
    """Values of manipulated rows only."""
    return lambda scored: [found] if scored.row.label == 1 and (found := value(scored)) else []


def _authentic(value: Callable[[Scored], str | None]) -> Callable[[Scored], Iterable[str]]:
    """Values of authentic rows only."""
    return lambda scored: [found] if scored.row.label == 0 and (found := value(scored)) else []


def _operations(scored: Scored) -> list[str]:
    """Harmless operations done to an authentic row; a row with several counts for each."""
    if scored.row.label:
        return []
    return sorted({str(step.get("operation", "unnamed")) for step in scored.row.benign})


def _dimensions(trained: Collection[str] | None) -> dict[str, Callable[[Scored], Iterable[str]]]:
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
    }


def _against(rows: Sequence[Scored], everything: Sequence[Scored]) -> tuple[Scored, ...]:
    """Rows of the class that `rows` lack, from the deliveries `rows` went through; none if both are there."""
    labels = {scored.row.label for scored in rows}
    deliveries = {delivery_of(scored) for scored in rows}
    if len(labels) == 2:
        return ()
    return tuple(s for s in everything if s.row.label not in labels and delivery_of(s) in deliveries)


def slices(scored: Sequence[Scored], trained_generators: Collection[str] | None = None) -> list[Slice]:
    """All slices, dimension by dimension, values in alphabetical order.

    trained_generators: the generators of the training split, to tell seen from never seen; None leaves that
    out.
    """
    found = []
    for dimension, values_of in _dimensions(trained_generators).items():
        members: dict[str, list[Scored]] = {}
        for one in scored:
            for value in values_of(one):
                members.setdefault(value, []).append(one)
        for value in sorted(members):
            rows = members[value]
            found.append(Slice(dimension, value, tuple(rows), _against(rows, scored)))
    return found


def pixel_f1s(rows: Iterable[Scored]) -> tuple[float, float]:
    """(mean F1 a picture, F1 of all pixels pooled) over rows that have something to find; nan without any."""
    counts = [s.pixel for s in rows if s.pixel and s.pixel.true_positives + s.pixel.false_negatives]
    if not counts:
        return math.nan, math.nan
    return float(np.mean([one.f1 for one in counts])), sum(counts, PixelCounts(0, 0, 0)).f1


def accusations(rows: Iterable[Scored]) -> tuple[int, int]:
    """(source photos with an authentic row, those of them with an authentic row called fake)."""
    authentic = [scored for scored in rows if scored.row.label == 0]
    accused = {scored.row.source for scored in authentic if scored.verdict == "fake"}
    return len({scored.row.source for scored in authentic}), len(accused)


def _share(rows: Sequence[Scored], verdict: str) -> float:
    return sum(scored.verdict == verdict for scored in rows) / len(rows)


def measure(part: Slice, rounds: int = ROUNDS, seed: int = 0) -> Measured:
    """The figures of one slice, which must have rows. Intervals draw source photos, not their variants."""
    compared = [*part.rows, *part.against]
    labels = np.array([scored.row.label for scored in compared])
    said = np.array([scored.probability for scored in compared])
    low, high = bootstrap_interval(
        roc_auc, [scored.row.source for scored in compared], labels, said, rounds=rounds, seed=seed
    )
    tpr_1, tpr_3_7, tpr_5 = (tpr_at_fpr(labels, said, rate) for rate in FALSE_POSITIVE_RATES)
    f1, f1_pooled = pixel_f1s(part.rows)
    defects = [scored.defect_pixel for scored in part.rows if scored.defect_pixel]
    photos, accused = accusations(part.rows)
    return Measured(
        dimension=part.dimension,
        value=part.value,
        photos=len({scored.row.source for scored in part.rows}),
        rows=len(part.rows),
        compared_rows=len(part.against),
        auc=roc_auc(labels, said),
        auc_low=low,
        auc_high=high,
        tpr_at_1=tpr_1,
        tpr_at_3_7=tpr_3_7,
        tpr_at_5=tpr_5,
        ece=expected_calibration_error(labels, said),
        brier=brier(labels, said),
        pixel_f1=f1,
        pixel_f1_pooled=f1_pooled,
        defect_f1=sum(defects, PixelCounts(0, 0, 0)).f1,
        called_fake=_share(part.rows, "fake"),
        called_inconclusive=_share(part.rows, "inconclusive"),
        called_authentic=_share(part.rows, "authentic"),
        authentic_photos=photos,
        accused_photos=accused,
        accusation_bound=upper_bound(accused, photos) if photos else math.nan,
    )


def table(parts: Sequence[Slice], rounds: int = ROUNDS, seed: int = 0) -> list[Measured]:
    """One `Measured` a slice, in order."""
    return [measure(part, rounds, seed) for part in parts]
