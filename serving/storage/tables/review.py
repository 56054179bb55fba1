"""How adjudicators share their work: who is at which case, what asks for another's opinion, which views they keep."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import DIGEST, ID, Base


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
