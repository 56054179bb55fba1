"""API keys: made, listed, taken back, replaced; and the principal behind one.

In: an open transaction and the key's text or id. Out: rows without the key, and its text once, when it is made. A key
is `rl_<last 8 characters of its id>_<43 random characters>`: one found somewhere can be told from `keys list`, and only
its SHA-256 is kept.

How keys and session cookies are kept: as their SHA-256. They are random and long, so no salt and no slow hash.

Keys that no database holds: those of REFUNDLENS_API_KEYS, of the default tenant, and the demo key, of the demo's.

In: settings. Out: a principal for each, by the key's SHA-256. An entry is `key` (an adjudicator's), `role:key` or
`role:subject:key`; a merchant acts for the shop of its subject's name. They hold as long as the process and change with
the environment alone. The demo key is made at first start, kept in the data folder for its owner only, and printed by
`serve`.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.identity.scopes import IdentityError, check_scopes
from refundlens.serving.identity.tenants import DEFAULT, DEMO
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.principal import VISITOR_ID, Principal
from refundlens.serving.kit.roles import KEY_ROLES, Actor, Role
from refundlens.serving.settings import Settings, SettingsError
from refundlens.serving.storage.secret import kept
from refundlens.serving.storage.tables import ApiKey


def digest(text: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


PREFIX = "env_"
"""Of the ids of these keys: a row of that id is there for the sessions begun with it and admits nobody by itself."""
DEMO_SUBJECT = "demo"
"""Whose the demo key is, and the shop of the demo page's visitors."""
VISITOR_SUBJECT = "visitor"
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
    account = name if role in (Role.MERCHANT, Role.PLATFORM) else None
    return Principal(tenant, f"{PREFIX}{mark}", role, name, account)


OVERLAP = timedelta(hours=24)
"""How long a replaced key works on: a working day to put the new one everywhere."""
_SECRET_BYTES = 32
_ID_PART = 8
_KEY = re.compile(rf"rl_[0-9A-Z]{{{_ID_PART}}}_[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True)
class NewKeyRequest:
    """A key to be made. subject: none for the name. account: the shop a
    merchant acts for, or the platform's name, none for its subject."""

    role: Role
    name: str
    subject: str | None = None
    account: str | None = None
    scopes: Sequence[str] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True)
class NewKey:
    """text: the key itself; nobody can show it again."""

    row: ApiKey
    text: str


@dataclass(frozen=True)
class Authentication:
    """Whoever called, until when that is certain without asking again. csrf: of a console session, none for a key."""

    principal: Principal
    until: datetime | None
    csrf: str | None = None


def create_key(session: Session, tenant: str, now: datetime, actor: Actor, wanted: NewKeyRequest) -> NewKey:
    """A new key. Raises IdentityError."""
    subject = wanted.subject or wanted.name
    account = wanted.account
    if wanted.role in (Role.MERCHANT, Role.PLATFORM):
        account = account or subject
    elif account is not None:
        raise IdentityError(
            f"an account is a merchant's shop or a platform's name; a key of the role {wanted.role.value} has none"
        )
    if wanted.role not in KEY_ROLES:
        raise IdentityError(f"{wanted.role.value} holds no key; roles are {', '.join(KEY_ROLES)}")
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise IdentityError("it would be over at once; let it expire later")
    made = _new(
        session, tenant, now, wanted.role, wanted.name, subject, account, wanted.scopes, wanted.expires_at
    )
    _record(session, made.row, now, actor, "key.created")
    return made


def list_keys(session: Session, tenant: str | None = None) -> Sequence[ApiKey]:
    """The keys of a tenant, or of all, the oldest first. Those of the environment are not among them."""
    asked = select(ApiKey).where(~ApiKey.id.startswith(PREFIX, autoescape=True)).order_by(ApiKey.id)
    if tenant is not None:
        asked = asked.where(ApiKey.tenant_id == tenant)
    return session.execute(asked).scalars().all()


