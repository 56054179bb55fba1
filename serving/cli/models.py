"""`refundlens models`: the registry, on the database; running services follow within seconds."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refundlens.serving.cli.common import Json, complain, opened, operator, table
from refundlens.serving.settings import read_settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from refundlens.serving.kit.context import Context

app = typer.Typer(help="The registry of models: which version judges.", no_args_is_help=True)

Version = Annotated[str, typer.Argument(help="The id that `models list` shows, such as refundlens-s-0.2.1.")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the version.")]
AsObject = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.command("list")
def every(as_json: Json = False) -> None:
    """List the versions, the newest first."""
    from refundlens.serving.http.paging import MOST
    from refundlens.serving.registry import repository, schemas

    with _registry() as session:
        lines = [schemas.version_json(row) for row in repository.list_versions(session, MOST)]
    if as_json:
        for line in lines:
            typer.echo(json.dumps(line, ensure_ascii=False))
    else:
        table([_short(line) for line in lines])


@app.command("sign")
def sign(
    bundle: Annotated[Path, typer.Argument(help="A bundle made by `refundlens export`.")],
    key: Annotated[
        Path,
        typer.Option(help="A private key: openssl genpkey -algorithm ed25519 -out KEY. Keep it elsewhere."),
    ],
) -> None:
    """Sign a bundle, for services that REFUNDLENS_BUNDLE_SIGNERS tells whom to trust; writes BUNDLE.sig."""
    from refundlens.model.bundle import BundleError
    from refundlens.serving.registry.signatures import make_signature, signature_file
    from refundlens.serving.storage.files import digest

    try:
        made = make_signature(digest(bundle.read_bytes()), key.read_bytes())
        signature_file(bundle).write_text(f"{made}\n", encoding="ascii")
    except (BundleError, OSError) as error:
        complain(str(error))
        raise typer.Exit(1) from error
    typer.echo(str(signature_file(bundle)))


@app.command("show")
def show(version: Version, as_json: AsObject = False) -> None:
    """Show a version: its card, its calibration, and everything that was done to it."""
    from refundlens.serving.identity import tenants
    from refundlens.serving.registry import repository, schemas, service

    with _registry() as session:
        row = service.find(session, version)
        events = [
            event
            for tenant in tenants.list_tenants(session)
            for event in repository.history(session, tenant.id, row.id)
        ]
        shadowed = repository.shadow_agreements(session, row.sha256)
        whole = schemas.show_whole(row, sorted(events, key=lambda event: event.at), shadowed)
    if as_json:
        typer.echo(json.dumps(whole, ensure_ascii=False))
        return
    for name, value in _short(whole).items():
        typer.echo(f"{name:10} {'' if value is None else value}")
    for event in whole["history"]:
        typer.echo(f"{event['at']}  {event['action']} by {event['actor']} ({event['role']})")
    for one in whole["shadowed"]:
        typer.echo(
            f"beside {one['champion'][:12]}: {one['photos']} photos, {one['same_verdict']} with the same verdict, "
            f"difference {one['difference']:.3f}, {one['challenger_seconds']:.3f} s a photo instead of "
            f"{one['champion_seconds']:.3f}"
        )
    typer.echo(f"\n{whole['card']}")


@app.command("add")
def add(bundle: Annotated[Path, typer.Argument(help="A bundle made by `refundlens export`.")]) -> None:
    """Try a bundle and register it as a candidate; prints its id. It judges nothing until it is promoted."""
    typer.echo(register(bundle))


def register(bundle: Path) -> str:
    """The id of the bundle as a candidate; exit status 1 where it cannot be one."""
    from refundlens.model.bundle import BundleError
    from refundlens.serving.registry import service
    from refundlens.serving.registry.bundles import ModelError, open_bundles, tried
    from refundlens.serving.registry.signatures import check_signature, read_signature

    try:
        found = tried(bundle)
        found.facts["signature"] = read_signature(bundle)
        check_signature(read_settings(), found.name.sha256, found.facts["signature"])
        open_bundles(read_settings()).put(bundle.read_bytes())
    except (BundleError, ModelError, OSError) as error:
        complain(str(error))
        raise typer.Exit(1) from error
    with _change(must_exist=False) as context:
        row = service.add(context.session, context.principal, found, context.now)
    return row.id


@app.command("shadow")
def shadow(
    version: Version,
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of the photos it is shown.")] = 0.1,
    off: Annotated[bool, typer.Option("--off", help="Show it no photos any more.")] = False,
) -> None:
    """Have a version judge a share of the photos beside the champion, to compare; nobody waits for it."""
    from refundlens.serving.registry import service

    with _change() as context:
        row = service.shadow(context, version, 0.0 if off else share)
    complain(f"{row.id} is shown {row.share or 0:.0%} of the photos")


@app.command("promote")
def promote(
    version: Version,
    reason: Reason = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Though something is missing or it never stood at the gate; needs --reason."
        ),
    ] = False,
) -> None:
    """Make a version the champion: it judges every photo from now on."""
    from refundlens.serving.registry import service

    _must_load(version)
    with _change() as context:
        row = service.promote(context, version, reason, force)
    complain(f"{row.id} is the champion; running services change to it within seconds")


@app.command("rollback")
def rollback(
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")],
    version: Annotated[str | None, typer.Argument(help="The champion to take back. [default: it]")] = None,
) -> None:
    """Take the champion back: the one before it judges again."""
    from refundlens.serving.kit.errors import Conflict
    from refundlens.serving.registry import repository, service
    from refundlens.serving.registry.stages import Stage

    with _change() as context:
        champion = repository.at(context.session, Stage.CHAMPION)
        wanted = version or (None if champion is None else champion.id)
        if wanted is None:
            raise Conflict("not_champion", "There is no champion to roll back.")
        row = service.rollback(context, wanted, reason)
    complain(f"{row.id} is the champion again; running services change to it within seconds")


@app.command("rescoring")
def show_rescoring(
    version: Annotated[str | None, typer.Argument(help="[default: the champion]")] = None,
    as_json: AsObject = False,
) -> None:
    """Show what a champion, when it became one, said of the cases that were open. It decided none."""
    from refundlens.serving.http.paging import MOST
    from refundlens.serving.kit.errors import Conflict
    from refundlens.serving.registry import repository, rescoring, schemas, service
    from refundlens.serving.registry.stages import Stage

    with _registry() as session:
        champion = repository.at(session, Stage.CHAMPION)
        wanted = version or (None if champion is None else champion.id)
        if wanted is None:
            raise Conflict("not_champion", "There is no champion yet.")
        service.find(session, wanted)
        found = rescoring.summary(session, wanted, None)
        rows = rescoring.changed(session, wanted, None, MOST)[:MOST]
        whole = schemas.RescoringOut.of(found, items=rows, next_cursor=None).body()
    if as_json:
        typer.echo(json.dumps(whole, ensure_ascii=False))
        return
    complain(
        f"{wanted}: {found.state}; {found.cases} cases, {found.changed} would change, {found.failed} failed"
    )
    names = (
        "report_id",
        "stands",
        "would",
        "by_person",
        "was_verdict",
        "was_probability",
        "verdict",
        "probability",
    )
    table([{name: one[name] for name in names} for one in whole["items"]])


def _must_load(version: str) -> None:
    """A version that cannot be loaded here is not promoted; exit status 1."""
    from refundlens.serving.registry import service
    from refundlens.serving.registry.bundles import check_loadable, open_bundles

    settings = read_settings()
    with _registry() as session:
        check_loadable(open_bundles(settings), settings, service.find(session, version))


@contextmanager
def _registry() -> "Iterator[Session]":
    with opened() as database, database.reading() as session, _told():
        yield session


@contextmanager
def _change(must_exist: bool = True) -> "Iterator[Context]":
    """A transaction of whoever runs the installation."""
    from refundlens.serving.identity.tenants import DEFAULT
    from refundlens.serving.kit.clock import utc_now
    from refundlens.serving.kit.context import Context
    from refundlens.serving.kit.principal import Principal

    who = operator()
    with _told(), opened(must_exist) as database, database.transaction() as session:
        yield Context(session, read_settings(), utc_now(), Principal(DEFAULT, who.name, who.role, who.name))


@contextmanager
def _told() -> Iterator[None]:
    """A wish that cannot be met is told in its sentence; exit status 1."""
    from refundlens.serving.kit.errors import DomainError

    try:
        yield
    except DomainError as error:
        complain(error.detail)
        raise typer.Exit(1) from error


def _short(line: dict[str, Any]) -> dict[str, Any]:
    """What people look for first."""
    figures = ", ".join(f"{one.get('name') or one.get('type')} {one['value']:.3g}" for one in line["figures"])
    return {
        "id": line["id"],
        "stage": line["stage"],
        "share": line["share"],
        "promoted_at": line["promoted_at"],
        "missing": ", ".join(one["code"] for one in line["missing"]),
        "sha256": line["sha256"][:12],
        "figures": figures,
    }
