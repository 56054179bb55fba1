"""The registry over HTTP. Thin: role, body, service, answer."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from refundlens.serving.http import paging
from refundlens.serving.http.context import Db, Now
from refundlens.serving.http.idempotency import Created, IdempotencyKey, idempotent
from refundlens.serving.http.paging import IfMatch
from refundlens.serving.http.problems import responses
from refundlens.serving.identity.access import needs
from refundlens.serving.kit.errors import etag
from refundlens.serving.kit.notifier import Notifier
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.registry import repository, schemas, service
from refundlens.serving.registry.bundles import check_loadable
from refundlens.serving.registry.follower import show_running
from refundlens.serving.registry.schemas import (
    ModelOut,
    ModelPage,
    ModelWhole,
    PromoteIn,
    RollbackIn,
    ShadowIn,
)
from refundlens.serving.registry.service import By
from refundlens.serving.storage.tables import ModelVersion

router = APIRouter(prefix="/v1/models", tags=["models"])

Engineer = Annotated[Principal, Depends(needs(Role.ENGINEER))]
_CHANGES = responses(400, 401, 403, 404, 409, 412, 422)


@router.get("", operation_id="list_models", response_model=ModelPage, responses=responses(400, 401, 403, 422))
def list_models(
    request: Request,
    principal: Engineer,
    database: Db,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> JSONResponse:
    """The versions of this installation, the newest first, and what the process that answers runs."""
    before = None
    if cursor is not None:
        when, identifier = paging.decode(cursor, (str, str))
        before = paging.moment(when), identifier
    with database.reading() as session:
        rows = repository.list_versions(session, limit, before)
        found = paging.page(
            rows, limit, schemas.version_json, lambda row: [paging.exact(row.added_at), row.id]
        )
    state = request.app.state
    return JSONResponse({**found.body(), "running": show_running(state.follower, state.service.engine)})


@router.get(
    "/{version}", operation_id="get_model", response_model=ModelWhole, responses=responses(401, 403, 404)
)
def get_model(principal: Engineer, database: Db, version: str) -> JSONResponse:
    """A version with its card, its calibration and its history."""
    with database.reading() as session:
        row = service.find(session, version)
        body = schemas.show_whole(row, repository.history(session, principal.tenant, row.id))
    return JSONResponse(body, headers={"ETag": etag(row.revision)})


@router.post("/{version}/shadow", operation_id="shadow_model", response_model=ModelOut, responses=_CHANGES)
def shadow_model(
    request: Request,
    principal: Engineer,
    now: Now,
    version: str,
    body: Annotated[ShadowIn | None, Body()] = None,
    key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Response:
    """Have it judge a share of the photos beside the champion, to compare. Nobody waits for it, and its verdicts go
    nowhere. It takes the place of the version that was shown photos before."""
    asked = body or ShadowIn()

    def do(session: Session) -> Created:
        return _made(service.shadow(session, By.person(principal), version, now, asked.share, if_match))

    return _once_and_ring(request, idempotent(request, principal, key, asked.model_dump(), do))


@router.post("/{version}/promote", operation_id="promote_model", response_model=ModelOut, responses=_CHANGES)
def promote_model(
    request: Request,
    principal: Engineer,
    now: Now,
    version: str,
    body: Annotated[PromoteIn | None, Body()] = None,
    key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Response:
    """Make it the champion of the whole installation. Every process changes to it within seconds, without losing a
    photo. A version for which something is missing is refused with 409 `not_fit`."""
    asked = body or PromoteIn()
    _must_load(request, version)

    def do(session: Session) -> Created:
        by = By.person(principal)
        return _made(service.promote(session, by, version, now, asked.reason, asked.force, if_match))

    return _once_and_ring(request, idempotent(request, principal, key, asked.model_dump(), do))


@router.post(
    "/{version}/rollback", operation_id="roll_back_model", response_model=ModelOut, responses=_CHANGES
)
def roll_back_model(
    request: Request,
    principal: Engineer,
    now: Now,
    version: str,
    body: RollbackIn,
    key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Response:
    """Take the champion back: the one before it judges again. Answers with that one."""
    with request.app.state.database.reading() as session:
        before = service.find(session, version).previous
    if before is not None:
        _must_load(request, before)

    def do(session: Session) -> Created:
        return _made(service.rollback(session, By.person(principal), version, now, body.reason, if_match))

    return _once_and_ring(request, idempotent(request, principal, key, body.model_dump(), do))


def _must_load(request: Request, version: str) -> None:
    """Before the transaction: loading takes a second. Raises NotFound, Conflict `not_loadable`."""
    state = request.app.state
    with state.database.reading() as session:
        row = service.find(session, version)
    check_loadable(state.bundles, state.settings, row)


def _made(row: ModelVersion) -> Created:
    return Created(schemas.version_json(row), 200, {"ETag": etag(row.revision)})


def _once_and_ring(request: Request, answer: Response) -> Response:
    """What was changed is on disk: this process follows now, and its webhooks go."""
    notifier: Notifier = request.app.state.notifier
    notifier.notify()
    return answer
