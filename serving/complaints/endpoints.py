"""Complaints over HTTP. Thin: role, body, service, answer."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from refundlens.serving.complaints import service
from refundlens.serving.complaints.schemas import (
    EXAMPLE,
    ComplaintDecisionIn,
    ComplaintIn,
    ComplaintOut,
    ComplaintPage,
)
from refundlens.serving.http import paging
from refundlens.serving.http.context import Db, Now
from refundlens.serving.http.idempotency import Created, IdempotencyKey, idempotent
from refundlens.serving.http.problems import responses
from refundlens.serving.identity.access import needs
from refundlens.serving.kit.errors import etag
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.workflow.states import ComplaintState

router = APIRouter(prefix="/v1/complaints", tags=["complaints"])

Reader = Annotated[Principal, Depends(needs(Role.MERCHANT, Role.ADJUDICATOR))]
ComplaintId = Annotated[str, Path(alias="id", max_length=40, examples=[EXAMPLE["id"]])]


@router.post(
    "",
    operation_id="create_complaint",
    status_code=201,
    response_model=ComplaintOut,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def create_complaint(
    request: Request,
    principal: Annotated[Principal, Depends(needs(Role.MERCHANT))],
    now: Now,
    body: ComplaintIn,
    key: IdempotencyKey = None,
) -> Response:
    """Complain about a refund that is abnormal in another way than by its photo. A specialist answers; reports and
    verdicts are not touched."""

    def do(session: Session) -> Created:
        return _made(service.file(session, principal, body, now), 201)

    return idempotent(request, principal, key, body.model_dump(mode="json"), do)


@router.get(
    "",
    operation_id="list_complaints",
    response_model=ComplaintPage,
    responses=responses(400, 401, 403, 422),
)
def list_complaints(
    principal: Reader,
    database: Db,
    state: Annotated[ComplaintState | None, Query(description="complaints in this state")] = None,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> JSONResponse:
    """A merchant's own complaints, the newest first; for specialists (adjudicators whose key has the scopes
    `complaints:read` and `complaints:write`) those of all shops, the one first that has waited longest."""
    service.check_reader(principal)
    after = None if cursor is None else paging.decode(cursor, (str,))[0]
    with database.reading() as session:
        rows = service.list_complaints(session, principal, state, after, limit)
        found = paging.page(
            rows, limit, lambda row: service.complaint_json(row, principal), lambda row: [row[0].id]
        )
    return JSONResponse(found.body())


@router.get(
    "/{id}",
    operation_id="get_complaint",
    response_model=ComplaintOut,
    responses=responses(401, 403, 404),
)
def get_complaint(principal: Reader, database: Db, identifier: ComplaintId) -> JSONResponse:
    """One complaint; its ETag is what a decision must bring."""
    with database.reading() as session:
        body = service.get_complaint(session, principal, identifier)
    return JSONResponse(body, headers={"ETag": etag(body["version"])})


@router.post(
    "/{id}/decision",
    operation_id="decide_complaint",
    status_code=200,
    response_model=ComplaintOut,
    responses=responses(400, 401, 403, 404, 409, 412, 422, 428),
)
def decide_complaint(
    request: Request,
    principal: Annotated[Principal, Depends(needs(Role.ADJUDICATOR))],
    now: Now,
    identifier: ComplaintId,
    body: ComplaintDecisionIn,
    if_match: paging.IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """Confirm or dismiss a complaint, with an answer for the merchant. If-Match is required."""

    def do(session: Session) -> Created:
        return _made(service.decide_complaint(session, principal, identifier, body, if_match, now), 200)

    return idempotent(request, principal, key, body.model_dump(mode="json"), do)


def _made(body: dict[str, Any], status: int) -> Created:
    return Created(body, status, {"ETag": etag(body["version"])})
