"""The worker's side of deliveries: whose turn it is, and what came of it. Their jobs are in the one queue
(`serving.storage.queue`), in a lane of their own, by endpoint.

In: the time, and how much may be sent at once. Out: leased deliveries, then their outcome, which counts only while the
lease is still ours; and how long until the next attempt, or nothing when a message is given up. Rows are locked in the
order endpoint, deliveries, jobs, chain.

These queries see all tenants: only the worker calls them, and nothing they give reaches a caller.
"""

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.kit import roles
from refundlens.serving.kit.language import known
from refundlens.serving.storage import queue
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.queue import LeasedJob, LeaseLost
from refundlens.serving.storage.tables import Job, Lane, OutboxEvent, WebhookDelivery, WebhookEndpoint
from refundlens.serving.webhooks.sending import Channel, DeliveryResult, WebhookSigner

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


PER_ENDPOINT = 4
"""Messages a process sends to one endpoint at a time: roughly in order, yet not one round trip after another."""
WHILE_FAILING = 1
"""And to one that failed last time: a dead endpoint holds one place, not many, for as long as a time-out takes."""
GONE = 410
KEPT_ERROR = 500
"""Characters of an error's text that its column holds."""
Row = TypeVar("Row", WebhookEndpoint, WebhookDelivery)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeasedDelivery:
    """A delivery that is this process's to make until its job's lease ends."""

    job: LeasedJob
    endpoint_id: str
    url: str
    signer: WebhookSigner
    event_id: str
    payload: str
    channel: Channel

    @property
    def delivery_id(self) -> str:
        return self.job.ref


def claim(
    database: Database, now: datetime, lease: timedelta, room: int, under_way: Mapping[str, int]
) -> list[LeasedDelivery]:
    """Lease up to `room` due deliveries, the longest due endpoint first. under_way: this process's, by endpoint."""
    full = [endpoint_id for endpoint_id, count in under_way.items() if count >= PER_ENDPOINT]
    due = _due_endpoints(now, full, room)
    with database.reading() as session:  # most looks find nothing: they take no write lock
        endpoints = session.scalars(due).all()
    dead = [endpoint for endpoint in endpoints if not is_active(endpoint)]
    for endpoint in dead:  # something was published to it in the moment it was disabled
        _clear(database, endpoint.id, now)
    alive = [endpoint for endpoint in endpoints if is_active(endpoint)]
    if not any(_places(endpoint, under_way) for endpoint in alive):
        return []
    claimed: list[LeasedDelivery] = []
    with database.transaction() as session:
        for endpoint in alive:
            places = min(_places(endpoint, under_way), room - len(claimed))
            if places > 0:
                key = endpoint.id
                jobs = queue.lease(session, now, lease.total_seconds(), places, Lane.WEBHOOK, key)
                claimed += _messages(session, endpoint, jobs)
    return claimed


def record_outcome(
    database: Database, claimed: LeasedDelivery, answer: DeliveryResult, now: datetime
) -> bool:
    """Write down what came of it. False where the lease was lost meanwhile: another process speaks for it then."""
    try:
        with database.transaction() as session:
            _record(session, claimed, answer, now)
    except LeaseLost:
        return False
    return True


def _record(session: Session, claimed: LeasedDelivery, answer: DeliveryResult, now: datetime) -> None:
    """Raises LeaseLost; then nothing of it stays."""
    endpoint = _locked(session, WebhookEndpoint, claimed.endpoint_id)
    row = _locked(session, WebhookDelivery, claimed.delivery_id)
    row.attempts += 1
    row.status, row.response = answer.status, answer.text
    row.error = answer.error[:KEPT_ERROR] if answer.error else None
    if answer.delivered:
        _end(row, "delivered", now)
        endpoint.failing_since = None
    else:
        row.next_at = _after_failure(endpoint, row, answer, now)
    if row.next_at is not None:
        queue.repeat(session, claimed.job, row.next_at)
        return
    queue.finish_job(session, claimed.job)
    if answer.status == GONE:
        _disable(session, endpoint, "its receiver answered 410 Gone", now)
    elif row.state == "failed" and is_dead(endpoint.failing_since, row.attempts, now):
        _disable(session, endpoint, f"everything failed for {DEAD_AFTER.days} days", now)


