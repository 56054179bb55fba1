"""What can be done with a tenant's webhooks: endpoints made, changed, deleted; secrets rotated; messages sent again.

In: a context whose transaction the caller ends. Out: JSON objects as the API answers them.
Every change is in the audit log. Secrets are in none of these objects: the endpoints add them to the answer, so that
none is ever stored with it.
"""

from datetime import datetime, timedelta
from typing import Any

from refundlens.serving.events import audit, outbox
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, NotFound, check_version
from refundlens.serving.kit.ids import make_id
from refundlens.serving.storage.tables import WebhookDelivery, WebhookEndpoint
from refundlens.serving.webhooks import repository
from refundlens.serving.webhooks.queue import cancel_pending, is_active
from refundlens.serving.webhooks.schemas import Delivery, Endpoint, EndpointIn, EndpointPatch

MOST_ENDPOINTS = 50
"""Of a tenant; every event is written once for each of them."""
BY_HAND = "disabled by an admin"


def endpoint_json(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return Endpoint.of(endpoint, enabled=endpoint.disabled_reason is None).body()


def delivery_json(row: WebhookDelivery, event_type: str) -> dict[str, Any]:
    return Delivery.of(row, event_type=event_type).body()


def find_endpoint(context: Context, identifier: str, lock: bool = False) -> WebhookEndpoint:
    """Raises NotFound."""
    found = repository.endpoint(context.session, context.principal.tenant, identifier, lock)
    if found is None:
        raise NotFound(f"There is no webhook endpoint {identifier}.")
    return found


def create_endpoint(context: Context, asked: EndpointIn) -> WebhookEndpoint:
    """Raises Conflict where there are too many."""
    session, principal, now = context.session, context.principal, context.now
    if repository.endpoint_count(session, principal.tenant) >= MOST_ENDPOINTS:
        detail = (
            f"There are {MOST_ENDPOINTS} endpoints already, which is the most. Delete one that is not needed."
        )
        raise Conflict("too_many_endpoints", detail)
    made = WebhookEndpoint(
        id=make_id("whe", now),
        tenant_id=principal.tenant,
        version=1,
        url=asked.url,
        description=asked.description,
        events=_types(asked),
        secret_number=1,
        created_at=now,
        updated_at=now,
    )
    session.add(made)
    session.flush()
    data = {"events": made.events, "url_sha256": audit.text_hash(made.url)}
    _audit(context, made, "created", after="enabled", data=data)
    return made


def change(context: Context, identifier: str, asked: EndpointPatch, if_match: str | None) -> WebhookEndpoint:
    """Raises NotFound, Changed."""
    session, now = context.session, context.now
    endpoint = find_endpoint(context, identifier, lock=True)
    check_version(if_match, endpoint.version)
    before = _state(endpoint)
    if asked.url is not None and asked.url != endpoint.url:
        endpoint.url, endpoint.failing_since = asked.url, None  # another receiver, which has not failed yet
    if asked.description is not None:
        endpoint.description = asked.description
    if asked.events is not None:
        endpoint.events = _types(asked)
    if asked.enabled is True:
        endpoint.disabled_reason, endpoint.failing_since = None, None
    elif asked.enabled is False and is_active(endpoint):
        endpoint.disabled_reason = BY_HAND
        cancel_pending(session, endpoint.id, now)
    _touch(endpoint, now)
    data = {
        "changed": sorted(asked.model_dump(exclude_none=True)),
        "url_sha256": audit.text_hash(endpoint.url),
    }
    _audit(context, endpoint, "changed", before, _state(endpoint), data)
    return endpoint


def delete(context: Context, identifier: str, if_match: str | None) -> None:
    """It is not shown or used any more; its deliveries still are what they were. Raises NotFound, Changed."""
    session, now = context.session, context.now
    endpoint = find_endpoint(context, identifier, lock=True)
    check_version(if_match, endpoint.version)
    before = _state(endpoint)
    endpoint.deleted_at = now
    _touch(endpoint, now)
    cancel_pending(session, endpoint.id, now)
    _audit(context, endpoint, "deleted", before, "deleted")


def rotate_secret(context: Context, identifier: str, overlap: timedelta) -> WebhookEndpoint:
    """A new secret signs from now on, and the one before it as well while they overlap. Raises NotFound."""
    now = context.now
    endpoint = find_endpoint(context, identifier, lock=True)
    endpoint.secret_number += 1
    endpoint.previous_until = now + overlap if overlap else None
    _touch(endpoint, now)
    data = {"secret_number": endpoint.secret_number}
    _audit(context, endpoint, "secret_rotated", data=data)
    return endpoint


def redeliver(context: Context, identifier: str) -> dict[str, Any]:
    """What is sent now: the delivery under way already, or a new one of the same event. Raises NotFound, Conflict."""
    session, principal, now = context.session, context.principal, context.now
    found = repository.find_delivery(session, principal.tenant, identifier)
    if found is None:
        raise NotFound(f"There is no webhook delivery {identifier}.")
    asked, event = found
    endpoint = repository.endpoint(session, principal.tenant, asked.endpoint_id, lock=True)
    if endpoint is None or not is_active(endpoint):
        detail = "Its endpoint is disabled or deleted. Enable it first: PATCH it with enabled true."
        raise Conflict("endpoint_not_enabled", detail)
    made = repository.replays(session, principal.tenant, event.id, endpoint.id)
    due = next((row for row in made if row.state == "pending"), None)
    if due is None:
        due = outbox.delivery(event, endpoint, now, made[0].replay + 1)
        session.add(due)
        session.flush()
    elif due.lease is None or due.leased_until is None or due.leased_until <= now:
        due.next_at = now  # it waited for its next try; one that is being sent is left alone
    data = {"event": event.id, "endpoint": endpoint.id}
    fact = audit.Fact("webhook_delivery.redelivered", due.id, data=data)
    audit.append(session, principal.tenant, now, principal.actor, fact)
    return delivery_json(due, event.type)


def _types(asked: EndpointIn | EndpointPatch) -> list[str]:
    """Each type once, in the order given."""
    return list(dict.fromkeys(kind.value for kind in asked.events or []))


def _state(endpoint: WebhookEndpoint) -> str:
    return "enabled" if is_active(endpoint) else "disabled"


def _touch(endpoint: WebhookEndpoint, now: datetime) -> None:
    endpoint.version += 1
    endpoint.updated_at = now


def _audit(
    context: Context,
    endpoint: WebhookEndpoint,
    what: str,
    before: str | None = None,
    after: str | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    fact = audit.Fact(f"webhook_endpoint.{what}", endpoint.id, before, after, data or {})
    audit.append(context.session, endpoint.tenant_id, context.now, context.principal.actor, fact)
