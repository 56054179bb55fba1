"""`refundlens tenants`: marketplaces that share one service and see nothing of each other."""

import json
from typing import Annotated

import typer

from serving.commands.database import Json, opened, operator

app = typer.Typer(help="Make tenants, and list them.", no_args_is_help=True)


@app.command("create")
def create(name: Annotated[str, typer.Argument(help="What people call it; no two have the same.")]) -> None:
    """Make a tenant; its id is printed."""
    from serving.clock import utc_now
    from serving.identity import tenants

    with opened(must_exist=False) as database, database.transaction() as session:
        made = tenants.create(session, name, utc_now(), operator())
    typer.echo(made.id)


@app.command("list")
def show(as_json: Json = False) -> None:
    """List the tenants, the oldest first."""
    from serving.clock import rfc3339
    from serving.commands.output import table
    from serving.identity import tenants

    with opened() as database, database.reading() as session:
        found = [
            {"id": one.id, "name": one.name, "created_at": rfc3339(one.created_at)}
            for one in tenants.every(session)
        ]
    if as_json:
        for line in found:
            typer.echo(json.dumps(line, ensure_ascii=False))
    else:
        table(found)
