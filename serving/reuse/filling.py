"""Takes the prints of photos that have none: of those that came before prints were taken, or by another version.

In: the photos of a tenant, or of all. Out: their prints, a batch a transaction: whoever stops it goes on where it
stopped, and who adds refunds meanwhile waits for no more than a batch's rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from refundlens.model.compare.prints import Print
from refundlens.serving.reuse import catalogue
from refundlens.serving.reuse.catalogue import print_of
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileError, FileStore
from refundlens.serving.storage.tables import Image

BATCH = 100
"""Photos in one transaction; some three seconds of taking prints before it."""


@dataclass
class Filled:
    """photos: that had no print. taken: that have one now. unreadable: that cannot be opened, or whose file is lost."""

    photos: int = 0
    taken: int = 0
    unreadable: int = 0


def count_photos(database: Database, tenant: str | None) -> int:
    """Photos without a print of this version."""
    with database.reading() as session:
        asked = catalogue.missing_prints(tenant).with_only_columns(func.count())
        return int(session.execute(asked).scalar_one())


def fill_prints(
    database: Database, files: FileStore, tenant: str | None, now: datetime, done: Filled
) -> Iterator[Image]:
    """Each photo after it was opened; `done` counts. tenant: none for all."""
    after = ""
    while True:
        with database.reading() as session:
            images = catalogue.without_print(session, tenant, after, BATCH)
        if not images:
            return
        taken: dict[str, Print] = {}
        for image in images:
            found = _print(files, image)
            if found is None:
                done.unreadable += 1
            else:
                taken[image.id] = found
            done.photos += 1
            yield image
        with database.transaction() as session:
            done.taken += _keep(session, taken, now)
        after = images[-1].id


def _print(files: FileStore, image: Image) -> Print | None:
    try:
        return print_of(files.get(image.sha256))
    except FileError:
        return None


def _keep(session: Session, taken: dict[str, Print], now: datetime) -> int:
    """Those of photos that were not erased meanwhile; a print of another version gives way."""
    asked = select(Image).where(Image.id.in_(taken), Image.erased_at.is_(None)).with_for_update()
    images = session.execute(asked).scalars().all()
    catalogue.erase_prints(session, [image.id for image in images])
    for image in images:
        catalogue.keep_prints(session, image, taken[image.id], now)
    return len(images)
