"""The numbers a report is made of.

A bootstrap asks for each of them hundreds of times, and scikit-learn's checks of its input take many times longer than
the number itself; so AUC, ROC and Brier score are a few lines here, which a test holds equal to scikit-learn's.

In: labels (0 authentic, 1 manipulated), scores or probabilities, masks and heat maps. Out: plain floats,
`nan` where a number has no meaning (a class is missing, nothing to find), so that one empty slice never
stops a report.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from refundlens.model.verdict.bounds import CONFIDENCE

Floats = NDArray[np.float64]
CALIBRATION_BINS = 15
"""Bins of the calibration error: the number most papers use, so that figures can be compared."""
ROUNDS = 500
"""Bootstrap rounds: each end of a 95 % interval then rests on 12 draws, steady to a tenth of its width."""
PIXEL_THRESHOLD = 0.5
"""Heat above which a pixel counts as manipulated: the map is trained as a probability, so even odds."""


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of one picture, or of many added up: found, wrongly marked, missed. Undefined ratios are nan."""

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def precision(self) -> float:
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def iou(self) -> float:
        return _ratio(self.true_positives, self.true_positives + self.false_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """2TP / (2TP + FP + FN); nan only where there was nothing to find and nothing was marked."""
        wrong = self.false_positives + self.false_negatives
        return _ratio(2 * self.true_positives, 2 * self.true_positives + wrong)

    def __add__(self, other: "PixelCounts") -> "PixelCounts":
        return PixelCounts(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
        )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _labelled(labels: ArrayLike, values: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    truth, numbers = np.asarray(labels).astype(bool).ravel(), np.asarray(values, np.float64).ravel()
    if truth.shape != numbers.shape:
        raise ValueError(f"{truth.size} labels for {numbers.size} scores")
    if not np.isfinite(numbers).all():
        raise ValueError("scores must be finite numbers")
    return truth, numbers


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Probability that a manipulated picture scores above an authentic one, ties counted as half.

    nan where a class is missing. Raises ValueError if lengths differ or a score is not finite.
    """
    truth, values = _labelled(labels, scores)
    positives = int(truth.sum())
    negatives = truth.size - positives
    if not positives or not negatives:
        return math.nan
    ranks = float(rankdata(values)[truth].sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """(false positive rates, true positive rates, thresholds), float64 [T+1]: one point a distinct score.

    A picture is flagged where its score is at least the threshold; the first threshold, infinity, flags none.
    Rates are nan where a class is missing.
    """
    truth, values = _labelled(labels, scores)
    order = np.argsort(-values, kind="stable")
    truth, values = truth[order], values[order]
    last_of_tie = (
        np.append(np.flatnonzero(np.diff(values)), values.size - 1) if values.size else np.array([], int)
    )
    hits, alarms = np.cumsum(truth)[last_of_tie], np.cumsum(~truth)[last_of_tie]
    with np.errstate(invalid="ignore"):
        true_rate = np.append(0.0, hits) / truth.sum()
        false_rate = np.append(0.0, alarms) / (~truth).sum()
    return false_rate, true_rate, np.append(np.inf, values[last_of_tie])


def tpr_at_fpr(labels: ArrayLike, scores: ArrayLike, fpr: float) -> float:
    """Largest share of manipulated pictures found by a threshold that flags at most `fpr` of the authentic.

    No interpolation between thresholds: what is stated can be reached. nan where a class is missing.
    """
    false_rate, true_rate, _ = roc_curve(labels, scores)
    if np.isnan(false_rate).any() or np.isnan(true_rate).any():
        return math.nan
    return float(true_rate[false_rate <= fpr + 1e-12].max())


def threshold_at_fpr(labels: ArrayLike, scores: ArrayLike, fpr: float) -> float:
    """The lowest threshold that flags at most `fpr` of the authentic pictures; infinite where only none flagged does.

    nan where a class is missing.
    """
    false_rate, true_rate, thresholds = roc_curve(labels, scores)
    if np.isnan(false_rate).any() or np.isnan(true_rate).any():
        return math.nan
    return float(thresholds[false_rate <= fpr + 1e-12].min())


@dataclass(frozen=True)
class ReliabilityBin:
    """Pictures of like probability: how many, what was said on average, what share was manipulated, and their weight
    together (their number, where all weigh the same)."""

    count: int
    said: float
    true: float
    weight: float


Binning = Literal["equal_mass", "equal_width"]


def balancing_weights(labels: ArrayLike) -> Floats:
    """A weight for each picture with which both classes weigh 0.5 together; nan where a class is missing."""
    truth = np.asarray(labels).astype(bool).ravel()
    members = np.where(truth, truth.sum(), (~truth).sum())
    return np.full(truth.size, math.nan) if truth.all() or not truth.any() else 0.5 / members


def reliability(
    labels: ArrayLike,
    probabilities: ArrayLike,
    bins: int = CALIBRATION_BINS,
    binning: Binning = "equal_mass",
    weights: ArrayLike | None = None,
) -> list[ReliabilityBin]:
    """The non-empty bins of a reliability diagram, from low to high probability.

    equal_mass: about as many pictures in each bin, so that none is noise; equal probabilities stay
    together, else the order of the rows would change the figure. equal_width: cuts at k/bins. weights: how much
    each picture counts within its bin, and its bin among the others; 1 each if not given. Raises ValueError if
    a probability is outside 0 to 1.
    """
    truth, said = _labelled(labels, probabilities)
    if said.size and (said.min() < 0.0 or said.max() > 1.0):
        raise ValueError("probabilities must lie between 0 and 1")
    order = np.argsort(said, kind="stable")
    if binning == "equal_mass":
        edges = said[order][np.arange(1, bins) * said.size // bins] if said.size else np.zeros(0)
    else:
        edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    parts = np.split(order, np.searchsorted(said[order], edges, side="left"))
    heavy = np.ones(said.size) if weights is None else np.asarray(weights, np.float64).ravel()
    return [
        ReliabilityBin(
            part.size,
            float(np.average(said[part], weights=heavy[part])),
            float(np.average(truth[part], weights=heavy[part])),
            float(heavy[part].sum()),
        )
        for part in parts
        if part.size
    ]


def expected_calibration_error(
    labels: ArrayLike,
    probabilities: ArrayLike,
    bins: int = CALIBRATION_BINS,
    binning: Binning = "equal_mass",
    weights: ArrayLike | None = None,
) -> float:
    """Mean distance of what was said from what was true over bins, weighted by pictures; nan without any.

    weights: of each picture. With `balancing_weights` the figure answers to equal prior odds of both classes,
    under which our probabilities are stated, whatever share of the set is fake; nan where a class is missing.
    Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015.
    """
    if weights is not None and not np.isfinite(np.asarray(weights, np.float64)).all():
        return math.nan
    parts = reliability(labels, probabilities, bins, binning, weights)
    return _ratio(
        sum(part.weight * abs(part.said - part.true) for part in parts), sum(part.weight for part in parts)
    )


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance of probability and label; nan without pictures."""
    truth, said = _labelled(labels, probabilities)
    return float(np.mean((said - truth) ** 2)) if said.size else math.nan


def balanced_accuracy(labels: ArrayLike, called: ArrayLike) -> float:
    """Mean of the shares of authentic and of manipulated pictures called rightly (`called`: 1 = fake)."""
    truth, flagged = np.asarray(labels).astype(bool), np.asarray(called).astype(bool)
    if truth.all() or not truth.any():
        return math.nan
    return float((flagged[truth].mean() + (~flagged[~truth]).mean()) / 2)


def _truth(mask: NDArray[Any], heat: NDArray[Any]) -> NDArray[np.bool_]:
    if mask.shape != heat.shape:
        raise ValueError(f"mask {mask.shape} and heat map {heat.shape} differ in size")
    if mask.dtype == np.uint8:
        return np.asarray(mask >= 128)
    return mask if mask.dtype == np.bool_ else np.asarray(mask >= 0.5)


def pixel_f1(mask: NDArray[Any], heat: NDArray[Any], threshold: float = PIXEL_THRESHOLD) -> PixelCounts:
    """Counts of one picture, with `.f1`, `.precision`, `.recall` and `.iou`.

    mask: [H,W], bool, float 0 to 1 or grey uint8 0 to 255. heat: [H,W], float 0 to 1, of the same size.
    Raises ValueError if sizes differ.
    """
    truth, marked = _truth(mask, heat), heat >= threshold
    found = int(np.count_nonzero(truth & marked))
    return PixelCounts(found, int(np.count_nonzero(marked)) - found, int(np.count_nonzero(truth)) - found)


def best_threshold_f1(mask: NDArray[Any], heat: NDArray[Any]) -> tuple[float, float]:
    """(best F1 over all thresholds, that threshold): what the map could give if someone knew where to cut.

    Many papers report this; it is an upper limit, not what a user gets. (nan, nan) where the mask is empty.
    """
    truth = _truth(mask, heat).ravel()
    wanted = int(truth.sum())
    if not wanted:
        return math.nan, math.nan
    order = np.argsort(-heat.ravel(), kind="stable")
    values = heat.ravel()[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(values)), values.size - 1)
    f1 = 2 * np.cumsum(truth[order])[last_of_tie] / (last_of_tie + 1 + wanted)
    best = int(np.argmax(f1))
    return float(f1[best]), float(values[last_of_tie[best]])


def bootstrap_interval(
    statistic: Callable[..., float],
    groups: ArrayLike,
    *arrays: ArrayLike,
    rounds: int = ROUNDS,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """Percentile bootstrap (low, high) of `statistic(*arrays)`, drawing whole groups (source photos).

    Variants of one photo say nearly the same thing, so drawing them singly would make the interval too
    narrow. Rounds where the statistic is nan are left out; (nan, nan) with fewer than two groups or if most
    rounds fail. Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    columns = [np.asarray(array) for array in arrays]
    _, owner, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    if any(column.shape[:1] != owner.shape for column in columns):
        raise ValueError("every array needs one entry a group label")
    if sizes.size < 2:
        return math.nan, math.nan
    members = np.split(np.argsort(owner, kind="stable"), np.cumsum(sizes)[:-1])
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        drawn = np.concatenate([members[index] for index in rng.integers(0, sizes.size, sizes.size)])
        value = statistic(*(column[drawn] for column in columns))
        if not math.isnan(value):
            values.append(value)
    if len(values) * 2 < rounds:
        return math.nan, math.nan
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
