"""What became of a shop's reports in a time: how many, how many caught, how much money, how fast.

In: a caller and a period. Out: `Statistics`, from one pass over the period's reports, the newest `MOST` of them; a shop
with more than that in a year is told so.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.model.verdict.bounds import interval
from refundlens.serving.kit.ids import first_id
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.tables import Refund, Report
from refundlens.serving.workflow.states import Outcome, ReportState

MOST = 50_000
"""Reports that are counted: half a second."""
SPEEDS: Mapping[str, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "six_hours": timedelta(hours=6),
    "day": timedelta(days=1),
    "longer": timedelta.max,
}
"""Classes of the time from report to verdict, each up to its end."""
NO_CLAIM = "unsaid"
TOP = 10
"""Products with a line of their own: what a screen shows at once."""


class Row(NamedTuple):
    """What is read of a report."""

    created_at: datetime
    decided_at: datetime | None
    state: str
    was: str | None
    refund: str
    claim: str | None
    amount: int
    currency: str
    outcome: str
    account: str
    product: str | None
    product_id: str | None
    product_title: str | None


@dataclass
class Tally:
    """Of some reports. pending: nothing decided yet; over: withdrawn, or time ran out."""

    reported: int = 0
    caught: int = 0
    cleared: int = 0
    pending: int = 0
    over: int = 0

    @property
    def decided(self) -> int:
        return self.caught + self.cleared

    @property
    def win_rate(self) -> float | None:
        """Share of the decided that were established; none where nothing is decided."""
        return self.caught / self.decided if self.decided else None

    @property
    def win_interval(self) -> tuple[float, float] | None:
        """95 % interval of the rate: a few cases say little, and this says how little."""
        return interval(self.caught, self.decided) if self.decided else None

    def add(self, row: Row) -> None:
        self.reported += 1
        state = (
            ReportState(row.was or row.state) if row.state == ReportState.APPEALED else ReportState(row.state)
        )
        if state in ReportState.for_merchant():
            self.caught += 1
        elif state in ReportState.for_buyer():
            self.cleared += 1
        elif state in ReportState.undecided():
            self.pending += 1
        else:
            self.over += 1


@dataclass(frozen=True)
class ProductLine:
    """What became of the reports about a product, or about several. product: by what it is known, for lists; that,
    account, number and title are none of several. saved: as in `Statistics`. products: how many they are."""

    tally: Tally
    saved: Mapping[str, int]
    account: str | None = None
    product: str | None = None
    number: str | None = None
    title: str | None = None
    products: int = 1


@dataclass(frozen=True)
class Products:
    """top: the `TOP` with the most reports, and one more where that is all. others: the rest together. unnamed:
    reports of refunds without a product. Both none where there are none."""

    top: Sequence[ProductLine] = ()
    others: ProductLine | None = None
    unnamed: ProductLine | None = None

    @property
    def lines(self) -> Sequence[ProductLine]:
        """As they are shown."""
        return [*self.top, *(one for one in (self.others, self.unnamed) if one is not None)]


@dataclass(frozen=True)
class Statistics:
    """whole: of all. weeks: by the Monday that a week begins with, in order, without gaps. claims: by what the buyer
    claims. saved: by currency, in its smallest unit: refunds that a photo found fake speaks against, each counted once.
    speeds: decided reports by class of `SPEEDS`. median, slow: seconds from report to verdict, of half and of nine in
    ten. products: the same by what was bought. cut: whether there were more reports than are counted."""

    whole: Tally = field(default_factory=Tally)
    weeks: Mapping[date, Tally] = field(default_factory=dict)
    claims: Mapping[str, Tally] = field(default_factory=dict)
    saved: Mapping[str, int] = field(default_factory=dict)
    speeds: Mapping[str, int] = field(default_factory=dict)
    median: timedelta | None = None
    slow: timedelta | None = None
    products: Products = Products()
    cut: bool = False


def statistics(
    session: Session, principal: Principal, since: datetime, until: datetime, days: tzinfo
) -> Statistics:
    """Of the reports made from `since` to before `until`. days: the zone whose weeks are meant."""
    query = (
        select(
            Report.created_at, Report.decided_at, Report.state, Report.was, Report.refund_id, Refund.claim_type,
            Refund.amount_minor, Refund.currency, Refund.outcome, Report.account, Report.product, Refund.product_id,
            Refund.product_title,
        )
        .join(Refund, Refund.id == Report.refund_id)
        .where(
            Report.tenant_id == principal.tenant,
            Report.id >= first_id("rpt", since),
            Report.id < first_id("rpt", until),
        )
    )  # fmt: skip
    if principal.role is Role.MERCHANT:
        query = query.where(Report.account == principal.account)
    found = session.execute(query.order_by(Report.id.desc()).limit(MOST + 1)).all()
    rows = [Row._make(row) for row in found[:MOST]]
    return count(rows, days, len(found) > MOST)


def count(rows: Sequence[Row], days: tzinfo, cut: bool = False) -> Statistics:
    """The same of rows that are there."""
    whole, claims, weeks = Tally(), defaultdict[str, Tally](Tally), defaultdict[date, Tally](Tally)
    for row in rows:
        for tally in (whole, claims[row.claim or NO_CLAIM], weeks[_monday(row.created_at, days)]):
            tally.add(row)
    spans = sorted(row.decided_at - row.created_at for row in rows if row.decided_at is not None)
    return Statistics(
        whole,
        {monday: weeks[monday] for monday in _every_monday(weeks)},
        dict(sorted(claims.items(), key=lambda one: -one[1].reported)),
        _saved(rows),
        _speeds(spans),
        spans[len(spans) // 2] if spans else None,
        spans[min(len(spans) - 1, 9 * len(spans) // 10)] if spans else None,
        _products(rows),
        cut,
    )


def _products(rows: Iterable[Row]) -> Products:
    """Two shops may have one number for two products. A product is called what its newest report calls it."""
    found = defaultdict[tuple[str, str], list[Row]](list)
    unnamed = []
    for row in rows:
        if row.product is None:
            unnamed.append(row)
        else:
            found[row.account, row.product].append(row)
    ranked = sorted(found.items(), key=lambda one: -len(one[1]))
    # "1 other product" would take the place of its name
    lines = TOP if len(ranked) > TOP + 1 else len(ranked)
    rest = [row for _, those in ranked[lines:] for row in those]
    return Products(
        [
            replace(
                _line(those),
                account=account,
                product=product,
                number=those[0].product_id,
                title=next((row.product_title for row in those if row.product_title), None),
            )
            for (account, product), those in ranked[:lines]
        ],
        replace(_line(rest), products=len(ranked) - lines) if rest else None,
        _line(unnamed) if unnamed else None,
    )


def _line(rows: Sequence[Row]) -> ProductLine:
    tally = Tally()
    for row in rows:
        tally.add(row)
    return ProductLine(tally, _saved(rows))


def _saved(rows: Iterable[Row]) -> dict[str, int]:
    refunds = {
        row.refund: (row.currency, row.amount) for row in rows if row.outcome == Outcome.MERCHANT_SUPPORTED
    }
    saved = Counter[str]()
    for currency, amount in refunds.values():
        saved[currency] += amount
    return dict(saved)


def _speeds(spans: Iterable[timedelta]) -> dict[str, int]:
    found = dict.fromkeys(SPEEDS, 0)
    for span in spans:
        found[next(name for name, most in SPEEDS.items() if span <= most)] += 1
    return found


def _monday(moment: datetime, days: tzinfo) -> date:
    day = moment.astimezone(days).date()
    return day - timedelta(days=day.weekday())


def _every_monday(weeks: Iterable[date]) -> list[date]:
    seen = sorted(weeks)
    if not seen:
        return []
    return [seen[0] + timedelta(weeks=number) for number in range((seen[-1] - seen[0]).days // 7 + 1)]
