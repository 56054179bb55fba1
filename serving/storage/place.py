"""Where the files of a store lie: what a folder and a bucket have in common.

In: names that are checked already, and bytes. Out: the bytes by name.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

_PREFIX = 2
"""Digits that name a folder: 256 of them, so that ten million files are 40,000 in each."""


def key(name: str) -> str:
    """Where a file lies, the same in every place, so that any tool can copy one to the other."""
    return f"{name[:_PREFIX]}/{name[_PREFIX:]}"


class StoreAway(OSError):
    """The place does not answer, or not to us; what was asked for may be asked for again."""


class FilePlace(Protocol):
    """Bytes by name; every method raises OSError, StoreAway where the place is another machine that is away."""

    def write(self, name: str, content: bytes, lasting: bool) -> None:
        """Store, whole or not at all; it counts as stored now, if it was there before, too. lasting: where the power
        can take what is not on disk yet, wait for the disk."""
        ...

    def read(self, name: str) -> bytes | None: ...

    def stored_at(self, name: str) -> float | None:
        """Seconds since 1970; None for what is not there."""
        ...

    def older(self, moment: datetime) -> Iterator[str]:
        """What was last stored before a moment, in no order; other people's files, too."""
        ...

    def remove(self, name: str, lasting: bool) -> bool:
        """Whether there was something."""
        ...
