"""What webhooks say of reports and refunds. Names no person: the buyer is a keyed hash."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from refundlens.serving.events import outbox
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.clock import rfc3339_or_none
from refundlens.serving.storage.tables import Refund, Report


def publish(
    session: Session, now: datetime, kind: WebhookType, report: Report, refund: Refund, **more: Any
) -> None:
    """Publish an event about a report."""
    outbox.publish(session, report.tenant_id, now, kind, report.id, {**facts(report, refund), **more})


def facts(report: Report, refund: Refund) -> dict[str, Any]:
    return {
        "report_id": report.id,
        "refund_id": refund.refund_id,
        "image_id": report.image_id,
        "account": report.account,
        "platform": refund.platform or None,
        "state": report.state,
        "version": report.version,
        "verdict": report.verdict,
        "false_accusation_bound": report.bound,
        "rule": report.rule,
        "review_reason": report.review_reason,
        "due_at": rfc3339_or_none(report.due_at),
        "outcome": refund.outcome,
        "outcome_final": refund.outcome_final,
        "refund_deadline_at": rfc3339_or_none(refund.deadline_at),
    }
