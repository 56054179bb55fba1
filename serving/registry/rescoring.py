"""What a new champion says of the cases that are open: told to people, deciding nothing.

In: a promotion or a rollback, which asks for it; the judged reports (`serving.jobs.rescorer`). Out: a row a report and
the report on what would change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, delete, func, select
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
    counted = select(*keys, func.count()).where(*_of(version, tenant)).group_by(*keys)
    rows = session.execute(counted).all()
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
    asked = select(Rescore).where(
        *_of(version, tenant), Rescore.error.is_(None), Rescore.stands != Rescore.would
    )
    if after is not None:
        asked = asked.where(Rescore.report_id > after)
    return session.execute(asked.order_by(Rescore.report_id).limit(limit + 1)).scalars().all()


def _of(version: str, tenant: str | None) -> list[ColumnElement[bool]]:
    mine = [Rescore.model_version == version]
    return mine if tenant is None else [*mine, Rescore.tenant_id == tenant]
