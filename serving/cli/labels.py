"""`refundlens labels export`: photos with their truth, for retraining."""

import json
from pathlib import Path
from typing import Annotated

import typer

from refundlens.serving.cli.common import complain, opened, tenant_of
from refundlens.serving.settings import read_settings

app = typer.Typer(help="What people said that photos are.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What people said that photos are."""


@app.command("export")
def export(
    out: Annotated[Path, typer.Argument(help="New folder.")],
    tenant: Annotated[str, typer.Option(help="Id or name of the marketplace.")] = "default",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Write labelled photos and what is believed of each, with a manifest. Exit status 1 where some could not be read.

    `refundlens data build FOLDER/authentic NEW --extend OLD` goes on from there.
    """
    from dataclasses import asdict

    from refundlens.serving.labels import export as exporting
    from refundlens.serving.storage.files import open_files

    settings = read_settings()
    try:
        with opened() as database, database.reading() as session:
            owner = tenant_of(session, tenant).id
            done = exporting.export(
                session, open_files(settings.data_dir), owner, out, settings.keep_photos_days
            )
    except (exporting.ExportError, OSError) as error:
        complain(str(error))
        raise typer.Exit(1) from error
    words = f"{out}: {done.photos} photos, {done.without} without a file, {done.conflicts} with labels that disagree"
    typer.echo(json.dumps(asdict(done)) if as_json else words)
    for name in done.damaged:
        complain(f"the file of photo {name} is damaged: restore it from a backup")
    if done.damaged:
        raise typer.Exit(1)
