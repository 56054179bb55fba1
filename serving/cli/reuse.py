"""`refundlens reuse fill`: prints for photos that came before there were any."""

import json
from typing import Annotated

import typer

from refundlens.serving.cli.common import complain, opened, tenant_of
from refundlens.serving.settings import read_settings

app = typer.Typer(help="Whether pictures were used in other claims.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Whether pictures were used in other claims."""


@app.command("fill")
def fill(
    tenant: Annotated[str | None, typer.Option(help="Id or name of one marketplace; all without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Take the prints of photos that have none, so that the same picture is found among them. The service may run
    meanwhile, and it may be stopped and started again. Exit status 1 where some could not be read."""
    from dataclasses import asdict

    from refundlens.model.progress import track
    from refundlens.serving.kit.clock import utc_now
    from refundlens.serving.reuse.filling import Filled, count_photos, fill_prints
    from refundlens.serving.storage.files import open_files

    done = Filled()
    with opened() as database:
        owner = None
        if tenant is not None:
            with database.reading() as session:
                owner = tenant_of(session, tenant).id
        files = open_files(read_settings().data_dir)
        steps = fill_prints(database, files, owner, utc_now(), done)
        for _ in track(steps, count_photos(database, owner), "photos"):
            pass
    words = f"{done.photos} photos had no print: {done.taken} taken, {done.unreadable} could not be read"
    typer.echo(json.dumps(asdict(done)) if as_json else words)
    if done.unreadable:
        complain("photos that cannot be read are never found again; the service works without their prints")
        raise typer.Exit(1)
