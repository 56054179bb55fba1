"""Compares three lists: what happened (audit log), what was to be told (outbox), what was told (receiver).

In: a session and the receiver. Out: sentences, none where each change was told under one id, and arrived.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.storage.tables import AuditEvent, OutboxEvent, Refund, WebhookDelivery
from tests.chaos.receiver import Receiver

OUTCOME = "dispute.outcome_changed"
TOLD = {
    "report.submit": "report.submitted",
    "report.screened_fake": "report.established",
    "report.screened_authentic": "report.not_established",
    "report.screened_unsure": "report.needs_review",
    "report.decide_established": "report.established",
    "report.decide_not_established": "report.not_established",
    "report.appeal": "appeal.opened",
    "report.uphold": "appeal.upheld",
    "report.overturn": "appeal.overturned",
    "report.refuse": "refund.refused",
    "report.withdraw": "report.withdrawn",
    "report.pass_deadline": "report.deadline_passed",
    "report.warned": "report.deadline_warning",
    "report.appeal_overdue": "report.deadline_warning",
    "integrity.final": "buyer.integrity_changed",
    "integrity.reversed": "buyer.integrity_changed",
}
"""Which message follows which line of the audit log, by docs/workflow.md and the contract."""


def published(session: Session) -> Iterator[str]:
    """Each change has one message of its type."""
    expected: Counter[tuple[str, str]] = Counter()
    for row in session.execute(select(AuditEvent.action, AuditEvent.object_id, AuditEvent.data)):
        if row.action in TOLD:
            expected[TOLD[row.action], row.object_id] += 1
        if row.action.startswith("report.screened") and "detection_id" in row.data:
            expected["detection.completed", row.object_id] += 1
    there: Counter[tuple[str, str]] = Counter()
    for event in session.execute(select(OutboxEvent).where(OutboxEvent.type != OUTCOME)).scalars():
        report = json.loads(event.payload)["data"].get("report_id")
        if report is not None:  # models have events, too
            there[event.type, report] += 1
    for name in expected.keys() | there.keys():
        if expected[name] != there[name]:
            yield f"{name[0]} of {name[1]}: {there[name]} messages for {expected[name]} changes"


def outcomes(session: Session) -> Iterator[str]:
    """The messages about a refund's outcome lead from `undecided` to what it is, none missing in between."""
    steps: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (payload,) in session.execute(select(OutboxEvent.payload).where(OutboxEvent.type == OUTCOME)):
        data = json.loads(payload)["data"]
        steps[data["refund_id"]][data["previous_outcome"]] -= 1
        steps[data["refund_id"]][data["outcome"]] += 1
    for refund in session.execute(select(Refund)).scalars():
        balance = Counter(steps[refund.refund_id])
        balance["undecided"] += 1
        balance[refund.outcome] -= 1
        if any(balance.values()):
            yield f"refund {refund.id} is {refund.outcome}; its messages say otherwise"


def received(session: Session, receiver: Receiver) -> Iterator[str]:
    """Every message arrived, as it was written and signed, and none that was never written."""
    written = dict(session.execute(select(OutboxEvent.id, OutboxEvent.payload)).tuples().all())
    deliveries = session.execute(select(WebhookDelivery.event_id, WebhookDelivery.state)).tuples().all()
    ways = Counter(event for event, _ in deliveries)
    taken = receiver.times()
    for event in written:
        if ways[event] != 1:
            yield f"message {event} has {ways[event]} deliveries to one endpoint"
        if not taken[event]:
            yield f"message {event} never arrived"
    yield from (
        f"the delivery of {event} ended as {state}" for event, state in deliveries if state != "delivered"
    )
    for one in receiver.all():
        if written.get(one.id) != one.payload:
            yield f"message {one.id} arrived with what was never written"
        if not one.genuine:
            yield f"message {one.id} arrived with a signature that does not hold"
