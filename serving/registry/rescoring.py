"""What a new champion says of the cases that are open: told to people, deciding nothing.

In: a promotion or a rollback, which asks for it; the judged reports (`serving.jobs.rescorer`). Out: a row a report and
the report on what would change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.orm import Session

from refundlens.serving.storage import queue
from refundlens.serving.storage.tables import Job, Lane, Rescore

KIND = "rescore"
"""Of the job, one at a time; its ref is the version."""
RescoringState = Literal["none", "running", "done"]
"""none: it was never asked to."""


@dataclass(frozen=True)
class Move:
    """Cases of which one thing holds and, screened today, another would. by_person: a person decided what stands."""

    stands: str
    would: str
    by_person: bool
    cases: int


@dataclass(frozen=True)
class Rescoring:
    """What a version says of open cases. changed: cases that the photo alone would lead elsewhere. failed: could not be
    judged."""

    state: RescoringState
    cases: int
    changed: int
    failed: int
    moves: Sequence[Move]


def ask(session: Session, version: str, now: datetime) -> None:
    """Have the open cases judged by a new champion; what was under way for another is dropped."""
    session.execute(delete(Job).where(Job.kind == KIND))
    session.execute(delete(Rescore).where(Rescore.model_version == version))  # of an earlier time as champion
    queue.enqueue(session, Lane.SCREENING, KIND, version, now, now)


def summary(session: Session, version: str, tenant: str | None) -> Rescoring:
    """tenant: whose cases; none for all, for who runs the installation."""
    keys = Rescore.stands, Rescore.would, Rescore.by_person, Rescore.error.is_not(None)
    counted: Select[Any] = select(*keys, func.count()).group_by(*keys)
    rows = session.execute(_of(counted, version, tenant)).all()
    running = session.execute(select(Job.id).where(Job.kind == KIND, Job.ref == version)).first() is not None
    moves = [Move(row[0], row[1], row[2], row[4]) for row in rows if not row[3] and row[0] != row[1]]
    cases = sum(row[4] for row in rows)
    return Rescoring(
        "running" if running else "done" if cases else "none",
        cases,
        sum(one.cases for one in moves),
        sum(row[4] for row in rows if row[3]),
        sorted(moves, key=lambda one: -one.cases),
    )


def changed(
    session: Session, version: str, tenant: str | None, limit: int, after: str | None = None
) -> Sequence[Rescore]:
    """Up to limit + 1 of the cases that would lead elsewhere, by report. after: the last one given."""
    asked = _of(select(Rescore), version, tenant).where(Rescore.error.is_(None), _moved())
    if after is not None:
        asked = asked.where(Rescore.report_id > after)
    return session.execute(asked.order_by(Rescore.report_id).limit(limit + 1)).scalars().all()


def _moved() -> ColumnElement[bool]:
    return Rescore.stands != Rescore.would


def _of(asked: Select[Any], version: str, tenant: str | None) -> Select[Any]:
    asked = asked.where(Rescore.model_version == version)
    return asked if tenant is None else asked.where(Rescore.tenant_id == tenant)
