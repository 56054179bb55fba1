"""Takes the prints of photos that came with refunds: a job of the worker for each.

In: a job that names a photo. Out: its row in the catalogue, or none where the photo is gone or cannot be opened.
"""

import logging
import threading
from datetime import datetime

from sqlalchemy import select

from model.compare.prints import Print, take_print
from model.image import ImageError, read_photo
from serving.db.session import Database
from serving.db.tables import Image
from serving.files import FileError, FileStore
from serving.reuse import catalogue
from serving.work.leases import Taken, finish

_log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()
"""A photo of 50 megapixels is 150 MB while it is open."""


def take(database: Database, files: FileStore, job: Taken, now: datetime) -> None:
    """Raises LeaseLost."""
    with database.reading() as session:
        image = session.get(Image, job.ref)
        wanted = image is not None and image.erased_at is None
        name = image.sha256 if image is not None else ""
    taken = _print(files, name) if wanted else None
    with database.transaction() as session:
        finish(session, job)
        # locked, so that an erasure comes wholly before or wholly after
        locked = session.execute(select(Image).where(Image.id == job.ref).with_for_update()).scalar()
        if taken is not None and locked is not None and locked.erased_at is None:
            catalogue.keep(session, locked, taken, now)


def _print(files: FileStore, name: str) -> Print | None:
    try:
        with _one_at_a_time:
            return take_print(read_photo(files.get(name)).pixels)
    except (ImageError, FileError) as error:
        _log.info("no print of photo %s: %s", name, error)
        return None
