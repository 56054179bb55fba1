"""Console sessions: a cookie in place of a key, for people and their browsers.

In: an open transaction. Out: the cookie's value when one begins, and whoever it stands for afterwards. The database
holds the value's SHA-256. A session ends 12 h after it was last used, at logout, and with its key.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from refundlens.serving.identity import keys
from refundlens.serving.identity.keys import PREFIX, Authentication, digest
from refundlens.serving.kit.principal import Principal
from refundlens.serving.storage.tables import ApiKey, ConsoleSession

LIFE = timedelta(hours=12)
"""A session is over when it was not used for this long: a shift with its breaks, but not the next morning."""
RENEWED_AFTER = timedelta(hours=1)
"""The end moves once this much of its life is gone: one write an hour, not one a request."""
MOST_OF_VISITORS = 1000
"""Sessions of the demo page, which nobody logs into, that are kept: else any crawler could fill the database."""
_VALUE_BYTES = 32


def begin(session: Session, key_id: str, now: datetime) -> str:
    """A new session of a key's holder; the cookie's value. Those that are over go."""
    session.execute(delete(ConsoleSession).where(ConsoleSession.expires_at <= now))
    value = secrets.token_urlsafe(_VALUE_BYTES)
    row = ConsoleSession(
        digest=digest(value),
        key_id=key_id,
        csrf=secrets.token_urlsafe(_VALUE_BYTES),
        created_at=now,
        expires_at=now + LIFE,
    )
    session.add(row)
    session.flush()
    return value


def keep_newest(session: Session, key_id: str, most: int = MOST_OF_VISITORS) -> None:
    """End all sessions of a key but the newest `most`."""
    mine = select(ConsoleSession.digest).where(ConsoleSession.key_id == key_id)
    surplus = mine.order_by(ConsoleSession.created_at.desc(), ConsoleSession.digest).offset(most).limit(most)
    session.execute(
        delete(ConsoleSession).where(ConsoleSession.digest.in_(session.execute(surplus).scalars().all()))
    )


def admitted(
    session: Session, value: str, now: datetime, fixed: Mapping[str, Principal]
) -> Authentication | None:
    """Who the cookie stands for; none where the session or its key is over. fixed: the environment's keys by id."""
    asked = select(ConsoleSession, ApiKey).join(ApiKey, ApiKey.id == ConsoleSession.key_id)
    found = session.execute(asked.where(ConsoleSession.digest == digest(value))).one_or_none()
    if found is None:
        return None
    visit: ConsoleSession = found[0]
    key: ApiKey = found[1]
    if visit.expires_at <= now:
        return None
    if key.id.startswith(PREFIX):
        holder = fixed.get(key.id)
        return Authentication(holder, visit.expires_at, visit.csrf) if holder else None
    if not keys.holds(key, now):
        return None
    until = min(visit.expires_at, key.expires_at or visit.expires_at)
    return Authentication(keys.principal(key), until, visit.csrf)


def ages(visit: Authentication, now: datetime) -> bool:
    """Whether its end is to be moved."""
    return visit.until is not None and visit.until - now < LIFE - RENEWED_AFTER


def renew(session: Session, value: str, now: datetime) -> None:
    """Let it last from now on."""
    row = session.get(ConsoleSession, digest(value), with_for_update=True)
    if row is not None and row.expires_at > now:
        row.expires_at = now + LIFE


def end(session: Session, value: str) -> None:
    """Log out."""
    session.execute(delete(ConsoleSession).where(ConsoleSession.digest == digest(value)))
