"""Which rows of a dataset a pattern names: by generator, or by the collection a photo came from.

In: rows and patterns such as "generator:ae-*" or "source:beans". Out: the rows named, or all but those.
"""

from collections.abc import Sequence
from fnmatch import fnmatch

from datasets.records import Row

KEYS = ("generator", "source")


class PatternError(ValueError):
    """A pattern that names nothing; the message says what would."""


def source_of(row: Row) -> str:
    """The collection of a row's photo: groups are named COLLECTION:SENDER."""
    return row.group.split(":", 1)[0]


def named(row: Row, pattern: str) -> bool:
    """Whether the pattern names this row. An authentic row has no generator. Raises PatternError for no pattern."""
    key, separator, value = pattern.partition(":")
    if not separator or key not in KEYS:
        raise PatternError(f"{pattern!r} is no pattern: write generator:NAME or source:COLLECTION, * allowed")
    if key == "source":
        return fnmatch(source_of(row), value)
    return row.generator is not None and fnmatch(row.generator, value)


def used(rows: Sequence[Row], leave_out: Sequence[str]) -> list[Row]:
    """Rows that no pattern names. Raises PatternError for a pattern that names no row: a test that tests nothing."""
    for pattern in leave_out:
        if not any(named(row, pattern) for row in rows):
            raise PatternError(f"{pattern} names no row of the training split; nothing would be left out")
    return [row for row in rows if not any(named(row, pattern) for pattern in leave_out)]
