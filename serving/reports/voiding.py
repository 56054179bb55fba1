"""Takes a mirror of a refund back: one that stands under a wrong shop or buyer, made by mistake or to frame somebody.

In: an administrator, the refund, why. Out: the refund closed and its number free, undecided reports expired, the lines
in the buyer's record compensated, all of it in the audit log. Nothing is deleted.
"""

from sqlalchemy import select

from refundlens.serving.buyers import integrity
from refundlens.serving.kit.context import Context
from refundlens.serving.refunds import repository
from refundlens.serving.refunds.repository import Owner
from refundlens.serving.refunds.service import retire_mirror
from refundlens.serving.storage.tables import Refund, Report


def void_mirror(context: Context, refund_id: str, owner: Owner, reason: str) -> Refund:
    """The voided refund. Raises NotFound where no mirror stands, Conflict where several do."""
    session, actor = context.session, context.principal.actor
    refund = repository.get(session, context.principal, refund_id, lock=True, owner=owner)
    retire_mirror(context, refund, reason)
    reports = session.execute(select(Report).where(Report.refund_id == refund.id).order_by(Report.id))
    for report in reports.scalars().all():
        integrity.reverse_entry(session, report, refund, context.now, reason, actor)
    return refund
