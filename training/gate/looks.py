"""What flatters a naive retraining: whether it learned the trace of an editor or the look of a collection.

In: both models' scores of the same collected pictures (`training.evaluation.real_editors`), outputs of editors with
their own inputs among them. Out: checks on pairs, where content cancels out, and on two controls that should be chance:
editors' inputs against other people's photos, and galleries' photos against other photos.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refundlens.training.evaluation.real_editors import LookScore
from refundlens.training.gate.paired import Judged, auc, paired_difference
from refundlens.training.gate.rules import LEAST_PICTURES, SLICE_LOSS, WORST, Check, told

CHANCE = 0.08
"""How far from 0.5 a control's AUC may lie: 0.42 to 0.58."""
PAIRED = (("whole pictures", "ai_generated"), ("local edits", "ai_edited"))
Scores = Mapping[str, float]


@dataclass(frozen=True)
class Looks:
    """folder: where the files lie. pictures: those that both models scored. champion, candidate: file -> score, log
    odds."""

    folder: Path
    pictures: Sequence[LookScore]
    champion: Scores
    candidate: Scores

    @classmethod
    def of(cls, folder: Path, champion: Sequence[LookScore], candidate: Sequence[LookScore]) -> "Looks":
        scores = tuple({one.file: one.score for one in looks} for looks in (champion, candidate))
        return cls(folder, [one for one in candidate if one.file in scores[0]], *scores)

    def rise(self, file: str) -> float:
        """How much more the candidate takes it for manipulated, in log odds."""
        return self.candidate[file] - self.champion[file]

    def against(self, real: Sequence[LookScore], other: Sequence[LookScore]) -> Judged:
        """`other` as if manipulated."""
        both = [*real, *other]
        return Judged(
            np.array([0] * len(real) + [1] * len(other), np.int64),
            np.array([self.champion[one.file] for one in both], np.float64),
            np.array([self.candidate[one.file] for one in both], np.float64),
            np.array([one.group for one in both], np.str_),
        )


def check_looks(looks: Looks, rounds: int) -> Iterator[Check]:
    """Outputs against their own inputs, not 2 points worse; controls no further from chance."""
    yield from _pairs(looks, rounds)
    yield from _controls(looks, rounds)


def _pairs(looks: Looks, rounds: int) -> Iterator[Check]:
    known = {one.file: one for one in looks.pictures}
    for name, label in PAIRED:
        made = [one for one in looks.pictures if one.label == label and one.pair in known]
        if not made:
            continue
        decides = len(made) >= LEAST_PICTURES
        judged = looks.against([known[one.pair] for one in made], made)
        found = paired_difference(judged, auc, rounds if decides else 0)
        worse = found.difference < -SLICE_LOSS and found.high < 0
        above = [
            sum(scores[one.file] > scores[one.pair] for one in made) / len(made)
            for scores in (looks.champion, looks.candidate)
        ]
        text = f"{told(found, 'AUC against own inputs')}; above own input {above[0]:.3f} -> {above[1]:.3f}"
        made.sort(key=lambda one: looks.rise(one.file) - looks.rise(one.pair))
        yield Check("pairs", name, not worse, text, decides, tuple(one.file for one in made[:WORST]))


def _controls(looks: Looks, rounds: int) -> Iterator[Check]:
    real = [one for one in looks.pictures if one.label == "authentic"]
    inputs = [one for one in looks.pictures if one.label == "input"]
    gallery = [one for one in real if one.kind == "real_gallery"]
    others = [one for one in real if one.kind != "real_gallery"]
    for name, first, second in (
        ("inputs against photos", real, inputs),
        ("gallery against other photos", others, gallery),
    ):
        if not first or not second:
            continue
        decides = min(len(first), len(second)) >= LEAST_PICTURES
        judged = looks.against(first, second)
        found = paired_difference(judged, _distance, rounds if decides else 0)
        worse = found.difference > SLICE_LOSS and found.low > 0 and found.candidate > CHANCE
        values = [auc(judged.labels, scores) for scores in (judged.champion, judged.candidate)]
        text = f"AUC {values[0]:.3f} -> {values[1]:.3f}; {told(found, 'away from 0.5 by')}"
        sign = 1 if values[1] >= 0.5 else -1  # the way in which the control left chance
        apart = sorted(second, key=lambda one: -sign * looks.rise(one.file))
        yield Check("look", name, not worse, text, decides, tuple(one.file for one in apart[:WORST]))


def _distance(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    return abs(auc(labels, scores) - 0.5)
