"""Makes a thing happen to a report: looks the edge up, checks role and guards, changes the state, does what follows.

In: an event, who brings it, the report with its refund (both locked by `serving.reports.repository`). Out: the changed
report; audit event, webhooks, timers and all other effects are in the same session. Nothing is changed where it raises.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.kit.errors import Conflict, Forbidden
from refundlens.serving.kit.roles import Actor, Role
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Refund, Report
from refundlens.serving.workflow import effects, guards
from refundlens.serving.workflow.change import EventData, Transition
from refundlens.serving.workflow.states import Event, ReportState
from refundlens.serving.workflow.transitions import Edge, events_from, find_edge


def apply(
    session: Session,
    settings: Settings,
    now: datetime,
    actor: Actor,
    event: Event,
    report: Report,
    refund: Refund,
    given: EventData | None = None,
) -> Transition:
    """Have `event` happen. A new report comes with the state it is to get and is not yet in the session.

    Raises Forbidden where the role may not, 409 where the state does not allow it or a guard does not hold.
    """
    change = check_transition(session, settings, now, actor, event, report, refund, given)
    before, edge = change.before, change.edge
    report.state, report.updated_at = edge.next.value, now
    report.version = 1 if before is None else report.version + 1
    report.live = None if edge.next in ReportState.terminal() else 1
    _remember_decision(change)
    if before is None:
        session.add(report)
    session.flush()
    audit.append(session, report.tenant_id, now, actor, _fact(change))
    for effect in edge.effects:
        effects.EFFECTS[effect](change)
    session.flush()
    return change


def check_transition(
    session: Session,
    settings: Settings,
    now: datetime,
    actor: Actor,
    event: Event,
    report: Report,
    refund: Refund,
    given: EventData | None = None,
) -> Transition:
    """What `apply` would do, with nothing done. Raises Forbidden, Conflict."""
    before = None if event is Event.SUBMIT else ReportState(report.state)
    edge = _edge(before, event, report, actor)
    seen = guards.gather_facts(session, report, refund)
    change = Transition(
        session, settings, now, actor, edge, before, report, refund, given or EventData(), seen
    )
    guards.check_guards(change)
    return change


def role_may(role: Role, edge: Edge) -> bool:
    """Whether a role may bring an edge's event. An admin may do what people with keys do."""
    return role in edge.roles or (role is Role.ADMIN and bool(edge.roles & {Role.MERCHANT, Role.ADJUDICATOR}))


def _edge(before: ReportState | None, event: Event, report: Report, actor: Actor) -> Edge:
    was = ReportState(report.was) if report.was else None
    edge = find_edge(before, event, was)
    if edge is None:
        allowed = ", ".join(events_from(before, actor.role)) if before else ""
        detail = f"A report that is {before} cannot {event.replace('_', ' ')}. Possible now: {allowed or 'nothing'}."
        raise Conflict("transition_not_allowed", detail)
    if not role_may(actor.role, edge):
        who = ", ".join(sorted(edge.roles))
        raise Forbidden(f"Only {who} may {event.replace('_', ' ')} here; this key is {actor.role}.")
    return edge


def _remember_decision(change: Transition) -> None:
    """Who said yes or no last, and for which state an appeal would be."""
    report, event = change.report, change.edge.event
    deciding = {
        Event.SCREENED_FAKE,
        Event.SCREENED_AUTHENTIC,
        Event.DECIDE_ESTABLISHED,
        Event.DECIDE_NOT_ESTABLISHED,
        Event.UPHOLD,
        Event.OVERTURN,
    }
    if event in deciding:
        report.decided_by, report.decided_at = change.actor.name, change.now
    if event is Event.APPEAL:
        report.was = change.before


def _fact(change: Transition) -> Fact:
    given = change.given
    data = {"refund_id": change.refund.refund_id, "version": change.report.version, **given.data}
    data |= {"reason_code": given.reason_code} if given.reason_code else {}
    data |= {"reason_sha256": audit.text_hash(given.reason)} if given.reason else {}
    data |= {"evidence_sha256": given.evidence} if given.evidence else {}
    data |= {"wish": given.wish} if given.wish else {}
    action = f"report.{change.edge.event.value}"
    return Fact(action, change.report.id, change.before, change.edge.next.value, data)
