"""Who acts: roles of keys, and the actor that the audit log names."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Who acts. The first four hold API keys; `buyer` comes by a status link; the last two are ourselves."""

    MERCHANT = "merchant"
    ADJUDICATOR = "adjudicator"
    ENGINEER = "engineer"
    ADMIN = "admin"
    BUYER = "buyer"
    DETECTOR = "detector"
    SYSTEM = "system"


KEY_ROLES = (Role.MERCHANT, Role.ADJUDICATOR, Role.ENGINEER, Role.ADMIN)


JUDGING = (Role.ADJUDICATOR, Role.ENGINEER, Role.ADMIN)
"""Who judges photos, or models: they see every digit."""


@dataclass(frozen=True)
class Actor:
    """Who did it. name: the subject of a key, `detector`, `system`, or `buyer` for a status link."""

    role: Role
    name: str


SYSTEM = Actor(Role.SYSTEM, "system")


DETECTOR = Actor(Role.DETECTOR, "detector")


BUYER = Actor(Role.BUYER, "buyer")
