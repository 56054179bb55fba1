"""What waits, asked of the database at each scrape. A database that is away gives NaN: metrics must not fail for it."""

import math
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.exc import SQLAlchemyError

from refundlens.serving.kit.clock import Clock
from refundlens.serving.observability import WorkflowMetrics
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import Job, Lane, Report, Tenant, WebhookDelivery
from refundlens.serving.workflow.states import ReportState


def connect(metrics: WorkflowMetrics, database: Database, clock: Clock) -> None:
    """Have the gauges ask from now on."""
    metrics.jobs_due.set_function(_asking(database, clock, _jobs))
    metrics.webhooks_due.set_function(_asking(database, clock, _webhooks))
    for state in ReportState.undecided():
        gauge = metrics.reports_undecided.labels(state.value)
        gauge.set_function(_asking(database, clock, _reports(state)))


def _asking(
    database: Database, clock: Clock, query: Callable[[datetime], Select[int]]
) -> Callable[[], float]:
    def ask() -> float:
        try:
            with database.reading() as session:
                return float(session.execute(query(clock())).scalar_one())
        except SQLAlchemyError:
            return math.nan

    return ask


def _jobs(now: datetime) -> Select[int]:
    return (
        select(func.count())
        .select_from(Job)
        .where(Job.lane.in_([lane.value for lane in Lane]), Job.due_at <= now)
    )


def _webhooks(now: datetime) -> Select[int]:
    return (
        select(func.count())
        .select_from(WebhookDelivery)
        .where(WebhookDelivery.state == "pending", WebhookDelivery.next_at <= now)
    )


def _reports(state: ReportState) -> Callable[[datetime], Select[int]]:
    def query(now: datetime) -> Select[int]:
        tenants = select(Tenant.id)  # the index on states begins with the tenant
        return (
            select(func.count())
            .select_from(Report)
            .where(Report.tenant_id.in_(tenants), Report.state == state.value)
        )

    return query
