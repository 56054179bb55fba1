"""What follows from drift: gauges, and one webhook a figure and day.

In: every tenant's figures, each hour. Out: `refundlens_drift` with the worst tenant's value, `refundlens_drift_alert`,
and `model.drifted` to the tenant whose figure alerts.
"""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.drift.figures import DriftFigure, drift_figures
from refundlens.serving.events import outbox
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.identity import tenants
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.observability import WorkflowMetrics
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import OutboxEvent


def look_for_drift(
    database: Database, now: datetime, metrics: WorkflowMetrics
) -> list[tuple[str, DriftFigure]]:
    """Measure every tenant and publish what alerts and was not published today; gives what alerts, with its tenant."""
    worst: dict[str, float] = defaultdict(float)
    alerts: dict[str, int] = defaultdict(int)
    told = []
    with database.reading() as session:
        for tenant in tenants.list_tenants(session):
            for figure in drift_figures(session, tenant.id, now):
                worst[figure.name] = max(worst[figure.name], figure.value)
                alerts[figure.name] += figure.alert
                if figure.alert:
                    told.append((tenant.id, figure))
    for name, value in worst.items():
        metrics.drift.labels(name).set(value)
        metrics.drift_alerts.labels(name).set(alerts[name])
    if told:
        with database.transaction() as session:
            for owner, figure in told:
                _publish_once(session, owner, figure, now)
    return told


def _publish_once(session: Session, tenant: str, figure: DriftFigure, now: datetime) -> None:
    subject = f"drift-{figure.name}-{now:%Y-%m-%d}"
    known = select(OutboxEvent.id).where(OutboxEvent.tenant_id == tenant, OutboxEvent.object_id == subject)
    if session.execute(known.limit(1)).first() is None:
        data = {"figure": figure.name, "value": figure.value, "before": figure.before,
                "photos": figure.photos, "at": rfc3339(now)}  # fmt: skip
        outbox.publish(session, tenant, now, WebhookType.MODEL_DRIFTED, subject, data)
