"""POST and GET of labels. Thin: role, body, service, answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from refundlens.serving.http import paging
from refundlens.serving.http.context import Db, Now
from refundlens.serving.http.idempotency import Created, IdempotencyKey, idempotent
from refundlens.serving.http.problems import responses
from refundlens.serving.identity.access import needs
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.labels import service
from refundlens.serving.labels.schemas import LabelIn, LabelOut, LabelPage, LabelSource, Truth

router = APIRouter(prefix="/v1/labels", tags=["labels"])

Engineer = Annotated[Principal, Depends(needs(Role.ENGINEER))]


@router.post(
    "",
    operation_id="create_label",
    status_code=201,
    response_model=LabelOut,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def create_label(
    request: Request, principal: Engineer, now: Now, body: LabelIn, key: IdempotencyKey = None
) -> Response:
    """Say what a photo is. Labels are only added: say it again to correct it, and the newer one of equal weight wins.
    A photo that is not stored here may be named by its SHA-256, for an export that has its file elsewhere."""

    def do(session: Session) -> Created:
        return Created(service.make_label(session, principal, body, now))

    return idempotent(request, principal, key, body.model_dump(mode="json"), do)


@router.get("", operation_id="list_labels", response_model=LabelPage, responses=responses(400, 401, 403, 422))
def list_labels(
    principal: Engineer,
    database: Db,
    sha256: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$", description="of one photo")] = None,
    source: Annotated[LabelSource | None, Query(description="who said so")] = None,
    truth: Annotated[Truth | None, Query(description="what was said")] = None,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> JSONResponse:
    """Labels, the newest first: engineers' and those that judges' decisions left."""
    before = None if cursor is None else paging.decode(cursor, (str,))[0]
    with database.reading() as session:
        rows = service.list_labels(session, principal.tenant, limit, before, sha256, source, truth)
        found = paging.page(rows, limit, service.label_json, lambda row: [row.id])
    return JSONResponse(found.body())
