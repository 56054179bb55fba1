"""How verbs get at the database: opened, and what is wrong with it or with the wish told in a sentence.

Module level stays light: `refundlens --help` loads no database library.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.output import complain
from serving.settings import read_settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from serving.audit.chain import Actor
    from serving.db.session import Database
    from serving.db.tables import Tenant

OPERATOR = "command-line"
"""Who did it, in the audit log, when it was done by a verb: whoever may run it on the server."""

TenantOption = Annotated[str | None, typer.Option("--tenant", help="Id or name. [default: every tenant]")]
Json = Annotated[bool, typer.Option("--json", help="JSON Lines instead of a table.")]


@contextmanager
def opened(must_exist: bool = True) -> Iterator[Database]:
    """The database; exit status 1 where it cannot be used or the wish cannot be met. must_exist: make none."""
    from serving.clock import utc_now
    from serving.db.session import DatabaseError
    from serving.identity.errors import IdentityError
    from serving.identity.tenants import open_database

    try:
        database = open_database(read_settings(), utc_now(), must_exist)
        try:
            yield database
        finally:
            database.close()
    except (DatabaseError, IdentityError) as error:
        complain(str(error))
        raise typer.Exit(1) from error


def operator() -> Actor:
    """Whom the audit log names."""
    from serving.audit.chain import Actor
    from serving.workflow.states import Role

    return Actor(Role.SYSTEM, OPERATOR)


def tenant_of(session: Session, name_or_id: str) -> Tenant:
    """Raises IdentityError where there is none."""
    from serving.identity.errors import IdentityError
    from serving.identity.tenants import find

    found = find(session, name_or_id)
    if found is None:
        raise IdentityError(f"there is no tenant {name_or_id}; `refundlens tenants list` shows them")
    return found
