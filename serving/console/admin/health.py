"""Health in the browser: what runs, what waits, what fails, and what to do about each.

In: the engine, the database, the gauges that /metrics shows, the data folder. Out: findings, the worst first.
"""

import math
import shutil
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError

from refundlens.serving.console.admin.frame import Admin, sheet
from refundlens.serving.console.page import Visit
from refundlens.serving.engine.engine import Engine
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.kit.format import percent
from refundlens.serving.observability import WorkflowMetrics
from refundlens.serving.webhooks import repository, service
from refundlens.serving.workflow.states import ReportState

router = APIRouter(prefix="/admin/health", include_in_schema=False, route_class=PageRoute)

LOW_DISK = 1_000_000_000
"""Bytes free; below, photos of a busy day may find no room."""
MANY_DUE = 100
"""Jobs or webhooks that should be done by now: more than a burst, the worker is behind or does not run."""
Mark = Literal["ok", "note", "failed"]
_ORDER: tuple[Mark, ...] = ("failed", "note", "ok")


@dataclass(frozen=True)
class HealthCheck:
    """name: of its texts. values: what they say. link: where to do something about it."""

    name: str
    mark: Mark
    values: dict[str, object]
    link: str | None = None


@router.get("")
def health_page(visit: Admin) -> Response:
    findings = sorted(findings_of(visit), key=lambda one: _ORDER.index(one.mark))
    return sheet(visit, "health", findings=findings, worst=findings[0].mark)


def findings_of(visit: Visit) -> list[HealthCheck]:
    """All checks, in the order of what depends on what."""
    return [_model(visit), _bound(visit), _database(visit), _disk(visit), *_waiting(visit), _webhooks(visit)]


def _model(visit: Visit) -> HealthCheck:
    engine: Engine = visit.services.service.engine
    name = engine.detector.name
    values: dict[str, object] = {"name": name.name, "version": name.version}
    return HealthCheck(
        "model" if visit.services.ready else "warming",
        "ok" if visit.services.ready else "note",
        values,
        "/models",
    )


def _bound(visit: Visit) -> HealthCheck:
    engine: Engine = visit.services.service.engine
    calibration = engine.detector.calibration
    if calibration is None:
        return HealthCheck("not_calibrated", "note", {}, "/models")
    return HealthCheck("calibrated", "ok", {"limit": percent(calibration.limit)}, "/models")


def _database(visit: Visit) -> HealthCheck:
    try:
        state = visit.services.database.state()
    except SQLAlchemyError:
        return HealthCheck("database_away", "failed", {})
    return HealthCheck(
        "database",
        "ok" if state.current else "failed",
        {"name": visit.services.database.name, "version": state.found or "–"},
    )


def _disk(visit: Visit) -> HealthCheck:
    free = shutil.disk_usage(visit.services.settings.data_dir).free
    return HealthCheck("disk", "ok" if free >= LOW_DISK else "failed", {"free": f"{free / 1e9:.1f}"})


def _waiting(visit: Visit) -> list[HealthCheck]:
    metrics: WorkflowMetrics = visit.services.metrics.workflow
    jobs, webhooks = _value(metrics.jobs_due), _value(metrics.webhooks_due)
    with_people = _value(metrics.reports_undecided.labels(ReportState.NEEDS_REVIEW.value))
    return [
        HealthCheck("jobs", "failed" if jobs > MANY_DUE else "ok", {"count": jobs}),
        HealthCheck("messages", "failed" if webhooks > MANY_DUE else "ok", {"count": webhooks}),
        HealthCheck("people", "ok", {"count": with_people}, "/queue"),
    ]


def _webhooks(visit: Visit) -> HealthCheck:
    """Endpoints of this tenant that fail or were disabled for it."""
    with visit.services.database.reading() as session:
        rows = repository.endpoints(session, visit.principal.tenant, None, service.MOST_ENDPOINTS)
    broken = [row for row in rows if row.failing_since or row.disabled_reason not in (None, service.BY_HAND)]
    values: dict[str, object] = {"broken": len(broken), "count": len(rows)}
    return HealthCheck("endpoints", "failed" if broken else "ok", values, "/admin/webhooks")


def _value(gauge: Gauge) -> int:
    """What it shows now; -1 where the database did not answer."""
    for family in gauge.collect():
        for sample in family.samples:
            return -1 if math.isnan(sample.value) else int(sample.value)
    return -1
