"""Appends to a tenant's hash chain.

hash = SHA-256 of the row as canonical JSON (keys sorted, no spaces, UTF-8), the previous row's hash among its members.
The first row's previous hash is 64 zeros. Free text is never in a row, only its SHA-256: a text that must be erased can
go, and the chain still proves what it was to who kept it.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.roles import Actor
from refundlens.serving.storage.tables import AuditEvent, Chain

START = "0" * 64

Record = AuditEvent | Row[Any]
"""A row of the chain, as an object or as its columns."""


@dataclass(frozen=True)
class Fact:
    """What is to be recorded. data: JSON values that name no person."""

    action: str
    object_id: str
    before: str | None = None
    after: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


def append(session: Session, tenant: str, now: datetime, actor: Actor, fact: Fact) -> AuditEvent:
    """Record a fact, in the caller's transaction. Whoever appends for this tenant next waits until it ends."""
    locked = select(Chain).where(Chain.tenant_id == tenant).with_for_update()
    head = session.execute(locked, execution_options={"populate_existing": True}).scalar_one()
    row = AuditEvent(
        tenant_id=tenant,
        seq=head.length + 1,
        at=_milliseconds(now),
        role=actor.role.value,
        actor=actor.name,
        action=fact.action,
        object_id=fact.object_id,
        before=fact.before,
        after=fact.after,
        data=fact.data,
        previous=head.hash,
    )
    row.hash = row_hash(row)
    session.add(row)
    head.length, head.hash = row.seq, row.hash
    session.flush()
    return row


def start(session: Session, tenant: str) -> None:
    """The empty chain of a new tenant."""
    session.add(Chain(tenant_id=tenant, length=0, hash=START))


def members(row: Record) -> dict[str, Any]:
    """A row as its hash sees it: all but the hash itself."""
    return {
        "tenant": row.tenant_id,
        "seq": row.seq,
        "at": rfc3339(row.at),
        "role": row.role,
        "actor": row.actor,
        "action": row.action,
        "object": row.object_id,
        "before": row.before,
        "after": row.after,
        "data": row.data,
        "previous": row.previous,
    }


def canonical(row: Record) -> str:
    """The text that is hashed. Raises ValueError for numbers that JSON has not."""
    return json.dumps(
        members(row), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def row_hash(row: Record) -> str:
    """What `hash` must be."""
    return text_hash(canonical(row))


def text_hash(text: str) -> str:
    """What a row holds of free text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _milliseconds(moment: datetime) -> datetime:
    """As the hash sees it: databases keep microseconds, the canonical form does not."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
