"""A buyer's integrity record: a ledger of lines that are only added.

In: a report's verdict as it becomes pending, final or undone, inside the caller's transaction. Out: the line, its audit
event and, where the counted record changes or a pending line is taken back, the webhook. Neither names the buyer: who
is meant is known by the refund, so that erasure leaves no name behind.

The score, from final verdicts only: 100 minus 25 for each claim with a final `established` that was neither reversed
nor has expired, and never under 0. Photos of one claim count once: one deception is one deception.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from refundlens.serving.buyers import repository
from refundlens.serving.events import audit, outbox
from refundlens.serving.events.audit import Fact
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.roles import SYSTEM, Actor
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Image, IntegrityEntry, Refund, Report
from refundlens.serving.workflow import suppliers
from refundlens.serving.workflow.change import Effects, Transition
from refundlens.serving.workflow.states import EntryKind
from refundlens.serving.workflow.transitions import Effect

FULL_SCORE = 100
CLAIM_COSTS = 25
"""What a claim takes from the score: after four within the expiry nothing is left, and one alone, which may be an
error that nobody appealed, leaves three quarters."""


@dataclass(frozen=True)
class Record:
    """What final verdicts say of a buyer. refunds: mirrored here. final_established: photos, all time.
    final_not_established: reports that ended in the buyer's favour. reversed: lines taken back, pending ones included.
    expired: final lines that stood until they counted no more. points: final minus reversed, of what still counts.
    claims: refunds behind those points. expires_at: when the last of them counts no more, none where none does."""

    refunds: int
    final_established: int
    final_not_established: int
    reversed: int
    expired: int
    points: int
    claims: int
    score: int
    expires_at: datetime | None


def enter_pending(
    session: Session, report: Report, refund: Refund, now: datetime, settings: Settings
) -> IntegrityEntry:
    """The report is `established`, and may still be appealed: a line that counts nothing. Done twice, it is one."""
    earlier = repository.line_of(session, report.tenant_id, report.id, EntryKind.PENDING)
    if earlier is not None:
        return earlier
    return _add(session, report, refund.buyer, EntryKind.PENDING, 0, now, _expiry(now, settings), SYSTEM)


def enter_final(
    session: Session, report: Report, refund: Refund, now: datetime, settings: Settings
) -> IntegrityEntry:
    """The report is `final_established`: a line that counts one point until it expires. Done twice, it is one."""
    earlier = repository.line_of(session, report.tenant_id, report.id, EntryKind.FINAL)
    if earlier is not None:
        return earlier
    line = _add(session, report, refund.buyer, EntryKind.FINAL, 1, now, _expiry(now, settings), SYSTEM)
    _publish(session, line, refund, now)
    return line


def reverse_entry(
    session: Session,
    report: Report,
    refund: Refund,
    now: datetime,
    reason: str = "",
    actor: Actor = SYSTEM,
) -> IntegrityEntry | None:
    """Take a report's line back by a line that compensates it, and expires with it. None where there is nothing to take
    back, or it was done before."""
    line = repository.standing(session, report.tenant_id, report.id)
    if line is None:
        return None
    back = _add(
        session,
        report,
        line.buyer,
        EntryKind.REVERSED,
        -line.points,
        now,
        line.expires_at,
        actor,
        line,
        reason,
    )
    _publish(session, back, refund, now)
    return back


def record(session: Session, tenant: str, buyer: str, now: datetime) -> Record:
    """The record as it stands at a moment. buyer: keyed hash."""
    lines = repository.list_entries(session, tenant, buyer)
    taken_back = {line.reverses for line, _ in lines if line.reverses}
    finals = [(line, refund) for line, refund in lines if line.kind == EntryKind.FINAL]
    kept = [(line, refund) for line, refund in finals if line.id not in taken_back]
    counting = [(line, refund) for line, refund in kept if line.expires_at > now]
    claims = len({refund for _, refund in counting})
    return Record(
        refunds=repository.count_refunds(session, tenant, buyer),
        final_established=len(finals),
        final_not_established=repository.count_not_established(session, tenant, buyer),
        reversed=len(taken_back),
        expired=len(kept) - len(counting),
        points=sum(line.points for line, _ in lines if line.expires_at > now),
        claims=claims,
        score=score(claims),
        expires_at=max((line.expires_at for line, _ in counting), default=None),
    )


def score(claims: int) -> int:
    """0 to 100 for a number of claims that count.

    >>> [score(claims) for claims in (0, 1, 2, 5)]
    [100, 75, 50, 0]
    """
    return max(0, FULL_SCORE - CLAIM_COSTS * claims)


def _expiry(now: datetime, settings: Settings) -> datetime:
    return now + timedelta(days=settings.integrity_days)


def _add(
    session: Session,
    report: Report,
    buyer: str,
    kind: EntryKind,
    points: int,
    now: datetime,
    expires_at: datetime,
    actor: Actor,
    reverses: IntegrityEntry | None = None,
    reason: str = "",
) -> IntegrityEntry:
    line = IntegrityEntry(
        id=make_id("int", now),
        tenant_id=report.tenant_id,
        buyer=buyer,
        report_id=report.id,
        kind=kind.value,
        points=points,
        reverses=reverses.id if reverses else None,
        reason=reason,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(line)
    session.flush()
    facts: dict[str, Any] = {"entry": line.id, "points": points}
    if reverses is not None:
        facts["reverses"] = reverses.id
    if reason:
        facts["reason_sha256"] = audit.text_hash(reason)
    audit.append(
        session, report.tenant_id, now, actor, Fact(f"integrity.{kind.value}", report.id, data=facts)
    )
    return line


def _publish(session: Session, line: IntegrityEntry, refund: Refund, now: datetime) -> None:
    standing = record(session, line.tenant_id, line.buyer, now)
    data = {
        "report_id": line.report_id,
        "refund_id": refund.refund_id,
        "account": refund.account,
        "entry_id": line.id,
        "kind": line.kind,
        "points": line.points,
        "reverses": line.reverses,
        "total_points": standing.points,
        "score": standing.score,
        "expires_at": rfc3339(line.expires_at),
    }
    outbox.publish(session, line.tenant_id, now, WebhookType.BUYER_INTEGRITY_CHANGED, line.report_id, data)


def _may_enter(change: Transition) -> bool:
    """What the accuser uploaded reaches no buyer's record, whoever judged it; nor that of a buyer whom only the shop
    named; nor does a voided mirror."""
    if change.refund.live is None or not suppliers.has_known_buyer(change.settings, change.refund):
        return False
    image = change.session.get_one(Image, change.report.image_id)
    return suppliers.is_independent(change.settings, image, change.report.reported_by)


def _pending(change: Transition) -> None:
    if not _may_enter(change):
        return
    enter_pending(change.session, change.report, change.refund, change.now, change.settings)


def _final(change: Transition) -> None:
    if not _may_enter(change):
        return
    enter_final(change.session, change.report, change.refund, change.now, change.settings)


def _reversed(change: Transition) -> None:
    reverse_entry(change.session, change.report, change.refund, change.now)


EFFECTS: Effects = {
    Effect.ENTER_PENDING: _pending,
    Effect.ENTER_FINAL: _final,
    Effect.REVERSE_ENTRY: _reversed,
}
"""What the workflow's changes do to a record."""
