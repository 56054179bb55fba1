"""The case that matters: real damage must not be called fake, painted damage must.

In: real damaged goods as judged, and the sweep's rows. Out: true negatives of the ones and true positives of the others
at the verdict's own threshold and at the one that flags 3.7 % of the suite's authentic pictures.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refundlens.training.evaluation.metrics import (
    ROUNDS,
    balanced_accuracy,
    bootstrap_interval,
    threshold_at_fpr,
)
from refundlens.training.evaluation.slices import FALSE_POSITIVE_RATES, Scored, delivery_of
from refundlens.training.evaluation.suite.real import ANCHOR, Authentic

VERDICT = "verdict fake"
FPR = FALSE_POSITIVE_RATES[1]
AT_FPR = f"threshold at {100 * FPR:.1f} % false positives"


@dataclass(frozen=True)
class DefectBalance:
    """real: how the real damage was delivered, for the rule VERDICT only what calibration covers; the painted damage
    came as ANCHOR, and so did the authentic pictures that the 3.7 % threshold was set on. Rates 0 to 1; low, high: 95 %
    interval of `balanced` over photos."""

    real: str
    rule: str
    real_photos: int
    fakes: int
    true_negatives: float
    true_positives: float
    balanced: float
    low: float
    high: float


def defect_balance(
    real: Sequence[Authentic], scored: Sequence[Scored], rounds: int = ROUNDS
) -> list[DefectBalance]:
    """Two rules for every delivery of the real photos; empty where the suite holds no painted defect."""
    anchored = [one for one in scored if delivery_of(one) == ANCHOR]
    fakes = [one for one in anchored if one.row.label == 1 and one.row.defect is not None]
    if not fakes:
        return []
    threshold = threshold_at_fpr(
        [one.row.label for one in anchored], [one.probability for one in anchored], FPR
    )
    found = []
    for folder in real:
        # where calibration covers nothing, `fake` cannot be said, and not saying it shows nothing
        judged = [fake for fake, known in zip(folder.fake, folder.supported, strict=True) if known]
        if judged:
            verdicts = np.array([*judged, *(one.verdict == "fake" for one in fakes)])
            found.append(_balance(folder.delivery, len(judged), fakes, VERDICT, verdicts, rounds))
        if not math.isnan(threshold):
            said = np.array([*folder.probabilities, *(one.probability for one in fakes)])
            found.append(_balance(folder.delivery, folder.photos, fakes, AT_FPR, said >= threshold, rounds))
    return found


def _balance(
    delivery: str, photos: int, fakes: Sequence[Scored], rule: str, flagged: NDArray[np.bool_], rounds: int
) -> DefectBalance:
    labels = np.repeat([0, 1], [photos, len(fakes)])
    groups = [f"real {index}" for index in range(photos)] + [one.row.source for one in fakes]
    low, high = bootstrap_interval(balanced_accuracy, groups, labels, flagged, rounds=rounds)
    return DefectBalance(
        real=delivery,
        rule=rule,
        real_photos=photos,
        fakes=len(fakes),
        true_negatives=float(1 - flagged[labels == 0].mean()),
        true_positives=float(flagged[labels == 1].mean()),
        balanced=balanced_accuracy(labels, flagged),
        low=low,
        high=high,
    )
