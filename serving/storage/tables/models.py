"""The versions of the detector that this installation knows; they belong to no tenant."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, text
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
