"""The platform's refunds as we mirror them, their photos, what the detector said of them, and
what stays to find one again."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import DIGEST, ID, Base, partial

NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself only in a column that it calls INTEGER."""


class Refund(Base):
    """A refund under dispute. refund_id: the platform's number, which belongs to a tenant's shop and platform.
    platform: "" where nobody named it. live: 1, none once an administrator voided the mirror: its number is free again.
    version: ours, raised by every change (the ETag).
    platform_version: the platform's own, only ever raised. account: the shop. buyer: keyed hash of the platform's
    reference. buyer_named_by: platform or merchant; `erased`; `unknown` from before that was written down; none where
    nobody was named, and `buyer` is then this refund's alone. amount_minor: in the currency's smallest unit.
    product_id, product_title: what was bought, by its number and by its name for people; none where nobody said.
    deadline_at: when the platform decides by itself. outcome: what our reports mean for it; outcome_final: nothing can
    change that any more. claim_text: the buyer's words. Erasure blanks them, and product_title, which people type."""

    __tablename__ = "refund"
    __table_args__ = (
        UniqueConstraint("tenant_id", "account", "platform", "refund_id", "live", name="uq_refund_live"),
        Index("ix_refund_number", "tenant_id", "refund_id"),
        Index("ix_refund_open", "tenant_id", "status", "deadline_at", "id"),
        Index("ix_refund_account_open", "tenant_id", "account", "status", "deadline_at", "id"),
        Index("ix_refund_buyer", "tenant_id", "buyer", "account"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    refund_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    account: Mapped[str] = mapped_column(String(120))
    platform: Mapped[str] = mapped_column(String(40), default="")
    platform_version: Mapped[int | None] = mapped_column(BigInteger)
    live: Mapped[int | None] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(String(20))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    product_id: Mapped[str | None] = mapped_column(String(100))
    product_title: Mapped[str | None] = mapped_column(String(255))
    buyer: Mapped[str] = mapped_column(DIGEST)
    buyer_named_by: Mapped[str | None] = mapped_column(String(20))
    claim_type: Mapped[str | None] = mapped_column(String(20))
    claim_text: Mapped[str] = mapped_column(Text, default="")
    deadline_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(30))
    outcome_final: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Image(Base):
    """A photo of a refund. Its bytes lie in the file store under their SHA-256 until `erased_at`. supplied_by:
    platform, buyer or merchant; uploaded_by: the subject who sent it; none of photos from before that was recorded."""

    __tablename__ = "image"
    __table_args__ = (
        UniqueConstraint("refund_id", "sha256"),
        Index("ix_image_sha256", "sha256", "tenant_id", "id"),
        partial("ix_image_kept", "created_at", where="erased_at IS NULL"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    refund_id: Mapped[str] = mapped_column(ID, ForeignKey("refund.id"))
    source: Mapped[str] = mapped_column(String(20))
    sha256: Mapped[str] = mapped_column(DIGEST)
    name: Mapped[str | None] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(40))
    width: Mapped[int]
    height: Mapped[int]
    bytes: Mapped[int]
    supplied_by: Mapped[str | None] = mapped_column(String(20))
    uploaded_by: Mapped[str | None] = mapped_column(String(120))
    request_id: Mapped[str | None] = mapped_column(ID)
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class PhotoPrint(Base):
    """The print of a refund's photo, gone with the photo. number: what indexes call it; never given twice. content:
    `model.compare.prints.Print` as bytes. pdq: the hash that others exchange, in hexadecimal."""

    __tablename__ = "photo_print"
    __table_args__ = (Index("ix_photo_print_image", "image_id", unique=True), {"sqlite_autoincrement": True})

    number: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    image_id: Mapped[str] = mapped_column(ID, ForeignKey("image.id"))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    pdq: Mapped[str] = mapped_column(DIGEST)
    created_at: Mapped[datetime]


class ReportText(Base):
    """The words of a report, kept apart so that they have an index of their own: FTS5's on SQLite (the virtual table
    `report_search`, which triggers keep), GIN of `refundlens_grams(refund_number || ' ' || words)` on PostgreSQL; both
    are made by the migration. number: counts up as reports come. words: what the buyer claims, what the merchant noted,
    and the product; after erasure the product's number alone."""

    __tablename__ = "report_text"
    __table_args__ = (
        Index("ix_report_text_report", "report_id", unique=True),
        Index("ix_report_text_refund", "refund_id"),
        Index("ix_report_text_tenant", "tenant_id", "number"),
        Index("ix_report_text_account", "tenant_id", "account", "number"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    account: Mapped[str] = mapped_column(String(120))
    report_id: Mapped[str] = mapped_column(ID, ForeignKey("report.id"))
    refund_id: Mapped[str] = mapped_column(ID, ForeignKey("refund.id"))
    refund_number: Mapped[str] = mapped_column(String(64))
    words: Mapped[str] = mapped_column(Text)


class DetectionRecord(Base):
    """A detection: of a refund's photo, screened for a report, or of one sent to /v1/detect. body: the API's JSON.
    heatmap, reliability: SHA-256 of the maps' files in the store; no reliability map where the model has none, neither
    once the photo was erased.

    image_id: none for what was sent to /v1/detect, whose photo is not kept; that has an owner (`Principal.owner`), and
    the question it answers (`serving.detection.cache`), none where it answers nobody else."""

    __tablename__ = "detection"
    __table_args__ = (
        Index("ix_detection_image", "image_id", "id"),
        Index("ix_detection_newest", "tenant_id", "id"),
        Index("ix_detection_heatmap", "heatmap"),
        Index("ix_detection_reliability", "reliability"),
        partial("ix_detection_question", "question", "id", where="question IS NOT NULL"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    image_id: Mapped[str | None] = mapped_column(ID, ForeignKey("image.id"))
    owner: Mapped[str | None] = mapped_column(Text)
    question: Mapped[str | None] = mapped_column(DIGEST)
    verdict: Mapped[str] = mapped_column(String(20))
    probability: Mapped[float]
    bound: Mapped[float | None]
    model_version: Mapped[str] = mapped_column(String(80))
    body: Mapped[dict[str, Any]]
    heatmap: Mapped[str | None] = mapped_column(DIGEST)
    reliability: Mapped[str | None] = mapped_column(DIGEST)
    created_at: Mapped[datetime]
