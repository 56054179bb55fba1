"""The versions of the detector that this installation knows; they belong to no tenant."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import DIGEST, ID, Base

_ONE_OF_EACH = text("stage IN ('champion', 'shadow')")


class ModelVersion(Base):
    """A bundle, whose bytes lie under their SHA-256 (`serving.registry.bundles`).

    id: name and version of the bundle. stage: `serving.registry.stages.Stage`; one champion and one shadow at most.
    share: of the photos that the shadow is shown. card, facts: what the bundle says of itself. chosen: whether a person
    made it champion last, not the service by itself. previous: the champion before it, which a rollback brings back.
    reason: what was said at the last change. Who did what is in the audit log alone.
    """

    __tablename__ = "model_version"
    __table_args__ = (
        Index(
            "uq_model_version_stage",
            "stage",
            unique=True,
            sqlite_where=_ONE_OF_EACH,
            postgresql_where=_ONE_OF_EACH,
        ),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    revision: Mapped[int]
    sha256: Mapped[str] = mapped_column(DIGEST, unique=True)
    name: Mapped[str] = mapped_column(String(100))
    version: Mapped[str] = mapped_column(String(100))
    stage: Mapped[str] = mapped_column(String(20))
    share: Mapped[float | None]
    bytes: Mapped[int]
    card: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    chosen: Mapped[bool] = mapped_column(default=False)
    previous: Mapped[str | None] = mapped_column(ID)
    reason: Mapped[str | None] = mapped_column(Text)
    added_at: Mapped[datetime]
    promoted_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class ShadowAgreement(Base):
    """What a challenger said beside a champion, of all processes together. difference: sum over photos of the absolute
    difference of the two probabilities. verdicts: photos by both verdicts, `fake>authentic` and the like.
    champion_seconds, challenger_seconds: of inference threads, in all. worst: photos on which they differ most, as
    SHA-256, both verdicts, difference."""

    __tablename__ = "shadow_agreement"

    challenger: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    champion: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    photos: Mapped[int]
    difference: Mapped[float]
    champion_seconds: Mapped[float]
    challenger_seconds: Mapped[float]
    verdicts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    worst: Mapped[list[Any]] = mapped_column(JSON, default=list)
    updated_at: Mapped[datetime]


class Rescore(Base):
    """What a new champion says of an open case; it decides nothing. stands: what holds now, `needs_review` where nobody
    has decided. would: where the photo alone would lead if it were screened today. by_person: whether a person decided
    what stands. was_*: of the screening, none where the detector could not judge it. error: why it could not now."""

    __tablename__ = "rescore"
    __table_args__ = (Index("ix_rescore_tenant", "tenant_id", "model_version", "report_id"),)

    model_version: Mapped[str] = mapped_column(ID, ForeignKey("model_version.id"), primary_key=True)
    report_id: Mapped[str] = mapped_column(ID, ForeignKey("report.id"), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    stands: Mapped[str] = mapped_column(String(30))
    would: Mapped[str] = mapped_column(String(30))
    by_person: Mapped[bool]
    was_model: Mapped[str | None] = mapped_column(String(80))
    was_verdict: Mapped[str | None] = mapped_column(String(20))
    was_probability: Mapped[float | None]
    verdict: Mapped[str | None] = mapped_column(String(20))
    probability: Mapped[float | None]
    error: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]
