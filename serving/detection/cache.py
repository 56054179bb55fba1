"""Remembers answers: the same bytes, judged by the same model for the same caller and claim, are not judged again.

In: what was asked (`Question`). Out: the stored detection's JSON, from memory, or from the store, which survives a
restart. The model's checksum is part of every question, so no model ever finds the answer of another; the caller's id
is too, so nobody can tell by the time it takes whether somebody else has sent a photo.
"""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

from refundlens.model.names import Defect
from refundlens.serving.kit.language import Language

RULES = 3
"""Raise with every change in code that may change an answer: what was stored under other rules is not given again."""

CacheUse = Literal["use", "renew", "off"]
"""Look for an answer and keep new ones; only keep new ones (`Cache-Control: no-cache`); neither (`no-store`)."""


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
