"""The adjudicators' queue, narrowed and sorted as somebody wants to work through it.

In: what to narrow to, an order, and a cursor. Out: a page of reports that need a person, or the first that is free.
Only what is under way is looked at: of a year's million reports, some twenty thousand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, and_, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from refundlens.model.names import Defect, Verdict
from refundlens.serving.kit.language import Language
from refundlens.serving.kit.principal import Principal
from refundlens.serving.reports import assignment
from refundlens.serving.storage.tables import Job, Refund, Report, SecondOpinion
from refundlens.serving.workflow import timers
from refundlens.serving.workflow.states import ReportState

CHINESE = "[\u4e00-\u9fff]"
"""A claim with one such character is a Chinese one; what has none of them is read as English."""
UNJUDGED = 2.0
"""Stands for the doubt about a photo that the detector could not judge: more than can be."""
_DUE = (Report.due_at, Report.amount_rank, Report.id)


class QueueOrder(StrEnum):
    """What comes first."""

    DUE = "due"
    DOUBT = "doubt"
    AMOUNT = "amount"


@dataclass(frozen=True)
class QueueView:
    """What the queue is narrowed to; none: not by this. due_before: of the deadline. least, most: amounts, in
    hundredths of the currency. second: only those that a judge wants another's opinion on."""

    order: QueueOrder = QueueOrder.DUE
    due_before: datetime | None = None
    account: str | None = None
    claim: Defect | None = None
    verdict: Verdict | None = None
    language: Language | None = None
    least: int | None = None
    most: int | None = None
    second: bool = False


def waiting(
    session: Session, principal: Principal, view: QueueView, after: Sequence[Any] | None, limit: int
) -> Sequence[Report]:
    """Up to limit + 1. after: `queue_keys` of the row before."""
    query = select(Report).where(_wanted(principal, view))
    if after is not None:
        query = query.where(_behind(view.order, after))
    return session.execute(query.order_by(*_columns(view.order)).limit(limit + 1)).scalars().all()


def queue_keys(report: Report, order: QueueOrder) -> list[Any]:
    """What a row is sorted by; times as they are."""
    if order is QueueOrder.DOUBT:
        return [UNJUDGED if report.doubt is None else report.doubt, report.id]
    if order is QueueOrder.AMOUNT:
        return [report.amount_rank, report.id]
    return [report.due_at, report.amount_rank, report.id]


def first_free(
    session: Session, principal: Principal, view: QueueView, now: datetime, after: Report | None = None
) -> Report | None:
    """The first that is in nobody else's hands: behind `after`, else from the beginning, and never `after` itself."""
    free = (_wanted(principal, view), assignment.free_for(principal, now))
    query = select(Report).where(*free).order_by(*_columns(view.order)).limit(1)
    if after is not None:
        query = query.where(Report.id != after.id)
        behind = _behind(view.order, queue_keys(after, view.order))
        found = session.execute(query.where(behind)).scalar_one_or_none()
        if found is not None:
            return found
    return session.execute(query).scalar_one_or_none()


def _columns(order: QueueOrder) -> tuple[UnaryExpression[Any] | InstrumentedAttribute[Any], ...]:
    if (
        order is QueueOrder.DOUBT
    ):  # as an index read from its end gives them on PostgreSQL; SQLite reads it twice
        return (Report.doubt.desc().nulls_first(), Report.id.desc())
    if order is QueueOrder.AMOUNT:
        return (Report.amount_rank, Report.id)
    return _DUE


def _behind(order: QueueOrder, after: Sequence[Any]) -> ColumnElement[bool]:
    """Of rows: whether they come later than the one with these keys."""
    if order is not QueueOrder.DOUBT:
        columns = (Report.amount_rank, Report.id) if order is QueueOrder.AMOUNT else _DUE
        return tuple_(*columns) > tuple_(*after)
    doubt, last = after
    if doubt == UNJUDGED:
        return or_(and_(Report.doubt.is_(None), Report.id < last), Report.doubt.is_not(None))
    return tuple_(Report.doubt, Report.id) < tuple_(doubt, last)


def _wanted(principal: Principal, view: QueueView) -> ColumnElement[bool]:
    asked: list[ColumnElement[bool]] = [
        Report.tenant_id == principal.tenant,
        Report.state == ReportState.NEEDS_REVIEW.value,
        Report.live.is_not(None),
        ~select(Job.id)
        .where(Job.kind == timers.DECISION, Job.ref == Report.id)
        .exists(),  # waits to take effect
    ]
    if view.due_before is not None:
        asked.append(Report.due_at < view.due_before)
    if view.account is not None:
        asked.append(Report.account == view.account)
    if view.verdict is not None:
        asked.append(Report.verdict == view.verdict)
    if view.least is not None:
        asked.append(Report.amount_rank <= -view.least)
    if view.most is not None:
        asked.append(Report.amount_rank >= -view.most)
    if view.second:
        asked.append(Report.id.in_(select(SecondOpinion.report_id)))
    said: list[ColumnElement[bool]] = []
    if view.claim is not None:
        said.append(Refund.claim_type == view.claim)
    if view.language is not None:
        chinese = Refund.claim_text.regexp_match(CHINESE)
        said.append(chinese if view.language == "zh" else ~chinese)
    if said:
        refund = select(Refund.id).where(Refund.id == Report.refund_id, *said)
        asked.append(refund.exists())
    return and_(*asked)
