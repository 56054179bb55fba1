"""Reads the database when all is over and says what does not fit what the clients were told.

In: a session, and the clients' memory. Out: sentences, none where nothing is lost and nothing done twice. Nothing here
trusts the service's own code for what should be: only its table of transitions, which is what it promises.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.storage.tables import (
    AuditEvent,
    DetectionRecord,
    IntegrityEntry,
    Job,
    PhotoRequest,
    Refund,
    Report,
    StoredAnswer,
)
from refundlens.serving.workflow.states import Event, ReportState
from refundlens.serving.workflow.transitions import find_edge
from tests.chaos.client import Asked, Memory

Name = TypeVar("Name", bound=Hashable)
EVENTS = {f"report.{event.value}": event for event in Event}
OF_PATH = {
    "withdraw": "report.withdraw",
    "photo-requests": "report.request_photo",
    "appeals": "report.appeal",
    "refusal": "report.refuse",
}
"""What a request under /v1/reports/{id}/ leaves in the audit log."""


def answers(session: Session, memory: Memory) -> Iterator[str]:
    """Every request that was answered with success is stored under its key with that answer, and no other is."""
    stored = {row.key: row for row in session.execute(select(StoredAnswer)).scalars()}
    told = {asked.key: answer for asked, answer in memory.good("POST")}
    for key, answer in told.items():
        row = stored.pop(str(key), None)
        if row is None:
            yield f"request {key} was answered {answer.status} and is not in the database"
        elif (row.status, json.loads(row.body)) != (answer.status, _kept(answer.body)):
            yield f"request {key} is stored with another answer than the client got"
    for key in stored:
        yield f"request {key} was done, and its client was told otherwise"


def objects(session: Session, memory: Memory) -> Iterator[str]:
    """Refunds and reports are those that clients were told of: none lost, none made twice."""
    refunds = Counter(session.execute(select(Refund.refund_id)).scalars())
    asked = {asked.path.rpartition("/")[2] for asked, _ in memory.good("PUT")}
    yield from _differ("refund", refunds, Counter(asked))
    reports = Counter(session.execute(select(Report.id)).scalars())
    bodies = {asked.key: told.body for asked, told in memory.good("POST") if asked.path == "/v1/reports"}
    made = Counter(item["id"] for body in bodies.values() for item in body.get("items", [body]))
    yield from _differ("report", reports, made)
    live = select(Report.image_id).where(Report.state.in_([state.value for state in ReportState.live()]))
    twice = [image for image, count in Counter(session.execute(live).scalars()).items() if count > 1]
    yield from (f"photo {image} has two live reports" for image in twice)


def deeds(session: Session, memory: Memory) -> Iterator[str]:
    """What people did with reports is in the audit log as often as they were told it was done."""
    told: Counter[tuple[str, str]] = Counter()
    for asked, body in {asked.key: (asked, answer.body) for asked, answer in memory.good("POST")}.values():
        told.update(_deed(asked, body))
    people = select(AuditEvent.action, AuditEvent.object_id).where(
        AuditEvent.role.in_(["merchant", "adjudicator"]), AuditEvent.action.in_(list(EVENTS))
    )
    done = Counter((row.action, row.object_id) for row in session.execute(people))
    yield from _differ("deed", done, told)


def histories(session: Session) -> Iterator[str]:
    """Every report went along edges of the table from its beginning to the state it is in."""
    rows = defaultdict(list)
    of_reports = select(AuditEvent).where(AuditEvent.action.in_(list(EVENTS)))
    for row in session.execute(of_reports.order_by(AuditEvent.seq)).scalars():
        rows[row.object_id].append(row)
    for report in session.execute(select(Report)).scalars():
        state: ReportState | None = None
        was: ReportState | None = None
        for row in rows.pop(report.id, []):
            event = EVENTS[row.action]
            edge = find_edge(state, event, was)
            if edge is None or row.before != state or row.after != edge.next:
                yield f"report {report.id}: {row.action} from {row.before} to {row.after} after {state}"
                break
            was = state if event is Event.APPEAL else was
            state = edge.next
        if state != report.state:
            yield f"report {report.id} is {report.state}; its history ends with {state}"
    yield from (f"there is a history of {identifier} and no report" for identifier in rows)


def screenings(session: Session) -> Iterator[str]:
    """The detector spoke once of each report that it concluded, and nothing it said belongs to none."""
    kept = Counter(session.execute(select(DetectionRecord.id)).scalars())
    concluded = select(AuditEvent.action, AuditEvent.data).where(AuditEvent.role == "detector")
    named = Counter(
        row.data["detection_id"] for row in session.execute(concluded) if "detection_id" in row.data
    )
    yield from _differ("screening", kept, named)
    undone = select(Report.id).where(Report.state == ReportState.SUBMITTED.value)
    yield from (f"report {key} was never screened" for key in session.execute(undone).scalars())


def integrity(session: Session) -> Iterator[str]:
    """A line of each kind a report at most, and each of them in the audit log."""
    rows = session.execute(select(IntegrityEntry)).scalars().all()
    kept = Counter((f"integrity.{row.kind}", row.report_id) for row in rows)
    yield from (
        f"{kind} of {report} is there {count} times" for (kind, report), count in kept.items() if count > 1
    )
    log = select(AuditEvent.action, AuditEvent.object_id).where(AuditEvent.action.startswith("integrity."))
    yield from _differ("integrity line", kept, Counter((row[0], row[1]) for row in session.execute(log)))
    states = dict(session.execute(select(Report.id, Report.state)).tuples().all())
    final = {report for report, state in states.items() if state == ReportState.FINAL_ESTABLISHED}
    entered = {row.report_id for row in rows if row.kind == "final"}
    yield from (f"report {report} and its final integrity line do not fit" for report in final ^ entered)


def outcomes(session: Session) -> Iterator[str]:
    """Each refund's outcome is what its reports say; one under appeal says what it said before."""
    states = defaultdict(set)
    for key, state, was in session.execute(select(Report.refund_id, Report.state, Report.was)):
        states[key].add(ReportState(was if was and state == ReportState.APPEALED else state))
    for refund in session.execute(select(Refund)).scalars():
        counted = states[refund.id] - {ReportState.WITHDRAWN, ReportState.EXPIRED}
        if counted & ReportState.for_merchant():
            expected = "merchant_supported"
        else:
            expected = "buyer_supported" if counted and counted <= ReportState.for_buyer() else "undecided"
        if refund.outcome != expected:
            said = ", ".join(sorted(states[refund.id]))
            yield f"refund {refund.id} is {refund.outcome} while its reports are {said}"


