"""Queries about refunds and photos. Every one filters by tenant, and by shop where the caller is a merchant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from refundlens.serving.kit.errors import Conflict, NotFound
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.tables import Image, PhotoPrint, Refund, Report
from refundlens.serving.workflow.states import RefundStatus


def _visible(principal: Principal) -> Select[Refund]:
    """A shop's own, a platform's own; mirrors that were voided with the rest, for those who keep the records."""
    found = select(Refund).where(Refund.tenant_id == principal.tenant)
    if principal.role is Role.MERCHANT:
        return found.where(Refund.account == principal.account)
    return found.where(Refund.platform == principal.account) if principal.role is Role.PLATFORM else found


@dataclass(frozen=True)
class Owner:
    """Whose a refund's number is; none where the caller does not say, "" for a platform that nobody named."""

    account: str | None = None
    platform: str | None = None

    def fits(self, refund: Refund) -> bool:
        return self.account in (None, refund.account) and self.platform in (None, refund.platform)


ANYBODY = Owner()
MOST_COMPARED = 5_000
"""Reports of a shop that a photo is compared with, the newest: some milliseconds."""


def find_refund(
    session: Session, principal: Principal, refund_id: str, lock: bool = False, owner: Owner = ANYBODY
) -> Refund | None:
    """By the platform's number. lock: nobody else changes it, or a report of it, until this transaction ends. Raises
    Conflict where several shops or platforms have this number and `owner` does not tell them apart."""
    query = _visible(principal).where(Refund.refund_id == refund_id, Refund.live.is_not(None))
    if owner.account is not None:
        query = query.where(Refund.account == owner.account)
    if owner.platform is not None:
        query = query.where(Refund.platform == owner.platform)
    query = query.limit(2)
    if lock:
        query = query.with_for_update()
    found = session.execute(query, execution_options={"populate_existing": lock}).scalars().all()
    if len(found) > 1:
        detail = f"Several refunds have the number {refund_id}; say whose it is: `account` and `platform`."
        raise Conflict("ambiguous_refund", detail)
    return found[0] if found else None


def same_number(session: Session, principal: Principal, refund_id: str) -> Sequence[Refund]:
    """All that this caller may see of a number, to choose from."""
    query = _visible(principal).where(Refund.refund_id == refund_id, Refund.live.is_not(None))
    return session.execute(query.order_by(Refund.account, Refund.platform)).scalars().all()


def unnamed(session: Session, tenant: str, refund_id: str, account: str) -> Refund | None:
    """A shop's refund of this number whose platform nobody has named yet, locked."""
    query = select(Refund).where(
        Refund.tenant_id == tenant,
        Refund.account == account,
        Refund.platform == "",
        Refund.refund_id == refund_id,
        Refund.live.is_not(None),
    )
    return _one(session, query, lock=True)


def get(
    session: Session, principal: Principal, refund_id: str, lock: bool = False, owner: Owner = ANYBODY
) -> Refund:
    """As `find_refund`. Raises NotFound, too."""
    found = find_refund(session, principal, refund_id, lock, owner)
    if found is None:
        raise NotFound(f"There is no refund {refund_id}. Mirror it first: PUT /v1/refunds/…")
    return found


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
    own = _visible(principal).with_only_columns(Refund.id)
    query = select(Image).where(Image.id == identifier, Image.refund_id.in_(own))
    found = session.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound(f"There is no photo {identifier}.")
    return found


def variants_reported(session: Session, image: Image, account: str, since: str, most_bits: int) -> int:
    """How many other photos of this picture a shop has reported. since: the first report's id that counts. most_bits:
    of distance, by PDQ."""
    prints = select(PhotoPrint.pdq).where(PhotoPrint.image_id == image.id)
    own = session.execute(prints).scalar()
    if own is None:
        return 0
    query = (
        select(Image.sha256, PhotoPrint.pdq)
        .join(PhotoPrint, PhotoPrint.image_id == Image.id)
        .join(Report, Report.image_id == Image.id)
        .where(Report.tenant_id == image.tenant_id, Report.account == account, Report.id >= since)
        .order_by(Report.id.desc())
        .limit(MOST_COMPARED)
    )
    bits = int(own, 16)
    near = {
        row.sha256 for row in session.execute(query) if (int(row.pdq, 16) ^ bits).bit_count() <= most_bits
    }
    return len(near - {image.sha256})


def _one(session: Session, query: Select[Refund], lock: bool) -> Refund | None:
    if lock:
        query = query.with_for_update()
    return session.execute(query, execution_options={"populate_existing": lock}).scalar_one_or_none()
