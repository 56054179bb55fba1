"""How verbs speak: results on standard output, everything else on standard error.

Options that several verbs share.

How verbs get at the database: opened, and what is wrong with it or with the wish told in a sentence.

Module level stays light: `refundlens --help` loads no database library.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from refundlens.serving.cli.production import keep_for_owner
from refundlens.serving.settings import read_settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from refundlens.serving.kit.roles import Actor
    from refundlens.serving.storage.database import Database
    from refundlens.serving.storage.tables import Tenant

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


Model = Annotated[
    Path | None,
    typer.Option(
        help="A bundle made by `refundlens export`. [default: REFUNDLENS_BUNDLE, or the bundled one]"
    ),
]


OPERATOR = "command-line"
"""Who did it, in the audit log, when it was done by a verb: whoever may run it on the server."""

TenantOption = Annotated[str | None, typer.Option("--tenant", help="Id or name. [default: every tenant]")]
Json = Annotated[bool, typer.Option("--json", help="JSON Lines instead of a table.")]


@contextmanager
def opened(must_exist: bool = True) -> Iterator[Database]:
    """The database; exit status 1 where it cannot be used or the wish cannot be met. must_exist: make none."""
    from sqlalchemy.exc import DBAPIError

    from refundlens.serving.identity.scopes import IdentityError
    from refundlens.serving.identity.tenants import open_database
    from refundlens.serving.kit.clock import utc_now
    from refundlens.serving.storage.database import DatabaseError
    from refundlens.serving.storage.faults import storage_fault

    settings = read_settings()
    try:
        if not must_exist or settings.data_dir.exists():
            keep_for_owner(settings.data_dir)
        database = open_database(settings, utc_now(), must_exist)
        try:
            yield database
        finally:
            database.close()
    except (DatabaseError, IdentityError) as error:
        complain(str(error))
        raise typer.Exit(1) from error
    except (DBAPIError, OSError) as error:
        fault = storage_fault(error)
        if fault is None:
            raise
        complain(f"{error.orig if isinstance(error, DBAPIError) else error}: {fault.advice}")
        raise typer.Exit(1) from error


def operator() -> Actor:
    """Whom the audit log names."""
    from refundlens.serving.kit.roles import Actor, Role

    return Actor(Role.SYSTEM, OPERATOR)


def tenant_of(session: Session, name_or_id: str) -> Tenant:
    """Raises IdentityError where there is none."""
    from refundlens.serving.identity.scopes import IdentityError
    from refundlens.serving.identity.tenants import find_tenant

    found = find_tenant(session, name_or_id)
    if found is None:
        raise IdentityError(f"there is no tenant {name_or_id}; `refundlens tenants list` shows them")
    return found


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
