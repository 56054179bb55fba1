"""The workbench: one report on one screen, for a first decision or for an appeal.

In: a report's or an appeal's id. Out: the page; `draw` and `draw_appeal` also serve forms that failed, with what was
typed kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from sqlalchemy.orm import Session

from serving.console.frame import Visit, page, texts, visits
from serving.console.review import opinion, queues
from serving.console.review.case import gather
from serving.console.review.words import TOOLS
from serving.console.trouble import PageRoute
from serving.db.tables import Report
from serving.problems import Problem
from serving.reports import repository as reports
from serving.reports.schemas import REASON_CODES
from serving.workflow.states import PhotoWish, ReportState, Role

router = APIRouter(include_in_schema=False, route_class=PageRoute)

Judge = Annotated[Visit, Depends(visits(Role.ADJUDICATOR))]


@dataclass(frozen=True)
class Failed:
    """A form that did not do what it asks: why, and what had been typed."""

    problem: Problem
    typed: Mapping[str, str] = field(default_factory=dict)


@router.get("/queue/{report_id}")
def bench_page(visit: Judge, report_id: str, said: str = "", done: str = "") -> Response:
    """said: what was just done here, a key of the texts `said`. done: the report that was decided just before."""
    return draw(visit, report_id, said=said, done=done)


@router.get("/appeals/{appeal_id}")
def appeal_page(visit: Judge, appeal_id: str, said: str = "", done: str = "") -> Response:
    return draw_appeal(visit, appeal_id, said=said, done=done)


def draw(
    visit: Visit, report_id: str, failed: Failed | None = None, said: str = "", done: str = ""
) -> Response:
    """The workbench for a report. Raises Problem 404."""
    with visit.state.database.reading() as session:
        report = reports.find(session, visit.principal, report_id)
        return _draw(visit, session, report, "queue", f"/queue/{report.id}", failed, said, done)


def draw_appeal(
    visit: Visit, appeal_id: str, failed: Failed | None = None, said: str = "", done: str = ""
) -> Response:
    """The workbench for an appeal. Raises Problem 404."""
    with visit.state.database.reading() as session:
        appeal, report = reports.appeal(session, visit.principal, appeal_id)
        return _draw(visit, session, report, "appeals", f"/appeals/{appeal.id}", failed, said, done)


def _draw(
    visit: Visit,
    session: Session,
    report: Report,
    area: str,
    here: str,
    failed: Failed | None,
    said: str,
    done: str,
) -> Response:
    bench = texts("queue", visit.language)
    case = gather(session, visit, report)
    waiting = area == "queue" and report.state == ReportState.NEEDS_REVIEW
    return page(
        visit,
        "review/bench.html",
        area,
        failed.problem.status if failed else 200,
        b=bench,
        case=case,
        here=here,
        skip=queues.next_report(session, visit.principal, report) if waiting else None,
        codes=REASON_CODES,
        wishes=[wish.value for wish in PhotoWish],
        impressions=[one for one in opinion.IMPRESSIONS if one != "none"],
        failed=failed.problem if failed else None,
        typed=dict(failed.typed) if failed else {},
        said=bench["said"].get(said),
        done=queues.reports_done(session, visit.principal, done),
        **TOOLS,
    )
