"""What the detector said lately against what it said before: shares of verdicts and of unsupported conditions.

In: a tenant's screenings. Out: a `Day` each for the last 30 days, and one for the four weeks before them. Each day is a
sample: up to a hundred photos from the beginning of each quarter of it (UTC), found by the index of ids, so that the
page costs the same for a busy tenant; what a day has more of is not counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import Session

from serving.db.tables import Screening
from serving.ids import first_id

DAYS = 30
"""Shown one by one."""
BEFORE = 28
"""Days before them, taken together: four whole weeks, so that every weekday counts alike."""
SAMPLE = 100
"""Photos of a quarter of a day at most: a share of 400 photos is known to 5 percentage points."""
QUARTER = timedelta(hours=6)
SHIFTED = 3.0
"""Standard errors from which a day's share is marked: chance alone marks one day in 370."""
VERDICTS = ("fake", "inconclusive", "authentic")


@dataclass(frozen=True)
class Day:
    """Counts of a day, or of several. first: the day, or the first of them."""

    first: date
    photos: int
    verdicts: dict[str, int]
    unsupported: int

    def share(self, what: str) -> float:
        """Of a verdict, or of `unsupported`; 0 without photos."""
        count = self.unsupported if what == "unsupported" else self.verdicts[what]
        return count / self.photos if self.photos else 0.0


@dataclass(frozen=True)
class Drift:
    before: Day
    days: tuple[Day, ...]

    def shifted(self, day: Day, what: str) -> bool:
        """Whether a day's share lies further from the one before than chance explains."""
        if not day.photos or not self.before.photos:
            return False
        pooled = (day.share(what) * day.photos + self.before.share(what) * self.before.photos) / (
            day.photos + self.before.photos
        )
        error: float = (pooled * (1 - pooled) * (1 / day.photos + 1 / self.before.photos)) ** 0.5
        return abs(day.share(what) - self.before.share(what)) > SHIFTED * error > 0


def drift(session: Session, tenant: str, now: datetime) -> Drift:
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    days = [_count(session, tenant, first + timedelta(days=number)) for number in range(DAYS)]
    earlier = [_count(session, tenant, first - timedelta(days=number)) for number in range(BEFORE, 0, -1)]
    return Drift(_together(earlier), tuple(days))


def _count(session: Session, tenant: str, day: date) -> Day:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    quarters = [_sample(tenant, start + number * QUARTER) for number in range(4)]
    sampled = union_all(*[select(quarter.subquery()) for quarter in quarters])
    rows = sorted((str(verdict), bool(supported)) for verdict, supported in session.execute(sampled))
    verdicts = dict.fromkeys(VERDICTS, 0)
    for verdict, found in groupby(rows, key=lambda row: row[0]):
        verdicts[verdict] = len(list(found))
    return Day(day, len(rows), verdicts, sum(not supported for _, supported in rows))


def _sample(tenant: str, start: datetime) -> Select[tuple[str, bool]]:
    """The first photos of a quarter of a day: ids sort by time."""
    return (
        select(
            Screening.verdict.label("verdict"),
            Screening.body["conditions"]["supported"].as_boolean().label("supported"),
        )
        .where(
            Screening.tenant_id == tenant,
            Screening.id >= first_id("det", start),
            Screening.id < first_id("det", start + QUARTER),
        )
        .order_by(Screening.id)
        .limit(SAMPLE)
    )


def _together(days: Iterable[Day]) -> Day:
    counted = list(days)
    return Day(
        counted[0].first,
        sum(day.photos for day in counted),
        {verdict: sum(day.verdicts[verdict] for day in counted) for verdict in VERDICTS},
        sum(day.unsupported for day in counted),
    )
