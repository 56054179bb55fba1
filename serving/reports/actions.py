"""What a caller may do with a report now: the transition table, with its guards asked.

The names are those of the endpoints; `decide` stands for both decisions.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from serving.audit.chain import Actor
from serving.reports.repository import Whole
from serving.settings import Settings
from serving.workflow import guards
from serving.workflow.guards import Seen
from serving.workflow.machine import Change, Given, may
from serving.workflow.states import Event, ReportState, Role
from serving.workflow.table import TABLE, Guard

NAMES: dict[Event, str] = {
    Event.DECIDE_ESTABLISHED: "decide",
    Event.DECIDE_NOT_ESTABLISHED: "decide",
    Event.REQUEST_PHOTO: "request_photo",
    Event.APPEAL: "appeal",
    Event.UPHOLD: "decide_appeal",
    Event.OVERTURN: "decide_appeal",
    Event.REFUSE: "refuse",
    Event.WITHDRAW: "withdraw",
}
"""Events that people bring to a report that exists."""
_WAS = {
    Guard.WAS_ESTABLISHED: ReportState.ESTABLISHED,
    Guard.WAS_NOT_ESTABLISHED: ReportState.NOT_ESTABLISHED,
}
_EDGES = {
    state: tuple((edge, NAMES[edge.event]) for edge in TABLE if edge.state == state and edge.event in NAMES)
    for state in ReportState
}
"""Looked up for each report of a page: most states lead to one or two edges of twenty."""


def allowed(session: Session, settings: Settings, now: datetime, actor: Actor, whole: Whole) -> list[str]:
    """In the table's order."""
    report = whole.report
    appellants = {whole.appeal.opened_by} if whole.appeal else set()
    seen = Seen(
        frozenset({report.reported_by, *appellants, *(decision.decided_by for decision in whole.decisions)}),
        any(wish.live for wish in whole.wishes),
        whole.refused,
        whole.image.erased_at is None,
    )
    found: list[str] = []
    for edge, name in _EDGES[ReportState(report.state)]:
        if name in found or not may(actor.role, edge):
            continue
        if any(guard in _WAS and _WAS[guard] != report.was for guard in edge.guards):
            continue
        change = Change(session, settings, now, actor, edge, edge.state, report, whole.refund, Given(), seen)
        if guards.holds(change):
            found.append(name)
    return found


def side_of(actor: Actor, report_state: str) -> str:
    """Whose appeal it is: against `established` the buyer's, whoever passes it on."""
    if actor.role is Role.BUYER:
        return "buyer"
    return "buyer" if report_state == ReportState.ESTABLISHED else "merchant"
