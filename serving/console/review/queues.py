"""The queues: reports that need a person, and open appeals.

In: filters and a cursor. Out: a page of rows, each with in whose hands it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.model.names import DEFECTS, VERDICTS
from refundlens.serving.console.forms import unread
from refundlens.serving.console.page import Visit, page, visits
from refundlens.serving.console.review import blind_review, repository, sharing
from refundlens.serving.http import paging
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports import assignment, review_queue
from refundlens.serving.reports import repository as reports
from refundlens.serving.reports.doubt import MOST, evidence_told
from refundlens.serving.reports.held import HeldDecision, find_held
from refundlens.serving.reports.repository import ReportDetail
from refundlens.serving.reports.review_queue import QueueOrder
from refundlens.serving.reports.service import allowed
from refundlens.serving.storage.tables import Appeal, DetectionRecord, Report
from refundlens.serving.workflow.states import AppealState

router = APIRouter(include_in_schema=False, route_class=PageRoute)

Judge = Annotated[Visit, Depends(visits(Role.ADJUDICATOR))]
ROWS = 25
"""Of a page: what a person works through between two looks at the list."""


@dataclass(frozen=True)
class AppealRow:
    """An open appeal with its report. mine: this judge decided the report before, and may not decide the appeal."""

    appeal: Appeal
    whole: ReportDetail
    mine: bool
    may: bool


@router.get("/queue")
def queue_page(visit: Judge, cursor: str = "", held: str = "", nothing: bool = False) -> Response:
    """What needs a person, narrowed and sorted as the address says. nothing: none was free. Raises Problem 400 for a
    cursor that is none of ours."""
    now = visit.services.clock()
    with visit.services.database.reading() as session:
        hides = blind_review.hidden_here(session, visit.principal.tenant)
        asked = sharing.read(visit.request.query_params, now, hides)
        after = sharing.after_cursor(cursor, asked.view.order)
        rows = review_queue.waiting(session, visit.principal, asked.view, after, ROWS)
        wholes = reports.report_details(session, rows[:ROWS])
        ids = [row.id for row in rows[:ROWS]]
        taken = assignment.held(session, ids, now)
        second = assignment.second_opinions(session, ids)
        saved = sharing.views(session, visit.principal)
        last = decided_before(session, visit.principal, held)
        evidence = {} if hides else _evidence(session, wholes)
    more = None
    if len(rows) > ROWS:
        last_keys = paging.encode(sharing.cursor_keys(rows[ROWS - 1], asked.view.order))
        more = f"/queue?{urlencode({**asked.given, 'cursor': last_keys})}"
    return page(
        visit,
        "review/queue.html",
        "queue",
        s=texts("sharing", visit.language),
        rows=wholes,
        hides=hides,
        given=asked.given,
        unread=unread(visit.request.query_params, asked.given),
        query=asked.query,
        orders=[one.value for one in QueueOrder if not (hides and one is QueueOrder.DOUBT)],
        verdicts=() if hides else VERDICTS,
        claims=DEFECTS,
        taken=taken,
        second=second,
        saved=saved,
        first=not cursor,
        more=more,
        nothing=nothing,
        before=last,
        evidence=evidence,
    )


def _evidence(session: Session, wholes: Sequence[ReportDetail]) -> dict[str, list[str]]:
    """By report: what its photo has beside its probability. One query, for those alone whose doubt says that it has."""
    told = {
        whole.screening.id: whole.report
        for whole in wholes
        if whole.screening is not None and whole.report.doubt == MOST
    }
    asked = select(DetectionRecord.id, DetectionRecord.body).where(DetectionRecord.id.in_(told))
    bodies = session.execute(asked) if told else ()
    return {told[key].id: evidence_told(body, told[key].doubt) for key, body in bodies}


@router.get("/appeals")
def appeals_page(visit: Judge, cursor: str = "", held: str = "") -> Response:
    """Open appeals, what is due first comes first."""
    after = None
    if cursor:
        when, last = paging.decode(cursor, (str, str))
        after = (paging.moment(when), last)
    with visit.reading() as context:
        found = reports.open_appeals(context.session, visit.principal, AppealState.OPEN, after, ROWS)
        rows = appeal_rows(context, found[:ROWS])
        last = decided_before(context.session, visit.principal, held)
    more = None
    if len(found) > ROWS:
        row = found[ROWS - 1]
        more = f"/appeals?{urlencode({'cursor': paging.encode([paging.exact(row.due_at), row.id])})}"
    return page(
        visit, "review/appeals.html", "appeals", b=texts("queue", visit.language), rows=rows, more=more,
        first=not cursor, before=last,
    )  # fmt: skip


def appeal_rows(context: Context, found: Sequence[Appeal]) -> list[AppealRow]:
    """Each with its report and whether this judge may decide it."""
    session, principal = context.session, context.principal
    by_id = repository.reports_by_id(session, principal.tenant, [one.report_id for one in found])
    ours = [one for one in found if one.report_id in by_id]
    wholes = reports.report_details(session, [by_id[one.report_id] for one in ours])
    held = find_held(session, [one.report_id for one in ours])
    return [
        AppealRow(
            appeal,
            whole,
            any(decision.decided_by == principal.subject for decision in whole.decisions),
            appeal.report_id not in held and "decide_appeal" in allowed(context, whole),
        )
        for appeal, whole in zip(ours, wholes, strict=True)
    ]


def next_appeal(context: Context) -> str | None:
    """The first open appeal that this judge may decide, of a page."""
    found = reports.open_appeals(context.session, context.principal, AppealState.OPEN, None, ROWS)
    return next((row.appeal.id for row in appeal_rows(context, found[:ROWS]) if row.may), None)


@dataclass(frozen=True)
class DecidedBefore:
    """The report that was decided just before, for the sentence that says so. held: its decision while it can be
    undone; mine: whether by this judge."""

    report: Report
    held: HeldDecision | None
    mine: bool


def decided_before(session: Session, principal: Principal, identifier: str) -> DecidedBefore | None:
    """None for an id of nothing here."""
    found = repository.reports_by_id(session, principal.tenant, [identifier]) if identifier else {}
    if identifier not in found:
        return None
    held = find_held(session, [identifier]).get(identifier)
    return DecidedBefore(found[identifier], held, held is not None and held.by == principal.actor.name)
