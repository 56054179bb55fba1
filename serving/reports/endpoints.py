"""Reports and appeals over HTTP. Thin: role, body, one transaction, the answer in the caller's language."""

import asyncio
import json
import re
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from refundlens.serving.http import paging
from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.downloads import download
from refundlens.serving.http.idempotency import Created, IdempotencyKey
from refundlens.serving.http.problems import Problem, responses
from refundlens.serving.http.turns import drawn
from refundlens.serving.identity.access import calls
from refundlens.serving.identity.scopes import SAFE_METHODS, permits
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
from refundlens.serving.reports import attachments, refusal, repository, service, view
from refundlens.serving.reports.repository import Filter
from refundlens.serving.reports.schemas import (
    EXAMPLE,
    AppealDecisionIn,
    AppealDetail,
    AppealFileOut,
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
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import AppealFile, Report
from refundlens.serving.workflow.states import AppealState, ReportState

router = APIRouter(prefix="/v1", tags=["reports"])

LONGEST_WAIT = 30.0
"""Seconds that `Prefer: wait` may ask for; proxies give up after sixty."""
LOOK_AGAIN = 0.5
"""Seconds between looks while waiting: another process may do the screening, and wakes nobody here."""
_WAIT = re.compile(r"(?:^|,)\s*wait=(\d{1,4})\s*(?=$|[,;])")

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
        shown = [_show(call, context, report).body() for report in reports]
        single = isinstance(body.image, str)
        return Created(shown[0] if single else {"items": shown}, headers=_location(reports) if single else {})

    answer = await run_in_threadpool(call.once, key, body, do)
    seconds = _patience(call)
    return await _waited(call, answer, seconds) if seconds else answer


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
        secret = _secret(call)
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
        shown = _show(call, context, report)
    return JSONResponse(shown.body(), headers={"ETag": etag(shown.version)})


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
        lambda context: _made(call, context, service.withdraw(context, identifier, if_match), 200),
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
        lambda context: _made(call, context, service.decide(context, identifier, body, if_match), 200),
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
        lambda context: _made(call, context, service.request_photo(context, identifier, body, if_match), 201),
    )


@router.post(
    "/reports/{id}/appeals",
    status_code=201,
    response_model=AppealOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422),
)
def create_appeal(
    call: Either,
    identifier: Identifier,
    body: AppealIn,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """Object to a verdict: a merchant to `not_established`; an adjudicator passes a buyer's objection to `established`
    on."""

    def do(context: Context) -> Created:
        appeal = service.appeal(context, identifier, body.grounds, if_match)
        return Created(AppealOut.of(appeal).body(), headers={"Location": f"/v1/appeals/{appeal.id}"})

    return call.once(key, body, do)


@router.get("/appeals", response_model=AppealPage, responses=responses(400, 401, 403))
def list_appeals(
    call: Either,
    state: AppealState = AppealState.OPEN,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> Response:
    """Appeals of a state, those that are due first first."""
    after = None
    if cursor is not None:
        when, last = paging.decode(cursor, (str, str))
        after = (paging.moment(when), last)
    with call.reading() as context:
        rows = repository.open_appeals(context.session, call.principal, state, after, limit)
        found = paging.page(
            rows,
            limit,
            AppealOut.of,
            lambda row: [paging.exact(row.due_at), row.id],
        )
    return found.response()


@router.get("/appeals/{id}", response_model=AppealDetail, responses=responses(401, 403, 404))
def get_appeal(call: Either, identifier: Identifier) -> JSONResponse:
    """An appeal and whether you may decide it. Its ETag is the report's, with which it changes."""
    with call.reading() as context:
        appeal, report = repository.find_appeal(context.session, call.principal, identifier)
        allowed = service.allowed(context, repository.report_detail(context.session, report))
        actions = [name for name in allowed if name == "decide_appeal"]
        judging = call.principal.has_role(Role.ADJUDICATOR)
        files = attachments.attached(context.session, appeal) if judging else []
        told = [AppealFileOut.of(one, url=_file_url(one)) for one in files]
        shown = AppealDetail.of(appeal, allowed_actions=actions, files=told).body()
        return JSONResponse(shown, headers={"ETag": etag(report.version)})


def _file_url(row: AppealFile) -> str | None:
    return None if row.erased_at else f"/v1/appeals/{row.appeal_id}/files/{row.id}"


@router.get(
    "/appeals/{id}/files/{file}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **responses(401, 403, 404, 410)},
)
def get_appeal_file(
    call: Judge, identifier: Identifier, file: Annotated[str, Path(max_length=40)]
) -> Response:
    """A file that the buyer attached, byte for byte, as a download."""
    with call.reading() as context:
        appeal, _ = repository.find_appeal(context.session, call.principal, identifier)
        row, content = attachments.read(context.session, call.services.files, appeal, file)
    return download(content, row.name or row.id, row.media_type)


@router.post(
    "/appeals/{id}/decision",
    response_model=ReportOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422),
)
def decide_appeal(
    call: Judge,
    identifier: Identifier,
    body: AppealDecisionIn,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """The last word: by an adjudicator who did not decide the report before. Answers with the report."""

    return call.once(
        key,
        body,
        lambda context: _made(call, context, service.decide_appeal(context, identifier, body, if_match), 200),
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


def _secret(call: ApiCall) -> Secret | None:
    """What status links are made with. Answers to POST are stored, and must hold no links: whoever has the database
    alone opens nothing with it."""
    linked = call.request.method in SAFE_METHODS and permits(call.principal.scopes, "reports:write")
    return call.services.secret if linked else None


def _show(call: ApiCall, context: Context, report: Report) -> ReportOut:
    whole = repository.report_detail(context.session, report)
    return view.report_out(context, whole, secret=_secret(call), finder=call.services.finder)


def _made(call: ApiCall, context: Context, report: Report, status: int) -> Created:
    return Created(_show(call, context, report).body(), status, {"ETag": etag(report.version)})


def _location(reports: list[Report]) -> dict[str, str]:
    return {"Location": f"/v1/reports/{reports[0].id}", "ETag": etag(reports[0].version)}


def _patience(call: ApiCall) -> float:
    found = _WAIT.search(call.request.headers.get("prefer", ""))
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0


async def _waited(call: ApiCall, answer: Response, seconds: float) -> Response:
    """The answer once no report of it is `submitted` any more, or after so many seconds as it is then."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    while True:
        shown, pending = await run_in_threadpool(_again, call, bytes(answer.body))
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
        await call.services.notifier.wait(min(left, LOOK_AGAIN))


def _again(call: ApiCall, body: bytes) -> tuple[dict[str, Any], bool]:
    """The reports of an answer as they are now, and whether one is still to be screened."""
    said = json.loads(body)
    ids = [item["id"] for item in said.get("items", [said])]
    with call.reading() as context:
        now = [
            _show(call, context, repository.find_report(context.session, call.principal, identifier)).body()
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
