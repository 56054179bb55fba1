"""Erases what its time is over for. The worker calls both daily, each in a transaction of its own, until it says 0.

Verdicts, hashes, labels and the audit log stay: they are facts about what was decided, not pictures of somebody's home.
"""

from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from serving.audit import chain
from serving.audit.chain import SYSTEM, Fact
from serving.buyers.photos import erase_files, needed
from serving.db.tables import Image, Refund, Report
from serving.files import FileStore
from serving.settings import Settings
from serving.workflow.states import RefundStatus, ReportState

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
        chain.append(session, tenant, now, SYSTEM, Fact("photos.retention", tenant, data=facts))
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
