"""PUT and GET of refunds, and their photos. Thin: role, body, service, answer."""

import math
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from sqlalchemy.exc import IntegrityError

from refundlens.serving.http import paging
from refundlens.serving.http.body import (
    digest,
    expected_bytes,
    on_parser,
    parse_json,
    read_bytes,
    read_json,
)
from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.idempotency import Created, IdempotencyKey
from refundlens.serving.http.json_guard import JsonGuard
from refundlens.serving.http.problems import responses
from refundlens.serving.identity.access import calls
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Gone, etag
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import messages, repository, service
from refundlens.serving.refunds.schemas import (
    EXAMPLE,
    REFUND_NUMBER,
    MirroredMessage,
    PlatformMessage,
    RefundIn,
    RefundOut,
    RefundPage,
)
from refundlens.serving.storage.files import FileError
from refundlens.serving.storage.tables import Refund
from refundlens.serving.workflow.states import RefundStatus

router = APIRouter(prefix="/v1", tags=["refunds"])

Either = Annotated[ApiCall, Depends(calls(Role.PLATFORM, Role.MERCHANT, Role.ADJUDICATOR))]
Sender = Annotated[ApiCall, Depends(calls(Role.PLATFORM, Role.MERCHANT))]
PlatformPath = Annotated[
    str,
    Path(
        max_length=40, json_schema_extra={"enum": list(messages.PLATFORMS)}, examples=[messages.PLATFORMS[0]]
    ),
]
RefundId = Annotated[
    str, Path(min_length=1, max_length=64, pattern=REFUND_NUMBER, examples=[EXAMPLE["refund_id"]])
]

Account = Annotated[str | None, Query(max_length=120, description="the shop, where several have this number")]
PlatformName = Annotated[str | None, Query(max_length=40, description="the platform, where several have it")]


@router.put(
    "/refunds/{refund_id}",
    response_model=RefundOut,
    responses={201: {"model": RefundOut}, **responses(400, 401, 403, 404, 409, 412, 413, 422, 503)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RefundIn"}}},
        }
    },
)
async def put_refund(call: Either, refund_id: RefundId, if_match: paging.IfMatch = None) -> JSONResponse:
    """Mirror a refund as the platform has it now: made the first time, changed afterwards.

    Send it whenever something changes there. Photos are kept: leave out, or name by `sha256`, what was sent before. An
    older `platform_version` than the one known is refused with 409, so that messages may come in any order. If-Match
    is optional. A refund that closes expires its undecided reports; a deadline that moves moves their warnings.
    """
    settings = call.services.settings
    size = expected_bytes(call.request, settings)
    with call.services.service.admission.place(call.request, math.inf, size, photos=0):
        body = await read_json(call.request, settings, RefundIn)
        return await run_in_threadpool(_put, call, refund_id, body, if_match)


@router.post(
    "/platforms/{name}/refunds",
    status_code=201,
    response_model=MirroredMessage,
    responses={200: {"model": MirroredMessage}, **responses(400, 401, 403, 404, 409, 413, 422, 503)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PlatformMessage"}}},
        }
    },
)
async def mirror_platform_refund(call: Sender, name: PlatformPath, key: IdempotencyKey = None) -> Response:
    """Mirror a refund from the platform's own message, passed on as it came: a refund or message of Taobao and Tmall, a
    dispute or event in Stripe's words. What it cannot carry, photos above all, goes into its member `refundlens`.

    A message that says only what changed leaves the rest as it is known; of a refund that nobody has sent whole it is
    refused with 409 `refund_unknown`. `reading` says what the adapter understood.
    """
    settings = call.services.settings
    size = expected_bytes(call.request, settings)
    with call.services.service.admission.place(call.request, math.inf, size, photos=0):
        data = await read_bytes(call.request, settings, JsonGuard())
        message = await on_parser(call.request, lambda: parse_json(data, PlatformMessage))
        return await run_in_threadpool(_mirror_message, call, name, message, key, data)