def revoke(session: Session, key_id: str, now: datetime, actor: Actor, tenant: str | None = None) -> ApiKey:
    """Take a key back for good; its console sessions end with it. One taken back already stays as it is. tenant: of
    whom it must be, none for any. Raises IdentityError."""
    row = own_key(session, key_id, tenant)
    if row.revoked_at is None:
        row.revoked_at, row.login, row.password = now, None, None
        _record(session, row, now, actor, "key.revoked")
    return row


def rotate_key(
    session: Session,
    key_id: str,
    now: datetime,
    actor: Actor,
    tenant: str | None = None,
    overlap: timedelta = OVERLAP,
) -> NewKey:
    """Another key for the same subject, account, role and scopes, that lasts as long as the old one was made to. The
    old one works for `overlap` on. Raises IdentityError for a key that is over or was replaced before."""
    old = own_key(session, key_id, tenant)
    if not holds(old, now):
        raise IdentityError(f"{key_id} is over; make a new one with `refundlens keys create`")
    if old.rotated_to is not None:
        raise IdentityError(f"{key_id} was replaced by {old.rotated_to} already; rotate that one")
    expires = None if old.expires_at is None else now + (old.expires_at - old.created_at)
    role = Role(old.role)
    made = _new(session, old.tenant_id, now, role, old.name, old.subject, old.account, old.scopes, expires)
    login, password, old.login, old.password = old.login, old.password, None, None
    session.flush()  # of one login, there is one at a time
    made.row.login, made.row.password = login, password
    old.rotated_to = made.row.id
    old.expires_at = min(old.expires_at or now + overlap, now + overlap)
    session.flush()
    _record(session, old, now, actor, "key.rotated", {"rotated_to": made.row.id})
    _record(session, made.row, now, actor, "key.created")
    return made


def looks_like_one(text: str) -> bool:
    """Whether it is worth asking the database for."""
    return _KEY.fullmatch(text) is not None


def authenticate_key(session: Session, text: str, now: datetime) -> Authentication | None:
    """Who holds this key; none for one that is unknown or over."""
    row = session.execute(select(ApiKey).where(ApiKey.digest == digest(text))).scalar_one_or_none()
    if row is None or row.id.startswith(PREFIX) or not holds(row, now):
        return None
    return Authentication(principal(row), row.expires_at)


def holds(row: ApiKey, now: datetime) -> bool:
    """Whether the key opens anything now."""
    return row.revoked_at is None and (row.expires_at is None or now < row.expires_at)


def principal(row: ApiKey) -> Principal:
    """Raises ValueError for a role that no version wrote."""
    return Principal(row.tenant_id, row.id, Role(row.role), row.subject, row.account, frozenset(row.scopes))


def _new(
    session: Session,
    tenant: str,
    now: datetime,
    role: Role,
    name: str,
    subject: str,
    account: str | None,
    scopes: Sequence[str],
    expires_at: datetime | None,
) -> NewKey:
    check_scopes(scopes)
    identifier = make_id("key", now)
    text = f"rl_{identifier[-_ID_PART:]}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    row = ApiKey(
        id=identifier,
        tenant_id=tenant,
        name=name,
        role=role.value,
        scopes=sorted(set(scopes)),
        subject=subject,
        account=account,
        digest=digest(text),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return NewKey(row, text)


def own_key(session: Session, key_id: str, tenant: str | None) -> ApiKey:
    """A key of the database, locked. tenant: of whom it must be, none for any. Raises IdentityError."""
    row = session.get(ApiKey, key_id, with_for_update=True)
    if row is None or (tenant is not None and row.tenant_id != tenant):
        raise IdentityError(f"there is no key {key_id}; `refundlens keys list` shows them")
    if row.id.startswith(PREFIX):
        raise IdentityError(f"{key_id} comes from the environment; change REFUNDLENS_API_KEYS and restart")
    return row


def _record(
    session: Session,
    row: ApiKey,
    now: datetime,
    actor: Actor,
    action: str,
    more: dict[str, str] | None = None,
) -> None:
    expires = rfc3339(row.expires_at) if row.expires_at else None
    data = {"role": row.role, "scopes": row.scopes, "expires_at": expires, **(more or {})}
    audit.append(session, row.tenant_id, now, actor, Fact(action, row.id, data=data))
