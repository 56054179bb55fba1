"""Reports and appeals over HTTP. Thin: role, body, one transaction, the answer in the caller's language."""

import asyncio
import json
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from refundlens.serving.http import paging
from refundlens.serving.http.context import Db
from refundlens.serving.http.idempotency import Created, IdempotencyKey, idempotent
from refundlens.serving.http.problems import Problem, responses
from refundlens.serving.identity.access import needs
from refundlens.serving.identity.scopes import SAFE_METHODS, permits
from refundlens.serving.kit.clock import Moment
from refundlens.serving.kit.errors import etag
from refundlens.serving.kit.language import preferred
from refundlens.serving.kit.notifier import Notifier
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports import refusal, repository, service, view
from refundlens.serving.reports.repository import Filter
from refundlens.serving.reports.schemas import (
    EXAMPLE,
    AppealDecisionIn,
    AppealIn,
    AppealOut,
    AppealPage,
    DecisionIn,
    PhotoRequestIn,
    RefusalIn,
    RefusalOut,
    ReportIn,
    ReportOut,
    ReportPage,
    ReportsOut,
    Steps,
)
from refundlens.serving.reports.service import Doing
from refundlens.serving.storage.tables import Report
from refundlens.serving.workflow.states import AppealState, ReportState

router = APIRouter(prefix="/v1", tags=["reports"])

LONGEST_WAIT = 30.0
"""Seconds that `Prefer: wait` may ask for; proxies give up after sixty."""
LOOK_AGAIN = 0.5
"""Seconds between looks while waiting: another process may do the screening, and rings no bell here."""
_WAIT = re.compile(r"(?:^|,)\s*wait=(\d{1,4})\s*(?=$|[,;])")

Merchant = Annotated[Principal, Depends(needs(Role.MERCHANT))]
Judge = Annotated[Principal, Depends(needs(Role.ADJUDICATOR))]
Either = Annotated[Principal, Depends(needs(Role.MERCHANT, Role.ADJUDICATOR))]
Identifier = Annotated[str, Path(alias="id", max_length=40, examples=[EXAMPLE["id"]])]
_PREFER = {
    "parameters": [
        {
            "name": "Prefer",
            "in": "header",
            "description": "RFC 7240: wait=10 has the answer wait up to ten seconds for the verdict",
            "schema": {"type": "string"},
            "example": "wait=10",
        }
    ]
}


@router.post(
    "/reports",
    operation_id="create_report",
    status_code=201,
    response_model=ReportOut | ReportsOut,
    responses=responses(400, 401, 403, 404, 409, 422),
    openapi_extra=_PREFER,
)
async def create_report(
    request: Request, principal: Merchant, body: ReportIn, key: IdempotencyKey = None
) -> Response:
    """One click: "this photo is fake". Several photos of one refund are judged together and answered as `items`.

    Answered at once in state `submitted`; the verdict follows in seconds, by webhook, by GET, or in this very answer
    with `Prefer: wait=10`.
    """

    def do(session: Session) -> Created:
        reports = service.submit(_doing(request, session), principal, body)
        shown = [_show(request, principal, session, report) for report in reports]
        single = isinstance(body.image, str)
        return Created(shown[0] if single else {"items": shown}, headers=_location(reports) if single else {})

    asked = body.model_dump(mode="json")
    answer = await run_in_threadpool(idempotent, request, principal, key, asked, do)
    _ring(request)
    seconds = _patience(request)
    return await _waited(request, principal, answer, seconds) if seconds else answer


