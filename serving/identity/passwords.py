"""Logins of people beside keys: an address that an administrator gave a key's holder, and a password of his own.

In: an open transaction, or the database where there is something to hash. Out: the key behind a login: its sessions are
that key's, and end with it. Passwords are kept as Argon2id hashes (RFC 9106, the library's own parameters).
"""

from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.identity.keys import digest, holds, own_key
from refundlens.serving.identity.scopes import IdentityError
from refundlens.serving.kit.roles import Actor
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import ApiKey, ConsoleSession

SHORTEST, LONGEST = 12, 200
"""Characters of a password; by NIST SP 800-63B length counts, and no rule on signs."""
LONGEST_LOGIN = 254
"""Of an e-mail address, by RFC 5321."""
AT_ONCE = 2
"""Hashes in a process (`Services.hashing`): one takes 64 MB and a processor for some tens of milliseconds."""
_hasher = PasswordHasher()
_NOBODYS = _hasher.hash("nobody has this one")
"""Checked where there is no such login, so that the time of an answer does not tell which exist."""


def find_login(session: Session, login: str, now: datetime) -> ApiKey | None:
    """The key that works behind a login."""
    row = session.execute(select(ApiKey).where(ApiKey.login == plain(login))).scalar_one_or_none()
    return row if row is not None and holds(row, now) else None


def verified(session: Session, login: str, password: str, now: datetime) -> str | None:
    """The id of the key whose login and password these are. Takes some tens of milliseconds, whatever comes of it."""
    row = find_login(session, login, now)
    hashed = row.password if row is not None else None
    right = _matches(hashed or _NOBODYS, password[: LONGEST + 1])
    return row.id if right and row is not None and hashed else None


def set_login(session: Session, key_id: str, login: str, now: datetime, actor: Actor, tenant: str) -> ApiKey:
    """Give a key's holder a login, or take it away with "". Its password goes: it was another address's. Raises
    IdentityError."""
    row = own_key(session, key_id, tenant)
    name = plain(login)
    if name and ("@" not in name or len(name) > LONGEST_LOGIN or not name.isprintable() or " " in name):
        raise IdentityError("a login is an e-mail address", "login_no_address")
    if name and not holds(row, now):
        raise IdentityError(f"{key_id} is over; give the address to a key that works")
    taken = session.execute(select(ApiKey.id).where(ApiKey.login == name)).scalar() if name else None
    if taken is not None and taken != row.id:
        raise IdentityError("this address is another key's login", "login_taken")
    if (row.login or "") != name:
        row.login, row.password = name or None, None
        _record(session, row, now, actor, "key.login_set" if name else "key.login_removed")
    return row


def set_password(
    database: Database, key_id: str, before: str, password: str, now: datetime, actor: Actor, cookie: str
) -> None:
    """A key's holder chooses one; his other sessions end. before: the one until now, where there is one. cookie: of the
    session that stays. Hashes before the transaction, which no other writer waits for. Raises IdentityError."""
    with database.reading() as session:
        known = session.get(ApiKey, key_id)
    if known is None or known.login is None:
        raise IdentityError("there is no login for this key; an administrator gives it an address")
    if known.password is not None and not _matches(known.password, before):
        raise IdentityError("the password until now is another one")
    if not SHORTEST <= len(password) <= LONGEST:
        raise IdentityError(f"a password has {SHORTEST} to {LONGEST} characters")
    hashed = _hasher.hash(password)
    with database.transaction() as session:
        row = session.get(ApiKey, key_id, with_for_update=True)
        if row is None or (row.login, row.password) != (known.login, known.password):
            raise IdentityError("the login was changed meanwhile; begin again")
        row.password = hashed
        others = delete(ConsoleSession).where(
            ConsoleSession.key_id == key_id, ConsoleSession.digest != digest(cookie)
        )
        session.execute(others)
        _record(session, row, now, actor, "key.password_set")


def plain(login: str) -> str:
    """As logins are compared: without case and the spaces around."""
    return login.strip().casefold()


def _matches(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _record(session: Session, row: ApiKey, now: datetime, actor: Actor, action: str) -> None:
    audit.append(session, row.tenant_id, now, actor, Fact(action, row.id, data={"role": row.role}))
