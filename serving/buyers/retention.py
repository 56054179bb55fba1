"""Erases what its time is over for. The worker calls both daily, each in a transaction of its own, until it says 0.

Verdicts, hashes, labels and the audit log stay: they are facts about what was decided, not pictures of somebody's home.

Takes photos, their prints, their maps, the evidence made of them and what came with appeals out of the file store, for
good.

In: images whose time is over. Out: rows that say when, and no bytes. A file that another row still needs, because the
same photo came with another refund, stays for that one.

Files go before the transaction ends: if it then fails, its rows still name a file that is gone, and doing it again puts
that right. The other way round a photo could stay that every row calls erased.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.kit.roles import SYSTEM
from refundlens.serving.reuse import catalogue
from refundlens.serving.settings import Settings
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.tables import AppealFile, DetectionRecord, Image, Refund, Refusal, Report
from refundlens.serving.workflow.states import RefundStatus, ReportState


@dataclass(frozen=True)
class ErasedFiles:
    """photos: images that are erased now. shared: of those, how many have bytes that another refund still needs.
    files: removed from the store, with maps and evidence."""

    photos: int
    shared: int
    files: int


def erase_files(session: Session, files: FileStore, images: Sequence[Image], now: datetime) -> ErasedFiles:
    """Erase whole refunds' images with all that shows them. Raises OSError."""
    fresh = [image for image in images if image.erased_at is None]
    keys = [image.id for image in fresh]
    evidence = _evidence(session, {image.refund_id for image in fresh})
    maps = _maps(session, keys)
    attached = _attached(session, {image.refund_id for image in images})
    for image in fresh:
        image.erased_at, image.name = now, None
    for file in attached:
        file.erased_at, file.name = now, None
    catalogue.erase_prints(session, keys)
    session.flush()
    photos, others = {image.sha256 for image in fresh}, maps | {row.sha256 for row in attached}
    kept = needed(session, sorted(photos | others))
    # evidence names its report, so that no other refund has the same; its row keeps the hash
    gone = (photos | others) - kept | evidence
    removed = sum(files.erase(name) for name in sorted(gone))
    return ErasedFiles(len(fresh), sum(image.sha256 in kept for image in fresh), removed)


def needed(session: Session, names: Sequence[str]) -> set[str]:
    """Those of some files that a row of any tenant names and has not erased."""
    kept = Image.erased_at.is_(None)
    shown = or_(DetectionRecord.image_id.is_(None), kept)  # of a photo that is here, or was never kept
    maps = (DetectionRecord.heatmap, DetectionRecord.reliability)
    asked: tuple[Select[Any], ...] = (
        select(Image.sha256).where(Image.sha256.in_(names), kept),
        *(
            select(map_).outerjoin(Image, DetectionRecord.image_id == Image.id).where(map_.in_(names), shown)
            for map_ in maps
        ),
        select(Refusal.evidence).where(Refusal.evidence.in_(names)),
        select(AppealFile.sha256).where(AppealFile.sha256.in_(names), AppealFile.erased_at.is_(None)),
    )
    return {name for query in asked for name in session.execute(query).scalars() if name is not None}


def _maps(session: Session, images: Sequence[str]) -> set[str]:
    asked = select(DetectionRecord.heatmap, DetectionRecord.reliability).where(
        DetectionRecord.image_id.in_(images)
    )
    return {name for row in session.execute(asked) for name in row if name}


def _attached(session: Session, refunds: Collection[str]) -> Sequence[AppealFile]:
    """What came with appeals beside photos, and is here."""
    asked = select(AppealFile).where(AppealFile.refund_id.in_(refunds), AppealFile.erased_at.is_(None))
    return session.execute(asked).scalars().all()


def _evidence(session: Session, refunds: Collection[str]) -> set[str]:
    """The JPEGs that the merchants' refusals were sent with; they show the photos."""
    asked = select(Refusal.evidence).where(Refusal.refund_id.in_(refunds))
    return set(session.execute(asked).scalars())


BATCH = 100
"""Photos found in one transaction, to be erased with all others of their refunds: some 500 files with their maps, well
under a second in which others wait for the lock."""
NAMES = 500
"""Files looked up in one query; databases take some thousand values."""
UNCLAIMED = timedelta(days=1)
"""A file that no row names is swept after this: whoever stored it has long made its row, or failed."""


def erase_old_photos(session: Session, files: FileStore, now: datetime, settings: Settings) -> int:
    """Erase the photos of some refunds that closed `keep_photos_days` ago and have no report under way; how many photos
    there were. Each tenant's log gets a line. Raises OSError."""
    before = now - timedelta(days=settings.keep_photos_days)
    live = exists().where(
        Report.refund_id == Image.refund_id, Report.state.in_([state.value for state in ReportState.live()])
    )
    # by the photos that are left, the oldest first: there are ever more refunds whose photos are gone
    due = (
        select(Image.refund_id)
        .join(Refund, Refund.id == Image.refund_id)
        .where(
            Image.erased_at.is_(None),
            Image.created_at < before,
            Refund.status != RefundStatus.OPEN.value,
            Refund.closed_at < before,
            ~live,
        )
        .order_by(Image.created_at)
        .limit(BATCH)
    )
    keys = set(session.execute(due).scalars())
    asked = select(Refund).where(Refund.id.in_(keys)).order_by(Refund.tenant_id, Refund.id)
    refunds = session.execute(asked.with_for_update(skip_locked=True)).scalars().all()
    total = 0
    for tenant in dict.fromkeys(refund.tenant_id for refund in refunds):
        own = [refund.id for refund in refunds if refund.tenant_id == tenant]
        images = session.execute(select(Image).where(Image.refund_id.in_(own))).scalars().all()
        done = erase_files(session, files, images, now)
        facts = {"photos": done.photos, "files": done.files, "refunds": len(own)}
        audit.append(session, tenant, now, SYSTEM, Fact("photos.retention", tenant, data=facts))
        total += done.photos
    return total


def sweep_unclaimed(session: Session, files: FileStore, now: datetime) -> int:
    """Remove files that no row names: of requests that failed after their photo was stored. How many. A session to read
    with is enough. Raises OSError."""
    removed = 0
    names = files.older(now - UNCLAIMED)
    while batch := list(islice(names, NAMES)):
        for name in set(batch) - needed(session, batch):
            removed += files.erase(name)
    return removed
