"""Where people and the model differ, from labels: the next training set; and how probabilities turned out.

In: a tenant's labels, the newest first. Out: those whose truth contradicts what the detector had said, and counts by
probability. A page looks at a fixed number of labels, so that it costs the same however few of them disagree.

What the detector said lately against what it said before: shares of verdicts and of unsupported conditions.

In: a tenant's screenings. Out: a `Day` each for the last 30 days, and one for the four weeks before them. Each day is a
sample: up to a hundred photos from the beginning of each quarter of it (UTC), found by the index of ids, so that the
page costs the same for a busy tenant; what a day has more of is not counted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import Session

from refundlens.serving.console.review import repository
from refundlens.serving.kit.ids import first_id
from refundlens.serving.labels import service as labels
from refundlens.serving.labels.schemas import Truth
from refundlens.serving.storage.tables import DetectionRecord, Label, Report

LOOKED_AT = 400
"""Labels behind a page."""
TENTHS = 10
EVEN = 0.5


@dataclass(frozen=True)
class Disagreement:
    """verdict: the detector's, none where its detection is gone. flat: it contradicts the truth; else the probability
    only leaned the wrong way. detection_id: of what was said."""

    label: Label
    verdict: str | None
    flat: bool
    detection_id: str | None


@dataclass(frozen=True)
class Tenth:
    """Labelled photos whose probability lay in a tenth of 0 to 1. mean: of their probabilities."""

    photos: int
    fakes: int
    mean: float


@dataclass(frozen=True)
class Compared:
    """labels: with a probability, how many. more: cursor of the labels after these."""

    labels: int
    differences: Sequence[Disagreement]
    tenths: Sequence[Tenth]
    more: str | None


def compare(session: Session, tenant: str, before: str | None) -> Compared:
    """before: a label's id, the last one looked at."""
    rows = labels.list_labels(session, tenant, LOOKED_AT, before)
    looked = rows[:LOOKED_AT]
    said = _said(session, tenant, looked)
    known = [label for label in looked if label.model_probability is not None]
    differences = [found for label in known if (found := _difference(label, said.get(label.id)))]
    return Compared(len(known), differences, tenths(known), looked[-1].id if len(rows) > LOOKED_AT else None)


def tenths(known: Sequence[Label]) -> list[Tenth]:
    """How many of the photos with a probability of 0 to 0.1, 0.1 to 0.2... were fake."""
    found: list[list[Label]] = [[] for _ in range(TENTHS)]
    for label in known:
        found[min(int((label.model_probability or 0.0) * TENTHS), TENTHS - 1)].append(label)
    return [
        Tenth(
            len(some),
            sum(Truth(label.truth).is_fake for label in some),
            sum(label.model_probability or 0.0 for label in some) / len(some) if some else 0.0,
        )
        for some in found
    ]


def _difference(label: Label, said: DetectionRecord | None) -> Disagreement | None:
    fake = Truth(label.truth).is_fake
    verdict = said.verdict if said else None
    flat = verdict == ("authentic" if fake else "fake")
    leaned = (label.model_probability or 0.0) < EVEN if fake else (label.model_probability or 0.0) > EVEN
    return Disagreement(label, verdict, flat, said.id if said else None) if flat or leaned else None


def _said(session: Session, tenant: str, looked: Sequence[Label]) -> dict[str, DetectionRecord]:
    """By label: the detection it is about, that of its report or else the newest of its photo."""
    reported = {label.report_id: label.id for label in looked if label.report_id}
    query = (
        select(Report.id, DetectionRecord)
        .join(DetectionRecord, DetectionRecord.id == Report.screening_id)
        .where(Report.tenant_id == tenant, Report.id.in_(reported))
    )
    by_report = {row[0]: row[1] for row in session.execute(query)} if reported else {}
    alone = [label for label in looked if not label.report_id and label.image_id]
    by_image = repository.newest_screenings(session, [label.image_id for label in alone if label.image_id])
    found = {label.id: by_report[label.report_id] for label in looked if label.report_id in by_report}
    return found | {
        label.id: by_image[label.image_id]
        for label in alone
        if label.image_id is not None and label.image_id in by_image
    }


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
            DetectionRecord.verdict.label("verdict"),
            DetectionRecord.body["conditions"]["supported"].as_boolean().label("supported"),
        )
        .where(
            DetectionRecord.tenant_id == tenant,
            DetectionRecord.image_id.is_not(None),
            DetectionRecord.id >= first_id("det", start),
            DetectionRecord.id < first_id("det", start + QUARTER),
        )
        .order_by(DetectionRecord.id)
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
