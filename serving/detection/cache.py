"""Remembers answers: the same bytes, judged by the same model for the same caller and claim, are not judged again.

In: what was asked (`Question`). Out: the stored detection's JSON, from memory, or from the store, which survives a
restart. The model's checksum is part of every question, so no model ever finds the answer of another; the caller's id
is too, so nobody can tell by the time it takes whether somebody else has sent a photo.
"""

import asyncio
import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from refundlens.model.names import Defect
from refundlens.serving.detection.store import DetectionStore
from refundlens.serving.kit.language import Language
from refundlens.serving.observability import Metrics
from refundlens.serving.storage.tables import DetectionRecord

Result = TypeVar("Result")

STORE_THREADS = 4
"""Threads that ask the database: SQLite has one writer, and what is looked up takes a millisecond."""
RULES = 6
"""Raise with every change in code that may change an answer: what was stored under other rules is not given again."""

CacheUse = Literal["use", "renew", "off"]
"""Look for an answer and keep new ones; only keep new ones (`Cache-Control: no-cache`); neither (`no-store`)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """All that decides a stored answer. photo, model: SHA-256 in hexadecimal. The reasons' texts are in `language`."""

    owner: str
    photo: str
    model: str
    claim: Defect | None
    language: Language

    @property
    def digest(self) -> str:
        """The question in 64 hexadecimal digits."""
        parts = [RULES, self.owner, self.photo, self.model, self.claim, self.language]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class ResultCache:
    """The answers used last, as JSON, bounded by bytes: those that are known to be whole in the store. Used from the
    event loop only."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, digest: str) -> dict[str, Any] | None:
        """A copy of the answer, None where there is none."""
        found = self._kept.get(digest)
        if found is None:
            return None
        self._kept.move_to_end(digest)
        body: dict[str, Any] = json.loads(found)
        return body

    def put(self, digest: str, body: dict[str, Any]) -> None:
        """Keep an answer; the ones used longest ago make room."""
        self.drop(digest)
        self._kept[digest] = content = json.dumps(body).encode()
        self._bytes += len(content)
        while self._bytes > self._most:
            self._bytes -= len(self._kept.popitem(last=False)[1])

    def drop(self, digest: str) -> None:
        """Forget one answer."""
        self._bytes -= len(self._kept.pop(digest, b""))


class KnownAnswers:
    """The store's answers, those used last in memory. For the event loop: the store is asked on a few threads of its
    own, since the worker's transactions, which wait for the disk, would hold up who only looks."""

    def __init__(self, store: DetectionStore, cache_bytes: int, metrics: Metrics) -> None:
        """cache_bytes: answers held in memory; 0 has every photo judged anew."""
        self.caching = cache_bytes > 0
        self._memory, self._store, self._metrics = ResultCache(cache_bytes), store, metrics
        self._threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="detections")

    def close(self) -> None:
        self._threads.shutdown()

    async def knows(self, questions: Callable[[], Sequence[str]]) -> bool:
        """Whether there is an answer to each of some questions, worked out on a thread. Reads no file."""

        def look() -> bool:
            asked = set(questions())
            return self._store.answers(list(asked)).keys() == asked

        return self.caching and await self._ask(look)

    async def find(self, questions: Callable[[], Sequence[str]]) -> list[dict[str, Any] | None]:
        """The answer to each question that has one that is whole."""

        def look() -> tuple[Sequence[str], dict[str, str]]:
            asked = questions()
            return asked, self._store.answers(asked)

        asked, known = await self._ask(look)
        return [await self._answer(question, known.get(question)) for question in asked]

    async def keep(self, rows: Sequence[DetectionRecord]) -> None:
        """Store what was answered, all of a request in one transaction. Raises SQLAlchemyError."""
        surplus = await self._ask(lambda: self._store.put(rows))
        if surplus:  # nobody waits for what goes
            self._threads.submit(self._store.trim)
        for row in rows:
            if row.question is not None:
                self._memory.put(row.question, row.body)

    async def _answer(self, question: str, identifier: str | None) -> dict[str, Any] | None:
        body = self._memory.get(question) if identifier else None
        where = "memory"
        if identifier and (body is None or body["id"] != identifier):
            where, body = "store", await self._ask(lambda: self._stored(identifier))
            if body is not None:
                self._memory.put(question, body)
        if body is None:
            self._memory.drop(question)
            where = "miss"
        self._metrics.cache.labels(where).inc()
        return body

    def _stored(self, identifier: str) -> dict[str, Any] | None:
        """None where a map cannot be read: its photo is judged anew."""
        try:
            return self._store.whole(identifier)
        except OSError:
            _log.warning("the photo of the stored detection %s is judged anew", identifier, exc_info=True)
            return None

    async def _ask(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
