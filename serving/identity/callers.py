"""Finds out who calls, and remembers it for a few seconds: a thousand photos a minute do not cost a query each.

In: a key or a cookie's value. Out: `Authentication`, or none. A key or session that was taken back by another process
opens nothing any more after `REMEMBERED`; one that expires does so at once. Used from the event loop only; the database
is asked on a thread.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from refundlens.serving.identity import keys, sessions
from refundlens.serving.identity.keys import Authentication, digest, fixed_keys, visitor
from refundlens.serving.kit.clock import Clock
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import ApiKey

REMEMBERED = timedelta(seconds=3)
"""How long an answer of the database is used again: how late a revocation may take effect."""
MOST = 10_000
"""Callers remembered; the one asked about first goes first."""


@dataclass(frozen=True)
class _Known:
    admitted: Authentication
    since: datetime


class Callers:
    """Everybody who may come in."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        """Raises SettingsError."""
        self._database, self._clock = database, clock
        self._fixed = fixed_keys(settings)
        self._visitor = visitor(settings)
        self._by_id = {one.key_id: one for one in self._fixed.values()}
        if self._visitor:
            self._by_id[self._visitor.key_id] = self._visitor
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._give_rows()

    async def by_key(self, text: str) -> Authentication | None:
        """Who holds this key."""
        fixed = self._fixed.get(digest(text))
        if fixed is not None:
            return Authentication(fixed, None)
        if not keys.looks_like_one(text):
            return None
        return await self._remembered(text, keys.authenticate_key)

    async def by_cookie(self, value: str) -> Authentication | None:
        """Whose session this is; using it makes it last."""
        visit = await self._remembered(
            value, lambda session, text, now: sessions.admitted(session, text, now, self._by_id)
        )
        now = self._clock()
        if visit is not None and sessions.ages(visit, now):
            await run_in_threadpool(self._renew, value, now)
        return visit

    async def log_in(self, key: str, before: str | None) -> str | None:
        """A session for the holder of this key: the cookie's value; none for a key that opens nothing. before: the
        value of the session that it takes the place of."""
        found = await self.by_key(key)
        if found is None:
            return None
        return await self.log_in_as(found.principal.key_id, before)

    async def log_in_as(self, key_id: str, before: str | None) -> str:
        """The same for the holder of a key who proved it otherwise (`passwords`, `openid`)."""
        if before:
            await self.log_out(before)
        return await run_in_threadpool(self._begin, key_id)

    async def visit(self) -> str | None:
        """A session of the demo page's visitor: the cookie's value; none where there is no demo."""
        return await run_in_threadpool(self._begin, self._visitor.key_id) if self._visitor else None

    async def log_out(self, value: str) -> None:
        """End a session."""
        await run_in_threadpool(self._end, value)
        self._known.pop(digest(value), None)

    async def _remembered(
        self, text: str, find: Callable[[Session, str, datetime], Authentication | None]
    ) -> Authentication | None:
        name, now = digest(text), self._clock()
        known = self._known.get(name)
        if known is None or not timedelta(0) <= now - known.since < REMEMBERED:
            found = await run_in_threadpool(self._ask, text, now, find)
            if found is None:
                self._known.pop(name, None)
                return None
            known = self._known[name] = _Known(found, now)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        until = known.admitted.until
        return known.admitted if until is None or now < until else None

    def _ask(
        self, text: str, now: datetime, find: Callable[[Session, str, datetime], Authentication | None]
    ) -> Authentication | None:
        with self._database.reading() as session:
            return find(session, text, now)

    def _begin(self, key_id: str) -> str:
        with self._database.transaction() as session:
            value = sessions.begin(session, key_id, self._clock())
            if self._visitor and key_id == self._visitor.key_id:
                sessions.keep_newest(session, key_id)
            return value

    def _renew(self, value: str, now: datetime) -> None:
        with self._database.transaction() as session:
            sessions.renew(session, value, now)
        self._known.pop(digest(value), None)

    def _end(self, value: str) -> None:
        with self._database.transaction() as session:
            sessions.end(session, value)

    def _give_rows(self) -> None:
        """A row for each key of the environment, for sessions to point at; its digest is of nothing anybody has."""
        for one in self._by_id.values():
            try:
                with self._database.transaction() as session:
                    if session.get(ApiKey, one.key_id) is None:
                        session.add(
                            ApiKey(
                                id=one.key_id,
                                tenant_id=one.tenant,
                                name="from the environment",
                                role=one.role.value,
                                scopes=[],
                                subject=one.subject,
                                account=one.account,
                                digest=digest(secrets.token_hex(32)),
                                created_at=self._clock(),
                            )
                        )
            except IntegrityError:
                continue  # another process that started with the same keys was first
