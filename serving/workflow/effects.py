"""What follows from a change: one function an effect of the table. All in the change's own transaction.

Those on buyers' records and on labels are written there, and `serving.app` adds them to `EFFECTS` at the start: the
workflow knows neither.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from refundlens.serving.events import outbox
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.clock import NEVER, rfc3339_or_none
from refundlens.serving.kit.ids import make_id
from refundlens.serving.storage.tables import Appeal, Decision, PhotoRequest, Refund, Refusal, Report
from refundlens.serving.workflow import timers
from refundlens.serving.workflow.change import Effects, Transition
from refundlens.serving.workflow.states import AppealState, Event, Outcome, PhotoRequestState, ReportState
from refundlens.serving.workflow.transitions import Effect


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


_WEBHOOK_OF_STATE = {
    ReportState.SUBMITTED: WebhookType.REPORT_SUBMITTED,
    ReportState.ESTABLISHED: WebhookType.REPORT_ESTABLISHED,
    ReportState.NOT_ESTABLISHED: WebhookType.REPORT_NOT_ESTABLISHED,
    ReportState.NEEDS_REVIEW: WebhookType.REPORT_NEEDS_REVIEW,
    ReportState.WITHDRAWN: WebhookType.REPORT_WITHDRAWN,
    ReportState.EXPIRED: WebhookType.REPORT_DEADLINE_PASSED,
}


def _publish(change: Transition) -> None:
    kind = _WEBHOOK_OF_STATE[change.edge.next]
    publish(change.session, change.now, kind, change.report, change.refund, previous_state=change.before)


def _start_clocks(change: Transition) -> None:
    report, now = change.report, change.now
    report.due_at = change.refund.deadline_at or NEVER
    timers.schedule(change.session, report.tenant_id, timers.SCREEN, report.claim_id, now, now)
    timers.threaten(change.session, change.settings, report, change.refund, now)


def _stop_clocks(change: Transition) -> None:
    timers.end_threat(change.session, change.report)
    change.report.due_at = NEVER


def _open_appeal_window(change: Transition) -> None:
    due = change.now + timedelta(hours=change.settings.appeal_hours)
    change.report.due_at = due
    timers.schedule(
        change.session, change.report.tenant_id, timers.FINALISE, change.report.id, due, change.now
    )


def _open_appeal(change: Transition) -> None:
    session, report, now = change.session, change.report, change.now
    timers.cancel(session, report.id, timers.FINALISE)
    due = now + timedelta(hours=change.settings.appeal_answer_hours)
    appeal = Appeal(
        id=change.given.appeal_id or make_id("apl", now),
        tenant_id=report.tenant_id,
        report_id=report.id,
        account=report.account,
        side=change.given.side,
        was=change.before,
        grounds=change.given.reason,
        state=AppealState.OPEN.value,
        opened_by=change.actor.name,
        due_at=due,
        created_at=now,
    )
    session.add(appeal)
    report.due_at = due
    timers.schedule(session, report.tenant_id, timers.APPEAL_DUE, report.id, due, now)
    publish(
        session, now, WebhookType.APPEAL_OPENED, report, change.refund, appeal_id=appeal.id, side=appeal.side
    )


def _close_appeal(change: Transition) -> None:
    session, report = change.session, change.report
    appeal = session.execute(select(Appeal).where(Appeal.report_id == report.id)).scalar_one()
    upheld = change.edge.event is Event.UPHOLD
    appeal.state = (AppealState.UPHELD if upheld else AppealState.OVERTURNED).value
    appeal.decided_by, appeal.decided_at = change.actor.name, change.now
    report.due_at = NEVER
    timers.cancel(session, report.id, timers.APPEAL_DUE)
    kind = WebhookType.APPEAL_UPHELD if upheld else WebhookType.APPEAL_OVERTURNED
    publish(session, change.now, kind, report, change.refund, appeal_id=appeal.id, side=appeal.side)


def _set_outcome(change: Transition) -> None:
    """One photo that counts as fake supports the merchant; the buyer is supported when all reports said no. A verdict
    under appeal counts until it is answered."""
    refund = change.refund
    if change.edge.event is Event.FINALISE:
        change.report.due_at = NEVER
    states = _counting(change.session, refund)
    if states & ReportState.for_merchant():
        outcome = Outcome.MERCHANT_SUPPORTED
        final = ReportState.FINAL_ESTABLISHED in states
    elif states and states <= ReportState.for_buyer():
        outcome = Outcome.BUYER_SUPPORTED
        final = states == {ReportState.FINAL_NOT_ESTABLISHED}
    else:
        outcome, final = Outcome.UNDECIDED, False
    previous = refund.outcome
    moved = (refund.outcome, refund.outcome_final) != (outcome, final)
    undone = _undo_refusal(change, whole=outcome != Outcome.MERCHANT_SUPPORTED)
    if not moved and not undone:
        return
    refund.outcome, refund.outcome_final = outcome.value, final
    refund.version += 1
    refund.updated_at = change.now
    publish(
        change.session, change.now, WebhookType.DISPUTE_OUTCOME_CHANGED, change.report, refund,
        previous_outcome=previous, refusal_undone=undone,
    )  # fmt: skip


def _counting(session: Session, refund: Refund) -> set[ReportState]:
    """The states of a refund's reports as far as they say something."""
    rows = session.execute(select(Report.state, Report.was).where(Report.refund_id == refund.id))
    states = {ReportState(row.was if row.state == ReportState.APPEALED else row.state) for row in rows}
    return states - {ReportState.WITHDRAWN, ReportState.EXPIRED}


