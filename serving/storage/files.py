"""Keeps photos, heat maps and evidence: each file under the SHA-256 of its content, once however often it comes.

In: bytes. Out: their name (64 hexadecimal digits), and for that name the same bytes, checked. A file is stored, whole,
before `put` returns, unless it is told not to wait: a row written afterwards never names what a power cut took. Files
know no tenant; who may see one is told by the rows that name it, and a file goes only when no such row is left
(`serving.buyers.retention`).

Where the bytes lie is a `FilePlace` (`place.py`): a folder (`folder.py`), or a bucket of S3, Google or Alibaba Cloud
(`bucket.py`).
"""

import hashlib
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from refundlens.serving.settings import Settings
from refundlens.serving.storage.folder import Folder
from refundlens.serving.storage.place import FilePlace

FILES, BUNDLES = "files", "models"
"""What is kept apart: photos with all that shows them, whose time ends, and models, whose time does not."""
_NAME = re.compile(r"[0-9a-f]{64}")
_NOBODY = "0" * 64
"""A name that no content has."""


class FileError(Exception):
    """What was stored cannot be had; the message names it."""


class MissingFile(FileError):
    """Never stored, or erased."""


class DamagedFile(FileError):
    """There, but no longer what was stored. Storing the same bytes again mends it."""


class FileStore:
    """Safe to use from several threads and processes."""

    def __init__(self, place: Path | FilePlace) -> None:
        """A folder is opened, or made. Raises OSError where it cannot be."""
        self._place: FilePlace = Folder(place) if isinstance(place, Path) else place

    def put(self, content: bytes, lasting: bool = True) -> str:
        """Store; the name. What is there already stays, unless it is damaged. lasting: on disk, whole, before this
        returns; else within seconds, and until then the power may take it. Raises OSError."""
        name = digest(content)
        self._place.write(name, content, lasting)
        return name

    def get(self, name: str) -> bytes:
        """The bytes. Raises MissingFile, DamagedFile, OSError."""
        content = self._place.read(_checked(name))
        if content is None:
            raise MissingFile(f"file {name} is not stored here; it was erased, or never came")
        if digest(content) != name:
            raise DamagedFile(f"file {name} is damaged; restore it from a backup, or store it again")
        return content

    def exists(self, name: str) -> bool:
        return self._place.stored_at(_checked(name)) is not None

    def age(self, name: str) -> float:
        """Seconds since it was last stored; 0 for what is not there."""
        stored = self._place.stored_at(_checked(name))
        return 0.0 if stored is None else time.time() - stored

    def older(self, moment: datetime) -> Iterator[str]:
        """Names of files that were last stored before a moment, in no order."""
        return (name for name in self._place.older(moment) if _NAME.fullmatch(name))

    def erase(self, name: str, lasting: bool = True) -> bool:
        """Remove for good; whether there was something. lasting: as for `put`. Raises OSError."""
        return self._place.remove(_checked(name), lasting)

    def check(self) -> None:
        """That the place answers. Raises OSError."""
        self._place.stored_at(_NOBODY)


def open_files(settings: Settings, what: str = FILES) -> FileStore:
    """A store of this installation. what: FILES or BUNDLES. Raises OSError, SettingsError."""
    if not settings.files:
        return FileStore(settings.data_dir / what)
    from refundlens.serving.storage.bucket import open_bucket

    return FileStore(open_bucket(settings.files, settings.files_endpoint, what))


def digest(content: bytes) -> str:
    """The name that bytes are stored under."""
    return hashlib.sha256(content).hexdigest()


def _checked(name: str) -> str:
    """Raises MissingFile for what names no file: it may come from a URL."""
    if not _NAME.fullmatch(name):
        raise MissingFile(f"{name[:80]!r} names no file; a name has 64 hexadecimal digits")
    return name
