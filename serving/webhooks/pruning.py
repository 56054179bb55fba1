"""Forgets events whose time is over, with their deliveries. The worker calls it until it says 0, each time in a
transaction of its own.

What happened is told by the audit log, the reports and their timelines, which stay; events are only how it was passed
on.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from refundlens.serving.kit.ids import first_id
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import OutboxEvent, WebhookDelivery

BATCH = 500
"""Events of one transaction, with a few deliveries each: well under a second in which others wait for the lock."""


def prune_events(session: Session, now: datetime, settings: Settings) -> int:
    """Delete some of the events older than `keep_events_days`, the oldest first; how many. One that is still on its way
    to somebody stays."""
    before = first_id("evt", now - timedelta(days=settings.keep_events_days))
    on_its_way = exists().where(
        WebhookDelivery.event_id == OutboxEvent.id, WebhookDelivery.state == "pending"
    )
    due = select(OutboxEvent.id).where(OutboxEvent.id < before, ~on_its_way)
    gone = session.execute(due.order_by(OutboxEvent.id).limit(BATCH)).scalars().all()
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.event_id.in_(gone)))
    session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(gone)))
    return len(gone)
