"""Reports and what belongs to one: decisions, appeals, photo requests, the refusal; and how judges share their work."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import DIGEST, ID, Base, partial

_DUE = ("due_at", "amount_rank", "id")
"""What queues are sorted by."""
_LIVE = "live IS NOT NULL"
_OF_PRODUCT = "product IS NOT NULL"
_OF_ONE = ("id", "amount_rank")


class Report(Base):
    """ "This photo is fake." version: raised by every change (the ETag). live: 1 while under way, none afterwards, so
    that a unique index allows one live report a photo. claim_id: the reports made in one click. due_at: what the state
    waits for: the refund's deadline, the end of the appeal window, or the appeal's own clock; NEVER where there is none
    or all is over.
    doubt: 0 certain to 1 as doubtful as can be. was: the state an appeal is against. decided_by: subject of the last
    judge, `detector` where nobody judged. rule, bound: of the claim's judgement
    (`model.verdict.claim`). claim_bound: of the judgement that its click was, alone (`serving.reports.screening`).
    product: by what the refund's is known (`refunds.search.known_by`)."""

    __tablename__ = "report"
    __table_args__ = (
        UniqueConstraint("refund_id", "image_id", "live", name="uq_report_live"),
        Index("ix_report_newest", "tenant_id", "id"),
        Index("ix_report_state", "tenant_id", "state", "id"),
        Index("ix_report_account", "tenant_id", "account", "id"),
        Index("ix_report_account_state", "tenant_id", "account", "state", "id"),
        Index("ix_report_account_verdict", "tenant_id", "account", "verdict", "id"),
        Index("ix_report_amount", "tenant_id", "amount_rank", "id"),
        Index("ix_report_account_amount", "tenant_id", "account", "amount_rank", "id"),
        # with the amount: thousands of one product are put in its order without reading them
        partial("ix_report_product", "tenant_id", "product", *_OF_ONE, where=_OF_PRODUCT),
        partial("ix_report_account_product", "tenant_id", "account", "product", *_OF_ONE, where=_OF_PRODUCT),
        # queues have what is under way; of a year's reports that is one in thirty
        partial("ix_report_queue", "tenant_id", *_DUE, where=_LIVE),
        partial("ix_report_state_queue", "tenant_id", "state", *_DUE, where=_LIVE),
        partial("ix_report_account_queue", "tenant_id", "account", *_DUE, where=_LIVE),
        partial("ix_report_account_state_queue", "tenant_id", "account", "state", *_DUE, where=_LIVE),
        partial("ix_report_doubt", "tenant_id", "state", "doubt", "id", where=_LIVE),
        Index("ix_report_refund", "refund_id", "id"),
        Index("ix_report_claim", "claim_id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    refund_id: Mapped[str] = mapped_column(ID, ForeignKey("refund.id"))
    image_id: Mapped[str] = mapped_column(ID, ForeignKey("image.id"))
    claim_id: Mapped[str] = mapped_column(ID)
    account: Mapped[str] = mapped_column(String(120))
    version: Mapped[int]
    state: Mapped[str] = mapped_column(String(30))
    live: Mapped[int | None]
    was: Mapped[str | None] = mapped_column(String(30))
    review_reason: Mapped[str | None] = mapped_column(String(40))
    """Why the screening left it to a person: a code."""
    note: Mapped[str] = mapped_column(Text, default="")
    reported_by: Mapped[str] = mapped_column(String(120))
    screening_id: Mapped[str | None] = mapped_column(ID, ForeignKey("detection.id"))
    verdict: Mapped[str | None] = mapped_column(String(20))
    rule: Mapped[str | None] = mapped_column(String(30))
    bound: Mapped[float | None]
    claim_bound: Mapped[float | None]
    doubt: Mapped[float | None]
    decided_by: Mapped[str | None] = mapped_column(String(120))
    decided_at: Mapped[datetime | None]
    due_at: Mapped[datetime]
    amount_rank: Mapped[int] = mapped_column(BigInteger)
    """Minus the refund's amount: the queue is read forwards, large amounts first."""
    product: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Decision(Base):
    """What a person decided. Never changed; reason is blanked by erasure, its hash stays in the audit log."""

    __tablename__ = "decision"
    __table_args__ = (
        Index("ix_decision_report", "report_id", "id"),
        Index("ix_decision_judge", "tenant_id", "decided_by", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    report_id: Mapped[str] = mapped_column(ID, ForeignKey("report.id"))
    appeal_id: Mapped[str | None] = mapped_column(ID, ForeignKey("appeal.id"))
    established: Mapped[bool]
    reason_code: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime]


class Appeal(Base):
    """An objection to a verdict. account: the report's shop. side: `buyer` or `merchant`. was: the state it is
    against."""

    __tablename__ = "appeal"
    __table_args__ = (
        UniqueConstraint("report_id"),
        Index("ix_appeal_queue", "tenant_id", "state", "due_at", "id"),
        Index("ix_appeal_account_queue", "tenant_id", "account", "state", "due_at", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    report_id: Mapped[str] = mapped_column(ID, ForeignKey("report.id"))
    account: Mapped[str] = mapped_column(String(120))
    side: Mapped[str] = mapped_column(String(20))
    was: Mapped[str] = mapped_column(String(30))
    grounds: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    opened_by: Mapped[str] = mapped_column(String(120))
    decided_by: Mapped[str | None] = mapped_column(String(120))
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class AppealFile(Base):
    """What the buyer attached to an appeal beside photos. name: as it was called, until it is erased."""

    __tablename__ = "appeal_file"
    __table_args__ = (
        Index("ix_appeal_file_appeal", "appeal_id", "id"),
        Index("ix_appeal_file_refund", "refund_id"),
        Index("ix_appeal_file_sha256", "sha256"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    appeal_id: Mapped[str] = mapped_column(ID, ForeignKey("appeal.id"))
    refund_id: Mapped[str] = mapped_column(ID, ForeignKey("refund.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    name: Mapped[str | None] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(40))
    bytes: Mapped[int]
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class PhotoRequest(Base):
    """An adjudicator's wish for another photo, answered by the buyer through the status link or the refund's mirror.
    live: 1 while open, none afterwards."""

    __tablename__ = "photo_request"
    __table_args__ = (UniqueConstraint("report_id", "live", name="uq_photo_request_live"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    report_id: Mapped[str] = mapped_column(ID, ForeignKey("report.id"))
    wish: Mapped[str] = mapped_column(String(30))
    message: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(20))
    live: Mapped[int | None]
    asked_by: Mapped[str] = mapped_column(String(120))
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Refusal(Base):
    """The merchant's one-click "refuse this refund". evidence: SHA-256 of the JPEG in the store. live: 1 while it
    stands, none once undone; one that stands a refund."""

    __tablename__ = "refusal"
    __table_args__ = (
        UniqueConstraint("refund_id", "live", name="uq_refusal_live"),
        Index("ix_refusal_evidence", "evidence"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    refund_id: Mapped[str] = mapped_column(ID, ForeignKey("refund.id"))
    report_id: Mapped[str] = mapped_column(ID, ForeignKey("report.id"))
    message: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str] = mapped_column(DIGEST)
    live: Mapped[int | None]
    platform: Mapped[dict[str, Any]] = mapped_column(default=dict)
    refused_by: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]


class Assignment(Base):
    """A case in somebody's hands: nobody else decides it before `until`. judge: the key's subject."""

    __tablename__ = "assignment"
    __table_args__ = (Index("ix_assignment_judge", "tenant_id", "judge"),)

    report_id: Mapped[str] = mapped_column(ID, ForeignKey("report.id"), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    judge: Mapped[str] = mapped_column(String(120))
    since: Mapped[datetime]
    until: Mapped[datetime]


class SecondOpinion(Base):
    """A case that a judge would rather have another decide. words: what puzzled them."""

    __tablename__ = "second_opinion"

    report_id: Mapped[str] = mapped_column(ID, ForeignKey("report.id"), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    asked_by: Mapped[str] = mapped_column(String(120))
    words: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class SavedView(Base):
    """A judge's own name for a queue narrowed and sorted. query: as in the page's address."""

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("tenant_id", "judge", "name"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    judge: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(String(80))
    query: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime]


class ReviewSample(Base):
    """A photo drawn for a person to say what it is, once. reason: `serving.labels.sampling.SampleReason`. score: how
    uncertain, different or novel, larger first; 0 for one drawn at random."""

    __tablename__ = "review_sample"
    __table_args__ = (
        UniqueConstraint("tenant_id", "sha256"),
        Index("ix_review_sample_newest", "tenant_id", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    image_id: Mapped[str] = mapped_column(ID, ForeignKey("image.id"))
    sha256: Mapped[str] = mapped_column(DIGEST)
    detection_id: Mapped[str] = mapped_column(ID, ForeignKey("detection.id"))
    reason: Mapped[str] = mapped_column(String(20))
    score: Mapped[float]
    created_at: Mapped[datetime]
