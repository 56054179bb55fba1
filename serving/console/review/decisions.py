"""The workbench's forms: decide, answer an appeal, ask for a photo, say a first impression.

In: a posted form. Out: a redirect to the next case, or the workbench again with the reason why not and what was typed.
Who comes second in a race loses nothing they wrote, and is told in words who was first.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from refundlens.serving.console.forms import attempt, checked, text_of, version_seen
from refundlens.serving.console.page import Visit, back_to, fields, submit, visits
from refundlens.serving.console.review import blind_review, queues, sharing, workbench
from refundlens.serving.console.review.workbench import Failed
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, DomainError, Invalid
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports import assignment, service
from refundlens.serving.reports import repository as reports
from refundlens.serving.reports.schemas import AppealDecisionIn, DecisionIn, PhotoRequestIn
from refundlens.serving.storage.tables import Report

router = APIRouter(include_in_schema=False, route_class=PageRoute)

Judge = Annotated[Visit, Depends(visits(Role.ADJUDICATOR))]
Body = TypeVar("Body", bound=BaseModel)
KEPT = ("reason_code", "reason", "wish", "message", "view")
"""What is put back into a form that failed."""


@router.post("/queue/{report_id}/decision")
async def decide(visit: Judge, report_id: str) -> Response:
    """Decide a report, with the ticked ones of the same refund (field `also`), and go on to the next: all or none."""
    form = await fields(visit)
    refused: dict[str, str] = {}

    def do(context: Context) -> Created:
        body = _body(DecisionIn, visit, form, ("decision", "reason_code", "reason"))
        report = reports.find_report(context.session, context.principal, report_id)
        also = sorted(_ticked(form) - {report_id})
        ticked = [reports.find_report(context.session, context.principal, one) for one in also]
        if any(one.refund_id != report.refund_id for one in ticked):
            raise Invalid("invalid_request", "also: only reports of the same refund are decided together")
        _decide_held(context, report, body, version_seen(form))
        for one in ticked:
            try:
                _decide_held(context, one, body, version_seen(form, f"version_{one.id}"))
            except DomainError as error:
                refused[one.id] = error.code
        if refused:
            raise Conflict("not_together", "Reports that were ticked cannot be decided now; none was.")
        return Created({"report": report_id}, 200)

    _, failed = await _try(visit, form, do)
    if failed:
        told = replace(failed, refused=refused)
        return await run_in_threadpool(workbench.draw, visit, report_id, told)
    asked = sharing.read_form(text_of(form, "view"), visit.services.clock())
    following = await run_in_threadpool(sharing.take_next, visit, asked)
    query = urlencode({**asked.given, "held": report_id})
    return back_to(f"/queue/{following}?{query}" if following else f"/queue?{query}")


def _decide_held(context: Context, report: Report, body: DecisionIn, if_match: str | None) -> None:
    assignment.take_case(context.session, context.principal, report, context.now)
    service.decide(context, report.id, body, if_match, hold=True)
    assignment.give_back(context.session, context.principal, report.id)


@router.post("/appeals/{appeal_id}/decision")
async def answer(visit: Judge, appeal_id: str) -> Response:
    """Uphold or overturn, and go on to the next appeal that this judge may decide."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        body = _body(AppealDecisionIn, visit, form, ("decision", "reason_code", "reason"))
        report = service.decide_appeal(context, appeal_id, body, version_seen(form), hold=True)
        return Created({"report": report.id}, 200)

    made, failed = await _try(visit, form, do)
    if failed:
        return await run_in_threadpool(workbench.draw_appeal, visit, appeal_id, failed)
    report_id, following = made["report"], await run_in_threadpool(_next_appeal, visit)
    return back_to(f"/appeals/{following}?held={report_id}" if following else f"/appeals?held={report_id}")


