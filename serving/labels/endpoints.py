"""POST and GET of labels. Thin: role, body, service, answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from refundlens.serving.http import paging
from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.idempotency import Created, IdempotencyKey
from refundlens.serving.http.problems import responses
from refundlens.serving.identity.access import calls
from refundlens.serving.kit.roles import Role
from refundlens.serving.labels import sampling, service
from refundlens.serving.labels.schemas import (
    LabelIn,
    LabelOut,
    LabelPage,
    LabelSource,
    SampleOut,
    SamplePage,
    SampleReason,
    Truth,
)
from refundlens.serving.storage.tables import DetectionRecord, ReviewSample

router = APIRouter(prefix="/v1/labels", tags=["labels"])

Engineer = Annotated[ApiCall, Depends(calls(Role.ENGINEER))]


@router.post(
    "",
    status_code=201,
    response_model=LabelOut,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def create_label(call: Engineer, body: LabelIn, key: IdempotencyKey = None) -> Response:
    """Say what a photo is. Labels are only added: say it again to correct it, and the newer one of equal weight wins.
    A photo that is not stored here may be named by its SHA-256, for an export that has its file elsewhere."""
    return call.once(key, body, lambda context: Created(service.make_label(context, body).body()))


@router.get(
    "/samples",
    response_model=SamplePage,
    responses=responses(400, 401, 403, 422),
)
def list_samples(
    call: Engineer,
    reason: Annotated[SampleReason | None, Query(description="why it was drawn")] = None,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> Response:
    """Photos drawn for review that nobody has labelled, the newest first: each day some of the day before, of a tenant
    that agreed to training. Label one with POST /v1/labels, by its `image_id`."""
    before = None if cursor is None else paging.decode(cursor, (str,))[0]
    with call.reading() as context:
        rows = sampling.open_samples(context.session, call.principal.tenant, limit, before, reason)
        found = paging.page(rows, limit, lambda row: _sample(*row), lambda row: [row[0].id])
    return found.response()


def _sample(row: ReviewSample, said: DetectionRecord) -> SampleOut:
    facts = {name: getattr(said, name) for name in ("verdict", "probability", "model_version")}
    return SampleOut.of(row, **facts)


@router.get("", response_model=LabelPage, responses=responses(400, 401, 403, 422))
def list_labels(
    call: Engineer,
    sha256: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$", description="of one photo")] = None,
    source: Annotated[LabelSource | None, Query(description="who said so")] = None,
    truth: Annotated[Truth | None, Query(description="what was said")] = None,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> Response:
    """Labels, the newest first: engineers' and those that judges' decisions left."""
    before = None if cursor is None else paging.decode(cursor, (str,))[0]
    with call.reading() as context:
        rows = service.list_labels(
            context.session, call.principal.tenant, limit, before, sha256, source, truth
        )
        found = paging.page(rows, limit, LabelOut.of, lambda row: [row.id])
    return found.response()
