"""Every question asked of the database about a buyer. Each names the tenant."""

from collections.abc import Sequence

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from refundlens.serving.storage.tables import IntegrityEntry, Refund, Report
from refundlens.serving.workflow.states import EntryKind, ReportState


def is_known(session: Session, tenant: str, buyer: str, account: str | None) -> bool:
    """Whether a refund of this buyer is mirrored. account: only in this shop."""
    asked = select(Refund.id).where(Refund.tenant_id == tenant, Refund.buyer == buyer)
    if account is not None:
        asked = asked.where(Refund.account == account)
    return session.execute(asked.limit(1)).first() is not None


def list_entries(session: Session, tenant: str, buyer: str) -> Sequence[tuple[IntegrityEntry, str]]:
    """A buyer's lines, oldest first, each with its refund."""
    asked = (
        select(IntegrityEntry, Report.refund_id)
        .join(Report, Report.id == IntegrityEntry.report_id)
        .where(IntegrityEntry.tenant_id == tenant, IntegrityEntry.buyer == buyer)
        .order_by(IntegrityEntry.id)
    )
    return [(find_entry, refund) for find_entry, refund in session.execute(asked)]


def find_entry(session: Session, tenant: str, buyer: str, identifier: str) -> IntegrityEntry | None:
    """One line of a buyer's record, locked until the transaction ends."""
    asked = select(IntegrityEntry).where(
        IntegrityEntry.tenant_id == tenant,
        IntegrityEntry.buyer == buyer,
        IntegrityEntry.id == identifier,
    )
    return session.execute(asked.with_for_update()).scalar_one_or_none()


def line_of(session: Session, tenant: str, report: str, kind: EntryKind) -> IntegrityEntry | None:
    """The line of a kind that a report left; there is one at most."""
    asked = select(IntegrityEntry).where(
        IntegrityEntry.tenant_id == tenant,
        IntegrityEntry.report_id == report,
        IntegrityEntry.kind == kind.value,
    )
    return session.execute(asked).scalar_one_or_none()


def standing(session: Session, tenant: str, report: str) -> IntegrityEntry | None:
    """The line of a report that nothing took back: the final one, else the pending one."""
    taken_back = aliased(IntegrityEntry)
    asked = (
        select(IntegrityEntry)
        .where(
            IntegrityEntry.tenant_id == tenant,
            IntegrityEntry.report_id == report,
            IntegrityEntry.kind.in_((EntryKind.PENDING.value, EntryKind.FINAL.value)),
            ~exists().where(taken_back.report_id == report, taken_back.kind == EntryKind.REVERSED.value),
        )
        .order_by(IntegrityEntry.points.desc())
        .limit(1)
        .with_for_update()
    )
    return session.execute(asked).scalar_one_or_none()


def count_refunds(session: Session, tenant: str, buyer: str) -> int:
    asked = select(func.count()).select_from(Refund).where(Refund.tenant_id == tenant, Refund.buyer == buyer)
    return session.execute(asked).scalar_one()


def count_not_established(session: Session, tenant: str, buyer: str) -> int:
    """Reports of a buyer's photos that ended in the buyer's favour."""
    asked = (
        select(func.count())
        .select_from(Report)
        .join(Refund, Refund.id == Report.refund_id)
        .where(
            Refund.tenant_id == tenant,
            Refund.buyer == buyer,
            Report.state == ReportState.FINAL_NOT_ESTABLISHED.value,
        )
    )
    return session.execute(asked).scalar_one()
