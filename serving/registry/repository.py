"""The registry's queries. It has some dozens of rows: a change locks them all, and none is ever deleted."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from refundlens.serving.engine.shadow import Contrast, ShadowTally, worst_of
from refundlens.serving.registry.stages import Stage
from refundlens.serving.storage.tables import AuditEvent, ModelVersion, ShadowAgreement


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


def keep_tallies(session: Session, tallies: Sequence[ShadowTally], now: datetime) -> None:
    """Add what an engine's shadow counted in one process, so that it outlives it."""
    for tally in tallies:
        key = tally.challenger.sha256, tally.champion.sha256
        row = session.get(ShadowAgreement, key, with_for_update=True)
        if row is None:
            row = ShadowAgreement(
                challenger=key[0], champion=key[1], photos=0, difference=0.0, champion_seconds=0.0,
                challenger_seconds=0.0, verdicts={}, worst=[], updated_at=now,
            )  # fmt: skip
            session.add(row)
        known = Counter(row.verdicts) + Counter({">".join(pair): n for pair, n in tally.verdicts.items()})
        row.verdicts = dict(known)
        row.photos += tally.verdicts.total()
        row.difference += tally.difference
        row.champion_seconds += tally.seconds[0]
        row.challenger_seconds += tally.seconds[1]
        before = [Contrast(sha256, (first, second), apart) for sha256, first, second, apart in row.worst]
        row.worst = [[one.sha256, *one.verdicts, one.difference] for one in worst_of([*before, *tally.worst])]
        row.updated_at = now


def shadow_agreements(session: Session, sha256: str) -> Sequence[ShadowAgreement]:
    """What a challenger said beside champions, the newest first."""
    asked = select(ShadowAgreement).where(ShadowAgreement.challenger == sha256)
    return session.execute(asked.order_by(ShadowAgreement.updated_at.desc())).scalars().all()
