"""`refundlens keys`: API keys and their roles. A key is printed once, when it is made."""

import json
from datetime import timedelta
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
