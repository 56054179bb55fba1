"""Appeals over HTTP: opened, listed, looked at with what the buyer attached, decided."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse

from refundlens.serving.http import paging
from refundlens.serving.http.downloads import download
from refundlens.serving.http.idempotency import Created, IdempotencyKey
from refundlens.serving.http.problems import responses
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import etag
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports import attachments, repository, service
from refundlens.serving.reports.answers import made
from refundlens.serving.reports.endpoints import Either, Identifier, Judge
from refundlens.serving.reports.schemas import (
    AppealDecisionIn,
    AppealDetail,
    AppealFileOut,
    AppealIn,
    AppealOut,
    AppealPage,
    ReportOut,
)
from refundlens.serving.storage.tables import AppealFile
from refundlens.serving.workflow.states import AppealState

router = APIRouter(prefix="/v1", tags=["reports"])


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
        lambda context: made(call, context, service.decide_appeal(context, identifier, body, if_match), 200),
    )
