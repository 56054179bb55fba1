"""Sends what is due: claims, posts and records, many at a time and each on its own.

In: the deliveries table. Out: POSTs, and rows that say what came of them. At least once: a process that dies between a
POST and its record leaves a lease, and when that ends the message goes out again under the same `webhook-id`.

When a message is sent again. Pure: what happened goes in, the wait comes out.

In: attempts made and the receiver's Retry-After. Out: a span, or nothing when the message is given up.
"""

import asyncio
import logging
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from refundlens.serving.kit.clock import Clock
from refundlens.serving.storage.database import Database
from refundlens.serving.webhooks.queue import Claimed, claim, next_due, record
from refundlens.serving.webhooks.sending import TIMEOUT, Message, Sender

__all__ = ["deliver_due", "next_due"]

LOOK_AGAIN = 1.0
"""Seconds after which new messages are looked for while slow receivers are still waited for."""
SHORTEST_LEASE = 2 * TIMEOUT
"""Seconds; a lease that ended while its own POST was still under way would have it sent twice."""
_log = logging.getLogger(__name__)


async def deliver_due(
    database: Database, clock: Clock, sender: Sender, lease_seconds: float, limit: int
) -> int:
    """Make the deliveries that are due, up to `limit` at a time, and return how many were made, whatever came of them.

    Ends when none is due and none under way; what falls due while slow receivers are waited for is taken too. A place
    costs a socket: give more of them than there may be dead endpoints. When cancelled, what is under way is given up
    and goes out again when its lease ends.
    """
    lease = timedelta(seconds=max(lease_seconds, SHORTEST_LEASE))
    running: dict[asyncio.Task[bool], str] = {}
    made = 0
    try:
        while True:
            room = limit - len(running)
            if room > 0:
                under_way = Counter(running.values())
                fresh = await asyncio.to_thread(claim, database, clock(), lease, room, under_way)
                for claimed in fresh:
                    task = asyncio.create_task(_deliver(database, clock, sender, claimed))
                    running[task] = claimed.endpoint_id
            if not running:
                return made
            done, _ = await asyncio.wait(running, timeout=LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                del running[task]
                made += task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _deliver(database: Database, clock: Clock, sender: Sender, claimed: Claimed) -> bool:
    """Send one and write down what came of it. Whatever breaks here is this delivery's alone: its lease ends."""
    try:
        message = Message(claimed.url, claimed.event_id, claimed.payload, claimed.signer, clock())
        answer = await sender.send(message)
        return await asyncio.to_thread(record, database, claimed, answer, clock())
    except Exception:
        _log.exception("delivery %s broke off; it is made again when its lease ends", claimed.delivery_id)
        return False


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
