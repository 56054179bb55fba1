"""`refundlens keys`: API keys and their roles. A key is printed once, when it is made."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from refundlens.serving.cli.common import Json, TenantOption, complain, opened, operator, tenant_of

app = typer.Typer(help="API keys and their roles.", no_args_is_help=True)

KeyRole = Literal["platform", "merchant", "adjudicator", "engineer", "admin"]
KeyId = Annotated[str, typer.Argument(help="The id that `keys list` shows: key_…", metavar="ID")]
AsObject = Annotated[bool, typer.Option("--json", help="One JSON object instead of the key alone.")]


@app.command("create")
def create(
    role: Annotated[KeyRole, typer.Option(help="What it may do.")],
    name: Annotated[str, typer.Option(help="For people, such as the program that uses it.")],
    tenant: Annotated[str, typer.Option(help="Id or name of the marketplace.")] = "default",
    subject: Annotated[
        str | None,
        typer.Option(
            help="The person or system that holds it; judges are told apart by it. [default: the name]"
        ),
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="The shop that a merchant's key acts for. [default: its subject]")
    ] = None,
    expires_days: Annotated[
        float | None, typer.Option(min=0, help="Days until it ends. [default: never]")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="Narrow it to a part of the API: reports:read, detect:write, *:read. Repeat for more."
        ),
    ] = None,
    as_json: AsObject = False,
) -> None:
    """Make a key and print it. It cannot be shown again: only its hash is kept."""
    from refundlens.serving.identity import keys
    from refundlens.serving.kit.clock import utc_now
    from refundlens.serving.kit.roles import Role

    with opened(must_exist=False) as database, database.transaction() as session:
        now = utc_now()
        expires = None if expires_days is None else now + timedelta(days=expires_days)
        wanted = keys.NewKeyRequest(Role(role), name, subject, account, scope or (), expires)
        made = keys.create_key(session, tenant_of(session, tenant).id, now, operator(), wanted)
    _tell(made, as_json)


@app.command("list")
def show(tenant: TenantOption = None, as_json: Json = False) -> None:
    """List the keys, the oldest first. Those of REFUNDLENS_API_KEYS are not among them."""
    from refundlens.serving.cli.common import table
    from refundlens.serving.identity import keys
    from refundlens.serving.kit.clock import utc_now

    now = utc_now()
    with opened() as database, database.reading() as session:
        of = tenant_of(session, tenant).id if tenant else None
        lines = [_line(row, now) for row in keys.list_keys(session, of)]
    if as_json:
        for line in lines:
            typer.echo(json.dumps(line, ensure_ascii=False))
    else:
        table([{name: line[name] for name in _SHOWN} for line in lines])


@app.command("revoke")
def revoke(key: KeyId) -> None:
    """Take a key back for good. Running services refuse it within 3 seconds."""
    from refundlens.serving.identity import keys
    from refundlens.serving.kit.clock import utc_now

    with opened() as database, database.transaction() as session:
        row = keys.revoke(session, key, utc_now(), operator())
    complain(f"{row.id} ({row.name}) is revoked")


@app.command("rotate")
def rotate(
    key: KeyId,
    overlap_hours: Annotated[float, typer.Option(min=0, help="How long the old key works on.")] = 24,
    as_json: AsObject = False,
) -> None:
    """Make a key that takes another's place, for the same subject, shop, role and scopes, and print it."""
    from refundlens.serving.identity import keys
    from refundlens.serving.kit.clock import utc_now

    with opened() as database, database.transaction() as session:
        made = keys.rotate_key(session, key, utc_now(), operator(), overlap=timedelta(hours=overlap_hours))
    _tell(made, as_json)


_SHOWN = ("id", "tenant", "name", "role", "subject", "account", "state", "expires_at")


def _tell(made: Any, as_json: bool) -> None:
    """made: a `NewKey`."""
    from refundlens.serving.kit.clock import utc_now

    if as_json:
        typer.echo(json.dumps({"key": made.text, **_line(made.row, utc_now())}, ensure_ascii=False))
    else:
        typer.echo(made.text)
        complain(f"this is {made.row.id}; the key is not shown again")


def _line(row: Any, now: Any) -> dict[str, Any]:
    """An `ApiKey` as it is shown; never its hash."""
    from refundlens.serving.identity import keys
    from refundlens.serving.kit.clock import rfc3339

    moments = {name: getattr(row, name) for name in ("created_at", "expires_at", "revoked_at")}
    state = "revoked" if row.revoked_at else "works" if keys.holds(row, now) else "expired"
    return {
        "id": row.id,
        "tenant": row.tenant_id,
        "name": row.name,
        "role": row.role,
        "subject": row.subject,
        "account": row.account,
        "scopes": row.scopes,
        "state": state,
        **{name: rfc3339(moment) if moment else None for name, moment in moments.items()},
        "rotated_to": row.rotated_to,
    }


tenants_app = typer.Typer(help="Make tenants, and list them.", no_args_is_help=True)


@tenants_app.command("create")
def create_tenant(
    name: Annotated[str, typer.Argument(help="What people call it; no two have the same.")],
) -> None:
    """Make a tenant; its id is printed."""
    from refundlens.serving.identity import tenants
    from refundlens.serving.kit.clock import utc_now

    with opened(must_exist=False) as database, database.transaction() as session:
        made = tenants.create_tenant(session, name, utc_now(), operator())
    typer.echo(made.id)


@tenants_app.command("list")
def show_tenants(as_json: Json = False) -> None:
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


@tenants_app.command("platform-key")
def platform_key(
    name: Annotated[str, typer.Argument(help="Id or name of the tenant.")],
    platform: Annotated[str, typer.Argument(help="The platform, as refunds name it.")],
    pem: Annotated[Path, typer.Argument(help="Its public Ed25519 key, PEM.", exists=True, dir_okay=False)],
) -> None:
    """Keep a platform's public key: photos that it signed count as the platform's, whoever passes them on."""
    from refundlens.serving.cli.common import complain
    from refundlens.serving.events import audit
    from refundlens.serving.events.audit import Fact
    from refundlens.serving.identity import tenants
    from refundlens.serving.kit.clock import utc_now
    from refundlens.serving.refunds.signed_photos import SETTING, key_of_pem

    with opened() as database, database.transaction() as session:
        found = tenants.find_tenant(session, name)
        try:
            key = key_of_pem(pem.read_bytes())
        except ValueError as error:
            complain(f"{pem}: {error}")
            raise typer.Exit(1) from error
        if found is None:
            complain(f"there is no tenant {name}; `refundlens tenants list` shows them")
            raise typer.Exit(1)
        found.settings = {**found.settings, SETTING: {**found.settings.get(SETTING, {}), platform: key}}
        data = {"platform": platform, "key": key}
        audit.append(
            session, found.id, utc_now(), operator(), Fact("tenant.platform_key", found.id, data=data)
        )
    complain(f"photos signed by {platform} count as the platform's in {found.name}")


@tenants_app.command("set")
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