@router.post("/queue/{report_id}/undo")
async def undo(visit: Judge, report_id: str) -> Response:
    """Take a decision back within its ten seconds, with those made in the same click: the case is there again, with
    what was typed and ticked."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        taken, also = service.undo_decision(context, report_id)
        report = reports.find_report(context.session, context.principal, report_id)
        assignment.take_case(context.session, context.principal, report, context.now)
        typed = {"reason_code": taken.reason_code, "reason": taken.reason}
        return Created({"appeal": taken.appeal_id, "typed": typed, "also": also}, 200)

    made, failed = await _try(visit, form, do)
    if failed:
        return await run_in_threadpool(workbench.draw, visit, report_id, failed)
    again = Failed(Problem(200, "undone", "Undone: nothing was decided."), made["typed"], made["also"])
    if made["appeal"]:
        return await run_in_threadpool(workbench.draw_appeal, visit, made["appeal"], again)
    return await run_in_threadpool(workbench.draw, visit, report_id, again)


@router.post("/queue/{report_id}/photo-request")
async def ask_for_photo(visit: Judge, report_id: str) -> Response:
    """Ask the buyer for another photo, and stay."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        body = _body(PhotoRequestIn, visit, form, ("wish", "message"))
        report = reports.find_report(context.session, context.principal, report_id)
        assignment.take_case(context.session, context.principal, report, context.now)
        service.request_photo(context, report_id, body, version_seen(form))
        return Created({"report": report_id}, 201)

    _, failed = await _try(visit, form, do)
    if failed:
        return await run_in_threadpool(workbench.draw, visit, report_id, failed)
    return back_to(f"/queue/{report_id}?said=asked")


@router.post("/queue/{report_id}/opinion")
async def look(visit: Judge, report_id: str) -> Response:
    """Record a first impression, and show the model's opinion from now on."""
    form = await fields(visit)
    await _show_opinion(visit, form, lambda session: report_id)
    return back_to(f"/queue/{report_id}")


@router.post("/appeals/{appeal_id}/opinion")
async def look_at_appeal(visit: Judge, appeal_id: str) -> Response:
    """The same from an appeal."""
    form = await fields(visit)
    await _show_opinion(
        visit, form, lambda session: reports.find_appeal(session, visit.principal, appeal_id)[1].id
    )
    return back_to(f"/appeals/{appeal_id}")


async def _show_opinion(visit: Visit, form: FormData, report_id: Callable[[Session], str]) -> None:
    impression = text_of(form, "impression")
    if impression not in blind_review.IMPRESSIONS:
        known = ", ".join(blind_review.IMPRESSIONS)
        raise Invalid("invalid_request", f"impression: one of {known}")

    def do(context: Context) -> Created:
        report = reports.find_report(context.session, context.principal, report_id(context.session))
        blind_review.show(context, report, impression)
        return Created({"report": report.id}, 200)

    await submit(visit, form, do)


async def _try(
    visit: Visit, form: FormData, do: Callable[[Context], Created]
) -> tuple[dict[str, Any], Failed | None]:
    """What came of it; or what went wrong, if the page can tell. Raises DomainError for what it cannot."""
    done, problem = await attempt(submit(visit, form, do))
    if problem:
        return {}, Failed(problem, {name: text_of(form, name) for name in KEPT}, _ticked(form))
    return json.loads(bytes(done.body)) if done else {}, None


def _ticked(form: FormData) -> set[str]:
    """Reports that are to be decided alike."""
    return {str(one) for one in form.getlist("also")}


def _body(kind: type[Body], visit: Visit, form: FormData, names: tuple[str, ...]) -> Body:
    """The form as the API's body; a decision without words of its own gets its code's sentence. Raises Invalid."""
    given: dict[str, Any] = {name: text_of(form, name) for name in names}
    if not given.get("reason", "x"):
        given["reason"] = texts("queue", visit.language)["sentences"].get(given["reason_code"], "")
    return checked(kind, **given)


def _next_appeal(visit: Visit) -> str | None:
    with visit.reading() as context:
        return queues.next_appeal(context)
