"""Two copies of one photo must not be judged against each other: how often a verdict moves under JPEG 85.

In: the sweep's scored rows. Out: for each first delivery and number of further uploads, shares of pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refundlens.training.evaluation.metrics import ROUNDS, bootstrap_interval
from refundlens.training.evaluation.slices import Scored, delivery_of
from refundlens.training.evaluation.suite.sweep import FIRST_SENT, UPLOADS, upload_name

OPPOSITE = {"fake", "authentic"}


@dataclass(frozen=True)
class Flips:
    """Verdicts before and after. Shares of `pictures`; low and high: 95 % interval of `changed` over source photos.

    decided: had a verdict other than inconclusive before: a detector that never decides never flips. changed: any
    change at all. to_inconclusive, from_inconclusive: the two halves of what is no contradiction.
    opposite: fake became authentic or authentic fake. authentic_to_fake: authentic pictures newly accused, of
    all authentic ones.
    """

    first: str
    uploads: int
    photos: int
    pictures: int
    decided: float
    changed: float
    low: float
    high: float
    to_inconclusive: float
    from_inconclusive: float
    opposite: float
    authentic_to_fake: float


def flips(scored: Sequence[Scored], rounds: int = ROUNDS) -> list[Flips]:
    """For every first delivery, one and two uploads later. Empty where the rows hold no uploads."""
    by_delivery: dict[str, dict[str, Scored]] = {}
    for one in scored:
        by_delivery.setdefault(delivery_of(one), {})[one.row.file_name] = one
    found = []
    for first in FIRST_SENT:
        for uploads in UPLOADS:
            before, after = by_delivery.get(first, {}), by_delivery.get(upload_name(first, uploads), {})
            pairs = [(before[name], after[name]) for name in before if name in after]
            if pairs:
                found.append(_flips(first, uploads, pairs, rounds))
    return found


def _flips(first: str, uploads: int, pairs: Sequence[tuple[Scored, Scored]], rounds: int) -> Flips:
    verdicts = [(before.verdict, after.verdict) for before, after in pairs]
    changed = np.array([before != after for before, after in verdicts], np.float64)
    sources = [before.row.source for before, _ in pairs]
    low, high = bootstrap_interval(lambda values: float(values.mean()), sources, changed, rounds=rounds)
    authentic = [(b.verdict, a.verdict) for b, a in pairs if b.row.label == 0]
    return Flips(
        first=first,
        uploads=uploads,
        photos=len(set(sources)),
        pictures=len(pairs),
        decided=_share([before != "inconclusive" for before, _ in verdicts]),
        changed=float(changed.mean()),
        low=low,
        high=high,
        to_inconclusive=_share([before != after == "inconclusive" for before, after in verdicts]),
        from_inconclusive=_share([after != before == "inconclusive" for before, after in verdicts]),
        opposite=_share([{before, after} == OPPOSITE for before, after in verdicts]),
        authentic_to_fake=_share([before != after == "fake" for before, after in authentic]),
    )


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found) if found else 0.0
