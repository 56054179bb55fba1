"""Idempotency-Key on what creates something (draft-ietf-httpapi-idempotency-key-header-07).

The answer is stored in the transaction that does the thing: a request sent twice is done once and answered twice, also
when this process was killed between the two. The same key with another body is 422, while the first runs 409. Only
answers of success are kept: what failed did nothing and may be sent again.

Idempotency-Key: a request sent twice is answered once (draft-ietf-httpapi-idempotency-key-header-07).

In: the caller, the key, a fingerprint of the request. Out: nothing the first time, the stored answer afterwards. Kept
in memory: a restart forgets, which costs a repeated detection and nothing else.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Header, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.clock import Clock
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.principal import Principal
from refundlens.serving.storage.tables import StoredAnswer

LIFETIME = timedelta(hours=24)
"""How long a key is remembered; clients' retries are over long before."""
JSON_TYPE = "application/json"

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Required: any string that names this request, such as a UUID. Sent again within 24 hours, it "
        "gets the stored answer and nothing is done twice.",
        examples=["6f1c2d9e-5a57-4c7a-9b8e-0d3a1f7c2b11"],
    ),
]


@dataclass(frozen=True)
class Created:
    """An answer: HTTP status, JSON object, headers."""

    body: dict[str, Any]
    status: int = 201
    headers: dict[str, str] = field(default_factory=dict)


class Running:
    """Keys whose requests are being answered by this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[tuple[str, str, str]] = set()

    def enter(self, name: tuple[str, str, str]) -> bool:
        with self._lock:
            fresh = name not in self._keys
            self._keys.add(name)
            return fresh

    def leave(self, name: tuple[str, str, str]) -> None:
        with self._lock:
            self._keys.discard(name)


def idempotent(
    services: Services,
    request: Request,
    principal: Principal,
    key: str | None,
    asked: Any,
    do: Callable[[Session], Created],
    required: bool = True,
) -> Response:
    """Do it in one transaction, or give the answer it got before. asked: all of the request that decides what is done,
    as JSON. required: off for what creates nothing; without a key it is then simply done.

    Raises Problem 400, 409, 422, and what `do` raises (then nothing was done)."""
    database = services.database
    if key is None and not required:
        with database.transaction() as session:
            made = do(session)
        return JSONResponse(made.body, made.status, made.headers)
    if key is None:
        raise Problem(
            400,
            "idempotency_key_missing",
            "Send an Idempotency-Key header: any string that names this request.",
        )
    name = (principal.tenant, principal.key_owner, key)
    fingerprint = _fingerprint(request, asked)
    if not services.running.enter(name):
        raise _in_progress()
    try:
        return _once(services, name, fingerprint, do)
    finally:
        services.running.leave(name)


def _once(
    services: Services,
    name: tuple[str, str, str],
    fingerprint: str,
    do: Callable[[Session], Created],
) -> Response:
    try:
        with services.database.transaction() as session:
            if not _ours(session, name):
                raise _in_progress()
            stored = session.get(StoredAnswer, name)
            now = services.clock()
            if stored is not None and stored.created_at < now - LIFETIME:
                session.delete(stored)
                session.flush()
                stored = None
            if stored is None:
                made = do(session)
                row = _row(name, fingerprint, made, now)
                session.add(row)
                session.flush()
                return _response(row)
    except IntegrityError:
        # what it makes was made meanwhile by another process, maybe for this very request
        with services.database.reading() as session:
            stored = session.get(StoredAnswer, name)
        if stored is None:
            raise
    if stored.fingerprint != fingerprint:
        detail = "This Idempotency-Key came with another request before. Use a new key for a new request."
        raise Problem(422, "idempotency_mismatch", detail)
    return _response(stored, replayed=True)


def _ours(session: Session, name: tuple[str, str, str]) -> bool:
    """Whether no other process is at this key, until the transaction ends. Without this, the second of two processes
    would wait for the first one's rows and then refuse what the first has done."""
    if session.get_bind().dialect.name != "postgresql":
        return True  # SQLite has one writer at a time
    number = int.from_bytes(hashlib.sha256("\x1f".join(name).encode()).digest()[:8], "big", signed=True)
    return bool(session.execute(select(func.pg_try_advisory_xact_lock(number))).scalar_one())


def _in_progress() -> Problem:
    detail = "The first request with this Idempotency-Key is still running. Ask again in a moment."
    return Problem(409, "idempotency_in_progress", detail, {"Retry-After": "1"})


def _row(name: tuple[str, str, str], fingerprint: str, made: Created, now: Any) -> StoredAnswer:
    tenant, owner, key = name
    body = json.dumps(made.body, ensure_ascii=False, separators=(",", ":")).encode()
    return StoredAnswer(
        tenant_id=tenant,
        owner=owner,
        key=key,
        fingerprint=fingerprint,
        status=made.status,
        headers=made.headers,
        body=body,
        created_at=now,
    )


def _response(stored: StoredAnswer, replayed: bool = False) -> Response:
    headers = {**stored.headers, **({"Idempotent-Replayed": "true"} if replayed else {})}
    return Response(stored.body, stored.status, headers, JSON_TYPE)


def _fingerprint(request: Request, asked: Any) -> str:
    text = json.dumps([request.method, request.url.path, asked], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


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
