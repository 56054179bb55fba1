"""A caller, as everything behind the door sees it."""

from dataclasses import dataclass
from urllib.parse import quote, unquote

from refundlens.serving.kit.roles import JUDGING, SYSTEM, Actor, Role

VISITOR_ID = "env_visitor"
"""Key id of the demo page's visitors, who have no key."""


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

    @property
    def sees_names(self) -> bool:
        """Whether this caller is told which person judged."""
        return self.role in (Role.ADJUDICATOR, Role.ADMIN, Role.ENGINEER)

    @property
    def visits(self) -> bool:
        """Whether it is one of the demo page's visitors, whom nobody knows."""
        return self.key_id == VISITOR_ID

    @property
    def judges(self) -> bool:
        """Whether it judges photos or models: others learn the verdict, and numbers only roughly."""
        return self.role in JUDGING

    def has_role(self, *roles: Role) -> bool:
        """Whether it may do what these roles may; an admin may do everything."""
        return self.role in roles or self.role is Role.ADMIN

    def may_read(self, owner: str) -> bool:
        """Whether what `owner` keeps is there for this caller: all of its tenant's, for a merchant its shop's only."""
        tenant, *rest = map(unquote, owner.split("/"))
        if tenant != self.tenant or not rest:
            return False
        return self.role is not Role.MERCHANT or rest[0] == (self.account or "")


OURSELVES = Principal("", SYSTEM.name, SYSTEM.role, SYSTEM.name)
"""The service itself, at work by its own clock; of no tenant, so that no query for a caller finds it anything."""


def owner_name(tenant: str, account: str | None, role: Role, subject: str) -> str:
    """`Principal.owner` of somebody who is not calling now."""
    return "/".join(quote(part, safe="") for part in (tenant, account or "", role.value, subject))


def tenant_of_owner(owner: str) -> str:
    """The tenant in `Principal.owner`."""
    return unquote(owner.partition("/")[0])
