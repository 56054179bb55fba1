"""Idempotency-Key: a request sent twice is answered once (draft-ietf-httpapi-idempotency-key-header-07).

In: the caller, the key, a fingerprint of the request. Out: nothing the first time, the stored answer afterwards. Kept
in memory: a restart forgets, which costs a repeated detection and nothing else.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from serving.clock import Clock
from serving.problems import Problem

LIFETIME = timedelta(hours=24)
"""How long an answer can be had again; clients' retries are over long before."""
MOST = 10_000
"""Answers remembered, at some 5 kB each: 50 MB at the very most."""


@dataclass
class _Entry:
    fingerprint: str
    since: datetime
    answer: dict[str, Any] | None = None


class Replays:
    """Answers by caller and key. Used from the event loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()

    def begin(self, owner: str, key: str, fingerprint: str) -> dict[str, Any] | None:
        """The stored answer, or None and the key is taken. Raises Problem 409 while running, 422 on another body."""
        self._forget()
        entry = self._entries.get((owner, key))
        if entry is None:
            self._entries[owner, key] = _Entry(fingerprint, self._clock())
            return None
        if entry.fingerprint != fingerprint:
            detail = "This Idempotency-Key came with another request before. Use a new key for a new request."
            raise Problem(422, "idempotency_mismatch", detail)
        if entry.answer is None:
            detail = "The first request with this Idempotency-Key is still running. Ask again in a moment."
            raise Problem(409, "idempotency_in_progress", detail, {"Retry-After": "1"})
        return entry.answer

    def finish(self, owner: str, key: str, answer: dict[str, Any]) -> None:
        self._entries[owner, key].answer = answer

    def abandon(self, owner: str, key: str) -> None:
        """Free the key of a request that failed, so that it can be sent again."""
        self._entries.pop((owner, key), None)

    def _forget(self) -> None:
        oldest_kept = self._clock() - LIFETIME
        while self._entries:
            first, entry = next(iter(self._entries.items()))
            if len(self._entries) < MOST and entry.since >= oldest_kept:
                return
            del self._entries[first]
