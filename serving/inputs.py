"""Turns the paths given to `detect` into single files, and reads one safely.

In: files and folders. Out: files in a fixed order: as given, folders recursively by name. Hidden files are skipped
inside folders; everything else there is tried, because a photo is known by its content, not by its name.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from model.image import ImageError, Limits


def files_under(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file to look at. A path that cannot be looked into comes out as it is: reading it gives its error."""
    for path in paths:
        if _is_folder(path):
            yield from _folder(path)
        else:
            yield path


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises ImageError (not_found, not_a_file, too_many_bytes, unreadable_file)."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise ImageError("unreadable_file", f"the folder {path} cannot be opened: check its permissions")
        if not stat.S_ISREG(found.st_mode):
            raise ImageError("not_a_file", f"{path} is a device or a pipe: give a file")
        _refuse_large(found.st_size)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError("not_found", f"{path} does not exist: check the name") from error
    except OSError as error:
        raise ImageError(
            "unreadable_file", f"{path} cannot be opened ({error.strerror}): check it"
        ) from error


def _refuse_large(size: int) -> None:
    """`probe` refuses such a file too; refusing it unread keeps it out of memory."""
    limit = Limits().max_bytes
    if size > limit:
        message = (
            f"the file has {size / 2**20:.1f} MiB and the limit is {limit / 2**20:.0f} MiB: make it smaller"
        )
        raise ImageError("too_many_bytes", message)


def _folder(folder: Path) -> Iterator[Path]:
    """Files of a folder and its subfolders by name. Links to folders are not followed: they may lead round."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        if not _is_folder(path):
            yield path
        elif not path.is_symlink():
            yield from _folder(path)


def _is_folder(path: Path) -> bool:
    """False, too, for what may not be looked at (`Path.is_dir` raises there): reading it tells why."""
    return os.path.isdir(path)  # noqa: PTH112
