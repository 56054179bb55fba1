"""Queries of a tenant's webhooks. In: a session and the tenant, by which every query filters. Out: rows."""

from datetime import datetime

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from refundlens.serving.storage.tables import OutboxEvent, WebhookDelivery, WebhookEndpoint


def endpoint(session: Session, tenant: str, identifier: str, lock: bool = False) -> WebhookEndpoint | None:
    """One that is not deleted. lock: it is going to be changed."""
    one = _endpoints(tenant).where(WebhookEndpoint.id == identifier)
    return session.scalar(one.with_for_update(key_share=True) if lock else one)


def endpoints(session: Session, tenant: str, after: str | None, count: int) -> list[WebhookEndpoint]:
    """Newest first. after: the id of the last row given."""
    found = _endpoints(tenant).order_by(WebhookEndpoint.id.desc()).limit(count)
    return list(session.scalars(found.where(WebhookEndpoint.id < after) if after else found))


def channels(session: Session, tenant: str, account: str | None) -> list[WebhookEndpoint]:
    """Where people are told, newest first. account: of one shop; none for those told of all shops."""
    return list(session.scalars(_channels(tenant, account).order_by(WebhookEndpoint.id.desc())))


def channel(
    session: Session, tenant: str, account: str | None, identifier: str, lock: bool = False
) -> WebhookEndpoint | None:
    one = _channels(tenant, account).where(WebhookEndpoint.id == identifier)
    return session.scalar(one.with_for_update(key_share=True) if lock else one)


def addresses_tested(session: Session, tenant: str, account: str | None, since: datetime) -> list[str]:
    """Where a shop's channels, those taken away among them, were sent an example since then: once for each."""
    found = (
        select(WebhookEndpoint.url)
        .join(WebhookDelivery, WebhookDelivery.endpoint_id == WebhookEndpoint.id)
        .join(OutboxEvent, OutboxEvent.id == WebhookDelivery.event_id)
        .where(WebhookEndpoint.tenant_id == tenant, WebhookEndpoint.account == account)
        .where(WebhookEndpoint.kind != "webhook", OutboxEvent.object_id == WebhookEndpoint.id)
        .where(WebhookDelivery.created_at > since)
    )
    return list(session.scalars(found))


def endpoint_count(session: Session, tenant: str) -> int:
    counted = select(func.count()).select_from(_endpoints(tenant).subquery())
    return session.scalar(counted) or 0


def find_delivery(session: Session, tenant: str, identifier: str) -> Row[WebhookDelivery, OutboxEvent] | None:
    """A delivery with its event."""
    found = (
        select(WebhookDelivery, OutboxEvent)
        .join(OutboxEvent, OutboxEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.tenant_id == tenant, OutboxEvent.tenant_id == tenant)
        .where(WebhookDelivery.id == identifier)
    )
    return session.execute(found).one_or_none()


def deliveries(
    session: Session,
    tenant: str,
    endpoint_id: str | None,
    state: str | None,
    after: str | None,
    count: int,
) -> list[Row[WebhookDelivery, str]]:
    """Deliveries with the types of their events, newest first."""
    found = (
        select(WebhookDelivery, OutboxEvent.type)
        .join(OutboxEvent, OutboxEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.tenant_id == tenant, OutboxEvent.tenant_id == tenant)
        .order_by(WebhookDelivery.id.desc())
        .limit(count)
    )
    if endpoint_id:
        found = found.where(WebhookDelivery.endpoint_id == endpoint_id)
    if state:
        found = found.where(WebhookDelivery.state == state)
    if after:
        found = found.where(WebhookDelivery.id < after)
    return list(session.execute(found))


def replays(session: Session, tenant: str, event_id: str, endpoint_id: str) -> list[WebhookDelivery]:
    """Every delivery of one event to one endpoint, the last asked for first, locked."""
    found = (
        select(WebhookDelivery)
        .where(
            WebhookDelivery.tenant_id == tenant,
            WebhookDelivery.event_id == event_id,
            WebhookDelivery.endpoint_id == endpoint_id,
        )
        .order_by(WebhookDelivery.replay.desc())
        .with_for_update()
    )
    return list(session.scalars(found))


def event(session: Session, tenant: str, identifier: str) -> OutboxEvent | None:
    return session.scalar(
        select(OutboxEvent).where(OutboxEvent.tenant_id == tenant, OutboxEvent.id == identifier)
    )


def event_ids(session: Session, tenant: str, since: str, count: int) -> list[str]:
    """Ids of events from `since` on, oldest first; read from the index alone."""
    found = (
        select(OutboxEvent.id)
        .where(OutboxEvent.tenant_id == tenant, OutboxEvent.id >= since)
        .order_by(OutboxEvent.id)
        .limit(count)
    )
    return list(session.scalars(found))


def events(session: Session, tenant: str, identifiers: list[str]) -> list[OutboxEvent]:
    """Oldest first."""
    found = (
        select(OutboxEvent)
        .where(OutboxEvent.tenant_id == tenant, OutboxEvent.id.in_(identifiers))
        .order_by(OutboxEvent.id)
    )
    return list(session.scalars(found))


def _endpoints(tenant: str) -> Select[WebhookEndpoint]:
    return _kept(tenant).where(WebhookEndpoint.kind == "webhook")


def _channels(tenant: str, account: str | None) -> Select[WebhookEndpoint]:
    return _kept(tenant).where(WebhookEndpoint.kind != "webhook", WebhookEndpoint.account == account)


def _kept(tenant: str) -> Select[WebhookEndpoint]:
    return select(WebhookEndpoint).where(
        WebhookEndpoint.tenant_id == tenant, WebhookEndpoint.deleted_at.is_(None)
    )
