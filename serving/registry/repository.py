"""The registry's queries. It has some dozens of rows: a change locks them all, and none is ever deleted."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from refundlens.serving.registry.stages import Stage
from refundlens.serving.storage.tables import AuditEvent, ModelVersion


def list_versions(
    session: Session, limit: int, before: tuple[datetime, str] | None = None
) -> Sequence[ModelVersion]:
    """Up to `limit` + 1 versions, the newest first. before: time and id of the last one of the page before."""
    asked = select(ModelVersion).order_by(ModelVersion.added_at.desc(), ModelVersion.id.desc())
    if before is not None:
        asked = asked.where(tuple_(ModelVersion.added_at, ModelVersion.id) < before)
    return session.execute(asked.limit(limit + 1)).scalars().all()


def find_version(session: Session, version: str) -> ModelVersion | None:
    return session.get(ModelVersion, version)


def by_sha256(session: Session, sha256: str) -> ModelVersion | None:
    return session.execute(select(ModelVersion).where(ModelVersion.sha256 == sha256)).scalar_one_or_none()


def at(session: Session, stage: Stage) -> ModelVersion | None:
    """The champion, or the shadow."""
    return session.execute(select(ModelVersion).where(ModelVersion.stage == stage.value)).scalar_one_or_none()


def locked(session: Session) -> dict[str, ModelVersion]:
    """Every version, until the transaction ends: whoever changes the registry next waits."""
    rows = session.execute(select(ModelVersion).order_by(ModelVersion.id).with_for_update()).scalars()
    return {row.id: row for row in rows}


def history(session: Session, tenant: str, version: str) -> Sequence[AuditEvent]:
    """What a tenant's people did to a version, the oldest first."""
    asked = select(AuditEvent).where(AuditEvent.tenant_id == tenant, AuditEvent.object_id == version)
    return session.execute(asked.order_by(AuditEvent.seq)).scalars().all()
