"""Files a complaint and answers it. Both are audited; texts are in the log as hashes only.

Queries about complaints. Every one filters by tenant, and by shop where the caller is a merchant.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from refundlens.serving.complaints.schemas import ComplaintDecisionIn, ComplaintIn, ComplaintOut
from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, Forbidden, NotFound, check_version
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import repository as refunds
from refundlens.serving.storage.tables import Complaint, Refund
from refundlens.serving.workflow.states import ComplaintState

Row = tuple[Complaint, str]
"""A complaint and the platform's id of its refund."""


def _visible(principal: Principal) -> ColumnElement[bool]:
    own = Complaint.tenant_id == principal.tenant
    return and_(own, Complaint.account == principal.account) if principal.role is Role.MERCHANT else own


def find_complaint(session: Session, principal: Principal, identifier: str, lock: bool = False) -> Row | None:
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


def list_complaints(
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


SPECIALIST = "complaints:"
"""How the scopes begin that make an adjudicator a specialist (`complaints:read`, `complaints:write`). A key without any
scope, or with `*:read` only, is none: the queue opens to those who were named for it."""


def file(context: Context, asked: ComplaintIn) -> ComplaintOut:
    """A new complaint about a refund of the caller's shop. Raises NotFound."""
    session, principal, now = context.session, context.principal, context.now
    owner = refunds.Owner(asked.account, asked.platform)
    refund = refunds.get(session, principal, asked.refund_id, owner=owner)
    made = Complaint(
        id=make_id("cmp", now),
        tenant_id=principal.tenant,
        refund_id=refund.id,
        account=refund.account,
        version=1,
        kind=asked.kind.value,
        text=asked.text,
        state=ComplaintState.OPEN.value,
        answer="",
        filed_by=principal.subject,
        created_at=now,
    )
    session.add(made)
    session.flush()
    facts = {
        "refund_id": refund.refund_id,
        "kind": made.kind,
        "text_sha256": audit.text_hash(asked.text),
    }
    fact = Fact("complaint.filed", made.id, None, made.state, facts)
    audit.append(session, principal.tenant, now, principal.actor, fact)
    return complaint_out((made, refund.refund_id), principal)


def decide_complaint(
    context: Context, identifier: str, asked: ComplaintDecisionIn, if_match: str | None
) -> ComplaintOut:
    """End a complaint. Raises Forbidden for who is no specialist, NotFound, Conflict where it was ended, Changed,
    VersionMissing."""
    session, principal, now = context.session, context.principal, context.now
    check_specialist(principal)
    row = _get(session, principal, identifier, lock=True)
    complaint = row[0]
    check_version(if_match, complaint.version, required=True)
    if complaint.state != ComplaintState.OPEN:
        raise Conflict("complaint_closed", f"This complaint was {complaint.state} before.")
    before = complaint.state
    complaint.state, complaint.answer = asked.outcome, asked.answer
    complaint.decided_by, complaint.decided_at = principal.subject, now
    complaint.version += 1
    facts = {"answer_sha256": audit.text_hash(asked.answer), "version": complaint.version}
    fact = Fact("complaint.decided", complaint.id, before, complaint.state, facts)
    audit.append(session, principal.tenant, now, principal.actor, fact)
    return complaint_out(row, principal)


def get_complaint(context: Context, identifier: str) -> ComplaintOut:
    """One complaint. Raises Forbidden, NotFound."""
    check_reader(context.principal)
    return complaint_out(_get(context.session, context.principal, identifier), context.principal)


def check_reader(principal: Principal) -> None:
    """Raises Forbidden for an adjudicator who is no specialist; a merchant reads its own shop's."""
    if principal.role is not Role.MERCHANT:
        check_specialist(principal)


def check_specialist(principal: Principal) -> None:
    """Raises Forbidden for a key that was not made for it."""
    named = any(scope.startswith(SPECIALIST) for scope in principal.scopes)
    if principal.role is not Role.ADMIN and not named:
        scopes = f"{SPECIALIST}read and {SPECIALIST}write"
        detail = f"Complaints are for specialists: adjudicators' keys with the scopes {scopes}."
        raise Forbidden(detail)


def complaint_out(row: Row, reader: Principal) -> ComplaintOut:
    complaint, refund_id = row
    return ComplaintOut.of(complaint, reader, refund_id=refund_id)


def _get(session: Session, principal: Principal, identifier: str, lock: bool = False) -> Row:
    found = find_complaint(session, principal, identifier, lock)
    if found is None:
        raise NotFound(f"There is no complaint {identifier}.")
    return found
