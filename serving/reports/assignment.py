"""Who is at which case, so that two adjudicators never are at one.

In: a judge and a case that needs a person. Out: the case in their hands for `LEASE`, or a Conflict that says in whose
hands it is. Opening a case takes it and opening it again renews that; deciding it, or giving it back, frees it; so does
time, for who went home. A judge has one case at a time: taking another gives the last one back.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.kit.errors import Conflict
from refundlens.serving.kit.principal import Principal
from refundlens.serving.reports.held import find_held, refuse_if_held
from refundlens.serving.reports.repository import lock_pair
from refundlens.serving.storage.tables import Assignment, Report, SecondOpinion
from refundlens.serving.workflow.states import ReportState

LEASE = timedelta(minutes=15)
"""Longer than a hard case takes, and short beside the last warning's thirty minutes."""


def take_case(session: Session, principal: Principal, report: Report, now: datetime) -> Assignment | None:
    """None for a report that needs nobody (any more). Raises Conflict where it is in another's hands."""
    report, _ = lock_pair(session, report)  # whoever takes it at the same moment waits here
    if report.state != ReportState.NEEDS_REVIEW:
        return None
    decision = find_held(session, [report.id]).get(report.id)
    if decision is not None and decision.by != principal.subject:
        refuse_if_held(session, report.id)
    held = session.get(Assignment, report.id, populate_existing=True)
    if held is not None and held.judge != principal.subject and held.until > now:
        detail = f"{held.judge} is at this case until {held.until:%H:%M} UTC. Take the next one."
        raise Conflict("case_taken", detail)
    mine = (Assignment.tenant_id == principal.tenant, Assignment.judge == principal.subject)
    session.execute(delete(Assignment).where(*mine, Assignment.report_id != report.id))
    if held is None:
        held = Assignment(report_id=report.id, tenant_id=report.tenant_id)
        session.add(held)
    if held.judge != principal.subject:
        held.judge, held.since = principal.subject, now
    held.until = now + LEASE
    session.flush()
    return held


def give_back(session: Session, principal: Principal, report_id: str) -> None:
    """Whatever becomes of it, this judge is not at it any more."""
    mine = (Assignment.report_id == report_id, Assignment.judge == principal.subject)
    session.execute(delete(Assignment).where(*mine))


def held(session: Session, reports: Sequence[str], now: datetime) -> dict[str, Assignment]:
    """By report: in whose hands it is."""
    query = select(Assignment).where(Assignment.report_id.in_(reports), Assignment.until > now)
    return {row.report_id: row for row in session.execute(query).scalars()} if reports else {}


def free_for(principal: Principal, now: datetime) -> ColumnElement[bool]:
    """Of reports: in no other's hands, and not one that this judge wants another's opinion on."""
    others = exists().where(
        Assignment.report_id == Report.id, Assignment.until > now, Assignment.judge != principal.subject
    )
    asked = exists().where(SecondOpinion.report_id == Report.id, SecondOpinion.asked_by == principal.subject)
    return ~others & ~asked


def ask_second(session: Session, principal: Principal, report: Report, words: str, now: datetime) -> None:
    """Leave a case to another judge, saying why. Raises Conflict where it needs nobody, or is in another's hands."""
    if take_case(session, principal, report, now) is None:
        raise Conflict("transition_not_allowed", "This report needs no decision any more.")
    asked = session.get(SecondOpinion, report.id)
    if asked is None:
        asked = SecondOpinion(report_id=report.id, tenant_id=report.tenant_id)
        session.add(asked)
    asked.asked_by, asked.words, asked.created_at = principal.subject, words, now
    give_back(session, principal, report.id)
    session.flush()
    said = {"words": audit.text_hash(words)}
    audit.append(
        session, report.tenant_id, now, principal.actor, Fact("review.second_opinion", report.id, data=said)
    )


def second_opinions(session: Session, reports: Sequence[str]) -> dict[str, SecondOpinion]:
    """By report: who asked for another's opinion, and why."""
    query = select(SecondOpinion).where(SecondOpinion.report_id.in_(reports))
    return {row.report_id: row for row in session.execute(query).scalars()} if reports else {}
