"""The clocks of a report, as jobs that the worker does when they are due.

In: a report and its refund. Out: rows of `job`. A clock that rings looks again whether it still matters.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from refundlens.serving.kit.deadlines import WARNINGS
from refundlens.serving.settings import Settings
from refundlens.serving.storage import queue
from refundlens.serving.storage.tables import Job, Lane, Refund, Report
from refundlens.serving.workflow.states import ReportState

SCREEN, SCREEN_LIMIT, DEADLINE, FINALISE, APPEAL_DUE, PHOTO_DUE, SCREEN_EXTRA = (
    "screen", "screen_limit", "deadline", "finalise", "appeal_due", "photo_due", "screen_extra",
)  # fmt: skip
SCREENINGS = (SCREEN, SCREEN_EXTRA)
"""Jobs that need the detector."""
DECISION = "decision"
"""A decision of the console that can still be undone."""
WARN = "warn:"
SHARE_OF_DEADLINE = 0.5
"""Share of the time until a refund's deadline that the detector may take; the rest is a person's."""


def schedule(
    session: Session,
    tenant: str | None,
    kind: str,
    ref: str,
    due: datetime,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    """Have something done at a time; a job of the same kind for the same object moves there."""
    cancel(session, ref, kind)
    lane = Lane.SCREENING if kind in SCREENINGS else Lane.TIMER
    queue.enqueue(session, lane, kind, ref, due, now, tenant, data=data)


def cancel(session: Session, ref: str, *kinds: str) -> None:
    session.execute(delete(Job).where(Job.ref == ref, Job.kind.in_(kinds)))


def limit_screening(
    session: Session, settings: Settings, report: Report, refund: Refund, now: datetime
) -> None:
    """Set the clock at which the photos of a report's click go to a person, judged or not: a lane of its own, so that
    it rings whatever becomes of the detector."""
    due = report.created_at + timedelta(minutes=settings.screening_minutes)
    if refund.deadline_at is not None:
        left = max(refund.deadline_at - now, timedelta(0))
        due = min(due, now + left * SHARE_OF_DEADLINE)
    schedule(session, report.tenant_id, SCREEN_LIMIT, report.claim_id, due, now)


def screening_ends(session: Session, claim_id: str) -> datetime | None:
    """When that clock rings; none where it did."""
    clock = select(Job.due_at).where(Job.kind == SCREEN_LIMIT, Job.ref == claim_id)
    return session.execute(clock).scalar_one_or_none()


def threaten(session: Session, settings: Settings, report: Report, refund: Refund, now: datetime) -> None:
    """Set the clocks of an undecided report by its refund's deadline: a photo's judging, warnings and the end.

    Of warnings that are late already, the latest is given at once: who reports ten minutes before the end is told.
    """
    if report.state == ReportState.SUBMITTED:
        limit_screening(session, settings, report, refund, now)
    end_threat(session, report)
    if refund.deadline_at is None:
        return
    late = None
    for name, lead in WARNINGS.items():
        moment = refund.deadline_at - lead
        if moment > now:
            schedule(session, report.tenant_id, WARN + name, report.id, moment, now)
        else:
            late = name
    if late is not None and refund.deadline_at > now:
        schedule(session, report.tenant_id, WARN + late, report.id, now, now)
    schedule(session, report.tenant_id, DEADLINE, report.id, refund.deadline_at, now)


def end_threat(session: Session, report: Report) -> None:
    cancel(session, report.id, DEADLINE, *(WARN + name for name in WARNINGS))
