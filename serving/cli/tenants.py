"""`refundlens tenants`: marketplaces that share one service and see nothing of each other."""

import json
from typing import Annotated

import typer

from refundlens.serving.cli.common import Json, opened, operator

app = typer.Typer(help="Make tenants, and list them.", no_args_is_help=True)


@app.command("create")
def create(name: Annotated[str, typer.Argument(help="What people call it; no two have the same.")]) -> None:
    """Make a tenant; its id is printed."""
    from refundlens.serving.identity import tenants
    from refundlens.serving.kit.clock import utc_now

    with opened(must_exist=False) as database, database.transaction() as session:
        made = tenants.create_tenant(session, name, utc_now(), operator())
    typer.echo(made.id)


@app.command("list")
def show(as_json: Json = False) -> None:
    """List the tenants, the oldest first."""
    from refundlens.serving.cli.common import table
    from refundlens.serving.identity import tenants
    from refundlens.serving.kit.clock import rfc3339

    with opened() as database, database.reading() as session:
        found = [
            {"id": one.id, "name": one.name, "created_at": rfc3339(one.created_at)}
            for one in tenants.list_tenants(session)
        ]
    if as_json:
        for line in found:
            typer.echo(json.dumps(line, ensure_ascii=False))
    else:
        table(found)


@app.command("set")
def choose(
    name: Annotated[str, typer.Argument(help="Id or name.")],
    hide_opinion: Annotated[
        bool | None,
        typer.Option(
            "--hide-opinion/--show-opinion",
            help="Whether adjudicators form an opinion of their own before they see the model's.",
        ),
    ] = None,
    share_prints: Annotated[
        bool | None,
        typer.Option(
            "--share-prints/--keep-prints",
            help="Whether photos' prints may be compared with those of other tenants that chose the same; each is told "
            "how many claims used a picture, and nothing else.",
        ),
    ] = None,
    training: Annotated[
        bool | None,
        typer.Option(
            "--training/--no-training",
            help="Whether photos that people judged may train a model; none do until this is said.",
        ),
    ] = None,
    miss_limit: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Largest share of missed fakes, by the verdict's bound, with which `authentic` settles a report "
            "without a person.",
        ),
    ] = None,
) -> None:
    """Change what a tenant chose for itself; without an option, print it."""
    from refundlens.serving.cli.common import complain
    from refundlens.serving.events import audit
    from refundlens.serving.events.audit import Fact
    from refundlens.serving.identity import tenants
    from refundlens.serving.kit.clock import utc_now
    from refundlens.serving.labels.export import TRAINING
    from refundlens.serving.reuse.catalogue import SHARES

    with opened() as database, database.transaction() as session:
        found = tenants.find_tenant(session, name)
        if found is None:
            complain(f"there is no tenant {name}; `refundlens tenants list` shows them")
            raise typer.Exit(1)
        given = {
            "hide_opinion": hide_opinion,
            "miss_limit": miss_limit,
            SHARES: share_prints,
            TRAINING: training,
        }
        chosen = {key: value for key, value in given.items() if value is not None}
        if chosen:
            found.settings = {**found.settings, **chosen}
            audit.append(session, found.id, utc_now(), operator(), Fact("tenant.set", found.id, data=chosen))
        typer.echo(json.dumps(found.settings))
