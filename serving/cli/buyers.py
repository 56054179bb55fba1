"""`refundlens buyers erase`: the right to erasure."""

import json
from typing import Annotated

import typer

from refundlens.serving.cli.common import complain, opened, operator, tenant_of
from refundlens.serving.settings import read_settings

app = typer.Typer(help="What is kept of buyers.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What is kept of buyers."""


@app.command("erase")
def erase(
    ref: Annotated[
        str, typer.Argument(help="The platform's reference, or `buyer:` and the hash the API shows.")
    ],
    tenant: Annotated[str, typer.Option(help="Id or name of the marketplace.")] = "default",
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without this, only tell what there is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Erase what is kept of a buyer: words, photos, the name itself. Verdicts, counts and hashes stay.

    Exit status 1 while one of the buyer's disputes is not over: it could not be decided any more.
    """
    from dataclasses import asdict

    from refundlens.serving.buyers import erasure as erasing
    from refundlens.serving.buyers.service import keyed
    from refundlens.serving.kit.clock import utc_now
    from refundlens.serving.storage.files import open_files
    from refundlens.serving.storage.secret import read_secret

    settings = read_settings()
    with opened() as database:
        secret = read_secret(settings)
        with database.reading() as session:
            owner = tenant_of(session, tenant).id
            buyer = keyed(secret, owner, ref)
            found = erasing.find_traces(session, owner, buyer)
        if found.undecided:
            complain(
                f"not all disputes of this buyer are over: {', '.join(found.undecided)}; nothing was erased"
            )
            raise typer.Exit(1)
        if not yes:
            held = f"{len(found.refunds)} refunds, {found.photos} photos, {found.entries} lines of the record"
            _tell(
                {"done": False, **asdict(found)}, as_json, f"{held}. Nothing was erased: add --yes to do it."
            )
            return
        try:
            with database.transaction() as session:
                files = open_files(settings.data_dir)
                done = erasing.erase(session, files, owner, buyer, operator(), utc_now())
        except (erasing.StillOpen, OSError) as error:
            complain(f"{error}; run it again")
            raise typer.Exit(1) from error
    words = (
        f"erased: {done.refunds} refunds without a name, {done.texts} texts, {done.photos} photos "
        f"({done.files} files), {done.entries} lines of the record without a name"
    )
    if done.shared:
        words += f"; the same bytes as {done.shared} photos stay with other buyers' refunds"
    _tell({"done": True, **asdict(done)}, as_json, words)


def _tell(line: dict[str, object], as_json: bool, words: str) -> None:
    typer.echo(json.dumps(line, ensure_ascii=False) if as_json else words)
