"""Cut an evaluation into slices and measure each: no average may hide a generator, a defect, a messenger.

In: scored rows of a dataset. Out: one `Measured` a slice, plain numbers (`nan` where a number has no
meaning). A slice that holds one class only (a generator, a kind of real defect) is compared to every row of
the other class that was delivered the same way, so that compression never passes for detection.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from refundlens.model.verdict.bounds import upper_bound
from refundlens.training.evaluation.dimensions import CROSSED, Scored, delivery_of, dimensions
from refundlens.training.evaluation.metrics import (
    ROUNDS,
    PixelCounts,
    balanced_accuracy,
    balancing_weights,
    bootstrap_interval,
    brier,
    expected_calibration_error,
    roc_auc,
    tpr_at_fpr,
)

__all__ = ["Measured", "Scored", "Slice", "delivery_of", "measure", "slices", "table"]

FALSE_POSITIVE_RATES = (0.01, 0.037, 0.05)
"""Rates at which the share of fakes found is stated: 1 % is our limit, 5 % the papers' habit, and at 3.7 %
the best open detector of refund photos was measured (TPR 0.78), so that figures can be set side by side."""
LEAST_CROSSED = 10
"""Source photos under which a slice of two crossed dimensions is left out: its interval would span half the scale."""


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
    weigh more). ece_balanced, balanced_accuracy: as if either class were half of the pictures, which is what the
    probability is stated for; the latter for the verdict fake. authentic_photos, accused_photos: source photos
    with an authentic row, and those with one called fake; accusation_bound: the 95 % upper confidence bound on
    that rate (Clopper-Pearson).
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
    ece_balanced: float
    balanced_accuracy: float
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


def _against(rows: Sequence[Scored], everything: Sequence[Scored]) -> tuple[Scored, ...]:
    """Rows of the class that `rows` lack, from the deliveries `rows` went through; none if both are there."""
    labels = {scored.row.label for scored in rows}
    deliveries = {delivery_of(scored) for scored in rows}
    if len(labels) == 2:
        return ()
    return tuple(s for s in everything if s.row.label not in labels and delivery_of(s) in deliveries)


def slices(
    scored: Sequence[Scored], trained_generators: Collection[str] | None = None, crossed: bool = False
) -> list[Slice]:
    """All slices, dimension by dimension, values in alphabetical order.

    trained_generators: the generators of the training split, to tell seen from never seen; None leaves that
    out. crossed: also those of two dimensions together, where they have LEAST_CROSSED photos.
    """
    found = []
    for dimension, values_of in dimensions(trained_generators).items():
        if dimension in CROSSED and not crossed:
            continue
        members: dict[str, list[Scored]] = {}
        for one in scored:
            for value in values_of(one):
                members.setdefault(value, []).append(one)
        for value in sorted(members):
            rows = members[value]
            if dimension in CROSSED and len({one.row.source for one in rows}) < LEAST_CROSSED:
                continue
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
        ece_balanced=expected_calibration_error(labels, said, weights=balancing_weights(labels)),
        balanced_accuracy=balanced_accuracy(labels, [one.verdict == "fake" for one in compared]),
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
