"""What happens when a clock rings: one function a kind of job. Each looks again whether it still matters.

In: a job with its report and refund locked. Out: changes in the job's own transaction.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select

from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.deadlines import WARNINGS
from refundlens.serving.kit.roles import SYSTEM
from refundlens.serving.refunds.repository import lock_by_key
from refundlens.serving.reports import held, repository, screening
from refundlens.serving.storage.queue import LeasedJob, finish_job
from refundlens.serving.storage.tables import PhotoRequest, Refund, Report
from refundlens.serving.workflow import timers
from refundlens.serving.workflow.effects import publish
from refundlens.serving.workflow.machine import apply
from refundlens.serving.workflow.states import Event, PhotoRequestState, ReportState

NAG = timedelta(hours=24)
"""How often it is said again that an appeal is overdue."""
_log = logging.getLogger(__name__)


def run_timer(context: Context, job: LeasedJob) -> None:
    """Do a timer's job. Raises LeaseLost."""
    if job.kind == timers.SCREEN_LIMIT:
        _end_screening(context, job)
        return
    report = repository.by_key(context.session, job.ref)
    if report is None:
        finish_job(context.session, job)
        return
    report, refund = repository.lock_pair(context.session, report)
    finish_job(context.session, job)  # after the refund's lock: whoever cancels the job holds that
    name = timers.WARN if job.kind.startswith(timers.WARN) else job.kind
    _RINGS[name](context, job, report, refund)


def _end_screening(context: Context, job: LeasedJob) -> None:
    """The detector had its time: what it has not judged goes to a person. An answer that comes later is dropped."""
    reports = repository.of_claim(context.session, job.ref)
    if not reports:
        finish_job(context.session, job)
        return
    refund = lock_by_key(context.session, reports[0].refund_id)
    finish_job(context.session, job)
    if any(report.state == ReportState.SUBMITTED for report in reports):
        _log.warning("the photos of click %s were not judged in time; a person looks at them", job.ref)
        screening.conclude(context, job.ref, refund, {}, missing="too_slow")


def _warn(context: Context, job: LeasedJob, report: Report, refund: Refund) -> None:
    if ReportState(report.state) not in ReportState.undecided():
        return
    lead = job.kind.removeprefix(timers.WARN)
    _record(context, report, "report.warned", {"before_deadline": lead})
    kind = WebhookType.REPORT_DEADLINE_WARNING
    publish(context.session, context.now, kind, report, refund, about="refund", before_deadline=lead)


def _deadline(context: Context, job: LeasedJob, report: Report, refund: Refund) -> None:
    if ReportState(report.state) not in ReportState.undecided() or refund.deadline_at is None:
        return
    if refund.deadline_at > context.now:  # it moved while the job was under way
        timers.threaten(context.session, context.settings, report, refund, context.now)
        return
    apply(context.session, context.settings, context.now, SYSTEM, Event.PASS_DEADLINE, report, refund)


def _finalise(context: Context, job: LeasedJob, report: Report, refund: Refund) -> None:
    if report.state in (ReportState.ESTABLISHED, ReportState.NOT_ESTABLISHED):
        apply(context.session, context.settings, context.now, SYSTEM, Event.FINALISE, report, refund)


def _appeal_due(context: Context, job: LeasedJob, report: Report, refund: Refund) -> None:
    """Nobody loses by our slowness: an overdue appeal is not decided by the clock, it is called for again."""
    if report.state != ReportState.APPEALED:
        return
    _record(context, report, "report.appeal_overdue", {})
    publish(context.session, context.now, WebhookType.REPORT_DEADLINE_WARNING, report, refund, about="appeal")
    again = context.now + NAG
    timers.schedule(context.session, report.tenant_id, timers.APPEAL_DUE, report.id, again, context.now)


def _photo_due(context: Context, job: LeasedJob, report: Report, refund: Refund) -> None:
    query = select(PhotoRequest).where(PhotoRequest.report_id == report.id, PhotoRequest.live.is_not(None))
    wish = context.session.execute(query).scalar_one_or_none()
    if wish is not None:
        wish.state, wish.live, wish.ended_at = PhotoRequestState.LAPSED.value, None, context.now
        _record(context, report, "report.photo_lapsed", {"wish": wish.wish})


def _decide(context: Context, job: LeasedJob, report: Report, refund: Refund) -> None:
    held.carry_out(context, job.data, report, refund)


def _record(context: Context, report: Report, action: str, data: dict[str, str]) -> None:
    audit.append(context.session, report.tenant_id, context.now, SYSTEM, Fact(action, report.id, data=data))


_RINGS: dict[str, Callable[[Context, LeasedJob, Report, Refund], None]] = {
    timers.WARN: _warn,
    timers.DEADLINE: _deadline,
    timers.FINALISE: _finalise,
    timers.APPEAL_DUE: _appeal_due,
    timers.PHOTO_DUE: _photo_due,
    timers.DECISION: _decide,
}
KINDS = (timers.SCREEN_LIMIT, *(timers.WARN + name for name in WARNINGS), timers.DEADLINE, timers.FINALISE,
         timers.APPEAL_DUE, timers.PHOTO_DUE, timers.DECISION)  # fmt: skip
"""Kinds of jobs that are timers of a report."""
