"""What the merchant's pages ask beyond the API: lists by what is left of a refund's time, and states of many reports.

Every query filters by tenant, and by shop where the caller is a merchant.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, and_, select, tuple_
from sqlalchemy.orm import Session

from refundlens.serving.http import paging
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.tables import Complaint, Image, Refund, Report
from refundlens.serving.workflow.states import RefundStatus

Part = Literal["open", "late", "undated"]
"""Open refunds whose deadline is to come, has passed, or is not known."""
PARTS: tuple[Part, ...] = ("open", "late", "undated")
PAGE = 20
"""Refunds of a page: with two photos each, some 60 kB of HTML."""


@dataclass(frozen=True)
class Listed:
    """A page of refunds, and the cursor of the next one."""

    refunds: Sequence[Refund]
    next_cursor: str | None


def listed(session: Session, principal: Principal, part: Part, cursor: str | None, now: datetime) -> Listed:
    """A page of a part, by deadline; refunds without one by age, the newest first. Raises Problem 400."""
    query = select(Refund).where(_own(principal), Refund.status == RefundStatus.OPEN.value)
    if part == "undated":
        query = query.where(Refund.deadline_at.is_(None)).order_by(Refund.id.desc())
        if cursor is not None:
            query = query.where(Refund.id < paging.decode(cursor, (str,))[0])
    else:
        due = Refund.deadline_at
        query = query.where(due > now if part == "open" else due <= now).order_by(due, Refund.id)
        if cursor is not None:
            when, key = paging.decode(cursor, (str, str))
            query = query.where(tuple_(due, Refund.id) > tuple_(paging.moment(when), key))
    rows = session.execute(query.limit(PAGE + 1)).scalars().all()
    shown = rows[:PAGE]
    return Listed(shown, _cursor(shown[-1]) if len(rows) > PAGE else None)


def reports(session: Session, identifiers: Collection[str]) -> dict[str, Report]:
    """By id; ids come from rows that the caller may see."""
    rows = session.execute(select(Report).where(Report.id.in_(identifiers))).scalars() if identifiers else ()
    return {row.id: row for row in rows}


def newest_reports(session: Session, principal: Principal, photos: Collection[str]) -> dict[str, Report]:
    """The newest report of each photo that has one, by the photo's id, as far as this caller may see them."""
    query = select(Report).join(Refund, Refund.id == Report.refund_id)
    rows = session.execute(
        query.where(_own(principal), Report.image_id.in_(photos)).order_by(Report.id)
    ).scalars()
    return {row.image_id: row for row in rows}


def refunds_of(session: Session, principal: Principal, photos: Collection[str]) -> dict[str, Refund]:
    """The refund of each photo that this caller may see, by the photo's id."""
    query = select(Image.id, Refund).join(Refund, Refund.id == Image.refund_id)
    rows = session.execute(query.where(_own(principal), Image.id.in_(photos)))
    return {row[0]: row[1] for row in rows}


def photos(session: Session, refund: Refund) -> Sequence[Image]:
    """All of a refund's, in the order they came."""
    query = select(Image).where(Image.refund_id == refund.id).order_by(Image.id)
    return session.execute(query).scalars().all()


def complaints(session: Session, refund: Refund) -> Sequence[Complaint]:
    """About a refund that the caller may see, the newest first."""
    query = select(Complaint).where(Complaint.refund_id == refund.id).order_by(Complaint.id.desc())
    return session.execute(query).scalars().all()


def _own(principal: Principal) -> ColumnElement[bool]:
    tenant = Refund.tenant_id == principal.tenant
    return and_(tenant, Refund.account == principal.account) if principal.role is Role.MERCHANT else tenant


def _cursor(last: Refund) -> str:
    return paging.encode([last.id] if last.deadline_at is None else [paging.exact(last.deadline_at), last.id])
