"""The figures of drift, of one tenant's last day against the four weeks before it.

In: a session and the time. Out: a `DriftFigure` each: distributions by the population stability index, shares by the
distance in standard errors. Samples as on the engineers' page: the first photos of each quarter of a day, found by ids
that sort by time, so that a busy tenant costs the same. What follows, each hour: gauges with the worst tenant's value,
and one webhook `model.drifted` a figure and day to the tenant whose figure alerts.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.events import outbox
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.identity import tenants
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.ids import first_id
from refundlens.serving.labels.schemas import LabelSource
from refundlens.serving.observability import WorkflowMetrics
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import DetectionRecord, Image, Label, OutboxEvent

BEFORE = 28
"""Days that the last one is compared with: four whole weeks."""
QUARTER = timedelta(hours=6)
SAMPLE = 100
"""Photos of a quarter of a day at most."""
LEAST = 50
"""Photos, or decided appeals times ten, of a day from which it can alert: below, chance alone does."""
LEAST_APPEALS = 5
UNSTABLE = 0.25
"""Population stability index from which a distribution counts as another one: the customary limit of credit scoring
(Siddiqi, 2006)."""
SHIFTED = 4.0
"""Standard errors from which a share alerts: chance alone once in 43 years of daily looks."""
FLOOR = 0.005
"""Share that an empty class is taken for: the logarithm of nothing is no number."""


@dataclass(frozen=True)
class DriftFigure:
    """name: stable. value: the index, or the last day's share. before: the share in the four weeks, none for an index.
    photos: of the last day. alert: it is further off than chance explains."""

    name: str
    value: float
    before: float | None
    photos: int
    alert: bool


@dataclass(frozen=True)
class _Seen:
    """What is counted of a photo."""

    tenth: int
    verdict: str
    supported: bool
    condition: tuple[int, int]
    source: str


def drift_figures(session: Session, tenant: str, now: datetime) -> list[DriftFigure]:
    """All figures; those without photos on either side have none."""
    last = _seen(session, tenant, now - timedelta(days=1), now)
    earlier = _seen(session, tenant, now - timedelta(days=1 + BEFORE), now - timedelta(days=1))
    found = []
    if last and earlier:
        found = [
            _distribution("scores", [one.tenth for one in last], [one.tenth for one in earlier]),
            _distribution("conditions", [one.condition for one in last], [one.condition for one in earlier]),
            _distribution("sources", [one.source for one in last], [one.source for one in earlier]),
            _share(
                "fake", [one.verdict == "fake" for one in last], [one.verdict == "fake" for one in earlier]
            ),
            _share(
                "inconclusive",
                [one.verdict == "inconclusive" for one in last],
                [one.verdict == "inconclusive" for one in earlier],
            ),
            _share(
                "unsupported", [not one.supported for one in last], [not one.supported for one in earlier]
            ),
        ]
    overturned = [_appeals(session, tenant, *span) for span in (
        (now - timedelta(days=7), now), (now - timedelta(days=7 + BEFORE), now - timedelta(days=7)))]  # fmt: skip
    if all(overturned):
        found.append(_share("overturned", overturned[0], overturned[1], LEAST_APPEALS))
    return found


def stability_index(last: Sequence[Hashable], earlier: Sequence[Hashable]) -> float:
    """Population stability index of two samples of classes; 0 for equal shares."""
    counts = Counter(last), Counter(earlier)
    total = 0.0
    for name in {*counts[0], *counts[1]}:
        shares = [max(count[name] / len(part), FLOOR) for count, part in
                  zip(counts, (last, earlier), strict=True)]  # fmt: skip
        total += (shares[0] - shares[1]) * math.log(shares[0] / shares[1])
    return total


def _distribution(name: str, last: Sequence[Hashable], earlier: Sequence[Hashable]) -> DriftFigure:
    index = stability_index(last, earlier)
    alert = index > UNSTABLE and len(last) >= LEAST and len(earlier) >= LEAST
    return DriftFigure(name, round(index, 4), None, len(last), alert)


def _share(name: str, last: Sequence[bool], earlier: Sequence[bool], least: int = LEAST) -> DriftFigure:
    shares = sum(last) / len(last), sum(earlier) / len(earlier)
    pooled = (sum(last) + sum(earlier)) / (len(last) + len(earlier))
    error = math.sqrt(pooled * (1 - pooled) * (1 / len(last) + 1 / len(earlier)))
    alert = len(last) >= least and len(earlier) >= least and abs(shares[0] - shares[1]) > SHIFTED * error > 0
    return DriftFigure(name, round(shares[0], 4), round(shares[1], 4), len(last), alert)


def _seen(session: Session, tenant: str, start: datetime, end: datetime) -> list[_Seen]:
    found = []
    while start < end:
        asked = (
            select(
                DetectionRecord.probability,
                DetectionRecord.verdict,
                DetectionRecord.body["conditions"],
                Image.source,
            )
            .join(Image, Image.id == DetectionRecord.image_id)
            .where(
                DetectionRecord.tenant_id == tenant,
                DetectionRecord.id >= first_id("det", start),
                DetectionRecord.id < first_id("det", min(start + QUARTER, end)),
            )
            .order_by(DetectionRecord.id)
            .limit(SAMPLE)
        )
        for probability, verdict, conditions, source in session.execute(asked):
            side = int(conditions.get("long_side") or 0)
            quality = int(conditions.get("jpeg_quality") or 100)
            found.append(
                _Seen(
                    min(int(probability * 10), 9),
                    verdict,
                    bool(conditions.get("supported", True)),
                    (side // 320, quality // 20),
                    source,
                )
            )
        start += QUARTER
    return found


def _appeals(session: Session, tenant: str, start: datetime, end: datetime) -> list[bool]:
    """Of each decided appeal whether it overturned the verdict."""
    asked = select(Label.source).where(
        Label.tenant_id == tenant,
        Label.id >= first_id("lbl", start),
        Label.id < first_id("lbl", end),
        Label.source.in_([LabelSource.APPEAL_UPHELD.value, LabelSource.APPEAL_OVERTURNED.value]),
    )
    return [source == LabelSource.APPEAL_OVERTURNED for source in session.execute(asked).scalars()]


def look_for_drift(
    database: Database, now: datetime, metrics: WorkflowMetrics
) -> list[tuple[str, DriftFigure]]:
    """Measure every tenant and publish what alerts and was not published today; gives what alerts, with its tenant."""
    worst: dict[str, float] = defaultdict(float)
    alerts: dict[str, int] = defaultdict(int)
    told = []
    with database.reading() as session:
        for tenant in tenants.list_tenants(session):
            for figure in drift_figures(session, tenant.id, now):
                worst[figure.name] = max(worst[figure.name], figure.value)
                alerts[figure.name] += figure.alert
                if figure.alert:
                    told.append((tenant.id, figure))
    for name, value in worst.items():
        metrics.drift.labels(name).set(value)
        metrics.drift_alerts.labels(name).set(alerts[name])
    if told:
        with database.transaction() as session:
            for owner, figure in told:
                _publish_once(session, owner, figure, now)
    return told


def _publish_once(session: Session, tenant: str, figure: DriftFigure, now: datetime) -> None:
    subject = f"drift-{figure.name}-{now:%Y-%m-%d}"
    known = select(OutboxEvent.id).where(OutboxEvent.tenant_id == tenant, OutboxEvent.object_id == subject)
    if session.execute(known.limit(1)).first() is None:
        data = {"figure": figure.name, "value": figure.value, "before": figure.before,
                "photos": figure.photos, "at": rfc3339(now)}  # fmt: skip
        outbox.publish(session, tenant, now, WebhookType.MODEL_DRIFTED, subject, data)
