"""The right to erasure (GDPR, Article 17; PIPL, Article 47): what we hold of a buyer, and taking it away.

In: the buyer's keyed hash. Out: what there was. Erased: the buyer's words and the words others wrote about the buyer
(claims, notes, reasons, grounds, messages, complaints, answers; products' titles, too, since people type them), photos
with their maps, names and the evidence made of them, what a photo's metadata said, and the buyer's hash, which gives
way to a random one in refunds and ledger.

What stays, and why: that a dispute was decided, when, by whom and how (legal claims, Article 17(3)(e)); the ledger's
lines under the random name, so that counts still add up; the platform's refund id, by which only the platform can tell
whose it was; a product's number, which is the shop's; the audit chain, which holds hashes of texts and no person, so
that it still verifies; labels with a photo's hash and the detector's figures, since the error rate measured on them
protects other buyers, while a hash without the photo shows nothing and leads to nobody.

A refund that is open, or has a report or complaint under way, cannot be decided without its photos and texts: nothing
is erased before all of the buyer's are over.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from refundlens.serving.buyers.retention import erase_files
from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.kit.roles import Actor
from refundlens.serving.refunds import search
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.tables import (
    Appeal,
    Complaint,
    Decision,
    DetectionRecord,
    Image,
    IntegrityEntry,
    OutboxEvent,
    PhotoRequest,
    Refund,
    Refusal,
    Report,
    SecondOpinion,
    StoredAnswer,
)
from refundlens.serving.workflow.states import ComplaintState, RefundStatus, ReportState
from refundlens.serving.workflow.suppliers import ERASED

_ERASED_ANSWER = b'{"erased":true}'
"""What a repeated request gets whose stored answer told of the buyer: still done only once, and nothing told."""
_KEPT_OF_DETECTION = (
    "id", "created_at", "sha256", "width", "height", "verdict", "probability", "kind", "conditions",
    "false_accusation_bound", "miss_bound", "miss_bound_of", "suspect", "suspect_bound", "model",
)  # fmt: skip
"""Members of a detection's JSON that are figures. File name and reasons may repeat what metadata said of a person."""


@dataclass(frozen=True)
class BuyerTraces:
    """What we hold of a buyer. undecided: platform ids of refunds that are open, or have a report or complaint
    under way."""

    refunds: Sequence[str]
    undecided: Sequence[str]
    photos: int
    entries: int


@dataclass(frozen=True)
class Erased:
    """What was done. texts: rows whose words are gone. shared: photos that another buyer's refund still needs."""

    refunds: int
    texts: int
    photos: int
    shared: int
    files: int
    entries: int


class StillOpen(Exception):
    """The buyer's disputes are not all over; the message names them."""


def find_traces(session: Session, tenant: str, buyer: str) -> BuyerTraces:
    """What is held, without changing it."""
    refunds = _refunds(session, tenant, buyer)
    keys = [refund.id for refund in refunds]
    photos = select(func.count()).where(Image.refund_id.in_(keys), Image.erased_at.is_(None))
    lines = select(func.count()).where(IntegrityEntry.tenant_id == tenant, IntegrityEntry.buyer == buyer)
    return BuyerTraces(
        refunds=[refund.refund_id for refund in refunds],
        undecided=_undecided(session, refunds),
        photos=session.execute(photos).scalar_one(),
        entries=session.execute(lines).scalar_one(),
    )


def erase(session: Session, files: FileStore, tenant: str, buyer: str, actor: Actor, now: datetime) -> Erased:
    """Erase a buyer, in the caller's transaction. Raises StillOpen, and OSError where a file cannot be removed."""
    refunds = _refunds(session, tenant, buyer, lock=True)
    undecided = _undecided(session, refunds)
    if undecided:
        raise StillOpen(f"not all disputes of this buyer are over: {', '.join(undecided)}")
    keys = [refund.id for refund in refunds]
    reports = session.execute(select(Report.id).where(Report.refund_id.in_(keys))).scalars().all()
    images = session.execute(select(Image).where(Image.refund_id.in_(keys))).scalars().all()
    gone = erase_files(session, files, images, now)
    texts = _blank_texts(session, keys, reports) + _blank_detections(session, images)
    anonymous = secrets.token_hex(32)
    _forget_answers(session, tenant, [refund.refund_id for refund in refunds] + list(reports))
    _forget_messages(session, tenant, [*keys, *reports], buyer, anonymous)
    for refund in refunds:
        texts += bool(refund.claim_text or refund.product_title)
        refund.buyer, refund.buyer_named_by = anonymous, ERASED
        refund.claim_text, refund.product_title = "", None
        refund.version, refund.updated_at = refund.version + 1, now
        search.index_words(session, refund)
        search.index_product(session, refund)
    renamed = session.execute(
        update(IntegrityEntry)
        .where(IntegrityEntry.tenant_id == tenant, IntegrityEntry.buyer == buyer)
        .values(buyer=anonymous, reason="")
        .returning(IntegrityEntry.id)
    )
    entries = len(renamed.all())
    done = Erased(len(refunds), texts, gone.photos, gone.shared, gone.files, entries)
    facts = {"refunds": done.refunds, "photos": done.photos, "texts": texts, "entries": entries}
    audit.append(session, tenant, now, actor, Fact("buyer.erased", anonymous, data=facts))
    return done


