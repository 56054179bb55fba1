"""Tenants: made by the command line, the first one when the service first starts.

In: an open transaction. Out: the tenant, its audit chain and the chain's first row.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.identity.scopes import IdentityError
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.roles import SYSTEM, Actor
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database, DatabaseError, sqlite_file, sqlite_url
from refundlens.serving.storage.tables import Tenant

DEFAULT = "tnt_default"
"""Id of the tenant that is always there; keys of the environment belong to it."""
DEFAULT_NAME = "default"
DEMO = "tnt_demo"
"""Id of the demo's own tenant: its key and its visitors, who come without a key, see and change nothing else."""
DEMO_NAME = "demo"
DEMO_MISS_LIMIT = 0.5
"""Miss bound up to which the demo's shop has photos cleared without a person, unless it chose otherwise: above those of
the bundled model, so that a visitor sees this end, too. The usual limit is `Settings.miss_limit`."""


def create_tenant(session: Session, name: str, now: datetime, actor: Actor) -> Tenant:
    """A new tenant. Raises IdentityError where the name is taken."""
    if find_tenant(session, name) is not None:
        raise IdentityError(f"there is a tenant {name} already", "tenant_taken")
    return _add(session, make_id("tnt", now), name, now, actor)


def find_tenant(session: Session, name_or_id: str) -> Tenant | None:
    """The tenant of that name or id."""
    asked = select(Tenant).where(or_(Tenant.id == name_or_id, Tenant.name == name_or_id))
    return session.execute(asked.order_by(Tenant.id).limit(1)).scalar_one_or_none()


def list_tenants(session: Session) -> Sequence[Tenant]:
    """All tenants, the oldest first."""
    return session.execute(select(Tenant).order_by(Tenant.created_at, Tenant.id)).scalars().all()


def open_database(settings: Settings, now: datetime, must_exist: bool = False) -> Database:
    """The settings' database with this version's tables and the default tenant. must_exist: a SQLite file is not made
    where there is none. Raises DatabaseError."""
    url = settings.database_url or sqlite_url(settings.data_dir)
    if must_exist and not settings.database_url and not (settings.data_dir / "refundlens.db").exists():
        raise DatabaseError(
            f"there is no database in {settings.data_dir}; set REFUNDLENS_DATA_DIR or REFUNDLENS_DATABASE_URL"
        )
    if not settings.database_url:
        _refuse_emptied(settings.data_dir)
    database = Database(url)
    try:
        database.check()
        database.migrate()
    except BaseException:
        database.close()
        raise
    with suppress(IntegrityError):  # a process that started together with this one was first
        _ensure(database, DEFAULT, DEFAULT_NAME, now)
    return database


def _refuse_emptied(folder: Path) -> None:
    """Make no new database where one was: all lists would be empty, and nobody would be told. Raises DatabaseError."""
    file = sqlite_file(folder)
    if file.exists() and file.stat().st_size:
        return
    if file.exists() or any((folder / "files").glob("??/*")):
        what = "is empty" if file.exists() else "is gone, but photos are there"
        raise DatabaseError(
            f"the database {file} {what}; restore the last backup (docs/database.md), or, to begin anew, move the "
            f"folder {folder} away"
        )


def ensure_demo(database: Database, now: datetime) -> None:
    """The demo's tenant, for a service that shows the demo, with a limit on misses of its own."""
    with suppress(IntegrityError):
        _ensure(database, DEMO, DEMO_NAME, now)
    with database.transaction() as session:
        if "miss_limit" not in chosen_settings(session, DEMO):
            choose(session, DEMO, now, SYSTEM, {"miss_limit": DEMO_MISS_LIMIT})


def _ensure(database: Database, identifier: str, name: str, now: datetime) -> None:
    with database.reading() as session:
        if session.get(Tenant, identifier) is not None:
            return
    with database.transaction() as session:
        if session.get(Tenant, identifier) is None:
            _add(session, identifier, name, now, SYSTEM)


def _add(session: Session, identifier: str, name: str, now: datetime, actor: Actor) -> Tenant:
    tenant = Tenant(id=identifier, name=name, settings={}, created_at=now)
    session.add(tenant)
    session.flush()
    audit.start(session, identifier)
    session.flush()
    audit.append(session, identifier, now, actor, Fact("tenant.created", identifier))
    return tenant


@dataclass(frozen=True)
class Choice:
    """name: in `Tenant.settings`. kind: a yes or no, or a share from 0 to 1."""

    name: str
    kind: Literal["flag", "share"]


CHOICES = (
    Choice("hide_opinion", "flag"),
    Choice("share_prints", "flag"),
    Choice("training", "flag"),
    Choice("miss_limit", "share"),
)


def chosen_settings(session: Session, tenant: str) -> dict[str, Any]:
    """What the tenant chose. Raises IdentityError for none of that id."""
    return dict(_tenant(session, tenant).settings)


def choose(
    session: Session, tenant: str, now: datetime, actor: Actor, values: dict[str, bool | float | None]
) -> dict[str, Any]:
    """Change some settings; None goes back to the service's default. What stays is not audited. Raises
    IdentityError."""
    kinds = {one.name: one.kind for one in CHOICES}
    for name, value in values.items():
        if name not in kinds:
            raise IdentityError(f"there is no setting {name}")
        if kinds[name] == "share" and value is not None and not 0 <= float(value) <= 1:
            raise IdentityError(f"{name} is a share from 0 to 1")
    row = _tenant(session, tenant, lock=True)
    changed = {name: value for name, value in values.items() if row.settings.get(name) != value}
    if changed:
        kept = {**row.settings, **changed}
        row.settings = {name: value for name, value in kept.items() if value is not None}
        audit.append(session, tenant, now, actor, Fact("tenant.set", tenant, data=changed))
    return dict(row.settings)


def _tenant(session: Session, tenant: str, lock: bool = False) -> Tenant:
    row = session.get(Tenant, tenant, with_for_update=lock)
    if row is None:
        raise IdentityError(f"there is no tenant {tenant}")
    return row
