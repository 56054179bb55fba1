"""A caller, as everything behind the door sees it.

Scopes narrow a key: `reports:read`, `detect:write`, `*:read`. A key without any may do all that its role may.

In: a key's scopes, the route that is asked and how. Out: whether it may. The first half is the part of the API, as its
path says after `/v1/` (`*` for all of it); `/v2` belongs to `detect`. Reading is GET and HEAD, all else is writing.

What can be wrong with a wish about keys and tenants.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from refundlens.serving.events.audit import Actor
from refundlens.serving.workflow.states import Role


@dataclass(frozen=True)
class Principal:
    """tenant: nothing outside it exists for this caller. key_id: of the key. subject: the person or system that holds
    the key; a judge is known by it. account: the shop a merchant acts for, none for others (and for an admin, who acts
    for every shop). scopes: narrow a role where any are given."""

    tenant: str
    key_id: str
    role: Role
    subject: str
    account: str | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def actor(self) -> Actor:
        return Actor(self.role, self.subject)

    @property
    def key_owner(self) -> str:
        """Whose Idempotency-Keys these are; the same after a key was rotated."""
        return f"{self.role.value}:{self.account or ''}:{self.subject}"

    @property
    def owner(self) -> str:
        """Whose detections and answers these are: `tenant/account/role/subject`; the same after a key was rotated."""
        return owner_name(self.tenant, self.account, self.role, self.subject)

    def has_role(self, *roles: Role) -> bool:
        """Whether it may do what these roles may; an admin may do everything."""
        return self.role in roles or self.role is Role.ADMIN

    def may_read(self, owner: str) -> bool:
        """Whether what `owner` keeps is there for this caller: all of its tenant's, for a merchant its shop's only."""
        tenant, *rest = map(unquote, owner.split("/"))
        if tenant != self.tenant or not rest:
            return False
        return self.role is not Role.MERCHANT or rest[0] == (self.account or "")


def owner_name(tenant: str, account: str | None, role: Role, subject: str) -> str:
    """`Principal.owner` of somebody who is not calling now."""
    return "/".join(quote(part, safe="") for part in (tenant, account or "", role.value, subject))


class IdentityError(Exception):
    """It was not done; the message tells a person why, and what to do."""


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SCOPE = re.compile(r"(\*|[a-z][a-z0-9-]*):(read|write)")


def check_scopes(scopes: Iterable[str]) -> None:
    """Raises IdentityError for one that cannot be meant."""
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise IdentityError(f"{scope} is no scope; write the part of the API, such as reports:read")


def scope_of(path: str, method: str) -> str:
    """What a request needs. path: the route's, `/v1/reports/{id}`."""
    version, _, rest = path.lstrip("/").partition("/")
    part = "detect" if version == "v2" else rest.partition("/")[0] if version == "v1" else version or "page"
    return f"{part}:{'read' if method in SAFE_METHODS else 'write'}"


def permits(scopes: Collection[str], wanted: str) -> bool:
    """Whether a key of these scopes may do what needs `wanted`."""
    return not scopes or wanted in scopes or f"*:{wanted.partition(':')[2]}" in scopes
