"""Writes an event and its deliveries in the transaction of the change it tells of: both happen or neither.

An endpoint that is added later does not get earlier events; one that is disabled or deleted gets none.
"""

import json
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.ids import make_id
from refundlens.serving.storage import queue
from refundlens.serving.storage.tables import Lane, OutboxEvent, WebhookDelivery, WebhookEndpoint

DELIVER = "deliver"
"""The kind of a delivery's job."""


class WebhookType(StrEnum):
    """Every event a webhook may carry."""

    DETECTION_COMPLETED = "detection.completed"
    REPORT_SUBMITTED = "report.submitted"
    REPORT_ESTABLISHED = "report.established"
    REPORT_NOT_ESTABLISHED = "report.not_established"
    REPORT_NEEDS_REVIEW = "report.needs_review"
    REPORT_DEADLINE_WARNING = "report.deadline_warning"
    REPORT_DEADLINE_PASSED = "report.deadline_passed"
    REPORT_WITHDRAWN = "report.withdrawn"
    APPEAL_OPENED = "appeal.opened"
    APPEAL_UPHELD = "appeal.upheld"
    APPEAL_OVERTURNED = "appeal.overturned"
    DISPUTE_OUTCOME_CHANGED = "dispute.outcome_changed"
    REFUND_REFUSED = "refund.refused"
    BUYER_INTEGRITY_CHANGED = "buyer.integrity_changed"
    MODEL_PROMOTED = "model.promoted"
    MODEL_ROLLED_BACK = "model.rolled_back"
    MODEL_DRIFTED = "model.drifted"


def publish(
    session: Session, tenant: str, now: datetime, kind: WebhookType, object_id: str, data: dict[str, Any]
) -> OutboxEvent:
    """Have an event told, in the caller's transaction. object_id: what it is about. data: its JSON, under 20 kB."""
    payload = {"type": kind.value, "timestamp": rfc3339(now), "data": data}
    event = OutboxEvent(
        id=make_id("evt", now),
        tenant_id=tenant,
        type=kind.value,
        object_id=object_id,
        payload=json.dumps(payload, ensure_ascii=False, separators=(",", ":")),
        created_at=now,
    )
    session.add(event)
    session.flush()
    wanted = select(WebhookEndpoint).where(
        WebhookEndpoint.tenant_id == tenant,
        WebhookEndpoint.deleted_at.is_(None),
        WebhookEndpoint.disabled_reason.is_(None),
    )
    for endpoint in session.execute(wanted).scalars():
        told = endpoint.account is None or endpoint.account == data.get("account")
        if told and (not endpoint.events or kind.value in endpoint.events):
            add_delivery(session, event, endpoint, now)
    return event


def add_delivery(
    session: Session, event: OutboxEvent, endpoint: WebhookEndpoint, now: datetime, replay: int = 0
) -> WebhookDelivery:
    """A new way of an event to an endpoint, with its job, due at once. replay: how many were made by hand before it."""
    made = WebhookDelivery(
        id=make_id("whd", now),
        tenant_id=event.tenant_id,
        event_id=event.id,
        endpoint_id=endpoint.id,
        replay=replay,
        state="pending",
        attempts=0,
        next_at=now,
        created_at=now,
    )
    session.add(made)
    queue.enqueue(session, Lane.WEBHOOK, DELIVER, made.id, now, now, event.tenant_id, endpoint.id)
    return made
