"""The probability: a ridge logistic regression on the pooled features, then what the delivery condition changes.

In: samples. Out: a `Calibration` without thresholds.

A hundred photos cannot carry many numbers, so few features are weighed, and every weight is pulled towards nothing (the
condition's towards "the condition changes nothing") by a ridge that cross-validation over repositories chooses: what
tells one gallery's pictures from the next must not pass for what tells a fake. Copies of a photo, compressed
once more, pull as well: a term that moves a photo's log odds when it is merely uploaded again is worth little.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from refundlens.model.detection import Conditions
from refundlens.model.network.pooling import FEATURES
from refundlens.model.verdict.calibration import Calibration
from refundlens.model.verdict.condition_terms import READINGS, ConditionTerms, readings
from refundlens.model.verdict.stability import of_copy
from refundlens.training.calibration.balance import balanced_weights, effective_photos
from refundlens.training.calibration.scoring import Sample

Floats = NDArray[np.float64]

EVIDENCE = ("mean_tile", "strong_tiles")
"""The pooled features that a probability rests on: a regenerated picture shows in the average tile, a patched one in
the strongest. By repositories left out (`python -m tests.load.calibration_photos`) all ten features tell no more of
whole pictures than these two and less of local edits, and they see more of a gallery's look."""
MISSED = 0.05
"""Share of the fakes, among the samples that fit, that `authentic` may always swallow."""
CLEARED = 0.85
"""Share of the authentic ones that it shall reach, at the price of more fakes: a detector that calls few photos
authentic sends all of them to a person. How many fakes that are is counted afterwards (`misses`), stated with every
verdict, and each installation's to accept."""
RIDGES = (1.0, 3.0, 10.0, 30.0)
"""L2 penalties tried on each standardised feature's weight, in photos' worth of evidence: they fade as photos grow in
number, or probabilities would never come to mean what they say."""
TERM_RIDGES = (3.0, 10.0, 30.0, 100.0, 1000.0)
"""The same for the condition's terms; the last leaves practically none."""
FOLDS = 5
"""Of cross-validation, over repositories, or over source photos that are of none."""
CONSISTENCY = 0.1
"""Penalty on the mean squared move of the log odds between a photo and its copy, half of it in nats. Measured (170
pairs, 624 pictures): it halves the move that quality and number of compressions bring in, 0.26 to 0.14 in the median,
and leaves the log loss as it was; ten times as much costs 0.007 nats."""


@dataclass(frozen=True)
class _Problem:
    """labels, weights: [n]. photos: how many carry the evidence. groups: [n], each of which stays in one fold."""

    labels: Floats
    weights: Floats
    photos: float
    groups: list[str]


def fit_probability(
    samples: Sequence[Sample], limit: float, confidence: float, evidence: tuple[str, ...] = EVIDENCE
) -> Calibration:
    """Each class weighs the same, each photo within its class, and each condition in both (`balance`).

    evidence: names of `FEATURES` that count.
    """
    used = [FEATURES.index(name) for name in evidence]
    paired = [(sample.features[used], sample.copy[used]) for sample in samples if sample.copy is not None]
    matrix = np.stack([sample.features[used] for sample in samples])
    originals, copies = (
        np.array([one[which] for one in paired]).reshape(len(paired), len(used)) for which in (0, 1)
    )
    weights = balanced_weights(samples)
    mean = np.average(matrix, axis=0, weights=weights)
    scale = np.sqrt(np.average((matrix - mean) ** 2, axis=0, weights=weights)) + 1e-6
    problem = _Problem(
        np.array([sample.label for sample in samples], np.float64),
        weights,
        effective_photos(samples, weights),
        [sample.repository or sample.source for sample in samples],
    )
    solution = _best(
        (matrix - mean) / scale, np.zeros(len(matrix)), (copies - originals) / scale, None, problem, RIDGES
    )
    plain = Calibration(
        features=evidence, mean=tuple(mean), scale=tuple(scale), weights=tuple(solution[:-1]),
        offset=float(solution[-1]), clear_below=0.0, limit=limit, confidence=confidence, bins=(),
    )  # fmt: skip
    fitted = plain.model_copy(update={"terms": fit_terms(plain, samples, problem)})
    said: tuple[list[float], list[float]] = ([], [])
    for one in samples:
        said[one.label].append(fitted.probability(one.features, one.conditions))
    # never above one half: a photo that is more likely fake than not is not cleared
    clear = min(0.5, max(float(np.quantile(said[1], MISSED)), float(np.quantile(said[0], CLEARED))))
    return fitted.model_copy(update={"clear_below": clear})