def _refunds(session: Session, tenant: str, buyer: str, lock: bool = False) -> Sequence[Refund]:
    asked = select(Refund).where(Refund.tenant_id == tenant, Refund.buyer == buyer).order_by(Refund.id)
    if lock:
        asked = asked.with_for_update()
    return session.execute(asked, execution_options={"populate_existing": lock}).scalars().all()


def _undecided(session: Session, refunds: Sequence[Refund]) -> list[str]:
    keys = [refund.id for refund in refunds]
    live = [state.value for state in ReportState.live()]
    reports = select(Report.refund_id).where(Report.refund_id.in_(keys), Report.state.in_(live))
    complaints = select(Complaint.refund_id).where(
        Complaint.refund_id.in_(keys), Complaint.state == ComplaintState.OPEN.value
    )
    under_way = {key for asked in (reports, complaints) for key in session.execute(asked).scalars()}
    return [
        refund.refund_id for refund in refunds if refund.status == RefundStatus.OPEN or refund.id in under_way
    ]


def _blank_texts(session: Session, refunds: Sequence[str], reports: Sequence[str]) -> int:
    """Take the words out of all that belongs to these refunds; how many rows that were."""
    session.execute(update(SecondOpinion).where(SecondOpinion.report_id.in_(reports)).values(words=""))
    blanked = 0
    texts: list[tuple[Any, Any, Sequence[str], dict[str, Any]]] = [
        (Report, Report.id, reports, {"note": "", "version": Report.version + 1}),
        (Decision, Decision.report_id, reports, {"reason": ""}),
        (Appeal, Appeal.report_id, reports, {"grounds": ""}),
        (PhotoRequest, PhotoRequest.report_id, reports, {"message": ""}),
        (Refusal, Refusal.refund_id, refunds, {"message": "", "platform": {}}),
        (
            Complaint,
            Complaint.refund_id,
            refunds,
            {"text": "", "answer": "", "version": Complaint.version + 1},
        ),
    ]
    for table, key, values, blank in texts:
        changed = update(table).where(key.in_(values)).values(**blank).returning(table.id)
        blanked += len(session.execute(changed).all())
    return blanked


def _blank_detections(session: Session, images: Sequence[Image]) -> int:
    """Leave only figures of what the detector said; how many there were."""
    asked = select(DetectionRecord).where(DetectionRecord.image_id.in_([image.id for image in images]))
    found = session.execute(asked).scalars().all()
    for screening in found:
        kept = {name: screening.body[name] for name in _KEPT_OF_DETECTION if name in screening.body}
        screening.body = {**kept, "reasons": []}
    return len(found)


def _forget_answers(session: Session, tenant: str, names: Sequence[str]) -> None:
    """Answers kept for repeated requests hold the same texts; there is a day's worth of them."""
    wanted = [name.encode() for name in names]
    asked = select(StoredAnswer).where(StoredAnswer.tenant_id == tenant)
    for answer in session.execute(asked.execution_options(yield_per=200)).scalars():
        if any(name in answer.body for name in wanted):
            answer.body = _ERASED_ANSWER


def _forget_messages(
    session: Session, tenant: str, objects: Sequence[str], buyer: str, anonymous: str
) -> None:
    """Webhooks that were kept for a replay must not name the buyer either."""
    asked = select(OutboxEvent).where(OutboxEvent.tenant_id == tenant, OutboxEvent.object_id.in_(objects))
    for event in session.execute(asked).scalars():
        if buyer in event.payload:
            event.payload = event.payload.replace(buyer, anonymous)
