"""Reports over HTTP. Thin: role, body, one transaction, the answer in the caller's language."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from refundlens.serving.http import paging
from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.idempotency import Created, IdempotencyKey
from refundlens.serving.http.problems import Problem, responses
from refundlens.serving.http.turns import drawn
from refundlens.serving.identity.access import calls
from refundlens.serving.kit.apart import Drawing
from refundlens.serving.kit.clock import Moment
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import etag
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds.endpoints import Account, PlatformName, RefundId
from refundlens.serving.refunds.repository import Owner
from refundlens.serving.refunds.repository import photos as refund_photos
from refundlens.serving.refunds.schemas import RefundOut, VoidIn
from refundlens.serving.refunds.service import refund_out
from refundlens.serving.reports import refusal, repository, service, view
from refundlens.serving.reports.answers import answer_of, link_secret, made, patience, waited
from refundlens.serving.reports.repository import Filter
from refundlens.serving.reports.schemas import (
    EXAMPLE,
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
from refundlens.serving.storage.tables import Report
from refundlens.serving.workflow.states import ReportState

router = APIRouter(prefix="/v1", tags=["reports"])

Merchant = Annotated[ApiCall, Depends(calls(Role.MERCHANT))]
Judge = Annotated[ApiCall, Depends(calls(Role.ADJUDICATOR))]
Either = Annotated[ApiCall, Depends(calls(Role.MERCHANT, Role.ADJUDICATOR))]
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
    status_code=201,
    response_model=ReportOut | ReportsOut,
    responses=responses(400, 401, 403, 404, 409, 422, 429),
    openapi_extra=_PREFER,
)
async def create_report(call: Merchant, body: ReportIn, key: IdempotencyKey = None) -> Response:
    """One click: "this photo is fake". Several photos of one refund are judged together and answered as `items`.

    Answered at once in state `submitted`; the verdict follows in seconds, by webhook, by GET, or in this very answer
    with `Prefer: wait=10`.
    """

    def do(context: Context) -> Created:
        reports = service.submit(context, body)
        answers = [answer_of(call, context, report).body() for report in reports]
        single = isinstance(body.image, str)
        return Created(
            answers[0] if single else {"items": answers}, headers=_location(reports) if single else {}
        )

    answer = await run_in_threadpool(call.once, key, body, do)
    seconds = patience(call)
    return await waited(call, answer, seconds) if seconds else answer


@router.get("/reports", response_model=ReportPage, responses=responses(400, 401, 403, 409))
def list_reports(
    call: Either,
    state: ReportState | None = None,
    refund_id: Annotated[str | None, Query(max_length=64)] = None,
    account: Account = None,
    platform: PlatformName = None,
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
) -> Response:
    """Reports of your shop, or of the whole tenant for adjudicators. Without timelines; GET one for its own."""
    if order == "newest" and due_before is not None:
        detail = "due_before narrows the queue; ask for it with order=due, or leave `order` out."
        raise Problem(400, "order_not_possible", detail)
    if order is None:
        order = "newest" if due_before is None else "due"
    wanted = Filter(state, refund_id, Owner(account, platform), due_before)
    with call.reading() as context:
        if order == "newest":
            before = paging.decode(cursor, (str,))[0] if cursor else None
            rows = repository.newest(context.session, call.principal, wanted, before, limit)
        else:
            rows = repository.queue(context.session, call.principal, wanted, _due_cursor(cursor), limit)
        secret = link_secret(call)
        found = paging.page(
            repository.report_details(context.session, rows),
            limit,
            lambda whole: view.report_out(context, whole, steps=False, secret=secret),
            lambda whole: _keys(whole.report, order),
        )
    return found.response()


@router.get("/reports/{id}", response_model=ReportOut, responses=responses(401, 403, 404))
def get_report(call: Either, identifier: Identifier) -> JSONResponse:
    """State, verdict, what you may do now, what is waited for, and everything that happened."""
    with call.reading() as context:
        report = repository.find_report(context.session, call.principal, identifier)
        told = answer_of(call, context, report)
    return JSONResponse(told.body(), headers={"ETag": etag(told.version)})


@router.get("/reports/{id}/events", response_model=Steps, responses=responses(400, 401, 403, 404))
def list_report_events(
    call: Either,
    identifier: Identifier,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> Response:
    """The timeline, from the beginning."""
    after = paging.decode(cursor, (int,))[0] if cursor else 0
    with call.reading() as context:
        report = repository.find_report(context.session, call.principal, identifier)
        rows = repository.timeline(context.session, report, after, limit + 1)
        found = paging.page(rows, limit, lambda row: view.step_out(context, row), lambda row: [row.seq])
    return found.response()


@router.post(
    "/reports/{id}/withdraw",
    response_model=ReportOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422),
)
def withdraw_report(
    call: Merchant,
    identifier: Identifier,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """Take a report back while nothing is decided. It creates nothing: the Idempotency-Key is optional here."""

    return call.once(
        key,
        {},
        lambda context: made(call, context, service.withdraw(context, identifier, if_match), 200),
        required=False,
    )


@router.post(
    "/refunds/{refund_id}/void",
    tags=["refunds"],
    response_model=RefundOut,
    responses=responses(401, 403, 404, 409, 422),
)
def void_refund(
    call: Annotated[ApiCall, Depends(calls(Role.ADMIN))],
    refund_id: RefundId,
    body: VoidIn,
    account: Account = None,
    platform: PlatformName = None,
) -> JSONResponse:
    """Take a mirror back. The refund closes, undecided reports expire, lines in the buyer's record are compensated, and
    the number is free for whoever it belongs to. Creates nothing; done twice, the second finds nothing."""
    with call.writing() as context:
        refund = service.void_mirror(context, refund_id, Owner(account, platform), body.reason)
        photos = refund_photos(context.session, [refund])[refund.id]
        answer = JSONResponse(refund_out(refund, photos).body(), headers={"ETag": etag(refund.version)})
    call.services.notifier.notify()
    return answer


@router.post(
    "/reports/{id}/decision",
    response_model=ReportOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422),
)
def decide_report(
    call: Judge,
    identifier: Identifier,
    body: DecisionIn,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """An adjudicator's decision on a report that needs review. The first one stands; a second gets 409."""

    return call.once(
        key,
        body,
        lambda context: made(call, context, service.decide(context, identifier, body, if_match), 200),
    )


