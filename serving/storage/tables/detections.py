"""What the detector said of photos."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import DIGEST, ID, Base, partial


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
