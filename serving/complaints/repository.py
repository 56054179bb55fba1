"""Queries about complaints. Every one filters by tenant, and by shop where the caller is a merchant."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from serving.db.tables import Complaint, Refund
from serving.identity.principal import Principal
from serving.workflow.states import ComplaintState, Role

Row = tuple[Complaint, str]
"""A complaint and the platform's id of its refund."""


def _visible(principal: Principal) -> ColumnElement[bool]:
    own = Complaint.tenant_id == principal.tenant
    return and_(own, Complaint.account == principal.account) if principal.role is Role.MERCHANT else own


def find(session: Session, principal: Principal, identifier: str, lock: bool = False) -> Row | None:
    """lock: nobody else changes it until this transaction ends."""
    asked = (
        select(Complaint, Refund.refund_id)
        .join(Refund, Refund.id == Complaint.refund_id)
        .where(_visible(principal), Complaint.id == identifier)
    )
    if lock:
        asked = asked.with_for_update(of=Complaint)
    found = session.execute(asked, execution_options={"populate_existing": lock}).first()
    return None if found is None else (found[0], found[1])


def page(
    session: Session, principal: Principal, state: ComplaintState | None, after: str | None, limit: int
) -> Sequence[Row]:
    """Up to limit + 1: a merchant's newest first, for the specialists the one first that has waited longest."""
    newest_first = principal.role is Role.MERCHANT
    asked = (
        select(Complaint, Refund.refund_id)
        .join(Refund, Refund.id == Complaint.refund_id)
        .where(_visible(principal))
    )
    if state is not None:
        asked = asked.where(Complaint.state == state.value)
    if after is not None:
        asked = asked.where(Complaint.id < after if newest_first else Complaint.id > after)
    order = Complaint.id.desc() if newest_first else Complaint.id.asc()
    return [(row[0], row[1]) for row in session.execute(asked.order_by(order).limit(limit + 1))]
