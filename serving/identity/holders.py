"""People and programs with keys: each with all keys it holds, and all of them taken back at once when it leaves.

In: an open session and the tenant. Out: holders in the order of their names, a page at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from refundlens.serving.identity.keys import PREFIX, holds, revoke
from refundlens.serving.identity.scopes import IdentityError
from refundlens.serving.kit.roles import Actor
from refundlens.serving.storage.tables import ApiKey, ConsoleSession


@dataclass(frozen=True)
class Holder:
    """subject: the name that decisions and the audit log have. keys: newest first. sessions: open ones in browsers."""

    subject: str
    keys: Sequence[ApiKey]
    sessions: int

    def works(self, now: datetime) -> bool:
        """Whether any of its keys opens anything now."""
        return any(holds(key, now) for key in self.keys)


def list_holders(
    session: Session, tenant: str, now: datetime, find: str = "", after: str | None = None, count: int = 25
) -> list[Holder]:
    """Up to `count` + 1 after a subject, by name. find: part of a subject, a key's name, its id or its shop. Keys of
    the environment are not among them."""
    own = (ApiKey.tenant_id == tenant, ~ApiKey.id.startswith(PREFIX, autoescape=True))
    asked = select(ApiKey.subject).where(*own).distinct().order_by(ApiKey.subject).limit(count + 1)
    if find:
        places = (ApiKey.subject, ApiKey.name, ApiKey.id, ApiKey.account)
        asked = asked.where(or_(*(place.icontains(find, autoescape=True) for place in places)))
    if after is not None:
        asked = asked.where(ApiKey.subject > after)
    subjects = session.execute(asked).scalars().all()
    keys: dict[str, list[ApiKey]] = {subject: [] for subject in subjects}
    rows = select(ApiKey).where(*own, ApiKey.subject.in_(subjects)).order_by(ApiKey.id.desc())
    for key in session.execute(rows).scalars():
        keys[key.subject].append(key)
    opened = _sessions(session, [key.id for held in keys.values() for key in held], now)
    return [
        Holder(subject, held, sum(opened.get(key.id, 0) for key in held)) for subject, held in keys.items()
    ]


def revoke_all(session: Session, tenant: str, subject: str, now: datetime, actor: Actor) -> int:
    """Take back every key of a holder that still works; its sessions end with them. How many. Raises IdentityError."""
    asked = select(ApiKey).where(
        ApiKey.tenant_id == tenant,
        ApiKey.subject == subject,
        ~ApiKey.id.startswith(PREFIX, autoescape=True),
    )
    rows = session.execute(asked.order_by(ApiKey.id)).scalars().all()
    if not rows:
        raise IdentityError(f"nobody here is called {subject}")
    working = [row.id for row in rows if holds(row, now)]
    for key_id in working:
        revoke(session, key_id, now, actor, tenant)
    return len(working)


def _sessions(session: Session, key_ids: Sequence[str], now: datetime) -> dict[str, int]:
    asked = (
        select(ConsoleSession.key_id, func.count())
        .where(ConsoleSession.key_id.in_(key_ids), ConsoleSession.expires_at > now)
        .group_by(ConsoleSession.key_id)
    )
    return {row[0]: row[1] for row in session.execute(asked)}
