"""A progress bar on standard error: only on a terminal, and only for work that takes more than two seconds.

It leaves standard output alone: rich would otherwise carry what is printed there to the bar's own stream, and results
that were sent into a file would land on the screen.
"""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")

QUIET_SECONDS = 2.0
"""Shorter work shows nothing: the contract's threshold."""


def track(items: Iterable[Item], total: int, what: str, console: Console | None = None) -> Iterator[Item]:
    """Pass `items` through and show how far they are."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield from items
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False)
    task = bar.add_task(what, total=total)
    started = time.monotonic()
    try:
        for item in items:
            yield item
            bar.advance(task)
            if not bar.live.is_started and time.monotonic() - started > QUIET_SECONDS:
                bar.start()
    finally:
        bar.stop()