@router.get(
    "/reports", operation_id="list_reports", response_model=ReportPage, responses=responses(400, 401, 403)
)
def list_reports(
    request: Request,
    database: Db,
    principal: Either,
    state: ReportState | None = None,
    refund_id: Annotated[str | None, Query(max_length=64)] = None,
    due_before: Annotated[
        Moment | None, Query(description="of the queue, what is due before that; implies order=due")
    ] = None,
    order: Annotated[
        Literal["newest", "due"] | None,
        Query(
            description="`newest` first, unless told otherwise; `due` is the adjudicators' queue: what is under way, "
            "by deadline and amount"
        ),
    ] = None,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> JSONResponse:
    """Reports of your shop, or of the whole tenant for adjudicators. Without timelines; GET one for its own."""
    if order == "newest" and due_before is not None:
        detail = "due_before narrows the queue; ask for it with order=due, or leave `order` out."
        raise Problem(400, "order_not_possible", detail)
    if order is None:
        order = "newest" if due_before is None else "due"
    wanted = Filter(state, refund_id, due_before)
    with database.reading() as session:
        if order == "newest":
            before = paging.decode(cursor, (str,))[0] if cursor else None
            rows = repository.newest(session, principal, wanted, before, limit)
        else:
            rows = repository.queue(session, principal, wanted, _due_cursor(cursor), limit)
        shown = repository.report_details(session, rows)
        viewer = _viewer(request, principal)
        found = paging.page(
            shown,
            limit,
            lambda whole: view.report_json(session, viewer, whole, steps=False),
            lambda whole: _keys(whole.report, order),
        )
    return JSONResponse(found.body())


@router.get(
    "/reports/{id}", operation_id="get_report", response_model=ReportOut, responses=responses(401, 403, 404)
)
def get_report(request: Request, database: Db, principal: Either, identifier: Identifier) -> JSONResponse:
    """State, verdict, what you may do now, what is waited for, and everything that happened."""
    with database.reading() as session:
        report = repository.find_report(session, principal, identifier)
        return _answer(request, principal, session, report)


@router.get(
    "/reports/{id}/events",
    operation_id="list_report_events",
    response_model=Steps,
    responses=responses(400, 401, 403, 404),
)
def list_report_events(
    request: Request,
    database: Db,
    principal: Either,
    identifier: Identifier,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> JSONResponse:
    """The timeline, from the beginning."""
    after = paging.decode(cursor, (int,))[0] if cursor else 0
    with database.reading() as session:
        report = repository.find_report(session, principal, identifier)
        rows = repository.timeline(session, report, after, limit + 1)
        viewer = _viewer(request, principal)
        found = paging.page(rows, limit, lambda row: view.step_view(viewer, row), lambda row: [row.seq])
    return JSONResponse(found.body())


@router.post(
    "/reports/{id}/withdraw",
    operation_id="withdraw_report",
    response_model=ReportOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422),
)
def withdraw_report(
    request: Request,
    principal: Merchant,
    identifier: Identifier,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """Take a report back while nothing is decided. It creates nothing: the Idempotency-Key is optional here."""

    def do(session: Session) -> Created:
        report = service.withdraw(_doing(request, session), principal, identifier, if_match)
        return _made(request, principal, session, report, 200)

    return _once(request, principal, key, {}, do, required=False)


@router.post(
    "/reports/{id}/decision",
    operation_id="decide_report",
    response_model=ReportOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422),
)
def decide_report(
    request: Request,
    principal: Judge,
    identifier: Identifier,
    body: DecisionIn,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """An adjudicator's decision on a report that needs review. The first one stands; a second gets 409."""

    def do(session: Session) -> Created:
        report = service.decide(_doing(request, session), principal, identifier, body, if_match)
        return _made(request, principal, session, report, 200)

    return _once(request, principal, key, body.model_dump(mode="json"), do)


@router.post(
    "/reports/{id}/photo-requests",
    operation_id="request_photo",
    status_code=201,
    response_model=ReportOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422),
)
def request_photo(
    request: Request,
    principal: Judge,
    identifier: Identifier,
    body: PhotoRequestIn,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """Ask the buyer for another photo. The status link lets them send it; so does mirroring the refund with it."""

    def do(session: Session) -> Created:
        report = service.request_photo(_doing(request, session), principal, identifier, body, if_match)
        return _made(request, principal, session, report, 201)

    return _once(request, principal, key, body.model_dump(mode="json"), do)


@router.post(
    "/reports/{id}/appeals",
    operation_id="create_appeal",
    status_code=201,
    response_model=AppealOut,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def create_appeal(
    request: Request,
    principal: Either,
    identifier: Identifier,
    body: AppealIn,
    key: IdempotencyKey = None,
) -> Response:
    """Object to a verdict: a merchant to `not_established`; an adjudicator passes a buyer's objection to `established`
    on."""

    def do(session: Session) -> Created:
        appeal = service.appeal(_doing(request, session), principal, identifier, body.grounds)
        return Created(view.appeal_view(appeal), headers={"Location": f"/v1/appeals/{appeal.id}"})

    return _once(request, principal, key, body.model_dump(mode="json"), do)


@router.get(
    "/appeals", operation_id="list_appeals", response_model=AppealPage, responses=responses(400, 401, 403)
)
def list_appeals(
    database: Db,
    principal: Either,
    state: AppealState = AppealState.OPEN,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> JSONResponse:
    """Appeals of a state, those that are due first first."""
    after = None
    if cursor is not None:
        when, last = paging.decode(cursor, (str, str))
        after = (paging.moment(when), last)
    with database.reading() as session:
        rows = repository.open_appeals(session, principal, state, after, limit)
        found = paging.page(rows, limit, view.appeal_view, lambda row: [paging.exact(row.due_at), row.id])
    return JSONResponse(found.body())


@router.get(
    "/appeals/{id}", operation_id="get_appeal", response_model=AppealOut, responses=responses(401, 403, 404)
)
def get_appeal(request: Request, database: Db, principal: Either, identifier: Identifier) -> JSONResponse:
    """An appeal and whether you may decide it."""
    with database.reading() as session:
        appeal, report = repository.find_appeal(session, principal, identifier)
        shown = _show(request, principal, session, report)
        actions = [name for name in shown["allowed_actions"] if name == "decide_appeal"]
        return JSONResponse(view.appeal_view(appeal, actions))


@router.post(
    "/appeals/{id}/decision",
    operation_id="decide_appeal",
    response_model=ReportOut,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def decide_appeal(
    request: Request,
    principal: Judge,
    identifier: Identifier,
    body: AppealDecisionIn,
    key: IdempotencyKey = None,
) -> Response:
    """The last word: by an adjudicator who did not decide the report before. Answers with the report."""

    def do(session: Session) -> Created:
        report = service.decide_appeal(_doing(request, session), principal, identifier, body)
        return _made(request, principal, session, report, 200)

    return _once(request, principal, key, body.model_dump(mode="json"), do)


@router.post(
    "/reports/{id}/refusal",
    operation_id="refuse_refund",
    status_code=201,
    response_model=RefusalOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422),
)
def refuse_refund(
    request: Request,
    principal: Merchant,
    identifier: Identifier,
    body: RefusalIn,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """One click: refuse the refund, with the evidence attached, once the report is established.

    `platform` is the platform's own call, ready to be made by whoever holds its session; nothing is called from here.
    """

    state = request.app.state
    # drawn before the transaction: others must not wait for it
    drawn = refusal.prepare_refusal(state.database, state.files, principal, identifier, body.message)

    def do(session: Session) -> Created:
        report = service.refuse(_doing(request, session), principal, identifier, if_match, drawn)
        whole = repository.report_detail(session, report)
        assert whole.refusal is not None
        return Created(view.refusal_view(whole.refusal, whole.refund))

    return _once(request, principal, key, body.model_dump(mode="json"), do)


@router.get(
    "/reports/{id}/evidence.jpg",
    operation_id="get_report_evidence",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
        **responses(401, 403, 404, 409, 410),
    },
)
def get_report_evidence(
    request: Request, database: Db, principal: Either, identifier: Identifier
) -> Response:
    """The picture that convinces, under 130,000 bytes: photo, heat map, verdict, bound, reasons."""
    with database.reading() as session:
        whole = repository.report_detail(session, repository.find_report(session, principal, identifier))
        content = refusal.refusal_picture(
            request.app.state.files, whole, preferred(request.headers.get("accept-language"))
        )
    return Response(content, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


def _once(
    request: Request, principal: Principal, key: str | None, asked: Any, do: Any, required: bool = True
) -> Response:
    answer = idempotent(request, principal, key, asked, do, required)
    _ring(request)
    return answer


def _ring(request: Request) -> None:
    notifier: Notifier = request.app.state.notifier
    notifier.notify()


def _doing(request: Request, session: Session) -> Doing:
    return Doing(session, request.app.state.settings, request.app.state.clock())


def _viewer(request: Request, principal: Principal) -> view.Viewer:
    """Answers to POST are stored, and must hold no links: whoever has the database alone opens nothing with it."""
    state = request.app.state
    language = preferred(request.headers.get("accept-language"))
    links = request.method in SAFE_METHODS and permits(principal.scopes, "reports:write")
    return view.Viewer(
        principal.actor, state.clock(), language, state.settings, state.secret, links, state.finder
    )


def _show(request: Request, principal: Principal, session: Session, report: Report) -> dict[str, Any]:
    return view.report_json(session, _viewer(request, principal), repository.report_detail(session, report))


def _made(request: Request, principal: Principal, session: Session, report: Report, status: int) -> Created:
    return Created(_show(request, principal, session, report), status, {"ETag": etag(report.version)})


def _answer(request: Request, principal: Principal, session: Session, report: Report) -> JSONResponse:
    return JSONResponse(_show(request, principal, session, report), headers={"ETag": etag(report.version)})


def _location(reports: list[Report]) -> dict[str, str]:
    return {"Location": f"/v1/reports/{reports[0].id}", "ETag": etag(reports[0].version)}


def _patience(request: Request) -> float:
    found = _WAIT.search(request.headers.get("prefer", ""))
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0


async def _waited(request: Request, principal: Principal, answer: Response, seconds: float) -> Response:
    """The answer once no report of it is `submitted` any more, or after so many seconds as it is then."""
    notifier: Notifier = request.app.state.notifier
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    while True:
        shown, pending = await run_in_threadpool(_again, request, principal, bytes(answer.body))
        left = ends - loop.time()
        if not pending or left <= 0:
            headers = {
                name: value
                for name, value in answer.headers.items()
                if name not in ("content-length", "etag")
            }
            return JSONResponse(
                shown, answer.status_code, headers | {"Preference-Applied": f"wait={seconds:.0f}"}
            )
        await notifier.wait(min(left, LOOK_AGAIN))


def _again(request: Request, principal: Principal, body: bytes) -> tuple[dict[str, Any], bool]:
    """The reports of an answer as they are now, and whether one is still to be screened."""
    said = json.loads(body)
    ids = [item["id"] for item in said.get("items", [said])]
    with request.app.state.database.reading() as session:
        now = [
            _show(request, principal, session, repository.find_report(session, principal, identifier))
            for identifier in ids
        ]
    pending = any(item["state"] == ReportState.SUBMITTED for item in now)
    return ({"items": now} if "items" in said else now[0]), pending


def _keys(report: Report, order: str) -> list[Any]:
    if order == "newest":
        return [report.id]
    return [paging.exact(report.due_at), report.amount_rank, report.id]


def _due_cursor(cursor: str | None) -> tuple[datetime, int, str] | None:
    if cursor is None:
        return None
    when, rank, last = paging.decode(cursor, (str, int, str))
    return paging.moment(when), rank, last
