"""Differences of two models on the same pictures, with what chance may do to them.

In: labels, both models' scores, groups. Out: `PairedDifference`s by a bootstrap over groups (Efron and Tibshirani,
1993), which draws the same pictures for both models, so that what makes a picture hard cancels out.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refundlens.training.evaluation.metrics import roc_auc, threshold_at_fpr

ROUNDS = 1000
LEVEL = 0.01
"""Probability by chance from which a loss is no loss. A suite has some forty slices: at 5 % two of them would fail
candidates that are as good as the champion."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairedDifference:
    """champion, candidate: the figure of each. low, high: between which their difference lies but for LEVEL on either
    side; nan where there was nothing to draw."""

    champion: float
    candidate: float
    low: float
    high: float
    pictures: int

    @property
    def difference(self) -> float:
        return self.candidate - self.champion


@dataclass(frozen=True)
class Judged:
    """labels: [n] 0 or 1. champion, candidate: probabilities [n]. groups: [n]."""

    labels: NDArray[np.int64]
    champion: Floats
    candidate: Floats
    groups: NDArray[np.str_]

    def part(self, chosen: NDArray[np.bool_]) -> "Judged":
        return Judged(self.labels[chosen], self.champion[chosen], self.candidate[chosen], self.groups[chosen])


Figure = Callable[[NDArray[np.int64], Floats], float]
"""Labels and one model's probabilities -> a figure, nan where it has none."""


def recall_at(rate: float) -> Figure:
    """Share of manipulated pictures above the threshold at which this share of the authentic ones is accused."""

    def figure(labels: NDArray[np.int64], scores: Floats) -> float:
        threshold = threshold_at_fpr(labels, scores, rate)
        made = labels == 1
        return float((scores[made] >= threshold).mean()) if made.any() else float("nan")

    return figure


def auc(labels: NDArray[np.int64], scores: Floats) -> float:
    return roc_auc(labels, scores)


def paired_difference(judged: Judged, figure: Figure, rounds: int = ROUNDS) -> PairedDifference:
    """The figure of both models and the interval of its difference. The same judged pictures give the same answer."""
    labels = judged.labels
    values = figure(labels, judged.champion), figure(labels, judged.candidate)
    members = _members(judged)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(rounds):
        drawn = np.concatenate([_draw(rng, groups) for groups in members])
        first = figure(labels[drawn], judged.champion[drawn])
        second = figure(labels[drawn], judged.candidate[drawn])
        if np.isfinite(first) and np.isfinite(second):
            draws.append(second - first)
    if not draws:
        return PairedDifference(*values, float("nan"), float("nan"), len(labels))
    low, high = np.quantile(draws, [LEVEL, 1 - LEVEL])
    return PairedDifference(*values, float(low), float(high), int((labels == 1).sum() or len(labels)))


def _members(judged: Judged) -> list[list[NDArray[np.int64]]]:
    """Of each class its groups, each as indices: classes are drawn apart, or a round might lack one."""
    found = []
    for label in np.unique(judged.labels):
        own = np.flatnonzero(judged.labels == label)
        names = judged.groups[own]
        order = np.argsort(names, kind="stable")
        cuts = np.flatnonzero(names[order][1:] != names[order][:-1]) + 1
        found.append([own[part] for part in np.split(order, cuts)])
    return found


def _draw(rng: np.random.Generator, groups: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([groups[index] for index in rng.integers(len(groups), size=len(groups))])
