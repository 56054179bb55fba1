"""How the review pages write moments and shares.

In: stored values and the area's texts. Out: strings for templates.
"""

from datetime import datetime, timedelta
from typing import Any

from refundlens.serving.kit.clock import NEVER, rfc3339
from refundlens.serving.kit.format import percent, span

NEAR = timedelta(hours=2)
"""A deadline this close is shown as urgent: the second of the three warnings."""


def minute(moment: datetime | str | None) -> str:
    """UTC to the minute; a dash for none."""
    if moment is None:
        return "–"
    text = moment if isinstance(moment, str) else rfc3339(moment)
    return f"{text[:16].replace('T', ' ')} UTC"


def left(due: datetime | None, now: datetime, words: dict[str, Any]) -> str:
    """How long until `due`, or since. words: the area's table `time`."""
    if due is None or due >= NEVER:
        return str(words["never"])
    length = due - now
    text = span(abs(length), words)
    return str(words["left" if length > timedelta(0) else "late"]).format(span=text)


def urgency(due: datetime | None, now: datetime) -> str:
    """`late`, `near` or `calm`: a class name."""
    if due is None or due - now > NEAR:
        return "calm"
    return "near" if due > now else "late"


TOOLS: dict[str, Any] = {
    "percent": percent,
    "minute": minute,
    "left": left,
    "urgency": urgency,
    "stamp": rfc3339,
}
"""For templates."""
