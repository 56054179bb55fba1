"""What a tenant chooses for itself, one list of its settings, changed with an audit event.

In: an open transaction, the tenant and new values. Out: the settings as they are kept; absent means the default.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.identity.scopes import IdentityError
from refundlens.serving.kit.roles import Actor
from refundlens.serving.storage.tables import Tenant


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
