"""Which rows of a dataset a pattern names: by generator, by kind, or by the collection a photo came from.

In: rows and patterns such as "generator:ae-*", "source:beans" or, where both must hold,
"generator:inpaint-*+kind:ai_generated". Out: the rows named, or all but those.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatch

from datasets.records import Row


class PatternError(ValueError):
    """A pattern that names nothing; the message says what would."""


def source_of(row: Row) -> str:
    """The collection of a row's photo: groups are named COLLECTION:SENDER."""
    return row.group.split(":", 1)[0]


_KEYS: dict[str, Callable[[Row], str | None]] = {
    "generator": lambda row: row.generator,
    "kind": lambda row: row.kind,
    "source": source_of,
}


def named(row: Row, pattern: str) -> bool:
    """Whether the pattern names this row. An authentic row has no generator. Raises PatternError for no pattern."""
    return all(_holds(row, part, pattern) for part in pattern.split("+"))


def _holds(row: Row, part: str, pattern: str) -> bool:
    key, separator, value = part.partition(":")
    if not separator or key not in _KEYS:
        raise PatternError(
            f"{pattern!r} is no pattern: write generator:NAME, kind:KIND or source:COLLECTION, "
            "* allowed, several joined by +"
        )
    found = _KEYS[key](row)
    return found is not None and fnmatch(found, value)


def used(rows: Sequence[Row], leave_out: Sequence[str]) -> list[Row]:
    """Rows that no pattern names. Raises PatternError for a pattern that names no row: a test that tests nothing."""
    for pattern in leave_out:
        if not any(named(row, pattern) for row in rows):
            raise PatternError(f"{pattern} names no row here; nothing would be left out")
    return [row for row in rows if not any(named(row, pattern) for pattern in leave_out)]
