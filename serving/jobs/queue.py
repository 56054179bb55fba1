"""Takes jobs so that no two processes work on one, and gives back those of a process that died.

A lease ends by the clock. Whoever finishes a job deletes its row under the very lease; if the row is gone or taken by
another meanwhile, nothing of the transaction stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
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


def take(database: Database, now: datetime, seconds: float, limit: int, lane: Lane) -> list[LeasedJob]:
    """Up to `limit` jobs of a lane that are due and nobody's, the oldest first. Taking one is an attempt at it: what
    ends with the process is never put off by it."""
    lease = make_id("lse", now)
    with database.transaction() as session:
        free = or_(Job.leased_until.is_(None), Job.leased_until <= now)
        query = select(Job).where(Job.due_at <= now, free, Job.lane == lane.value)
        query = query.order_by(Job.due_at, Job.id).limit(limit)
        rows = session.execute(query.with_for_update(skip_locked=True)).scalars().all()
        for row in rows:
            row.lease, row.leased_until = lease, now + timedelta(seconds=seconds)
            row.attempts += 1
        return [
            LeasedJob(
                row.id, lease, row.tenant_id, row.kind, row.ref, row.attempts, row.created_at, dict(row.data)
            )
            for row in rows
        ]


def anything_due(database: Database, now: datetime, lane: Lane) -> bool:
    """A look without a lock: on SQLite, taking needs the write lock."""
    with database.reading() as session:
        free = or_(Job.leased_until.is_(None), Job.leased_until <= now)
        query = select(Job.id).where(Job.due_at <= now, free, Job.lane == lane.value)
        return session.execute(query.limit(1)).first() is not None


def finish_job(session: Session, job: LeasedJob) -> None:
    """In the transaction that does it. Raises LeaseLost."""
    _ours(session.execute(delete(Job).where(Job.id == job.id, Job.lease == job.lease)))


def renew_lease(database: Database, job: LeasedJob, until: datetime) -> bool:
    """Hold it for longer. False where it is not ours any more."""
    with database.transaction() as session:
        mine = update(Job).where(Job.id == job.id, Job.lease == job.lease)
        changed: Any = session.execute(mine.values(leased_until=until))
        return bool(changed.rowcount)


def put_off(database: Database, job: LeasedJob, until: datetime, error: str | None = None) -> None:
    """Give it back, to be taken again at a time; without an error, it was no attempt. Nothing where it is not ours."""
    values: dict[str, Any] = {"lease": None, "leased_until": None, "due_at": until}
    values |= {"attempts": job.attempts - 1} if error is None else {"error": error[:500]}
    with database.transaction() as session:
        session.execute(update(Job).where(Job.id == job.id, Job.lease == job.lease).values(values))


def retry_at(now: datetime, attempts: int) -> datetime:
    """One second after the first attempt, twice as long after each further one."""
    return now + min(timedelta(seconds=2.0 ** min(attempts - 1, 10)), SLOWEST_RETRY)


def timer_job(kind: str, ref: str, due: datetime, now: datetime, tenant: str | None = None) -> Job:
    """A job that needs no detector."""
    lane = Lane.TIMER.value
    return Job(
        id=make_id("job", now),
        tenant_id=tenant,
        lane=lane,
        kind=kind,
        ref=ref,
        data={},
        due_at=due,
        created_at=now,
    )


def ensure(database: Database, kind: str, ref: str, due: datetime) -> None:
    """A job that every service has, made by whichever process is first."""
    try:
        with database.transaction() as session:
            known: Sequence[Any] = session.execute(
                select(Job.id).where(Job.kind == kind, Job.ref == ref)
            ).all()
            if not known:
                session.add(timer_job(kind, ref, due, due))
    except IntegrityError:
        pass  # another process was first


def _ours(result: Any) -> None:
    if result.rowcount != 1:
        raise LeaseLost
