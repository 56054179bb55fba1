"""Idempotency-Key: a request sent twice is answered once (draft-ietf-httpapi-idempotency-key-header-07).

In: the caller, the key, a fingerprint of the request. Out: nothing the first time, the stored answer afterwards. Kept
in memory: a restart forgets, which costs a repeated detection and nothing else.
"""

import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from serving.clock import Clock
from serving.problems import Problem

LIFETIME = timedelta(hours=24)
"""How long an answer can be had again; clients' retries are over long before."""
MOST = 10_000
"""Keys remembered."""
MOST_BYTES = 50_000_000
"""JSON of all answers remembered: one photo's takes some 2 kB, sixteen photos' sixteen times that."""


@dataclass
class _Entry:
    fingerprint: str
    since: datetime
    answer: bytes | None = None


class Replays:
    """Answers by caller and key. Used from the event loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._bytes = 0

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
        answer: dict[str, Any] = json.loads(entry.answer)
        return answer

    def finish(self, owner: str, key: str, answer: dict[str, Any]) -> None:
        """Remember the answer. A key that was forgotten meanwhile stays forgotten."""
        entry = self._entries.get((owner, key))
        if entry is not None:
            entry.answer = json.dumps(answer).encode()
            self._bytes += len(entry.answer)

    def abandon(self, owner: str, key: str) -> None:
        """Free the key of a request that failed, so that it can be sent again."""
        self._drop((owner, key))

    def _forget(self) -> None:
        oldest_kept = self._clock() - LIFETIME
        while self._entries:
            first, entry = next(iter(self._entries.items()))
            room = len(self._entries) < MOST and self._bytes <= MOST_BYTES
            if room and entry.since >= oldest_kept:
                return
            self._drop(first)

    def _drop(self, name: tuple[str, str]) -> None:
        entry = self._entries.pop(name, None)
        self._bytes -= len(entry.answer or b"") if entry else 0
