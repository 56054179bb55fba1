"""When a message is sent again. Pure: what happened goes in, the wait comes out.

In: attempts made and the receiver's Retry-After. Out: a span, or nothing when the message is given up.
"""

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

WAITS = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Before each attempt, counted from the one before it: Standard Webhooks' own schedule, a little over three days."""


JITTER = 0.2
"""Share of a wait that chance may add: what failed together does not come back together."""


MOST_ASKED = timedelta(hours=24)
"""The longest Retry-After that is heeded; the longest wait of the schedule."""


ASKING = frozenset({429, 503})
"""Statuses whose Retry-After means what it says (RFC 6585, RFC 9110)."""


DEAD_AFTER = timedelta(days=5)
"""An endpoint at which everything failed for so long is disabled; longer than one message is tried."""


TRIES_BEFORE_DEAD = 3
"""Attempts a message gets even then: one stumble after a quiet week disables nothing."""

_chance = random.SystemRandom()


def wait(attempts: int, status: int | None, retry_after: str | None, now: datetime) -> timedelta | None:
    """How long until the next attempt; None when `attempts` were all there are."""
    if attempts >= len(WAITS):
        return None
    planned = WAITS[attempts] * (1 + _chance.uniform(0, JITTER))
    asked = asked_wait(retry_after, now) if status in ASKING else None
    return max(planned, asked) if asked else planned


def asked_wait(retry_after: str | None, now: datetime) -> timedelta | None:
    """What a Retry-After header asks for, in seconds or as a date; None where it asks for nothing."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        # as a number first: a timedelta of a thousand digits is an error
        return timedelta(seconds=min(int(text[:9]), int(MOST_ASKED.total_seconds())))
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(moment - now, MOST_ASKED) if moment > now else None


def is_dead(failing_since: datetime | None, attempts: int, now: datetime) -> bool:
    """Whether an endpoint that failed again is to be disabled. attempts: at this message."""
    return failing_since is not None and now - failing_since >= DEAD_AFTER and attempts >= TRIES_BEFORE_DEAD
