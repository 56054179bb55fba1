"""A network's scores -> probabilities that mean what they say and thresholds that keep their bound.

Two disjoint sets of source photos: one fits the probability (the validation split and a fifth of the calibration
split; `training.calibration.probability`), the other counts false accusations (`training.calibration.thresholds`). The
unit is the source photo: a photo whose nine deliveries are all called fake is one person wronged, and a photo with one
of nine called fake is one person wronged too.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from refundlens.datasets.row import Row
from refundlens.model.verdict.calibration import Calibration, CalibrationError
from refundlens.training.calibration.misses import with_miss_bounds
from refundlens.training.calibration.probability import fit_probability
from refundlens.training.calibration.scoring import Sample, ScoreFile, run_all, score_rows
from refundlens.training.calibration.thresholds import with_thresholds

__all__ = [
    "CONFIDENCE", "COPIES", "LIMIT", "Sample", "ScoreFile", "calibrate", "choose_copies", "choose_photos", "fits",
    "run_all", "score_rows", "with_thresholds",
]  # fmt: skip

LIMIT = 0.01
"""Default upper bound on the rate of authentic photos called fake."""
CONFIDENCE = 0.95
FIT_SHARE = 5
"""One calibration photo in this many fits the probability; the others only count accusations."""
COPIES = 150
"""Rows whose copy is scored too: enough for a 95 % quantile at each of four qualities, in 3 % of the time."""


def calibrate(
    samples: Iterable[Sample],
    limit: float = LIMIT,
    confidence: float = CONFIDENCE,
    fit_only: Iterable[Sample] = (),
    count_only: Iterable[Sample] = (),
) -> Calibration:
    """Fit the probability on one part of the photos, set every condition's threshold on the other.

    fit_only: samples that must not count accusations, such as those of the split that training was watched on.
    count_only: samples that must not fit; of all others, the photo's hash decides.
    Raises CalibrationError where a class is missing, or no condition has enough photos for the limit.
    """
    known = list(samples)
    fit = [*fit_only, *(sample for sample in known if fits(sample.source))]
    count = [*count_only, *(sample for sample in known if not fits(sample.source))]
    if {sample.label for sample in fit} != {0, 1}:
        raise CalibrationError(
            "fitting the probability needs authentic and manipulated photos in the validation and calibration "
            "splits; `refundlens data stats` shows what a dataset holds"
        )
    plain = fit_probability(fit, limit, confidence)
    counted = with_thresholds(plain, count, limit, confidence, moved=[*fit, *count])
    return with_miss_bounds(counted, count)


def fits(source: str) -> bool:
    """Decided by the photo's hash, so that all its variants and edits stay together."""
    return int(_rank(source), 16) % FIT_SHARE == 0


def choose_photos(rows: Sequence[Row], most: int | None) -> list[Row]:
    """The rows of `most` source photos at most: the same ones in every run, and all of a smaller choice."""
    if most is None:
        return list(rows)
    chosen = set(sorted({row.source for row in rows})[:most])  # a SHA-256 is as good as drawn by lot
    return [row for row in rows if row.source in chosen]


def choose_copies(rows: Sequence[Row], most: int = COPIES) -> frozenset[str]:
    """File names of the rows whose copies are scored: half from photos that fit, half from those that count, each
    spread evenly over classes and deliveries; chosen by hash, so that every run takes the same."""
    halves: tuple[list[Row], list[Row]] = ([], [])
    for row in rows:
        halves[row.split == "calibration" and not fits(row.source)].append(row)
    return frozenset(name for half in halves for name in _spread(half, most // 2))


def _spread(rows: Sequence[Row], most: int) -> list[str]:
    """Round after round, one row of each class and delivery."""
    groups: dict[tuple[int, str], list[str]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: _rank(row.file_name)):
        groups[row.label, str(row.delivery["name"])].append(row.file_name)
    turns = [
        (turn, group, name) for group, names in sorted(groups.items()) for turn, name in enumerate(names)
    ]
    return [name for _, _, name in sorted(turns)[:most]]


def _rank(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
