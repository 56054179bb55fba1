"""The registry over HTTP. Thin: role, body, service, answer."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response
from fastapi.responses import JSONResponse

from refundlens.serving.http import paging
from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.idempotency import Created, IdempotencyKey
from refundlens.serving.http.paging import IfMatch
from refundlens.serving.http.problems import responses
from refundlens.serving.identity.access import calls
from refundlens.serving.kit.errors import etag
from refundlens.serving.kit.roles import Role
from refundlens.serving.registry import repository, rescoring, schemas, service
from refundlens.serving.registry.bundles import check_loadable
from refundlens.serving.registry.follower import show_running
from refundlens.serving.registry.schemas import (
    ModelOut,
    ModelPage,
    ModelWhole,
    PromoteIn,
    RescoringOut,
    RollbackIn,
    ShadowIn,
)
from refundlens.serving.storage.tables import ModelVersion

router = APIRouter(prefix="/v1/models", tags=["models"])

Engineer = Annotated[ApiCall, Depends(calls(Role.ENGINEER))]
_CHANGES = responses(400, 401, 403, 404, 409, 412, 422)


@router.get("", response_model=ModelPage, responses=responses(400, 401, 403, 422))
def list_models(
    call: Engineer,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> Response:
    """The versions of this installation, the newest first, and what the process that answers runs."""
    before = None
    if cursor is not None:
        when, identifier = paging.decode(cursor, (str, str))
        before = paging.moment(when), identifier
    with call.reading() as context:
        rows = repository.list_versions(context.session, limit, before)
        found = paging.page(
            rows, limit, schemas.version_json, lambda row: [paging.exact(row.added_at), row.id]
        )
    running = show_running(call.services.follower, call.services.service.engine)
    return found.response(running=running)


@router.get("/{version}", response_model=ModelWhole, responses=responses(401, 403, 404))
def get_model(call: Engineer, version: str) -> JSONResponse:
    """A version with its card, its calibration and its history."""
    with call.reading() as context:
        row = service.find(context.session, version)
        history = repository.history(context.session, call.principal.tenant, row.id)
        body = schemas.show_whole(row, history, repository.shadow_agreements(context.session, row.sha256))
    return JSONResponse(body, headers={"ETag": etag(row.revision)})


@router.get(
    "/{version}/rescoring",
    response_model=RescoringOut,
    responses=responses(400, 401, 403, 404, 422),
)
def get_rescoring(
    call: Engineer,
    version: str,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> JSONResponse:
    """What this version said of your open cases when it became champion, and which of them would go another way. It
    decides nothing: a case changes only where a person changes it."""
    after = None if cursor is None else paging.decode(cursor, (str,))[0]
    tenant = call.principal.tenant
    with call.reading() as context:
        service.find(context.session, version)
        found = rescoring.summary(context.session, version, tenant)
        rows = rescoring.changed(context.session, version, tenant, limit, after)
    shown = paging.page(
        rows, limit, lambda row: schemas.RescoreOut.of(row).body(), lambda row: [row.report_id]
    )
    return JSONResponse(RescoringOut.of(found, **shown.body()).body())


@router.post("/{version}/shadow", response_model=ModelOut, responses=_CHANGES)
def shadow_model(
    call: Engineer,
    version: str,
    body: Annotated[ShadowIn | None, Body()] = None,
    key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Response:
    """Have it judge a share of the photos beside the champion, to compare. Nobody waits for it, and its verdicts go
    nowhere. It takes the place of the version that was shown photos before."""
    asked = body or ShadowIn()
    return call.once(
        key, asked, lambda context: _made(service.shadow(context, version, asked.share, if_match))
    )


@router.post("/{version}/promote", response_model=ModelOut, responses=_CHANGES)
def promote_model(
    call: Engineer,
    version: str,
    body: Annotated[PromoteIn | None, Body()] = None,
    key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Response:
    """Make it the champion of the whole installation. Every process changes to it within seconds, without losing a
    photo. A version for which something is missing, such as one that never stood at the gate, is refused with 409
    `not_fit`, unless an admin sends `force` with a reason; the audit log says what was passed over."""
    asked = body or PromoteIn()
    _must_load(call, version)
    return call.once(
        key,
        asked,
        lambda context: _made(service.promote(context, version, asked.reason, asked.force, if_match)),
    )


@router.post("/{version}/rollback", response_model=ModelOut, responses=_CHANGES)
def roll_back_model(
    call: Engineer,
    version: str,
    body: RollbackIn,
    key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Response:
    """Take the champion back: the one before it judges again. Answers with that one."""
    with call.reading() as context:
        before = service.find(context.session, version).previous
    if before is not None:
        _must_load(call, before)
    return call.once(
        key, body, lambda context: _made(service.rollback(context, version, body.reason, if_match))
    )


def _must_load(call: ApiCall, version: str) -> None:
    """Before the transaction: loading takes a second. Raises NotFound, Conflict `not_loadable`."""
    with call.reading() as context:
        row = service.find(context.session, version)
    check_loadable(call.services.bundles, call.services.settings, row)


def _made(row: ModelVersion) -> Created:
    return Created(schemas.version_json(row), 200, {"ETag": etag(row.revision)})
