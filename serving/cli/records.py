"""`refundlens audit`, `buyers`, `labels` and `reuse`: what is kept of disputes: checked, erased, written out.

In: a data folder or database of the settings. Out: lines or JSON; exit status 1 where something is not as it should be.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refundlens.serving.cli.common import Json, TenantOption, complain, opened, operator, tenant_of
from refundlens.serving.settings import read_settings

if TYPE_CHECKING:
    from refundlens.serving.events.verify import Anchor, Verified

audit = typer.Typer(help="Check the audit log, and write it out.", no_args_is_help=True)


@audit.command("verify")
def verify_audit(
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


@audit.command("export")
def export_audit(tenant: TenantOption = None) -> None:
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


buyers = typer.Typer(help="What is kept of buyers.", no_args_is_help=True)


@buyers.callback()
def _buyers() -> None:
    """What is kept of buyers."""


@buyers.command("erase")
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
                files = open_files(settings)
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


labels = typer.Typer(help="What people said that photos are.", no_args_is_help=True)


@labels.callback()
def _labels() -> None:
    """What people said that photos are."""


@labels.command("export")
def export_labels(
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
            done = exporting.export(session, open_files(settings), owner, out, settings.keep_photos_days)
    except (exporting.ExportError, OSError) as error:
        complain(str(error))
        raise typer.Exit(1) from error
    words = f"{out}: {done.photos} photos, {done.without} without a file, {done.conflicts} with labels that disagree"
    typer.echo(json.dumps(asdict(done)) if as_json else words)
    for name in done.damaged:
        complain(f"the file of photo {name} is damaged: restore it from a backup")
    if done.damaged:
        raise typer.Exit(1)


reuse = typer.Typer(help="Whether pictures were used in other claims.", no_args_is_help=True)


@reuse.callback()
def _reuse() -> None:
    """Whether pictures were used in other claims."""


@reuse.command("fill")
def fill(
    tenant: Annotated[str | None, typer.Option(help="Id or name of one marketplace; all without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Take the prints of photos that have none, so that the same picture is found among them. The service may run
    meanwhile, and it may be stopped and started again. Exit status 1 where some could not be read."""
    from dataclasses import asdict

    from refundlens.model.progress import track
    from refundlens.serving.kit.clock import utc_now
    from refundlens.serving.reuse.catalogue import Filled, count_photos, fill_prints
    from refundlens.serving.storage.files import open_files

    done = Filled()
    with opened() as database:
        owner = None
        if tenant is not None:
            with database.reading() as session:
                owner = tenant_of(session, tenant).id
        files = open_files(read_settings())
        steps = fill_prints(database, files, owner, utc_now(), done)
        for _ in track(steps, count_photos(database, owner), "photos"):
            pass
    words = f"{done.photos} photos had no print: {done.taken} taken, {done.unreadable} could not be read"
    typer.echo(json.dumps(asdict(done)) if as_json else words)
    if done.unreadable:
        complain("photos that cannot be read are never found again; the service works without their prints")
        raise typer.Exit(1)
