"""Turns the paths given to `detect` into single files, and reads one safely.

In: files and folders. Out: files in a fixed order: as given, folders recursively by name. Hidden files are skipped
inside folders; everything else there is tried, because a photo is known by its content, not by its name.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from model.image import ImageError, Limits


def files_under(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file to look at. A path that cannot be looked into comes out as it is: reading it gives its error."""
    for path in paths:
        if path.is_dir():
            yield from _folder(path)
        else:
            yield path


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises ImageError (not_found, not_a_file, too_many_bytes, unreadable_file)."""
    if not path.exists():
        raise ImageError("not_found", f"{path} does not exist: check the name")
    if path.is_dir():
        raise ImageError("unreadable_file", f"the folder {path} cannot be opened: check its permissions")
    if not path.is_file():
        raise ImageError("not_a_file", f"{path} is a device or a pipe: give a file")
    try:
        _refuse_large(path.stat().st_size)
        return path.read_bytes()
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
        if entry.is_dir(follow_symlinks=False):
            yield from _folder(folder / entry.name)
        elif not entry.is_dir():
            yield folder / entry.name
