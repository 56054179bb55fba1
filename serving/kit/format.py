"""Numbers and lengths of time as people read them."""

import math
from collections.abc import Mapping
from datetime import timedelta

TENTHS = 10
"""Steps of a probability for who is no judge: a change of a photo that is too small to be seen moves it by less."""


def percent(share: float) -> str:
    """Never 0 % or 100 %, which no estimate is.

    >>> [percent(share) for share in (0.0002, 0.25, 0.9999)]
    ['< 0.1%', '25.0%', '> 99.9%']
    """
    return "< 0.1%" if share < 0.001 else "> 99.9%" if share > 0.999 else f"{share:.1%}"


def in_tenths(value: float) -> float:
    """A probability as those see it who are no judges (`detection.oracle`).

    >>> in_tenths(0.9731)
    1.0
    """
    return round(value * TENTHS) / TENTHS


def bound_percent(share: float) -> str:
    """Rounded up: a bound must not be made smaller by writing it.

    >>> bound_percent(0.07), bound_percent(0.00701)
    ('7.00%', '0.71%')
    """
    return f"{math.ceil(round(share * 10_000, 6)) / 100:.2f}%"  # 0.07 * 10,000 is a little more than 700


def span(length: timedelta, words: Mapping[str, str]) -> str:
    """A length of time by its two largest units. words: `days`, `hours` and `minutes`, each with its places."""
    minutes = int(length.total_seconds()) // 60
    hours, days = minutes // 60, minutes // 1440
    if days:
        return words["days"].format(days=days, hours=hours % 24)
    if hours:
        return words["hours"].format(hours=hours, minutes=minutes % 60)
    return words["minutes"].format(minutes=minutes)
