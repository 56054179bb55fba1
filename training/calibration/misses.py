"""What `authentic` is worth: how many manipulated pictures are called so, condition by condition.

In: a `Calibration` with its conditions, and samples that took no part in fitting it. Out: the same with `cleared`,
`miss_bound` and what it was counted on. Only pictures of real editors count: what we edited ourselves, the network may
have learned to see. The unit is the picture; it is missed if one of its deliveries in the condition is called so.

Nothing is chosen by these counts, so the exact (Clopper-Pearson) bound holds as it is. It speaks of editors mixed as
the pictures are; `miss_bound_of` says how.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from refundlens.datasets.degradations.shrinking import SIZES
from refundlens.model.detection import MissedOn
from refundlens.model.names import Kind
from refundlens.model.verdict import bounds
from refundlens.model.verdict.calibration import Calibration
from refundlens.training.calibration.scoring import Sample
from refundlens.training.calibration.thresholds import Cell, empty, wider

CLEAR_SIDE = SIZES[0][0]
"""Long side in pixels from which a photo may be called authentic: calibration delivers pictures at 480 px and more, so
that is where misses are counted. In a thumbnail a cloned patch is a dozen pixels, and no trace found says nothing."""
LEAST_PICTURES = 30
"""Below, the bound is over 9.5 % even if none is missed and says more of our collection than of the detector: the wider
condition's is used."""


def with_miss_bounds(calibration: Calibration, samples: Sequence[Sample]) -> Calibration:
    """samples: none of which training has seen, nor any other picture of their editors.

    Where no picture of a real editor is among the samples, a condition keeps the bound known before: it holds for the
    same probabilities, whatever the thresholds.
    """
    authentic = [one for one in samples if one.label == 0]
    edited = [one for one in samples if one.label == 1 and one.editor is not None]
    bins = []
    for one in calibration.bins:
        cell = (one.long_side, one.jpeg_quality)
        cleared = _cleared(calibration, _inside(authentic, cell))
        update: dict[str, object] = {"cleared": one.cleared if cleared is None else cleared}
        missed = _missed(calibration, edited, cell)
        if missed is not None:
            update |= {
                "miss_bound": bounds.upper_bound(
                    missed.of.missed, missed.of.pictures, calibration.confidence
                ),
                "miss_bound_of": missed.of,
                "miss_counted_on": None if missed.cell == cell else missed.cell,
            }
        bins.append(one.model_copy(update=update))
    return calibration.model_copy(update={"bins": tuple(bins), "clear_side": CLEAR_SIDE})


@dataclass(frozen=True)
class _Missed:
    of: MissedOn
    cell: Cell


def _missed(calibration: Calibration, edited: Sequence[Sample], cell: Cell) -> _Missed | None:
    """Of the condition, or of the nearest wider one with enough pictures; none where none has."""
    for around in (cell, *wider(cell)):
        inside = _inside(edited, around)
        pictures = {one.source: one for one in inside}
        if len(pictures) < LEAST_PICTURES:
            continue
        missed = {one.source for one in inside if _called_authentic(calibration, one)}
        kinds: Counter[Kind] = Counter(one.kind for one in pictures.values() if one.kind is not None)
        editors = {one.editor for one in pictures.values()}
        return _Missed(
            MissedOn(kinds=dict(kinds), editors=len(editors), pictures=len(pictures), missed=len(missed)),
            around,
        )
    return None


def _cleared(calibration: Calibration, authentic: Sequence[Sample]) -> float | None:
    photos = {one.source for one in authentic}
    doubted = {one.source for one in authentic if not _called_authentic(calibration, one)}
    return None if not photos else round(1 - len(doubted) / len(photos), 4)


def _called_authentic(calibration: Calibration, sample: Sample) -> bool:
    return calibration.probability(sample.features, sample.conditions) <= calibration.clear_below


def _inside(samples: Sequence[Sample], cell: Cell) -> list[Sample]:
    covering = empty(cell)
    return [one for one in samples if covering.holds(one.conditions) and not one.conditions.enlarged]
