"""Queries about refunds and photos. Every one filters by tenant, and by shop where the caller is a merchant."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from refundlens.serving.kit.errors import NotFound
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.tables import Image, Refund, Report
from refundlens.serving.workflow.states import RefundStatus


def _visible(principal: Principal) -> Select[Refund]:
    found = select(Refund).where(Refund.tenant_id == principal.tenant)
    return found.where(Refund.account == principal.account) if principal.role is Role.MERCHANT else found


def find_refund(session: Session, principal: Principal, refund_id: str, lock: bool = False) -> Refund | None:
    """By the platform's id. lock: nobody else changes it, or a report of it, until this transaction ends."""
    query = _visible(principal).where(Refund.refund_id == refund_id)
    return _one(session, query, lock)


def get(session: Session, principal: Principal, refund_id: str, lock: bool = False) -> Refund:
    """As `find_refund`. Raises NotFound."""
    found = find_refund(session, principal, refund_id, lock)
    if found is None:
        raise NotFound(f"There is no refund {refund_id}. Mirror it first: PUT /v1/refunds/…")
    return found


def taken(session: Session, principal: Principal, refund_id: str) -> bool:
    """Whether another shop of the tenant has a refund of this id."""
    query = select(Refund.id).where(Refund.tenant_id == principal.tenant, Refund.refund_id == refund_id)
    return session.execute(query).first() is not None


def lock_by_key(session: Session, key: str) -> Refund:
    """By our own id, for the worker and for who found a report first."""
    found = _one(session, select(Refund).where(Refund.id == key), lock=True)
    if found is None:
        raise LookupError(key)
    return found


def open_page(
    session: Session,
    principal: Principal,
    status: RefundStatus,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Refund]:
    """Refunds by deadline, the earliest first; those without one are not in it. Up to limit + 1."""
    query = _visible(principal).where(Refund.status == status.value, Refund.deadline_at.is_not(None))
    if after is not None:
        query = query.where(tuple_(Refund.deadline_at, Refund.id) > tuple_(*after))
    query = query.order_by(Refund.deadline_at, Refund.id).limit(limit + 1)
    return session.execute(query).scalars().all()


def photos(session: Session, refunds: Sequence[Refund]) -> dict[str, list[tuple[Image, str | None]]]:
    """By a refund's own id: its photos in the order they came, each with its newest report's id. Two queries, however
    many refunds they are."""
    keys = [refund.id for refund in refunds]
    images = session.execute(select(Image).where(Image.refund_id.in_(keys))).scalars()
    reports = session.execute(select(Report.image_id, Report.id).where(Report.refund_id.in_(keys)))
    newest = {row.image_id: row.id for row in sorted(reports, key=lambda row: row.id)}
    found: dict[str, list[tuple[Image, str | None]]] = {key: [] for key in keys}
    for image in sorted(images, key=lambda image: image.id):
        found[image.refund_id].append((image, newest.get(image.id)))
    return found


def photo(session: Session, principal: Principal, identifier: str) -> Image:
    """Raises NotFound."""
    query = select(Image).join(Refund, Refund.id == Image.refund_id)
    query = query.where(Image.tenant_id == principal.tenant, Image.id == identifier)
    if principal.role is Role.MERCHANT:
        query = query.where(Refund.account == principal.account)
    found = session.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound(f"There is no photo {identifier}.")
    return found


def _one(session: Session, query: Select[Refund], lock: bool) -> Refund | None:
    if lock:
        query = query.with_for_update()
    return session.execute(query, execution_options={"populate_existing": lock}).scalar_one_or_none()
