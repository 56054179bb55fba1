"""What stays when a dispute is over: the buyer's integrity record, complaints, samples for retraining."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import DIGEST, ID, Base


class IntegrityEntry(Base):
    """One line of a buyer's record; lines are added, never changed or removed; erasure alone
    puts a random name for the buyer's. buyer: keyed hash. points: 1 for
    `final`, -1 for a `reversed` final, 0 for `pending` and for a `reversed` pending one. reverses: the line taken back;
    at most one may do so. expires_at: counts no more from then on."""

    __tablename__ = "integrity_entry"
    __table_args__ = (
        UniqueConstraint("report_id", "kind"),
        UniqueConstraint("reverses"),
        Index("ix_integrity_buyer", "tenant_id", "buyer", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    buyer: Mapped[str] = mapped_column(DIGEST)
    report_id: Mapped[str] = mapped_column(ID, ForeignKey("report.id"))
    kind: Mapped[str] = mapped_column(String(20))
    points: Mapped[int]
    reverses: Mapped[str | None] = mapped_column(ID, ForeignKey("integrity_entry.id"))
    reason: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Complaint(Base):
    """A merchant's complaint about an abnormal refund, for the specialists: not about a photo's pixels."""

    __tablename__ = "complaint"
    __table_args__ = (
        Index("ix_complaint_newest", "tenant_id", "id"),
        Index("ix_complaint_queue", "tenant_id", "state", "id"),
        Index("ix_complaint_account", "tenant_id", "account", "id"),
        Index("ix_complaint_account_state", "tenant_id", "account", "state", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    refund_id: Mapped[str] = mapped_column(ID, ForeignKey("refund.id"))
    account: Mapped[str] = mapped_column(String(120))
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    answer: Mapped[str] = mapped_column(Text, default="")
    filed_by: Mapped[str] = mapped_column(String(120))
    decided_by: Mapped[str | None] = mapped_column(String(120))
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class Label(Base):
    """A photo of which somebody knows what it is: a sample for retraining. truth: `authentic`, or a kind of fake
    where known, else `fake`. source: `decision`, `appeal_upheld`, `appeal_overturned` or `engineer`. weight: how much
    it is worth, an overturned appeal most. model_version, model_probability: what the detector had said."""

    __tablename__ = "label"
    __table_args__ = (
        Index("ix_label_newest", "tenant_id", "id"),
        Index("ix_label_sha256", "tenant_id", "sha256", "id"),
        Index("ix_label_source", "tenant_id", "source", "id"),
        Index("ix_label_truth", "tenant_id", "truth", "id"),
        Index("ix_label_source_truth", "tenant_id", "source", "truth", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    sha256: Mapped[str] = mapped_column(DIGEST)
    image_id: Mapped[str | None] = mapped_column(ID, ForeignKey("image.id"))
    report_id: Mapped[str | None] = mapped_column(ID, ForeignKey("report.id"))
    truth: Mapped[str] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(String(30))
    weight: Mapped[float]
    model_version: Mapped[str | None] = mapped_column(String(80))
    model_probability: Mapped[float | None]
    labelled_by: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime]
