"""Decisions that wait: ten seconds in which whoever decided in the console can take it back.

In: a decision as the workbench sends it, or a wish to undo it. Out: a job that has it happen when the time is over.
Until then nothing is decided: no state, no audit event, no webhook, no label. One decision waits for a report, so two
adjudicators never decide the same.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, DomainError, Forbidden
from refundlens.serving.kit.roles import Actor, Role
from refundlens.serving.storage.tables import Job, Refund, Report
from refundlens.serving.workflow import timers
from refundlens.serving.workflow.change import EventData
from refundlens.serving.workflow.machine import apply, check_transition
from refundlens.serving.workflow.states import Event

UNDO = timedelta(seconds=10)
"""Long enough to see that a finger slipped, short beside any deadline."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeldDecision:
    """by: whose. event: what will happen to the report. appeal_id: the appeal it answers, else none."""

    report_id: str
    by: str
    event: Event
    reason_code: str
    reason: str
    appeal_id: str | None
    due_at: datetime


def hold(
    context: Context,
    event: Event,
    report: Report,
    refund: Refund,
    given: EventData,
    appeal_id: str | None = None,
) -> None:
    """Have it happen in ten seconds; report and refund are locked. Raises what deciding at once would, and Conflict
    `decision_held` where another one waits."""
    session, now, actor = context.session, context.now, context.principal.actor
    refuse_if_held(session, report.id)
    check_transition(session, context.settings, now, actor, event, report, refund, given)
    data = {
        "by": actor.name,
        "role": actor.role.value,
        "event": event.value,
        "reason_code": given.reason_code,
        "reason": given.reason,
        "appeal_id": appeal_id,
    }
    timers.schedule(session, report.tenant_id, timers.DECISION, report.id, now + UNDO, now, data)


def refuse_if_held(session: Session, report_id: str) -> None:
    """Raises Conflict where a decision waits."""
    if find_held(session, [report_id]):
        detail = "A decision on this report was just made and takes effect within seconds. Look again then."
        raise Conflict("decision_held", detail)


def find_held(session: Session, reports: Sequence[str]) -> dict[str, HeldDecision]:
    """By report."""
    if not reports:
        return {}
    rows = session.execute(select(Job).where(Job.kind == timers.DECISION, Job.ref.in_(reports))).scalars()
    return {row.ref: _held(row) for row in rows}


def undo_held(context: Context, report: Report) -> HeldDecision:
    """Undo it; the report is locked. Raises Conflict `undo_too_late`, Forbidden for another's."""
    found = find_held(context.session, [report.id]).get(report.id)
    if found is None:
        raise Conflict("undo_too_late", "The ten seconds are over: the decision is in effect.")
    if found.by != context.principal.actor.name:
        raise Forbidden("Another adjudicator made this decision; only they can take it back.")
    timers.cancel(context.session, report.id, timers.DECISION)
    return found


def undo_together(session: Session, undone: HeldDecision, reports: Sequence[Report]) -> list[str]:
    """Take back the others of one click: the same judge's, due at the same moment. Returns their reports' ids."""
    found = find_held(session, [report.id for report in reports]).values()
    others = [one.report_id for one in found if (one.by, one.due_at) == (undone.by, undone.due_at)]
    for other in others:
        timers.cancel(session, other, timers.DECISION)
    return others


def carry_out(context: Context, data: dict[str, Any], report: Report, refund: Refund) -> None:
    """The ten seconds are over. What has become impossible meanwhile, since the merchant withdrew or the refund was
    closed, is dropped: the report's own history says why."""
    given = EventData(reason_code=data["reason_code"], reason=data["reason"])
    actor = Actor(Role(data["role"]), data["by"])
    try:
        apply(
            context.session, context.settings, context.now, actor, Event(data["event"]), report, refund, given
        )
    except DomainError as error:
        _log.info("a decision on %s came too late: %s", report.id, error.code)


def _held(row: Job) -> HeldDecision:
    data = row.data
    return HeldDecision(
        row.ref,
        data["by"],
        Event(data["event"]),
        data["reason_code"],
        data["reason"],
        data["appeal_id"],
        row.due_at,
    )