def _undo_refusal(change: Transition, whole: bool) -> bool:
    """Take back a refusal that rests on nothing any more: on this report, which turned against it, or (whole) on any
    report of a refund that supports the merchant no longer. The platform must take it back, too."""
    turned = change.edge.next in ReportState.for_buyer()
    if not whole and not turned:
        return False
    undone = update(Refusal).where(Refusal.refund_id == change.refund.id, Refusal.undone_at.is_(None))
    if not whole:
        undone = undone.where(Refusal.report_id == change.report.id)
    undone = undone.values(undone_at=change.now, live=None)
    return change.session.execute(undone.returning(Refusal.id)).first() is not None


def _record_decision(change: Transition) -> None:
    session, report = change.session, change.report
    appeal = session.execute(select(Appeal.id).where(Appeal.report_id == report.id)).scalar()
    session.add(
        Decision(
            id=make_id("dcs", change.now),
            tenant_id=report.tenant_id,
            report_id=report.id,
            appeal_id=appeal,
            established=change.edge.next in ReportState.for_merchant(),
            reason_code=change.given.reason_code,
            reason=change.given.reason,
            decided_by=change.actor.name,
            created_at=change.now,
        )
    )


def _ask_buyer(change: Transition) -> None:
    report, now = change.report, change.now
    due = _photo_due(change)
    change.session.add(
        PhotoRequest(
            id=make_id("phr", now),
            tenant_id=report.tenant_id,
            report_id=report.id,
            wish=change.given.wish,
            message=change.given.message,
            state=PhotoRequestState.OPEN.value,
            live=1,
            asked_by=change.actor.name,
            due_at=due,
            created_at=now,
        )
    )
    timers.schedule(change.session, report.tenant_id, timers.PHOTO_DUE, report.id, due, now)


def _photo_due(change: Transition) -> datetime:
    due = change.now + timedelta(hours=change.settings.photo_request_hours)
    return min(due, change.refund.deadline_at or NEVER)


def _end_wishes(change: Transition) -> None:
    timers.cancel(change.session, change.report.id, timers.PHOTO_DUE)
    change.session.execute(
        update(PhotoRequest)
        .where(PhotoRequest.report_id == change.report.id, PhotoRequest.live.is_not(None))
        .values(state=PhotoRequestState.CANCELLED.value, live=None, ended_at=change.now)
    )


def _record_refusal(change: Transition) -> None:
    report, now, given = change.report, change.now, change.given
    refusal = Refusal(
        id=make_id("rfs", now),
        tenant_id=report.tenant_id,
        refund_id=change.refund.id,
        report_id=report.id,
        message=given.message,
        evidence=given.evidence,
        live=1,
        platform=given.platform,
        refused_by=change.actor.name,
        created_at=now,
    )
    change.session.add(refusal)
    publish(
        change.session, now, WebhookType.REFUND_REFUSED, report, change.refund,
        refusal_id=refusal.id, evidence_sha256=given.evidence,
    )  # fmt: skip


EFFECTS: Effects = {
    Effect.TELL: _publish,
    Effect.START_CLOCKS: _start_clocks,
    Effect.STOP_CLOCKS: _stop_clocks,
    Effect.OPEN_APPEAL_WINDOW: _open_appeal_window,
    Effect.OPEN_APPEAL: _open_appeal,
    Effect.CLOSE_APPEAL: _close_appeal,
    Effect.SET_OUTCOME: _set_outcome,
    Effect.RECORD_DECISION: _record_decision,
    Effect.ASK_BUYER: _ask_buyer,
    Effect.END_WISHES: _end_wishes,
    Effect.RECORD_REFUSAL: _record_refusal,
}
