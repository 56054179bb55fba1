"""Webhook endpoints and their deliveries over HTTP, for admins. Thin: role, body, service, answer."""

import json
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import JSONResponse

from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.idempotency import Created, IdempotencyKey
from refundlens.serving.http.paging import DEFAULT_LIMIT, Cursor, IfMatch, Limit, decode, page
from refundlens.serving.http.problems import responses
from refundlens.serving.identity.access import calls
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Invalid, NotFound, etag
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import WebhookEndpoint
from refundlens.serving.webhooks import repository, schemas, service, simulator
from refundlens.serving.webhooks.sending import secret_text
from refundlens.serving.webhooks.ssrf import UrlRefused

router = APIRouter(prefix="/v1", tags=["webhooks"])
Admin = Annotated[ApiCall, Depends(calls(Role.ADMIN))]
EndpointId = Annotated[str, Path(alias="id", max_length=40, examples=[schemas.ENDPOINT_ID])]
DeliveryId = Annotated[str, Path(alias="id", max_length=40, examples=[schemas.DELIVERY_ID])]


@router.post(
    "/webhook-endpoints",
    status_code=201,
    response_model=schemas.EndpointWithSecret,
    responses=responses(400, 401, 403, 409, 422),
)
def create_webhook_endpoint(
    call: Admin,
    body: schemas.EndpointIn,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Have events sent to a URL from now on. The answer is the only one with the secret to verify them with."""
    _check(call, body.url)

    def do(context: Context) -> Created:
        made = service.create_endpoint(context, body)
        headers = {"Location": f"/v1/webhook-endpoints/{made.id}", "ETag": etag(made.version)}
        return Created(service.endpoint_json(made), 201, headers)

    return _with_secret(call.once(idempotency_key, body, do), call.services.secret)


@router.get(
    "/webhook-endpoints",
    response_model=schemas.EndpointPage,
    responses=responses(400, 401, 403, 422),
)
def list_webhook_endpoints(call: Admin, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
    """The endpoints, newest first."""
    with call.reading() as context:
        rows = repository.endpoints(context.session, call.principal.tenant, _after(cursor), limit + 1)
    return page(rows, limit, service.endpoint_json, lambda row: [row.id]).response()


@router.get(
    "/webhook-endpoints/{id}",
    response_model=schemas.Endpoint,
    responses=responses(401, 403, 404),
)
def get_webhook_endpoint(call: Admin, identifier: EndpointId) -> JSONResponse:
    """One endpoint, without its secret."""
    with call.reading() as context:
        return _shown(service.find_endpoint(context, identifier))


@router.patch(
    "/webhook-endpoints/{id}",
    response_model=schemas.Endpoint,
    responses=responses(401, 403, 404, 412, 422),
)
def update_webhook_endpoint(
    call: Admin,
    identifier: EndpointId,
    body: schemas.EndpointPatch,
    if_match: IfMatch = None,
) -> JSONResponse:
    """Change an endpoint, or use it again after it was disabled. What was missed meanwhile can be redelivered."""
    if body.url is not None:
        _check(call, body.url)
    with call.writing() as context:
        return _shown(service.change(context, identifier, body, if_match))


@router.delete(
    "/webhook-endpoints/{id}",
    status_code=204,
    response_class=Response,
    responses=responses(401, 403, 404, 412),
)
def delete_webhook_endpoint(call: Admin, identifier: EndpointId, if_match: IfMatch = None) -> Response:
    """Send nothing more to it, not even what waits."""
    with call.writing() as context:
        service.delete(context, identifier, if_match)
    return Response(status_code=204)


@router.post(
    "/webhook-endpoints/{id}/rotate-secret",
    status_code=201,
    response_model=schemas.EndpointWithSecret,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def rotate_webhook_secret(
    call: Admin,
    identifier: EndpointId,
    body: schemas.RotationIn,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Sign with a new secret, and for a while with the old one too, so that receivers can change over."""

    def do(context: Context) -> Created:
        endpoint = service.rotate_secret(context, identifier, timedelta(hours=body.overlap_hours))
        return Created(service.endpoint_json(endpoint), 201, {"ETag": etag(endpoint.version)})

    return _with_secret(call.once(idempotency_key, body, do), call.services.secret)


@router.post(
    "/webhook-endpoints/{id}/test",
    operation_id="test_webhook_endpoint",
    status_code=202,
    response_model=schemas.Delivery,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def try_webhook_endpoint(
    call: Admin,
    identifier: EndpointId,
    body: schemas.TrialIn,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Send it an example of an event, signed and retried like any other, with `"test": true` beside its type. Nobody
    else is told of it."""
    return call.once(
        idempotency_key,
        body,
        lambda context: Created(simulator.send_test(context, identifier, body.type), 202),
    )


@router.get(
    "/webhook-deliveries",
    response_model=schemas.DeliveryPage,
    responses=responses(400, 401, 403, 422),
)
def list_webhook_deliveries(
    call: Admin,
    endpoint: Annotated[str | None, Query(max_length=40, description="of this endpoint only")] = None,
    state: Annotated[schemas.DeliveryState | None, Query(description="in this state only")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """What was sent, what waits and what was given up, newest first."""
    with call.reading() as context:
        tenant = call.principal.tenant
        rows = repository.deliveries(context.session, tenant, endpoint, state, _after(cursor), limit + 1)
    shown = page(rows, limit, lambda row: service.delivery_json(*row), lambda row: [row[0].id])
    return shown.response()


@router.get(
    "/webhook-deliveries/{id}",
    response_model=schemas.DeliveryWithPayload,
    responses=responses(401, 403, 404),
)
def get_webhook_delivery(call: Admin, identifier: DeliveryId) -> JSONResponse:
    """One delivery, with what it carries."""
    with call.reading() as context:
        found = repository.find_delivery(context.session, call.principal.tenant, identifier)
    if found is None:
        raise NotFound(f"There is no webhook delivery {identifier}.")
    row, event = found
    return JSONResponse({**service.delivery_json(row, event.type), "payload": event.payload})


@router.post(
    "/webhook-deliveries/{id}/redeliver",
    status_code=202,
    response_model=schemas.Delivery,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def redeliver_webhook(
    call: Admin,
    identifier: DeliveryId,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Send its event again, now, with the same `webhook-id`. One that still waits for a retry is sent now instead."""
    return call.once(
        idempotency_key, None, lambda context: Created(service.redeliver(context, identifier), 202)
    )


def _check(call: ApiCall, url: str) -> None:
    """Before any transaction: it waits for a name server. Raises Invalid."""
    try:
        call.services.webhook_guard.check(url)
    except UrlRefused as error:
        raise Invalid("webhook_url_refused", str(error)) from error


def _shown(endpoint: WebhookEndpoint) -> JSONResponse:
    return JSONResponse(service.endpoint_json(endpoint), headers={"ETag": etag(endpoint.version)})


def _with_secret(answer: Response, secret: Secret) -> Response:
    """The answer with the secret that its endpoint had then; what is stored under the Idempotency-Key has none."""
    body: dict[str, Any] = json.loads(bytes(answer.body))
    body["secret"] = secret_text(secret, body["id"], body["secret_number"])
    names = ("location", "etag", "idempotent-replayed")
    headers = {name: answer.headers[name] for name in names if name in answer.headers}
    return JSONResponse(body, answer.status_code, {**headers, "Cache-Control": "no-store"})


def _after(cursor: str | None) -> str | None:
    """The id of the last row given. Raises Problem 400."""
    return None if cursor is None else str(decode(cursor, [str])[0])
