"""Takes a mirror of a refund back: one that stands under a wrong shop or buyer, made by mistake or to frame somebody.

In: an administrator, the refund, why. Out: the refund closed and its number free, undecided reports expired, the lines
in the buyer's record compensated, all of it in the audit log. Nothing is deleted.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.buyers import integrity
from refundlens.serving.kit.principal import Principal
from refundlens.serving.refunds import repository
from refundlens.serving.refunds.repository import Owner
from refundlens.serving.refunds.service import retire_mirror
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Refund, Report


def void_mirror(
    session: Session,
    settings: Settings,
    now: datetime,
    principal: Principal,
    refund_id: str,
    owner: Owner,
    reason: str,
) -> Refund:
    """The voided refund. Raises NotFound where no mirror stands, Conflict where several do."""
    refund = repository.get(session, principal, refund_id, lock=True, owner=owner)
    retire_mirror(session, settings, refund, principal.actor, reason, now)
    reports = session.execute(select(Report).where(Report.refund_id == refund.id).order_by(Report.id))
    for report in reports.scalars().all():
        integrity.reverse_entry(session, report, refund, now, reason, principal.actor)
    return refund
