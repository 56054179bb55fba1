"""Checks a tenant's chain against itself, row by row; memory holds one batch however long the chain is.

In: a session to read with. Out: how many rows are whole, where the chain ends, and the first row that is not as it was
written. Whoever may write to the database can make a whole new chain that fits itself: that only shows against an
`Anchor` kept elsewhere, so keep what `refundlens audit verify` prints.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from refundlens.serving.events.audit import START, row_hash
from refundlens.serving.storage.tables import AuditEvent, Chain

BATCH = 2000
"""Rows read at once: 1 or 2 MB."""
_COLUMNS = AuditEvent.__table__.columns
_BEFORE_ALL = -(2**62)

Numbered = tuple[int, Row[Any] | None]
"""A row and its number; no row where it cannot be read."""
Watch = Callable[[Iterable[Numbered], int], Iterable[Numbered]]


class Fault(StrEnum):
    CHANGED = "changed"
    """The row's hash is not that of what it says."""
    MISSING = "missing"
    """There is no row of this number, in the middle or at the end."""
    UNCHAINED = "unchained"
    """The row does not name the hash of the row before it: one of the two was put in the other's place."""
    UNEXPECTED = "unexpected"
    """A row that the chain does not count."""
    UNREADABLE = "unreadable"
    """The row holds what no version of this program wrote."""
    ANOTHER_END = "another_end"
    """The last row is not the one the chain ended with."""
    NO_CHAIN = "no_chain"
    """The tenant's record of where its chain ends is gone."""
    ANOTHER_ANCHOR = "another_anchor"
    """The row differs from the one you kept the hash of: the chain was written anew."""


@dataclass(frozen=True)
class Broken:
    """The first fault. seq: the row's number."""

    seq: int
    fault: Fault


@dataclass(frozen=True)
class Anchor:
    """A row's number and hash, kept outside of the database."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Verified:
    """tenant: its id. rows: how many are whole, from the first. end: the last of them. broken: none where all are."""

    tenant: str
    rows: int
    end: str
    broken: Broken | None


def verify(
    session: Session, tenant: str, anchor: Anchor | None = None, watch: Watch = lambda rows, _: rows
) -> Verified:
    """Look at every row of a tenant, as of one moment. watch: is handed the rows and how many there should be, and
    hands them on; a progress bar."""
    if session.get_bind().dialect.name == "postgresql":  # SQLite's reading transactions see one moment anyway
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    head = session.get(Chain, tenant)
    rows, end = 0, START
    for seq, row in watch(_rows(session, tenant), head.length if head else 0):
        fault = _fault(seq, row, rows + 1, end, anchor)
        if fault is not None:
            at = rows + 1 if fault is Fault.MISSING else seq
            return Verified(tenant, rows, end, Broken(at, fault))
        assert row is not None
        rows, end = seq, row.hash
    return Verified(tenant, rows, end, _fault_of_end(head, rows, end, anchor))


def records(session: Session, tenant: str) -> Iterator[Row[Any]]:
    """The rows in order, read in batches. Raises ValueError or TypeError for one that cannot be read."""
    after = _BEFORE_ALL
    while batch := _batch(session, tenant, after, BATCH):
        yield from batch
        after = batch[-1].seq


def _rows(session: Session, tenant: str) -> Iterator[Numbered]:
    after = _BEFORE_ALL
    while True:
        try:
            batch = _batch(session, tenant, after, BATCH)
        except (ValueError, TypeError):
            yield from _one_by_one(session, tenant, after)
            return
        if not batch:
            return
        for row in batch:
            yield row.seq, row
        after = batch[-1].seq


def _one_by_one(session: Session, tenant: str, after: int) -> Iterator[Numbered]:
    """The rows up to the first that cannot be read."""
    numbers = select(AuditEvent.seq).where(AuditEvent.tenant_id == tenant, AuditEvent.seq > after)
    for seq in session.execute(numbers.order_by(AuditEvent.seq).limit(BATCH)).scalars():
        try:
            yield seq, _batch(session, tenant, seq - 1, 1)[0]
        except (ValueError, TypeError):
            yield seq, None
            return


def _batch(session: Session, tenant: str, after: int, size: int) -> list[Row[Any]]:
    asked = select(*_COLUMNS).where(AuditEvent.tenant_id == tenant, AuditEvent.seq > after)
    return list(session.execute(asked.order_by(AuditEvent.seq).limit(size)).all())


def _fault(
    seq: int, row: Row[Any] | None, expected: int, previous: str, anchor: Anchor | None
) -> Fault | None:
    if seq > expected:
        return Fault.MISSING
    if seq < expected:
        return Fault.UNEXPECTED
    if row is None or not isinstance(row.at, datetime):
        return Fault.UNREADABLE
    if row.hash != _hash(row):
        return Fault.CHANGED
    if row.previous != previous:
        return Fault.UNCHAINED
    if anchor is not None and seq == anchor.seq and row.hash != anchor.hash:
        return Fault.ANOTHER_ANCHOR
    return None


def _hash(row: Row[Any]) -> str | None:
    """None for a row that no hash is right for: the canonical form has milliseconds, so nothing may hide below them."""
    try:
        return None if row.at.microsecond % 1000 else row_hash(row)
    except (ValueError, TypeError):
        return None


def _fault_of_end(head: Chain | None, rows: int, end: str, anchor: Anchor | None) -> Broken | None:
    if head is None:
        return Broken(rows, Fault.NO_CHAIN)
    if rows < head.length:
        return Broken(rows + 1, Fault.MISSING)
    if rows > head.length:
        return Broken(head.length + 1, Fault.UNEXPECTED)
    if end != head.hash:
        return Broken(rows, Fault.ANOTHER_END)
    if anchor is not None and rows < anchor.seq:
        return Broken(rows + 1, Fault.MISSING)
    return None
