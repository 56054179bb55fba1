"""The worker's side of the deliveries table: who is due, whose turn it is, what came of it.

In: the time, and how much may be sent at once. Out: claimed deliveries, each leased to one process, then their outcome,
which counts only while the lease is still ours. A claimed delivery's `next_at` is the end of its lease: when a process
dies, what it held is due again. Rows are locked in the order endpoint, deliveries, chain.

These queries see all tenants: only the worker calls them, and nothing they give reaches a caller.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.kit import roles
from refundlens.serving.kit.ids import make_id
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import OutboxEvent, WebhookDelivery, WebhookEndpoint
from refundlens.serving.webhooks import schedule
from refundlens.serving.webhooks.sending import DeliveryResult, WebhookSigner

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
    """A delivery that is this process's to make until its lease ends."""

    delivery_id: str
    lease: str
    endpoint_id: str
    url: str
    signer: WebhookSigner
    event_id: str
    payload: str


def next_due(database: Database, now: datetime) -> timedelta | None:
    """How long the worker may sleep: nothing at all when something is due, None when nothing is under way."""
    with database.reading() as session:
        found = session.scalar(
            select(func.min(WebhookDelivery.next_at)).where(WebhookDelivery.next_at.is_not(None))
        )
    return None if found is None else max(found - now, timedelta(0))


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
                claimed += _take(session, endpoint, now, lease, places)
    return claimed


def record_outcome(
    database: Database, claimed: LeasedDelivery, answer: DeliveryResult, now: datetime
) -> bool:
    """Write down what came of it. False where the lease was lost meanwhile: another process speaks for it then."""
    with database.transaction() as session:
        endpoint = _locked(session, WebhookEndpoint, claimed.endpoint_id)
        row = _locked(session, WebhookDelivery, claimed.delivery_id)
        if row.state != "pending" or row.lease != claimed.lease:
            return False
        row.attempts += 1
        row.lease, row.leased_until = None, None
        row.status, row.response = answer.status, answer.text
        row.error = answer.error[:KEPT_ERROR] if answer.error else None
        if answer.delivered:
            _end(row, "delivered", now)
            if endpoint.failing_since is not None:
                endpoint.failing_since = None
        else:
            _failed(session, endpoint, row, answer, now)
        return True


def is_active(endpoint: WebhookEndpoint) -> bool:
    return endpoint.deleted_at is None and endpoint.disabled_reason is None


def cancel_pending(session: Session, endpoint_id: str, now: datetime) -> None:
    """Give up everything on its way to an endpoint that is not used any more."""
    session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.state == "pending",
            WebhookDelivery.next_at.is_not(None),  # every pending one has it, and the index only those
        )
        .values(state="cancelled", next_at=None, lease=None, leased_until=None, ended_at=now)
    )


def _clear(database: Database, endpoint_id: str, now: datetime) -> None:
    with database.transaction() as session:
        if not is_active(_locked(session, WebhookEndpoint, endpoint_id)):
            cancel_pending(session, endpoint_id, now)


def _failed(
    session: Session, endpoint: WebhookEndpoint, row: WebhookDelivery, answer: DeliveryResult, now: datetime
) -> None:
    if endpoint.failing_since is None:
        endpoint.failing_since = now
    pause = schedule.wait(row.attempts, answer.status, answer.retry_after, now)
    if answer.status == GONE:
        _end(row, "failed", now)
        _disable(session, endpoint, "its receiver answered 410 Gone", now)
    elif schedule.is_dead(endpoint.failing_since, row.attempts, now):
        _end(row, "failed", now)
        _disable(session, endpoint, f"everything failed for {schedule.DEAD_AFTER.days} days", now)
    elif pause is None:
        _end(row, "failed", now)
    else:
        row.next_at = now + pause


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


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Only what is pending has a next_at. Asked for the state as well, PostgreSQL takes the two for independent,
    expects next to nothing and sorts all that is due."""
    return WebhookDelivery.next_at <= now


def _due_endpoints(now: datetime, full: list[str], most: int) -> Select[WebhookEndpoint]:
    """Endpoints with something due, the longest due first. One seek in ix_webhook_delivery_lane for each endpoint: a
    dead one's long queue is not walked through to find the others."""
    earliest = (
        select(WebhookDelivery.next_at)
        .where(WebhookDelivery.endpoint_id == WebhookEndpoint.id, _is_due(now))
        .order_by(WebhookDelivery.next_at)
        .limit(1)
        .correlate(WebhookEndpoint)
        .scalar_subquery()
    )
    found = select(WebhookEndpoint).where(earliest.is_not(None)).order_by(earliest).limit(most)
    return found.where(WebhookEndpoint.id.not_in(full)) if full else found


def _places(endpoint: WebhookEndpoint, under_way: Mapping[str, int]) -> int:
    most = WHILE_FAILING if endpoint.failing_since else PER_ENDPOINT
    return max(0, most - under_way.get(endpoint.id, 0))


def _take(
    session: Session, endpoint: WebhookEndpoint, now: datetime, lease: timedelta, places: int
) -> list[LeasedDelivery]:
    """Lease an endpoint's next deliveries; those that another process is taking are passed over."""
    due = (
        select(WebhookDelivery)
        .where(WebhookDelivery.endpoint_id == endpoint.id, _is_due(now))
        .order_by(WebhookDelivery.next_at, WebhookDelivery.id)
        .limit(places)
        .with_for_update(skip_locked=True)
    )
    rows = session.scalars(due).all()
    events = select(OutboxEvent).where(OutboxEvent.id.in_([row.event_id for row in rows]))
    payloads = {event.id: event.payload for event in session.scalars(events)} if rows else {}
    signer = WebhookSigner(endpoint.id, endpoint.secret_number, endpoint.previous_until)
    claimed = []
    for row in rows:
        row.lease = make_id("lse", now)
        row.leased_until = row.next_at = now + lease
        claimed.append(
            LeasedDelivery(
                row.id, row.lease, endpoint.id, endpoint.url, signer, row.event_id, payloads[row.event_id]
            )
        )
    return claimed
