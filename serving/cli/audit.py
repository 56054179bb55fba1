"""`refundlens audit`: check the hash chain of every tenant, and write it out."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refundlens.serving.cli.common import Json, TenantOption, opened, tenant_of

if TYPE_CHECKING:
    from refundlens.serving.events.verify import Anchor, Verified

app = typer.Typer(help="Check the audit log, and write it out.", no_args_is_help=True)


@app.command("verify")
def verify(
    tenant: TenantOption = None,
    as_json: Json = False,
    anchor: Annotated[
        str | None,
        typer.Option(
            help="ROW:HASH that an earlier verify printed and you kept elsewhere; needs --tenant. Shows a chain that "
            "was written anew as a whole.",
        ),
    ] = None,
) -> None:
    """Recompute every row. Exit status 1, and the first broken row, where one was changed, moved or taken out."""
    from refundlens.model.progress import track
    from refundlens.serving.events.verify import verify as check
    from refundlens.serving.identity import tenants

    kept = _anchor(anchor, tenant)
    whole = True
    with opened() as database:
        with database.reading() as session:
            asked = [tenant_of(session, tenant)] if tenant else tenants.list_tenants(session)
        for one in asked:
            with database.reading() as session:
                found = check(session, one.id, kept, lambda rows, total: track(rows, total, "rows"))
            whole = whole and found.broken is None
            typer.echo(json.dumps(_line(found)) if as_json else f"{one.name}: {_words(found)}")
    if not whole:
        raise typer.Exit(1)


@app.command("export")
def export(tenant: TenantOption = None) -> None:
    """Write every row as JSON Lines: a line without its hash is the text that was hashed."""
    from refundlens.serving.events.audit import canonical
    from refundlens.serving.events.verify import records
    from refundlens.serving.identity import tenants

    with opened() as database, database.reading() as session:
        asked = [tenant_of(session, tenant)] if tenant else tenants.list_tenants(session)
        for identifier in [one.id for one in asked]:
            for row in records(session, identifier):
                typer.echo(f'{canonical(row)[:-1]},"hash":"{row.hash}"}}')


def _anchor(text: str | None, tenant: str | None) -> "Anchor | None":
    from refundlens.serving.events.verify import Anchor

    if text is None:
        return None
    row, _, digest = text.partition(":")
    if tenant is None or not row.isdecimal() or len(digest) != 64:
        raise typer.BadParameter("write --tenant NAME --anchor ROW:HASH, as verify printed it")
    return Anchor(int(row), digest)


def _line(found: "Verified") -> dict[str, Any]:
    broken = found.broken and {"row": found.broken.seq, "fault": found.broken.fault.value}
    return {"tenant": found.tenant, "rows": found.rows, "end": found.end, "broken": broken}


def _words(found: "Verified") -> str:
    if found.broken is None:
        return f"whole, {found.rows} rows, ends with {found.rows}:{found.end}"
    return f"BROKEN at row {found.broken.seq}: {found.broken.fault.replace('_', ' ')}"
