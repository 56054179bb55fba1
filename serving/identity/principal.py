"""A caller, as everything behind the door sees it."""

from dataclasses import dataclass

from serving.audit.chain import Actor
from serving.workflow.states import Role


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

    def has_role(self, *roles: Role) -> bool:
        """Whether it may do what these roles may; an admin may do everything."""
        return self.role in roles or self.role is Role.ADMIN
