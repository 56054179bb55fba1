"""The one queue of jobs: screenings, clocks and webhooks. No two processes work on one job, and those of a process
that died are given back.

A lease ends by the clock: a leased job is due when its lease ends. Whoever finishes a job deletes its row under the
very lease; if the row is gone or taken by another meanwhile, nothing of the transaction stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from refundlens.serving.kit.ids import make_id
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import Job, Lane

SLOWEST_RETRY = timedelta(minutes=5)
"""A job that keeps failing is tried that often."""


class LeaseLost(Exception):
    """The job was cancelled, or its lease ended and another process has it."""


@dataclass(frozen=True)
class LeasedJob:
    """A job of ours until its lease ends. attempts: this one included."""

    id: str
    lease: str
    tenant_id: str | None
    kind: str
    ref: str
    attempts: int
    created_at: datetime
    data: dict[str, Any] = field(default_factory=dict)


def enqueue(
    session: Session,
    lane: Lane,
    kind: str,
    ref: str,
    due: datetime,
    now: datetime,
    tenant: str | None = None,
    key: str | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Have something done at a time. key: jobs that share it are taken a few at a time. data: what it needs."""
    session.add(
        Job(
            id=make_id("job", now),
            tenant_id=tenant,
            lane=lane.value,
            kind=kind,
            ref=ref,
            concurrency_key=key,
            data=data or {},
            due_at=due,
            created_at=now,
        )
    )


def lease(
    session: Session, now: datetime, seconds: float, limit: int, lane: Lane, key: str | None = None
) -> list[LeasedJob]:
    """Up to `limit` jobs of a lane (of a key) that are due, the longest due first; those that another process is taking
    are passed over. Taking one is an attempt at it, so that a job whose process dies is counted, too."""
    query = select(Job).where(Job.lane == lane.value, Job.due_at <= now)
    if key is not None:
        query = query.where(Job.concurrency_key == key)
    query = query.order_by(Job.due_at, Job.id).limit(limit)
    taken = []
    for row in session.execute(query.with_for_update(skip_locked=True)).scalars().all():
        row.lease, row.due_at = make_id("lse", now), now + timedelta(seconds=seconds)
        row.attempts += 1
        taken.append(
            LeasedJob(
                row.id,
                row.lease,
                row.tenant_id,
                row.kind,
                row.ref,
                row.attempts,
                row.created_at,
                dict(row.data),
            )
        )
    return taken


def take(database: Database, now: datetime, seconds: float, limit: int, lane: Lane) -> list[LeasedJob]:
    """`lease` in a transaction of its own."""
    with database.transaction() as session:
        return lease(session, now, seconds, limit, lane)


def anything_due(database: Database, now: datetime, lane: Lane) -> bool:
    """A look without a lock: on SQLite, taking needs the write lock."""
    with database.reading() as session:
        query = select(Job.id).where(Job.lane == lane.value, Job.due_at <= now)
        return session.execute(query.limit(1)).first() is not None


def next_due(database: Database, now: datetime, lane: Lane) -> timedelta | None:
    """How long until a lane has something due: no time at all where it has, None where it is empty."""
    with database.reading() as session:
        found = session.scalar(select(func.min(Job.due_at)).where(Job.lane == lane.value))
    return None if found is None else max(found - now, timedelta(0))


def finish_job(session: Session, job: LeasedJob) -> None:
    """In the transaction that does it. Raises LeaseLost."""
    _ours(session.execute(delete(Job).where(Job.id == job.id, Job.lease == job.lease)))


def repeat(session: Session, job: LeasedJob, due: datetime, data: dict[str, Any] | None = None) -> None:
    """Have it done again at a time, in the transaction that records this attempt. data: how far it came; a job that got
    further has no attempts behind it. Raises LeaseLost."""
    mine = update(Job).where(Job.id == job.id, Job.lease == job.lease)
    further: dict[str, Any] = {} if data is None else {"data": data, "attempts": 0}
    _ours(session.execute(mine.values(lease=None, due_at=due, **further)))


def hasten(session: Session, kind: str, ref: str, now: datetime) -> bool:
    """Have a job that waits done at once. False where a process is at it."""
    waits = or_(Job.lease.is_(None), Job.due_at <= now)
    one = update(Job).where(Job.kind == kind, Job.ref == ref, waits)
    changed: Any = session.execute(one.values(lease=None, due_at=now))
    return bool(changed.rowcount)


def renew_lease(database: Database, job: LeasedJob, until: datetime) -> bool:
    """Hold it for longer. False where it is not ours any more."""
    with database.transaction() as session:
        mine = update(Job).where(Job.id == job.id, Job.lease == job.lease)
        changed: Any = session.execute(mine.values(due_at=until))
        return bool(changed.rowcount)


def put_off(database: Database, job: LeasedJob, until: datetime, error: str | None = None) -> None:
    """Give it back, to be taken again at a time; without an error, it was no attempt. Nothing where it is not ours."""
    values: dict[str, Any] = {"lease": None, "due_at": until}
    values |= {"attempts": job.attempts - 1} if error is None else {"error": error[:500]}
    with database.transaction() as session:
        session.execute(update(Job).where(Job.id == job.id, Job.lease == job.lease).values(values))


def retry_at(now: datetime, attempts: int) -> datetime:
    """One second after the first attempt, twice as long after each further one."""
    return now + min(timedelta(seconds=2.0 ** min(attempts - 1, 10)), SLOWEST_RETRY)


def ensure(database: Database, kind: str, ref: str, due: datetime) -> None:
    """A job that every service has, made by whichever process is first."""
    try:
        with database.transaction() as session:
            known: Sequence[Any] = session.execute(
                select(Job.id).where(Job.kind == kind, Job.ref == ref)
            ).all()
            if not known:
                enqueue(session, Lane.TIMER, kind, ref, due, due)
    except IntegrityError:
        pass  # another process was first


def _ours(result: Any) -> None:
    if result.rowcount != 1:
        raise LeaseLost
