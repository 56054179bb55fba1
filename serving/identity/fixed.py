"""Keys that no database holds: those of REFUNDLENS_API_KEYS, of the default tenant, and the demo key, of the demo's.

In: settings. Out: a principal for each, by the key's SHA-256. An entry is `key` (an adjudicator's), `role:key` or
`role:subject:key`; a merchant acts for the shop of its subject's name. They hold as long as the process and change with
the environment alone. The demo key is made at first start, kept in the data folder for its owner only, and printed by
`serve`.
"""

import secrets

from serving.identity.digests import digest
from serving.identity.principal import Principal
from serving.identity.secret import kept
from serving.identity.tenants import DEFAULT, DEMO
from serving.settings import Settings, SettingsError
from serving.workflow.states import KEY_ROLES, Role

PREFIX = "env_"
"""Of the ids of these keys: a row of that id is there for the sessions begun with it and admits nobody by itself."""
DEMO_SUBJECT = "demo"
"""Whose the demo key is, and the shop of the demo page's visitors."""
VISITOR_SUBJECT = "visitor"
VISITOR_ID = f"{PREFIX}visitor"
_KEY_FILE = "demo.key"


def demo_key(settings: Settings) -> str | None:
    """The demo key, made now if there is none yet; None where the demo is switched off."""
    if not settings.demo:
        return None
    return kept(settings.data_dir / _KEY_FILE, lambda: f"rl_demo_{secrets.token_urlsafe(24)}")


def fixed_keys(settings: Settings) -> dict[str, Principal]:
    """By digest. Raises SettingsError where an entry cannot be understood."""
    entries = [_read(entry.get_secret_value()) for entry in settings.api_keys]
    keys = {digest(key): _principal(key, role, subject) for key, role, subject in entries}
    demo = demo_key(settings)
    if demo:
        keys[digest(demo)] = _principal(demo, Role.ADMIN, DEMO_SUBJECT, DEMO)
    return keys


def visitor(settings: Settings) -> Principal | None:
    """Whom the demo page's visitors are, who come without a key: a merchant of a shop of that name. None where the demo
    is switched off. No key of theirs exists."""
    if not settings.demo:
        return None
    return Principal(DEMO, VISITOR_ID, Role.MERCHANT, VISITOR_SUBJECT, DEMO_SUBJECT)


def _read(entry: str) -> tuple[str, Role, str | None]:
    """Key, role, subject. A plain key is an adjudicator's: the main caller of /v1/detect."""
    first, colon, rest = entry.partition(":")
    if not colon or first not in {role.value for role in Role}:
        return entry, Role.ADJUDICATOR, None
    role = Role(first)
    subject, colon, key = rest.partition(":")
    if not colon:
        subject, key = "", rest
    if role not in KEY_ROLES or not key:
        roles = "|".join(KEY_ROLES)
        raise SettingsError(
            f"REFUNDLENS_API_KEYS: an entry that begins with {first}: is not KEY, ({roles}):KEY or "
            f"({roles}):SUBJECT:KEY"
        )
    return key, role, subject or None


def _principal(key: str, role: Role, subject: str | None, tenant: str = DEFAULT) -> Principal:
    mark = digest(key)[:16]
    name = subject or f"key-{mark[:8]}"
    account = name if role is Role.MERCHANT else None
    return Principal(tenant, f"{PREFIX}{mark}", role, name, account)
