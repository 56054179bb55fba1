"""A progress bar on standard error: only on a terminal, and only for work that takes more than two seconds.

It leaves standard output alone: rich would otherwise carry what is printed there to the bar's own stream, and results
that were sent into a file would land on the screen. Here because all other folders may import it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")

QUIET_SECONDS = 2.0
"""Shorter work shows nothing: the contract's threshold."""


def track(
    items: Iterable[Item],
    total: int,
    what: str,
    console: Console | None = None,
    *,
    done: int = 0,
    note: Callable[[], str] | None = None,
) -> Iterator[Item]:
    """Pass `items` through and show how far they are. done: of `total`, finished before. note: asked after each item
    for a word at the bar's end, such as the loss."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield from items
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
    bar = Progress(TextColumn(escape(what)), *columns, console=console, transient=True, redirect_stdout=False)
    task = bar.add_task("", total=total, completed=done, note="")
    started = time.monotonic()
    try:
        for item in items:
            yield item
            bar.update(task, advance=1, note=escape(note()) if note else "")
            if not bar.live.is_started and time.monotonic() - started > QUIET_SECONDS:
                bar.start()
    finally:
        bar.stop()
