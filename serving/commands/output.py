"""How verbs speak: results on standard output, everything else on standard error."""

import sys
from collections.abc import Mapping, Sequence

PIPE_WIDTH = 1000
"""Columns of a table that no person looks at; more than any line has."""


def complain(message: str) -> None:
    """Tell the person at the terminal, without touching the results."""
    print(f"refundlens: {message}", file=sys.stderr, flush=True)


def table(lines: Sequence[Mapping[str, object]]) -> None:
    """Print lines of the same members as a table for people; nothing at all where there are none."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if not lines:
        return
    shown = Table(*lines[0], box=None)
    for line in lines:
        shown.add_row(*(escape("" if value is None else str(value)) for value in line.values()))
    # in a file or a pipe nothing is folded: other programs cut lines by themselves
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(shown)
