"""Queries about prints. The table is the truth: an index is made from it, and asks it again before it says a
thing. A print is taken as a photo comes, before the transaction that keeps it; photos from before prints were taken, or
with those of another version, get theirs a batch a transaction: whoever stops that goes on where it stopped."""

import logging
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.orm import Session

from refundlens.model.compare.prints import LONGEST, VERSION, Print, take_print, unpack_prints
from refundlens.model.photo.image import ImageError
from refundlens.serving.drawing.picture import pixels_of
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileError, FileStore
from refundlens.serving.storage.tables import Image, PhotoPrint, Refund, Tenant

SHARES = "share_prints"
"""The tenant's setting: its prints may be compared with those of other tenants that chose the same."""

MARK = VERSION.to_bytes(2, "little")
"""What a print of this version begins with."""


def keep_prints(session: Session, image: Image, taken: Print, now: datetime) -> None:
    """Have the print of a photo that was added just now."""
    row = PhotoPrint(
        tenant_id=image.tenant_id,
        image_id=image.id,
        content=taken.pack(),
        pdq=taken.pdq.tobytes().hex(),
        created_at=now,
    )
    session.add(row)
    session.flush()


def erase_prints(session: Session, images: Collection[str]) -> None:
    """Take the prints of photos away, for good."""
    session.execute(delete(PhotoPrint).where(PhotoPrint.image_id.in_(images)))


def of_image(session: Session, image_id: str) -> Print | None:
    """None where there is none, yet or any more, or it is of another version of prints."""
    found = session.execute(select(PhotoPrint.content).where(PhotoPrint.image_id == image_id)).scalar()
    return None if found is None else read(found)


def read(content: bytes) -> Print | None:
    """None for a print that another version took."""
    try:
        return unpack_prints(content)
    except ValueError:
        return None


def numbers_after(session: Session, number: int, limit: int) -> Sequence[tuple[int, datetime]]:
    """The rows after a number, in order: number and time."""
    asked = select(PhotoPrint.number, PhotoPrint.created_at).where(PhotoPrint.number > number)
    return [(row[0], row[1]) for row in session.execute(asked.order_by(PhotoPrint.number).limit(limit))]


def contents(session: Session, numbers: Sequence[int]) -> dict[int, bytes]:
    asked = select(PhotoPrint.number, PhotoPrint.content).where(PhotoPrint.number.in_(numbers))
    return {row[0]: row[1] for row in session.execute(asked)}


def candidates(
    session: Session, numbers: Sequence[int], tenant: str
) -> Sequence[tuple[PhotoPrint, Image, Refund]]:
    """Those of some rows that are the tenant's own, or of a tenant that shares where this one does. What was voided
    claims nothing: its photos come again with the record that takes its place."""
    asked = (
        select(PhotoPrint, Image, Refund)
        .join(Image, Image.id == PhotoPrint.image_id)
        .join(Refund, Refund.id == Image.refund_id)
        .where(PhotoPrint.number.in_(numbers), Image.erased_at.is_(None), Refund.live.is_not(None))
    )
    asked = asked.where(PhotoPrint.tenant_id.in_(_compared(session, tenant)))
    return [(row[0], row[1], row[2]) for row in session.execute(asked)]


def has_claims(session: Session, tenant: str) -> bool:
    """Whether there is a claim with whose photos one of the tenant could be compared."""
    asked = select(Refund.id).where(Refund.tenant_id.in_(_compared(session, tenant))).limit(1)
    return session.execute(asked).first() is not None


def missing_prints(tenant: str | None) -> Select[Any]:
    """Images whose photo is kept and has no print, or one of another version. tenant: none for all."""
    version = func.substr(PhotoPrint.content, 1, len(MARK))
    asked = (
        select(Image)
        .outerjoin(PhotoPrint, PhotoPrint.image_id == Image.id)
        .where(Image.erased_at.is_(None), or_(PhotoPrint.number.is_(None), version != MARK))
    )
    return asked if tenant is None else asked.where(Image.tenant_id == tenant)


def without_print(session: Session, tenant: str | None, after: str, limit: int) -> Sequence[Image]:
    """Some of those after an id, in order."""
    asked = missing_prints(tenant).where(Image.id > after).order_by(Image.id).limit(limit)
    return session.execute(asked).scalars().all()


def _compared(session: Session, tenant: str) -> set[str]:
    """The tenant itself, and those that it shares prints with."""
    sharing = _sharing(session)
    return {tenant, *(sharing if tenant in sharing else ())}


def _sharing(session: Session) -> set[str]:
    """Tenants that chose to have their prints compared. There are few tenants."""
    rows = session.execute(select(Tenant.id, Tenant.settings))
    return {row[0] for row in rows if (row[1] or {}).get(SHARES) is True}


_log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()
"""What cannot be decoded at a fraction of its size is held whole: 150 MB for 50 megapixels."""


def print_of(data: bytes) -> Print | None:
    """None where it cannot be opened: such a photo is kept all the same, and never found again. Some
    30 ms for a phone's JPEG, which is decoded at a fraction of its size."""
    try:
        with _one_at_a_time:
            return take_print(pixels_of(data, LONGEST))
    except ImageError as error:
        _log.info("no print of a photo of %d bytes: %s", len(data), error)
        return None


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
        asked = missing_prints(tenant).with_only_columns(func.count())
        return int(session.execute(asked).scalar_one())


def fill_prints(
    database: Database, files: FileStore, tenant: str | None, now: datetime, done: Filled
) -> Iterator[Image]:
    """Each photo after it was opened; `done` counts. tenant: none for all."""
    after = ""
    while True:
        with database.reading() as session:
            images = without_print(session, tenant, after, BATCH)
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
    erase_prints(session, [image.id for image in images])
    for image in images:
        keep_prints(session, image, taken[image.id], now)
    return len(images)