def _mirror_message(
    call: ApiCall, name: str, message: PlatformMessage, key: str | None, data: bytes
) -> Response:
    said = messages.map_message(name, message.model_extra or {})
    photos = service.prepare(message.refundlens.images, call.services.files)

    def do(context: Context) -> Created:
        refund, new = messages.mirror_message(context, call.services.secret, said, message.refundlens, photos)
        found = repository.photos(context.session, [refund])[refund.id]
        shown = service.refund_out(refund, found).body() | {"reading": messages.reading_of(said).model_dump()}
        return Created(shown, 201 if new else 200, {"ETag": etag(refund.version)})

    return call.once(key, {"body": digest(data)}, do)


def _put(call: ApiCall, refund_id: str, body: RefundIn, if_match: str | None) -> JSONResponse:
    photos = service.prepare(body.images, call.services.files)
    try:
        answer = _mirror(call, refund_id, body, photos, if_match)
    except IntegrityError:
        # another process made the same refund at the same moment; now it is there to be changed
        answer = _mirror(call, refund_id, body, photos, if_match)
    call.services.notifier.notify()
    return answer


def _mirror(
    call: ApiCall, refund_id: str, body: RefundIn, photos: list[service.PreparedPhoto], if_match: str | None
) -> JSONResponse:
    with call.writing() as context:
        refund, new = service.mirror(context, call.services.secret, refund_id, body, photos, if_match)
        return _answer(context, refund, 201 if new else 200)


def _answer(context: Context, refund: Refund, status: int) -> JSONResponse:
    photos = repository.photos(context.session, [refund])[refund.id]
    return JSONResponse(service.refund_out(refund, photos).body(), status, {"ETag": etag(refund.version)})


@router.get("/refunds/{refund_id}", response_model=RefundOut, responses=responses(401, 403, 404))
def get_refund(
    call: Either, refund_id: RefundId, account: Account = None, platform: PlatformName = None
) -> JSONResponse:
    """A refund with its photos and what our reports mean for it."""
    with call.reading() as context:
        owner = repository.Owner(account, platform)
        return _answer(context, repository.get(context.session, call.principal, refund_id, owner=owner), 200)


@router.get("/refunds", response_model=RefundPage, responses=responses(400, 401, 403))
def list_refunds(
    call: Either,
    status: Annotated[RefundStatus, Query(description="refunds of this status")] = RefundStatus.OPEN,
    limit: paging.Limit = paging.DEFAULT_LIMIT,
    cursor: paging.Cursor = None,
) -> Response:
    """Refunds that have a deadline, the most urgent first."""
    after = None
    if cursor is not None:
        when, key = paging.decode(cursor, (str, str))
        after = (paging.moment(when), key)
    with call.reading() as context:
        rows = repository.open_page(context.session, call.principal, status, after, limit)
        photos = repository.photos(context.session, rows)
        found = paging.page(
            rows,
            limit,
            lambda row: service.refund_out(row, photos[row.id]),
            lambda row: [paging.exact(row.deadline_at), row.id],
        )
    return found.response()


@router.get(
    "/images/{id}",
    response_class=Response,
    responses={
        200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}},
        **responses(401, 403, 404, 410),
    },
)
def get_image(call: Either, identifier: Annotated[str, Path(alias="id")]) -> Response:
    """The photo's own bytes, as they came."""
    with call.reading() as context:
        image = repository.photo(context.session, call.principal, identifier)
    if image.erased_at is not None:
        raise Gone("photo_erased", "This photo was erased; its hash and verdicts remain.")
    try:
        content = call.services.files.get(image.sha256)
    except FileError as error:
        raise Gone("photo_missing", str(error)) from error
    # the bytes came from a stranger: never to be taken for a page
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=3600",
    }
    return Response(content, media_type=image.media_type, headers=headers)
