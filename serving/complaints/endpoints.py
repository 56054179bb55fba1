"""Complaints over HTTP. Thin: role, body, service, answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import JSONResponse

from refundlens.serving.complaints import service
from refundlens.serving.complaints.schemas import (
    EXAMPLE,
    ComplaintDecisionIn,
    ComplaintIn,
    ComplaintOut,
    ComplaintPage,
)
from refundlens.serving.http import paging
from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.idempotency import Created, IdempotencyKey
from refundlens.serving.http.problems import responses
from refundlens.serving.identity.access import calls
from refundlens.serving.kit.errors import etag
from refundlens.serving.kit.roles import Role
from refundlens.serving.workflow.states import ComplaintState

router = APIRouter(prefix="/v1/complaints", tags=["complaints"])

Merchant = Annotated[ApiCall, Depends(calls(Role.MERCHANT))]
Judge = Annotated[ApiCall, Depends(calls(Role.ADJUDICATOR))]
Reader = Annotated[ApiCall, Depends(calls(Role.MERCHANT, Role.ADJUDICATOR))]
ComplaintId = Annotated[str, Path(alias="id", max_length=40, examples=[EXAMPLE["id"]])]


@router.post(
    "",
    status_code=201,
    response_model=ComplaintOut,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def create_complaint(call: Merchant, body: ComplaintIn, key: IdempotencyKey = None) -> Response:
    """Complain about a refund that is abnormal in another way than by its photo. A specialist answers; reports and
    verdicts are not touched."""
    return call.once(key, body, lambda context: _made(service.file(context, body), 201))


@router.get("", response_model=ComplaintPage, responses=responses(400, 401, 403, 422))
def list_complaints(
    call: Reader,
    state: Annotated[ComplaintState | None, Query(description="complaints in this state")] = None,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> Response:
    """A merchant's own complaints, the newest first; for specialists (adjudicators whose key has the scopes
    `complaints:read` and `complaints:write`) those of all shops, the one first that has waited longest."""
    reader = call.principal
    service.check_reader(reader)
    after = None if cursor is None else paging.decode(cursor, (str,))[0]
    with call.reading() as context:
        rows = service.list_complaints(context.session, reader, state, after, limit)
        found = paging.page(
            rows, limit, lambda row: service.complaint_out(row, reader), lambda row: [row[0].id]
        )
    return found.response()


@router.get("/{id}", response_model=ComplaintOut, responses=responses(401, 403, 404))
def get_complaint(call: Reader, identifier: ComplaintId) -> JSONResponse:
    """One complaint; its ETag is what a decision must bring."""
    with call.reading() as context:
        found = service.get_complaint(context, identifier)
    return JSONResponse(found.body(), headers={"ETag": etag(found.version)})


@router.post(
    "/{id}/decision",
    status_code=200,
    response_model=ComplaintOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422, 428),
)
def decide_complaint(
    call: Judge,
    identifier: ComplaintId,
    body: ComplaintDecisionIn,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """Confirm or dismiss a complaint, with an answer for the merchant. If-Match is required."""
    return call.once(
        key, body, lambda context: _made(service.decide_complaint(context, identifier, body, if_match), 200)
    )


def _made(found: ComplaintOut, status: int) -> Created:
    return Created(found.body(), status, {"ETag": etag(found.version)})
