"""Keeps photos, heat maps and evidence: each file under the SHA-256 of its content, once however often it comes.

In: bytes. Out: their name (64 hexadecimal digits), and for that name the same bytes, checked. A file is on disk, whole,
before `put` returns, unless it is told not to wait: a row written afterwards never names what a power cut took. Files
know no tenant; who may see one is told by the rows that name it, and a file goes only when no such row is left
(`serving.buyers.retention`).
"""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{64}")
_FOLDER_LENGTH = 2
"""Digits that name the folder: 256 folders, so that ten million files are 40,000 in each."""


class FileError(Exception):
    """What was stored cannot be had; the message names it."""


class MissingFile(FileError):
    """Never stored, or erased."""


class DamagedFile(FileError):
    """On disk, but no longer what was stored. Storing the same bytes again mends it."""


class FileStore:
    """Safe to use from several threads and processes."""

    def __init__(self, folder: Path) -> None:
        """Opens or makes the folder. Raises OSError where it cannot be made."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def put(self, content: bytes, lasting: bool = True) -> str:
        """Store; the name. What is there already stays, unless it is damaged. lasting: on disk, whole, before this
        returns; else within seconds, and until then the power may take it. Raises OSError."""
        name = digest(content)
        path = self._path(name)
        try:
            if path.read_bytes() == content:
                path.touch()  # as good as new: `older` must not take it for forgotten
                if lasting:  # it may have come a second ago by somebody who did not wait for the disk
                    _sync(path)
                    _sync(path.parent)
                return name
        except FileNotFoundError:
            pass
        _make_folder(path.parent)
        partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
        try:
            with partial.open("xb") as file:
                file.write(content)
                if lasting:
                    file.flush()
                    os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        if lasting:
            _sync(path.parent)
        return name

    def get(self, name: str) -> bytes:
        """The bytes. Raises MissingFile, DamagedFile, OSError."""
        try:
            content = self._path(name).read_bytes()
        except FileNotFoundError as error:
            raise MissingFile(f"file {name} is not stored here; it was erased, or never came") from error
        if digest(content) != name:
            raise DamagedFile(f"file {name} is damaged on disk; restore it from a backup, or store it again")
        return content

    def exists(self, name: str) -> bool:
        return self._path(name).is_file()

    def age(self, name: str) -> float:
        """Seconds since it was last stored; 0 for what is not there."""
        try:
            return time.time() - self._path(name).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def older(self, moment: datetime) -> Iterator[str]:
        """Names of files that were last stored before a moment, in no order."""
        latest = moment.timestamp()
        for path in self._folder.glob("??/*"):
            name = path.parent.name + path.name
            if _NAME.fullmatch(name) and path.stat().st_mtime < latest:
                yield name

    def erase(self, name: str, lasting: bool = True) -> bool:
        """Remove for good; whether there was something. lasting: as for `put`. Raises OSError."""
        path = self._path(name)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        if lasting:
            _sync(path.parent)
        return True

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):  # it may come from a URL
            raise MissingFile(f"{name[:80]!r} names no file; a name has 64 hexadecimal digits")
        return self._folder / name[:_FOLDER_LENGTH] / name[_FOLDER_LENGTH:]


def open_files(data_dir: Path) -> FileStore:
    """The store of a data folder. Raises OSError."""
    return FileStore(data_dir / "files")


def digest(content: bytes) -> str:
    """The name that bytes are stored under."""
    return hashlib.sha256(content).hexdigest()


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(path: Path) -> None:
    """Have a file, or a folder's own entries, on disk."""
    if os.name != "posix":
        return  # other systems cannot open folders; they keep entries themselves
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
