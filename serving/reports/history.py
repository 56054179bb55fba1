"""All that was reported, narrowed and sorted as somebody wants to see it.

In: what to narrow to, an order, and a cursor. Out: a page of reports. Days are ranges of ids, which sort by time;
amounts are hundredths of each refund's own currency, because nobody here knows rates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, select, true, tuple_
from sqlalchemy.orm import Session

from refundlens.model.names import Verdict
from refundlens.serving.kit.ids import first_id
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.tables import Report
from refundlens.serving.workflow.states import ReportState


class HistoryOrder(StrEnum):
    """What comes first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LARGEST = "largest"
    SMALLEST = "smallest"

    @property
    def by_amount(self) -> bool:
        return self in (HistoryOrder.LARGEST, HistoryOrder.SMALLEST)

    @property
    def backwards(self) -> bool:
        """Whether its columns are read from the end: `amount_rank` is minus the amount."""
        return self in (HistoryOrder.NEWEST, HistoryOrder.SMALLEST)


@dataclass(frozen=True)
class Narrowed:
    """What the list is narrowed to; none or nothing: not by this. ids: what a search found. since, until: reported from
    this moment on, and before that one. least, most: amounts, in hundredths of the currency. product: by what it is
    known (`refunds.search.known_by`)."""

    ids: Sequence[str] | None = None
    states: Sequence[ReportState] = ()
    verdict: Verdict | None = None
    since: datetime | None = None
    until: datetime | None = None
    least: int | None = None
    most: int | None = None
    product: str | None = None


def reported(
    session: Session,
    principal: Principal,
    narrowed: Narrowed,
    order: HistoryOrder,
    after: Sequence[Any] | None,
    limit: int,
) -> Sequence[Report]:
    """Up to limit + 1. after: `history_keys` of the row before."""
    if narrowed.ids is not None and not narrowed.ids:
        return ()
    # few rows, found by ids or product: "+ 0" keeps databases from walking the index of all amounts until they met them
    few = narrowed.ids is not None or narrowed.product is not None
    amount = Report.amount_rank + 0 if few else Report.amount_rank
    columns = (amount, Report.id) if order.by_amount else (Report.id,)
    sorted_by = [column.desc() if order.backwards else column for column in columns]
    wanted = _wanted(principal, narrowed)
    if after is not None:
        row = tuple_(*columns)
        wanted = and_(wanted, row < tuple_(*after) if order.backwards else row > tuple_(*after))
    if narrowed.product is not None and order.by_amount:
        # the index alone gives their order; whole rows are read of a page
        wanted = Report.id.in_(select(Report.id).where(wanted).order_by(*sorted_by).limit(limit + 1))
    return session.execute(select(Report).where(wanted).order_by(*sorted_by).limit(limit + 1)).scalars().all()


def history_keys(report: Report, order: HistoryOrder) -> list[Any]:
    """What a row is sorted by."""
    return [report.amount_rank, report.id] if order.by_amount else [report.id]


def kinds(order: HistoryOrder) -> Sequence[type]:
    """Their types."""
    return (int, str) if order.by_amount else (str,)


def every_page(
    session: Session,
    principal: Principal,
    narrowed: Narrowed,
    order: HistoryOrder,
    most: int,
    batch: int = 200,
) -> Iterator[Sequence[Report]]:
    """All pages, one after another, until `most` rows were given."""
    after: Sequence[Any] | None = None
    left = most
    while left > 0:
        rows = reported(session, principal, narrowed, order, after, min(batch, left))
        shown = rows[: min(batch, left)]
        if shown:
            yield shown
        if len(rows) <= len(shown):
            return
        after, left = history_keys(shown[-1], order), left - len(shown)


def _wanted(principal: Principal, narrowed: Narrowed) -> ColumnElement[bool]:
    asked: list[ColumnElement[bool]] = [Report.tenant_id == principal.tenant]
    if principal.role is Role.MERCHANT:
        asked.append(Report.account == principal.account)
    if narrowed.ids is not None:
        asked.append(Report.id.in_(narrowed.ids))
    if narrowed.states:
        asked.append(Report.state.in_([state.value for state in narrowed.states]))
    if narrowed.verdict is not None:
        asked.append(Report.verdict == narrowed.verdict)
    if narrowed.product is not None:
        asked.append(Report.product == narrowed.product)
    if narrowed.since is not None:
        asked.append(Report.id >= first_id("rpt", narrowed.since))
    if narrowed.until is not None:
        asked.append(Report.id < first_id("rpt", narrowed.until))
    if narrowed.least is not None:
        asked.append(Report.amount_rank <= -narrowed.least)
    if narrowed.most is not None:
        asked.append(Report.amount_rank >= -narrowed.most)
    return and_(true(), *asked)
