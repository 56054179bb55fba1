"""The record of a buyer for who asks, and its reversal by a person.

Every question asked of the database about a buyer. Each names the tenant.
"""

from typing import Any

from sqlalchemy.orm import Session

from refundlens.serving.buyers import integrity
from refundlens.serving.buyers.repository import find_entry, is_known, list_entries
from refundlens.serving.buyers.schemas import Entry, Integrity
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, NotFound
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import Refund, Report
from refundlens.serving.workflow.states import EntryKind

PREFIX = "buyer:"
"""Before a keyed hash, wherever the API shows or takes one."""
_FORMULA = f"{integrity.FULL_SCORE} - {integrity.CLAIM_COSTS} x claims, at least 0"


def keyed(secret: Secret, tenant: str, reference: str) -> str:
    """The keyed hash for the platform's reference, or for the hash itself after `buyer:`."""
    if reference.startswith(PREFIX):
        return reference.removeprefix(PREFIX)
    return secret.buyer(tenant, reference)


def integrity_json(context: Context, buyer: str) -> dict[str, Any]:
    """The record as JSON. Merchants see buyers of their own shop, and no lines. Raises NotFound."""
    session, principal = context.session, context.principal
    _known(session, principal, buyer)
    found = integrity.record(session, principal.tenant, buyer, context.now)
    told: dict[str, Any] = {"buyer": PREFIX + buyer, "counts": found, "formula": _FORMULA}
    if principal.role is not Role.MERCHANT:
        told["entries"] = [line for line, _ in list_entries(session, principal.tenant, buyer)]
    return Integrity.of(found, **told).model_dump(mode="json", exclude_unset=True)


def reverse(context: Context, buyer: str, identifier: str, reason: str) -> Entry:
    """Take a final line back; the line that does so. Raises NotFound, Conflict."""
    session, principal, now = context.session, context.principal, context.now
    line = find_entry(session, principal.tenant, buyer, identifier)
    if line is None:
        raise NotFound(f"There is no line {identifier} in this buyer's record.")
    if line.kind != EntryKind.FINAL:
        detail = (
            f"This line is {line.kind}; only final lines are reversed by hand, pending ones by an appeal."
        )
        raise Conflict("not_reversible", detail)
    report = session.get_one(Report, line.report_id)
    refund = session.get_one(Refund, report.refund_id)
    made = integrity.reverse_entry(session, report, refund, now, reason, principal.actor)
    if made is None:
        raise Conflict("already_reversed", "This line was reversed before; its record says when and why.")
    return Entry.of(made)


def _known(session: Session, principal: Principal, buyer: str) -> None:
    account = principal.account if principal.role is Role.MERCHANT else None
    if not is_known(session, principal.tenant, buyer, account):
        where = "in your shop" if principal.role is Role.MERCHANT else "here"
        raise NotFound(f"No refund of this buyer was mirrored {where}.")
