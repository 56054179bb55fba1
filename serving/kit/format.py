"""Numbers, moments and lengths of time as people read them: templates have these functions by their names."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from markupsafe import Markup

from refundlens.serving.kit.clock import rfc3339

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


def percent_in_tenths(share: float) -> str:
    """For those who get probabilities in tenths: no more is said than the tenth that it was rounded to.

    >>> [percent_in_tenths(share) for share in (0.016, 0.3, 0.9731)]
    ['< 5%', '≈ 30%', '> 95%']
    """
    tenth = in_tenths(share)
    return "< 5%" if tenth <= 0 else "> 95%" if tenth >= 1 else f"≈ {tenth:.0%}"


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


def when(moment: datetime | str | None) -> Markup:
    """A moment, to the minute: in UTC, until the page's script writes it in the reader's own zone. A dash for none.

    >>> str(when("2026-11-22T08:00:01.400Z"))
    '<time datetime="2026-11-22T08:00:01.400Z" data-local>2026-11-22 08:00 UTC</time>'
    """
    if moment is None:
        return Markup("–")
    text = moment if isinstance(moment, str) else rfc3339(moment)
    return Markup('<time datetime="{}" data-local>{} UTC</time>').format(text, text[:16].replace("T", " "))
