"""Runs a function over many items on a few threads, gives results in input order and holds only a few at a time.

A progress bar on standard error: only on a terminal, and only for work that takes more than two seconds.

It leaves standard output alone: rich would otherwise carry what is printed there to the bar's own stream, and results
that were sent into a file would land on the screen.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Items under way for each worker: one being worked on and one waiting, so that a slow item at the front of the
queue does not idle the others, and memory stays bounded however long the input is."""


def in_order(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`map(function, items)` on `workers` threads. An exception of `function` comes out where its result would."""
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="detect")
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


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
