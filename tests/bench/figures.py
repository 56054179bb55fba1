"""From what came back to figures: what was answered, in time, refused, lost or wrong.

In: samples of one load, the right answers. Out: a dict of numbers, in seconds, milliseconds or photos as named.
"""

import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from tests.bench.client import Plan, Sample

Fate = Literal["right", "late", "refused", "expired", "lost", "wrong", "rejected"]
TOLERANCE = 1e-4
"""Difference of probabilities that still counts as the same answer: the contract's."""
SETTLING = 0.2
"""Share of a closed loop that is left out at its beginning, while its clients are still in step."""
NEARLY = 0.9
"""A no that comes after this share of the deadline is no early refusal: the photo waited in vain."""
REFUSALS, EXPIRIES = (429, 503), (408, 504)


def fate(sample: Sample, expected: Sequence[float], deadline: float | None) -> Fate:
    """What became of a request. late: right, but after the deadline. rejected: no photo, and told so."""
    if sample.status in REFUSALS:
        waited = sample.ended - sample.sent
        return "expired" if deadline is not None and waited >= NEARLY * deadline else "refused"
    if sample.status in EXPIRIES:
        return "expired"
    if sample.status == 0 or sample.status >= 500:
        return "lost"
    if sample.bad:
        return "wrong" if sample.probability is not None else "rejected"
    if sample.probability is None and sample.error == "deadline":
        return "expired"
    if sample.probability is None or not sample.right_file:
        return "wrong"
    if abs(sample.probability - expected[sample.photo]) > TOLERANCE:
        return "wrong"
    return "late" if deadline is not None and sample.ended - sample.due > deadline else "right"


def summarise(
    samples: Sequence[Sample],
    plan: Plan,
    expected: Sequence[float],
    deadline: float | None,
    cpu_seconds: float,
) -> dict[str, Any]:
    """Figures of one load. cpu_seconds: what the server spent on it, refusals included. deadline: none for a closed
    loop, where callers wait as long as it takes."""
    fates = [fate(sample, expected, deadline) for sample in samples]
    count: Counter[str] = Counter(fates)
    answered = [s for s, one in zip(samples, fates, strict=True) if one in ("right", "late")]
    ended = [sample.ended for sample in answered]
    return {
        "seconds": plan.seconds,
        "offered_per_second": plan.rate or None,
        "clients": plan.clients or None,
        "requests": len(samples),
        "photos_per_second": (
            steady_rate(ended, plan.seconds)
            if plan.clients
            else sum(end <= plan.seconds for end in ended) / plan.seconds
        ),
        "goodput_per_second": None if plan.clients else count["right"] / plan.seconds,
        **percentiles([sample.ended - sample.due for sample in answered]),
        **{f"{one}_count": count[one] for one in ("refused", "expired", "late", "lost", "wrong", "rejected")},
        "cpu_ms_per_photo": 1000 * cpu_seconds / len(answered) if answered else None,
        "errors": sorted(
            {f"{s.status} {s.error}" for s, f in zip(samples, fates, strict=True) if f in ("lost", "wrong")}
        )[:5],
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float | None]:
    """Median and 99th percentile in milliseconds; none of nothing."""
    if not seconds:
        return {"p50_ms": None, "p99_ms": None}
    return {f"p{share}_ms": float(np.percentile(seconds, share)) * 1000 for share in (50, 99)}


def steady_rate(ended: Sequence[float], seconds: float) -> float:
    """Photos a second that ended after the settling and before the end of a loop: what is under way at either end
    counts neither for nor against."""
    begin = SETTLING * seconds
    return sum(begin < end <= seconds for end in ended) / (seconds - begin)


def median(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Figures of several rounds as one: the median of each number, the sum of each count."""
    merged: dict[str, Any] = {}
    for name in rounds[0]:
        values = [one[name] for one in rounds if one.get(name) is not None]
        numbers = [value for value in values if isinstance(value, int | float)]
        if name.endswith("_count") or name == "requests":
            merged[name] = sum(numbers)
        elif name == "errors":
            merged[name] = sorted({error for value in values for error in value})
        else:
            merged[name] = statistics.median(numbers) if numbers else None
    return merged
