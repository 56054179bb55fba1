"""Idempotency-Key on what creates something (draft-ietf-httpapi-idempotency-key-header-07).

The answer is stored in the transaction that does the thing: a request sent twice is done once and answered twice, also
when this process was killed between the two. The same key with another body is 422, while the first runs 409. Only
answers of success are kept: what failed did nothing and may be sent again.

Where the work takes longer than a transaction may (`answered_once`), the key is taken before and answered afterwards,
in transactions of their own: another process sees both, and a restart loses neither. A process that dies leaves a key
behind that is free again when its time is over.
"""

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.principal import Principal
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import StoredAnswer

LIFETIME = timedelta(hours=24)
"""How long a key is remembered; clients' retries are over long before."""
JSON_TYPE = "application/json"
Name = tuple[str, str, str]
"""Tenant, owner and key: what a stored answer is found by."""

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
        self._keys: set[Name] = set()

    def enter(self, name: Name) -> bool:
        with self._lock:
            fresh = name not in self._keys
            self._keys.add(name)
            return fresh

    def leave(self, name: Name) -> None:
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
    name: Name,
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
        raise _mismatch()
    return _response(stored, replayed=True)


def _ours(session: Session, name: Name) -> bool:
    """Whether no other process is at this key, until the transaction ends. Without this, the second of two processes
    would wait for the first one's rows and then refuse what the first has done."""
    if session.get_bind().dialect.name != "postgresql":
        return True  # SQLite has one writer at a time
    number = int.from_bytes(hashlib.sha256("\x1f".join(name).encode()).digest()[:8], "big", signed=True)
    return bool(session.execute(select(func.pg_try_advisory_xact_lock(number))).scalar_one())


def _in_progress() -> Problem:
    detail = "The first request with this Idempotency-Key is still running. Ask again in a moment."
    return Problem(409, "idempotency_in_progress", detail, {"Retry-After": "1"})


def _mismatch() -> Problem:
    detail = "This Idempotency-Key came with another request before. Use a new key for a new request."
    return Problem(422, "idempotency_mismatch", detail)


def _row(name: Name, fingerprint: str, made: Created, now: Any) -> StoredAnswer:
    tenant, owner, key = name
    return StoredAnswer(
        tenant_id=tenant,
        owner=owner,
        key=key,
        fingerprint=fingerprint,
        status=made.status,
        headers=made.headers,
        body=_json(made.body),
        created_at=now,
    )


def _response(stored: StoredAnswer, replayed: bool = False) -> Response:
    headers = {**stored.headers, **({"Idempotent-Replayed": "true"} if replayed else {})}
    return Response(stored.body, stored.status, headers, JSON_TYPE)


class KeyedWork:
    """What a key stands for while its request is answered. stored: the answer it got before, none the first time."""

    def __init__(self, database: Database, name: Name, stored: dict[str, Any] | None) -> None:
        self.stored = stored
        self._database, self._name = database, name

    async def finish(self, answer: dict[str, Any]) -> None:
        """Remember the answer: from now on the key has it."""
        await asyncio.to_thread(self._finish, _json(answer))
        self.stored = answer

    def _finish(self, body: bytes) -> None:
        changed = update(StoredAnswer).where(*_is(self._name)).values(status=HTTPStatus.OK, body=body)
        with self._database.transaction() as session:
            session.execute(changed)

    def free(self) -> None:
        """The request failed and may be sent again."""
        with self._database.transaction() as session:
            session.execute(
                delete(StoredAnswer).where(*_is(self._name), StoredAnswer.status == HTTPStatus.PROCESSING)
            )


@asynccontextmanager
async def answered_once(
    services: Services, request: Request, principal: Principal, key: str | None, asked: Any, seconds: float
) -> "AsyncIterator[KeyedWork | None]":
    """Answer a request once for its key, if it has one. asked: as in `idempotent`. seconds: how long the work may take;
    after that the key of a process that died is free again. Raises Problem 409, 422."""
    if key is None:
        yield None
        return
    database = services.database
    name = (principal.tenant, principal.key_owner, key)
    fingerprint = _fingerprint(request, asked)
    found = await asyncio.to_thread(_take_key, database, name, fingerprint, services.clock(), seconds)
    work = KeyedWork(database, name, found)
    try:
        yield work
    finally:
        if work.stored is None:
            await asyncio.shield(asyncio.to_thread(work.free))


def _take_key(
    database: Database, name: Name, fingerprint: str, now: datetime, seconds: float
) -> dict[str, Any] | None:
    """The stored answer; None where the key is ours now."""
    try:
        with database.transaction(lasting=False) as session:
            stored = session.get(StoredAnswer, name, with_for_update=True)
            running = stored is not None and stored.status == HTTPStatus.PROCESSING
            lifetime = timedelta(seconds=seconds) if running else LIFETIME
            if stored is not None and stored.created_at < now - lifetime:
                session.delete(stored)
                session.flush()
                stored = None
            if stored is None:
                session.add(_row(name, fingerprint, Created({}, HTTPStatus.PROCESSING), now))
                return None
    except IntegrityError as error:  # another process took it in this moment
        raise _in_progress() from error
    if stored.fingerprint != fingerprint:
        raise _mismatch()
    if running:
        raise _in_progress()
    answer: dict[str, Any] = json.loads(stored.body)
    return answer


def _is(name: Name) -> tuple[ColumnElement[bool], ...]:
    tenant, owner, key = name
    return (StoredAnswer.tenant_id == tenant, StoredAnswer.owner == owner, StoredAnswer.key == key)


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _fingerprint(request: Request, asked: Any) -> str:
    text = json.dumps([request.method, request.url.path, asked], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