def jobs(session: Session) -> Iterator[str]:
    """What is still to be done is just what each report's state waits for."""
    there: defaultdict[str, set[str]] = defaultdict(set)
    for job in session.execute(select(Job).where(Job.kind != "tidy")).scalars():
        there[job.ref].add(job.kind.partition(":")[0])
    wishes = set(
        session.execute(select(PhotoRequest.report_id).where(PhotoRequest.live.is_not(None))).scalars()
    )
    deadlines = dict(session.execute(select(Refund.id, Refund.deadline_at)).tuples().all())
    waits = {"established": {"finalise"}, "not_established": {"finalise"}, "appealed": {"appeal_due"}}
    for report in session.execute(select(Report)).scalars():
        expected = set(waits.get(report.state, set()))
        if report.state in ReportState.undecided() and deadlines[report.refund_id] is not None:
            expected.add("deadline")
        if report.id in wishes:
            expected.add("photo_due")
        found = there.pop(report.id, set()) - {"warn"}
        if found != expected:
            yield f"report {report.id} is {report.state}: its jobs are {found or 'none'}, not {expected or 'none'}"
    yield from (f"{kinds} of {ref} is left undone" for ref, kinds in there.items())


OF_DATABASE: tuple[Callable[[Session], Iterator[str]], ...] = (
    histories,
    screenings,
    integrity,
    outcomes,
    jobs,
)
OF_CLIENTS: tuple[Callable[[Session, Memory], Iterator[str]], ...] = (answers, objects, deeds)


def _kept(body: dict[str, object]) -> dict[str, object]:
    """An answer as it is stored: a webhook's secret is derived anew each time, and kept nowhere."""
    return {name: value for name, value in body.items() if name != "secret"}


def _deed(asked: Asked, body: dict[str, object]) -> list[tuple[str, str]]:
    parts = asked.path.split("/")
    if asked.path == "/v1/reports":
        made = body.get("items", [body])
        assert isinstance(made, list)
        return [("report.submit", item["id"]) for item in made]
    if parts[2] == "appeals":
        return [(f"report.{asked.body['decision']}", str(body["id"]))]
    if parts[2] != "reports":
        return []
    if parts[4] == "decision":
        return [(f"report.decide_{asked.body['decision']}", parts[3])]
    return [(OF_PATH[parts[4]], parts[3])]


def _differ(what: str, there: Counter[Name], told: Counter[Name]) -> Iterator[str]:
    for name in there.keys() | told.keys():
        if there[name] != told[name]:
            yield f"{what} {name}: {there[name]} in the database, {told[name]} expected"
