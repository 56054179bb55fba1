"""A folder of this machine's disk as the place of a file store.

In: names and bytes. Out: files, each moved into place when whole.
"""

import os
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from refundlens.serving.storage.place import key


class Folder:
    """`serving.storage.place.FilePlace` on disk. Safe to use from several threads and processes."""

    def __init__(self, folder: Path) -> None:
        """Opens or makes the folder. Raises OSError where it cannot be made."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def write(self, name: str, content: bytes, lasting: bool) -> None:
        path = self._path(name)
        try:
            if path.read_bytes() == content:
                path.touch()  # as good as new: `older` must not take it for forgotten
                if lasting:  # it may have come a second ago by somebody who did not wait for the disk
                    _sync(path)
                    _sync(path.parent)
                return
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

    def read(self, name: str) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    def stored_at(self, name: str) -> float | None:
        try:
            return self._path(name).stat().st_mtime
        except FileNotFoundError:
            return None

    def older(self, moment: datetime) -> Iterator[str]:
        latest = moment.timestamp()
        for path in self._folder.glob("??/*"):
            if path.stat().st_mtime < latest:
                yield path.parent.name + path.name

    def remove(self, name: str, lasting: bool) -> bool:
        path = self._path(name)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        if lasting:
            _sync(path.parent)
        return True

    def _path(self, name: str) -> Path:
        return self._folder / key(name)


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