def is_active(endpoint: WebhookEndpoint) -> bool:
    return endpoint.deleted_at is None and endpoint.disabled_reason is None


def cancel_pending(session: Session, endpoint_id: str, now: datetime) -> None:
    """Give up everything on its way to an endpoint that is not used any more."""
    of_endpoint = (Job.concurrency_key == endpoint_id, Job.lane == Lane.WEBHOOK.value)
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(select(Job.ref).where(*of_endpoint)))
        .values(state="cancelled", next_at=None, ended_at=now)
        .execution_options(synchronize_session="fetch")
    )
    session.execute(delete(Job).where(*of_endpoint))


def _clear(database: Database, endpoint_id: str, now: datetime) -> None:
    with database.transaction() as session:
        if not is_active(_locked(session, WebhookEndpoint, endpoint_id)):
            cancel_pending(session, endpoint_id, now)


def _after_failure(
    endpoint: WebhookEndpoint, row: WebhookDelivery, answer: DeliveryResult, now: datetime
) -> datetime | None:
    """When it is tried again; none where it is given up."""
    endpoint.failing_since = endpoint.failing_since or now
    pause = wait(row.attempts, answer.status, answer.retry_after, now)
    dead = is_dead(endpoint.failing_since, row.attempts, now)
    if pause is None or dead or answer.status == GONE:
        _end(row, "failed", now)
        return None
    return now + pause


def _end(row: WebhookDelivery, state: str, now: datetime) -> None:
    row.state, row.next_at, row.ended_at = state, None, now


def _disable(session: Session, endpoint: WebhookEndpoint, reason: str, now: datetime) -> None:
    if not is_active(endpoint):
        return
    session.flush()
    endpoint.disabled_reason = reason
    endpoint.version += 1
    endpoint.updated_at = now
    cancel_pending(session, endpoint.id, now)
    fact = audit.Fact("webhook_endpoint.disabled", endpoint.id, "enabled", "disabled", {"reason": reason})
    audit.append(session, endpoint.tenant_id, now, roles.SYSTEM, fact)
    _log.warning("webhook endpoint %s is disabled: %s", endpoint.id, reason)


def _locked(session: Session, table: type[Row], identifier: str) -> Row:
    """A row that exists, as it is now, ours to change. Its key is not: events may be published to it meanwhile."""
    return session.get_one(table, identifier, with_for_update={"key_share": True}, populate_existing=True)


def _due_endpoints(now: datetime, full: list[str], most: int) -> Select[WebhookEndpoint]:
    """Endpoints with something due, the longest due first. One seek in ix_job_key for each endpoint: a dead one's long
    queue is not walked through to find the others."""
    earliest = (
        select(Job.due_at)
        .where(Job.concurrency_key == WebhookEndpoint.id, Job.due_at <= now)
        .order_by(Job.due_at)
        .limit(1)
        .correlate(WebhookEndpoint)
        .scalar_subquery()
    )
    found = select(WebhookEndpoint).where(earliest.is_not(None)).order_by(earliest).limit(most)
    return found.where(WebhookEndpoint.id.not_in(full)) if full else found


def _places(endpoint: WebhookEndpoint, under_way: Mapping[str, int]) -> int:
    most = WHILE_FAILING if endpoint.failing_since else PER_ENDPOINT
    return max(0, most - under_way.get(endpoint.id, 0))


def _messages(session: Session, endpoint: WebhookEndpoint, jobs: Sequence[LeasedJob]) -> list[LeasedDelivery]:
    """What is to be sent for jobs of one endpoint, in their order."""
    query = select(WebhookDelivery.id, OutboxEvent.id, OutboxEvent.payload).join(
        OutboxEvent, OutboxEvent.id == WebhookDelivery.event_id
    )
    rows = session.execute(query.where(WebhookDelivery.id.in_([job.ref for job in jobs]))) if jobs else ()
    events = {delivery: (event, payload) for delivery, event, payload in rows}
    signer = WebhookSigner(endpoint.id, endpoint.secret_number, endpoint.previous_until)
    channel = Channel(endpoint.kind, endpoint.sealed, known(endpoint.language) or "en")
    return [LeasedDelivery(job, endpoint.id, endpoint.url, signer, *events[job.ref], channel) for job in jobs]