def fit_terms(plain: Calibration, samples: Sequence[Sample], problem: _Problem) -> ConditionTerms:
    """What the condition changes of `plain`'s log odds."""
    terms = _standardised(samples, problem.weights)
    logits = np.array([plain.log_odds(sample.features, sample.conditions) for sample in samples])
    spread = float(np.sqrt(np.average(logits**2, weights=problem.weights))) + 1e-6
    moved, shifts = [], []
    for sample in samples:
        if sample.copy is not None:
            condition = of_copy(sample.conditions)
            before, after = (
                plain.log_odds(sample.features, sample.conditions),
                plain.log_odds(sample.copy, condition),
            )
            shifts.append(after - before)
            moved.append(
                _design(terms, after, spread, condition) - _design(terms, before, spread, sample.conditions)
            )
    design = np.stack(
        [
            _design(terms, value, spread, sample.conditions)
            for value, sample in zip(logits, samples, strict=True)
        ]
    )
    moves = np.array(moved).reshape(len(moved), design.shape[1])
    solution = _best(design, logits, moves, np.array(shifts), problem, TERM_RIDGES)
    count = len(READINGS)
    return terms.model_copy(
        update={
            "slope": 1.0 + float(solution[0]) / spread,
            "slopes": tuple((solution[1 : 1 + count] / spread).tolist()),
            "offsets": tuple(solution[1 + count : 1 + 2 * count].tolist()),
            "offset": float(solution[-1]),
        }
    )


def _standardised(samples: Sequence[Sample], weights: Floats) -> ConditionTerms:
    """Terms that change nothing, with the readings' mean, scale and range."""
    read = np.stack([readings(sample.conditions) for sample in samples])
    known = np.isfinite(read)
    shares = weights[:, None] * known
    filled = np.where(known, read, 0.0)
    total = np.maximum(shares.sum(axis=0), 1e-12)
    mean = (filled * shares).sum(axis=0) / total
    scale = np.sqrt((np.where(known, read - mean, 0.0) ** 2 * shares).sum(axis=0) / total)
    scale = np.where(scale < 1e-6, 1.0, scale)  # a reading that never varied changes nothing
    standard = np.where(known, (read - mean) / scale, 0.0)
    zeros = (0.0,) * len(READINGS)
    return ConditionTerms(
        readings=READINGS, mean=tuple(mean.tolist()), scale=tuple(scale.tolist()),
        low=tuple(standard.min(axis=0).tolist()), high=tuple(standard.max(axis=0).tolist()),
        slope=1.0, offset=0.0, slopes=zeros, offsets=zeros,
    )  # fmt: skip


def _design(terms: ConditionTerms, log_odds: float, spread: float, condition: Conditions) -> Floats:
    """[1 + 2R]: the log odds, their products with the readings, the readings."""
    values = terms.standard(condition)
    return np.concatenate([[log_odds / spread], log_odds / spread * values, values])


def _best(
    design: Floats,
    given: Floats,
    moves: Floats,
    shifts: Floats | None,
    problem: _Problem,
    ridges: Sequence[float],
) -> Floats:
    """Weights (the last is the offset) under the ridge with the least log loss on repositories left out."""
    fold = group_folds(problem.groups)
    losses = dict.fromkeys(ridges, 0.0)
    for index in range(FOLDS):
        inside, outside = fold != index, fold == index
        if not outside.any() or len(set(problem.labels[inside])) < 2:
            continue
        for ridge in ridges:
            fitted = _fit(design, given, moves, shifts, problem, ridge, inside)
            logits = given[outside] + design[outside] @ fitted[:-1] + fitted[-1]
            misfit = np.logaddexp(0, logits) - problem.labels[outside] * logits
            losses[ridge] += float(problem.weights[outside] @ misfit)
    # of equals the strongest: where nothing could be left out, nothing speaks for a weak one
    chosen = min(sorted(ridges, reverse=True), key=lambda ridge: losses[ridge])
    return _fit(design, given, moves, shifts, problem, chosen, np.ones(len(design), bool))


def _fit(
    design: Floats,
    given: Floats,
    moves: Floats,
    shifts: Floats | None,
    problem: _Problem,
    ridge: float,
    chosen: NDArray[np.bool_],
) -> Floats:
    """Minimise weighted log loss + ridge + consistency by L-BFGS. given: log odds [n] to which the design adds.

    moves, shifts: how the design [m,k] and the given log odds [m] move between photos and their copies.
    """
    matrix = np.column_stack([design[chosen], np.ones(int(chosen.sum()))])
    labels, base = problem.labels[chosen], given[chosen]
    weights = problem.weights[chosen] / problem.weights[chosen].sum()
    penalty = np.append(np.full(design.shape[1], ridge / problem.photos), 0.0)
    drift = np.column_stack([moves, np.zeros(len(moves))])
    start = np.zeros(len(moves)) if shifts is None else shifts
    pull = CONSISTENCY / max(len(moves), 1)

    def cost(free: Floats) -> tuple[float, Floats]:
        logits = base + matrix @ free
        error = weights * (1 / (1 + np.exp(-logits)) - labels)
        misfit = weights * (np.logaddexp(0, logits) - labels * logits)
        moved = start + drift @ free
        value = float(misfit.sum() + (penalty * free) @ free / 2 + pull * (moved @ moved) / 2)
        return value, matrix.T @ error + penalty * free + pull * (drift.T @ moved)

    return np.asarray(minimize(cost, np.zeros(matrix.shape[1]), jac=True, method="L-BFGS-B").x)


def group_folds(groups: Sequence[str]) -> NDArray[np.int_]:
    """A fold for each sample, by the rank of its group's hash: even, the same in every run, whatever the order."""
    ranked = sorted(set(groups), key=lambda name: hashlib.sha256(f"fold {name}".encode()).digest())
    place = {name: index % FOLDS for index, name in enumerate(ranked)}
    return np.array([place[name] for name in groups])
