"""Sends what is due: claims, posts and records, many at a time and each on its own.

In: the deliveries table. Out: POSTs, and rows that say what came of them. At least once: a process that dies between a
POST and its record leaves a lease, and when that ends the message goes out again under the same `webhook-id`.
"""

import asyncio
import logging
from collections import Counter
from datetime import timedelta

from refundlens.serving.kit.clock import Clock
from refundlens.serving.storage.database import Database
from refundlens.serving.webhooks.queue import LeasedDelivery, claim, record_outcome
from refundlens.serving.webhooks.sending import TIMEOUT, Message, Sender

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


async def _deliver(database: Database, clock: Clock, sender: Sender, claimed: LeasedDelivery) -> bool:
    """Send one and write down what came of it. Whatever breaks here is this delivery's alone: its lease ends."""
    try:
        message = Message(
            claimed.url, claimed.event_id, claimed.payload, claimed.signer, clock(), claimed.channel
        )
        answer = await sender.send(message)
        return await asyncio.to_thread(record_outcome, database, claimed, answer, clock())
    except Exception:
        _log.exception("delivery %s broke off; it is made again when its lease ends", claimed.delivery_id)
        return False
