"""Takes photos, their prints, their maps and the evidence made of them out of the file store, for good.

In: images whose time is over. Out: rows that say when, and no bytes. A file that another row still needs, because the
same photo came with another refund, stays for that one.

Files go before the transaction ends: if it then fails, its rows still name a file that is gone, and doing it again puts
that right. The other way round a photo could stay that every row calls erased.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from serving.db.tables import Image, Refusal, Screening
from serving.files import FileStore
from serving.reuse import catalogue


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
    for image in fresh:
        image.erased_at, image.name = now, None
    catalogue.erase(session, keys)
    session.flush()
    photos = {image.sha256 for image in fresh}
    kept = needed(session, sorted(photos | maps))
    # evidence names its report, so that no other refund has the same; its row keeps the hash
    gone = (photos | maps) - kept | evidence
    removed = sum(files.erase(name) for name in sorted(gone))
    return ErasedFiles(len(fresh), sum(image.sha256 in kept for image in fresh), removed)


def needed(session: Session, names: Sequence[str]) -> set[str]:
    """Those of some files that a row of any tenant names and has not erased."""
    kept = Image.erased_at.is_(None)
    of_image = Screening.image_id == Image.id
    asked: tuple[Select[Any], ...] = (
        select(Image.sha256).where(Image.sha256.in_(names), kept),
        select(Screening.heatmap).join(Image, of_image).where(Screening.heatmap.in_(names), kept),
        select(Screening.reliability).join(Image, of_image).where(Screening.reliability.in_(names), kept),
        select(Refusal.evidence).where(Refusal.evidence.in_(names)),
    )
    return {name for query in asked for name in session.execute(query).scalars() if name is not None}


def _maps(session: Session, images: Sequence[str]) -> set[str]:
    asked = select(Screening.heatmap, Screening.reliability).where(Screening.image_id.in_(images))
    return {name for row in session.execute(asked) for name in row if name}


def _evidence(session: Session, refunds: Collection[str]) -> set[str]:
    """The JPEGs that the merchants' refusals were sent with; they show the photos."""
    asked = select(Refusal.evidence).where(Refusal.refund_id.in_(refunds))
    return set(session.execute(asked).scalars())