@router.post(
    "/reports/{id}/photo-requests",
    status_code=201,
    response_model=ReportOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422),
)
def request_photo(
    call: Judge,
    identifier: Identifier,
    body: PhotoRequestIn,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """Ask the buyer for another photo. The status link lets them send it; so does mirroring the refund with it."""

    return call.once(
        key,
        body,
        lambda context: made(call, context, service.request_photo(context, identifier, body, if_match), 201),
    )


@router.post(
    "/reports/{id}/refusal",
    status_code=201,
    response_model=RefusalOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422),
)
async def refuse_refund(
    call: Merchant,
    identifier: Identifier,
    body: RefusalIn,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """One click: refuse the refund, with the evidence attached, once the report is established.

    `platform` is the platform's own call, ready to be made by whoever holds its session; nothing is called from here.
    """

    async def once() -> Response:
        # drawn before the transaction: others must not wait for it
        picture = await refusal.prepare_refusal(
            call.services, call.principal, identifier, body.message, partial(drawn, call.request)
        )

        def do(context: Context) -> Created:
            report = service.refuse(context, identifier, if_match, picture)
            whole = repository.report_detail(context.session, report)
            assert whole.refusal is not None
            return Created(view.refusal_out(whole.refusal, whole.refund).body())

        return await run_in_threadpool(call.once, key, body, do)

    return await service.drawn_anew(once)


@router.get(
    "/reports/{id}/evidence.jpg",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
        **responses(401, 403, 404, 409, 410, 429, 503),
    },
)
async def get_report_evidence(call: Either, identifier: Identifier) -> Response:
    """The picture that convinces, under 130,000 bytes: photo, heat map, verdict, bound, reasons."""

    def collect() -> Drawing[bytes]:
        with call.reading() as context:
            report = repository.find_report(context.session, call.principal, identifier)
            whole = repository.report_detail(context.session, report)
        return refusal.refusal_picture(call.services.files, whole, call.language)

    content = await drawn(call.request, collect)
    return Response(content, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


def _location(reports: list[Report]) -> dict[str, str]:
    return {"Location": f"/v1/reports/{reports[0].id}", "ETag": etag(reports[0].version)}


def _keys(report: Report, order: str) -> list[Any]:
    if order == "newest":
        return [report.id]
    return [paging.exact(report.due_at), report.amount_rank, report.id]


def _due_cursor(cursor: str | None) -> tuple[datetime, int, str] | None:
    if cursor is None:
        return None
    when, rank, last = paging.decode(cursor, (str, int, str))
    return paging.moment(when), rank, last
