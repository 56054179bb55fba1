"""The queues: reports that need a person, and open appeals.

In: filters and a cursor. Out: a page of rows by deadline and amount. The deadline filter is served by the queue's
index; doubt has none, so sorting by it puts the rows of the page in order, and the page says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from sqlalchemy.orm import Session

from refundlens.serving.console.page import Visit, page, visits
from refundlens.serving.console.review import blind_review, repository
from refundlens.serving.console.review.words import TOOLS
from refundlens.serving.http import paging
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.kit.texts import texts
from refundlens.serving.reports import repository as reports
from refundlens.serving.reports.held import HeldDecision, find_held
from refundlens.serving.reports.repository import Filter, ReportDetail
from refundlens.serving.reports.service import allowed
from refundlens.serving.storage.tables import Appeal, Report
from refundlens.serving.workflow.states import AppealState, ReportState

router = APIRouter(include_in_schema=False, route_class=PageRoute)

Judge = Annotated[Visit, Depends(visits(Role.ADJUDICATOR))]
ROWS = 25
"""Of a page: what a person works through between two looks at the list."""
WITHIN = {"2h": timedelta(hours=2), "24h": timedelta(hours=24)}
"""Deadline filters: the platform's last two warnings."""
SORTS = ("due", "doubt")


@dataclass(frozen=True)
class AppealRow:
    """An open appeal with its report. mine: this judge decided the report before, and may not decide the appeal."""

    appeal: Appeal
    whole: ReportDetail
    mine: bool
    may: bool


@router.get("/queue")
def queue_page(visit: Judge, due: str = "", sort: str = "due", cursor: str = "", held: str = "") -> Response:
    """What needs a person, by deadline and amount. Raises Problem 400 for a cursor that is none of ours."""
    span = WITHIN.get(due)
    sort = sort if sort in SORTS else "due"
    now = visit.services.clock()
    wanted = Filter(ReportState.NEEDS_REVIEW, due_before=now + span if span else None, held=False)
    with visit.services.database.reading() as session:
        rows = reports.queue(session, visit.principal, wanted, due_cursor(cursor), ROWS)
        wholes = reports.report_details(session, rows[:ROWS])
        hides = blind_review.hidden_here(session, visit.principal.tenant)
        last = decided_before(session, visit.principal, held)
    if hides:
        sort = "due"  # doubt is the model's opinion, too
    if sort == "doubt":
        wholes.sort(key=lambda whole: -(whole.report.doubt if whole.report.doubt is not None else 1.0))
    more = paging.encode(due_keys(rows[ROWS - 1])) if len(rows) > ROWS else None
    kept = {name: value for name, value in (("due", due if span else ""), ("sort", sort)) if value}
    return page(
        visit,
        "review/queue.html",
        "queue",
        rows=wholes,
        hides=hides,
        due=due if span else "",
        sort=sort,
        first=not cursor,
        more=f"/queue?{urlencode({**kept, 'cursor': more})}" if more else None,
        before=last,
        **TOOLS,
    )


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
        first=not cursor, before=last, **TOOLS,
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


def next_report(session: Session, principal: Principal, after: Report) -> str | None:
    """The report that comes after one in the queue, else the first of all; none where nothing is left."""
    wanted = Filter(ReportState.NEEDS_REVIEW, held=False)
    place = (after.due_at, after.amount_rank, after.id)
    for cursor in (place, None):
        rows = reports.queue(session, principal, wanted, cursor, 1)
        left = [row.id for row in rows if row.id != after.id]
        if left:
            return left[0]
    return None


def next_appeal(context: Context) -> str | None:
    """The first open appeal that this judge may decide, of a page."""
    found = reports.open_appeals(context.session, context.principal, AppealState.OPEN, None, ROWS)
    return next((row.appeal.id for row in appeal_rows(context, found[:ROWS]) if row.may), None)


def due_keys(report: Report) -> list[Any]:
    return [paging.exact(report.due_at), report.amount_rank, report.id]


def due_cursor(cursor: str) -> tuple[datetime, int, str] | None:
    """Raises Problem 400."""
    if not cursor:
        return None
    when, rank, last = paging.decode(cursor, (str, int, str))
    return paging.moment(when), rank, last


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
