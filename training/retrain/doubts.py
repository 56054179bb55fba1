"""What a model thinks of labels that it was kept from: how wrong labels and poisoned series are found.

In: the champion's pooled features of a snapshot's photos and of pictures whose truth is known. Out: `Doubts` for
`datasets.snapshot.checks`. A small logistic model on those features is fitted without each fold of senders and asked
about them (after Northcutt et al., "Confident Learning", JAIR 2021): so it knows the newcomer that the champion does
not, and no photo speaks for itself. How often it errs on the pictures whose truth is known is its usual error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.snapshot.checks import Doubts

FOLDS = 5
RIDGE = 3.0
"""L2 penalty on standardised weights, in photos' worth of evidence."""
NEWTON = 25
BLIND = 0.45
"""Share of a class's labels that it may contradict: beyond, it does not see what those photos show (a newcomer that
leaves no trace in the champion's features), and says nothing of any label of that class. Close to one half, for wrong
labels raise that share, too: at 0.35 it fell silent where there were most of them."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Looked:
    """A photo as the champion sees it. trusted: its truth is known for other reasons than a label of the snapshot."""

    name: str
    group: str
    label: int
    features: Floats
    trusted: bool


def find_doubts(looked: Sequence[Looked]) -> Doubts:
    """Ask a model about every label that it was kept from. Without both classes in both sets there is nothing to
    ask."""
    mine = [one for one in looked if not one.trusted]
    known = [one for one in looked if one.trusted]
    if any({one.label for one in part} != {0, 1} for part in (mine, known)):
        return Doubts({}, 0.5, 0)
    answers = list(zip(looked, _out_of_fold(looked), strict=True))
    odd = {one.name: (value > 0.5) != bool(one.label) for one, value in answers}
    seen = {
        label for label in (0, 1) if np.mean([odd[one.name] for one in mine if one.label == label]) <= BLIND
    }
    wrong = {
        one.name: float(abs(value - one.label))
        for one, value in answers
        if not one.trusted and one.label in seen and odd[one.name]
    }
    errors = [odd[one.name] for one in known if one.label in seen]
    asked = sum(one.label in seen for one in mine)
    return Doubts(wrong, float(np.mean(errors)) if errors else 0.5, asked)


def _out_of_fold(looked: Sequence[Looked]) -> Floats:
    """Probability of being manipulated, each photo by a model that saw nothing of its group."""
    matrix = np.stack([one.features for one in looked])
    scale = matrix.std(axis=0) + 1e-6
    design = np.column_stack([(matrix - matrix.mean(axis=0)) / scale, np.ones(len(matrix))])
    labels = np.array([one.label for one in looked], np.float64)
    groups = sorted({one.group for one in looked})
    order = np.random.default_rng(0).permutation(len(groups))
    fold_of = {name: int(order[index]) % FOLDS for index, name in enumerate(groups)}
    folds = np.array([fold_of[one.group] for one in looked])
    said = np.full(len(looked), 0.5)
    for fold in range(FOLDS):
        kept, asked = folds != fold, folds == fold
        if asked.any() and len(set(labels[kept])) == 2:
            said[asked] = _sigmoid(design[asked] @ _fit(design[kept], labels[kept]))
    return said


def _fit(design: Floats, labels: Floats) -> Floats:
    """Ridge logistic regression by Newton's method; both classes weigh the same."""
    shares = np.where(labels == 1, labels.sum(), (1 - labels).sum())
    heavy = len(labels) / (2 * shares)
    ridge = np.diag([RIDGE] * (design.shape[1] - 1) + [1e-6])
    weights = np.zeros(design.shape[1])
    for _ in range(NEWTON):
        said = _sigmoid(design @ weights)
        slope = design.T @ (heavy * (said - labels)) + ridge @ weights
        bend = (design * (heavy * said * (1 - said) + 1e-9)[:, None]).T @ design + ridge
        step = np.linalg.solve(bend, slope)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-6:
            break
    return weights


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))))
