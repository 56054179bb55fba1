"""Which photos people are asked about, beside those that their work brings: what one learns most from, and what keeps
the others honest.

In: the screenings of a day, of tenants that agreed to training. Out: `ReviewSample`s, which engineers answer with
labels. Adjudicators see what the detector doubted; so their labels alone say nothing of the photos that it was sure of.
The random ones do: one photo in two hundred, whatever the detector said, drawn by its hash.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from refundlens.serving.identity import tenants
from refundlens.serving.kit.ids import first_id, make_id
from refundlens.serving.labels.export import TRAINING
from refundlens.serving.labels.schemas import SampleReason
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import (
    DetectionRecord,
    Image,
    Label,
    Report,
    Rescore,
    ReviewSample,
    ShadowAgreement,
)
from refundlens.serving.workflow.states import ReportState

RANDOM_SHARE = 0.005
"""Of all screened photos: of a thousand a day five, so that a rate of errors of 1 % shows within some months."""
_RANDOM_BELOW = f"{round(RANDOM_SHARE * 16**8):08x}"
"""First digits of a hash: those below are drawn. As the first ones choose a shadow's photos, too, these have most often
been judged by both."""
EACH = 10
"""Photos a day and tenant for each other reason: half an hour of a person's time in all."""
BEFORE = timedelta(days=28)
REFERENCE = 2000
"""Photos of the four weeks before that a novel one is compared with, the newest."""
LOOKED_AT = 1000
"""Photos of a day among which novel ones are looked for, the newest."""
NEIGHBOURS = 5
"""A photo is as novel as it is far from the fifth nearest: one twin does not make it known."""
USUAL = 0.99
"""Share of the photos before that are nearer to each other than a novel one is to them."""
_JUDGED_SOON = (ReportState.SUBMITTED.value, ReportState.NEEDS_REVIEW.value, ReportState.APPEALED.value)


Screened = Select[DetectionRecord, Image]


@dataclass(frozen=True)
class _Drawn:
    detection: DetectionRecord
    image: Image
    reason: SampleReason
    score: float


def draw_samples(database: Database, now: datetime) -> int:
    """Draw from the day before, once; gives how many photos were drawn for all tenants."""
    count = 0
    with database.reading() as session:
        agreed = [one.id for one in tenants.list_tenants(session) if one.settings.get(TRAINING)]
    for tenant in agreed:
        with database.reading() as session:
            drawn = [] if _drawn_today(session, tenant, now) else _draw(session, tenant, now)
        if drawn:
            with database.transaction() as session:
                if not _drawn_today(session, tenant, now):  # another process was first
                    session.add_all(_row(tenant, one, now) for one in drawn)
                    count += len(drawn)
    return count


def open_samples(
    session: Session, tenant: str, limit: int, before: str | None = None, reason: SampleReason | None = None
) -> Sequence[tuple[ReviewSample, DetectionRecord]]:
    """Up to limit + 1 of those that nobody has answered and whose photo is there, the newest first."""
    asked = (
        select(ReviewSample, DetectionRecord)
        .join(DetectionRecord, DetectionRecord.id == ReviewSample.detection_id)
        .join(Image, Image.id == ReviewSample.image_id)
        .where(
            ReviewSample.tenant_id == tenant,
            Image.erased_at.is_(None),
            ~_labelled(ReviewSample.sha256, tenant),
        )
    )
    if before is not None:
        asked = asked.where(ReviewSample.id < before)
    if reason is not None:
        asked = asked.where(ReviewSample.reason == reason.value)
    rows = session.execute(asked.order_by(ReviewSample.id.desc()).limit(limit + 1)).all()
    return [(row[0], row[1]) for row in rows]


def _drawn_today(session: Session, tenant: str, now: datetime) -> bool:
    asked = select(ReviewSample.id).where(
        ReviewSample.tenant_id == tenant, ReviewSample.id >= first_id("smp", _midnight(now))
    )
    return session.execute(asked.limit(1)).first() is not None


def _draw(session: Session, tenant: str, now: datetime) -> list[_Drawn]:
    """Each photo once, for the first reason that holds: at random before all, or the random ones would lack just those
    that stand out."""
    day = _midnight(now) - timedelta(days=1)
    of_day = _screened(tenant, day, _midnight(now))
    found: dict[str, _Drawn] = {}
    for one in (
        *_random(session, of_day),
        *_different(session, tenant, of_day, day),
        *_uncertain(session, of_day),
        *_novel(session, tenant, of_day, day),
    ):
        found.setdefault(one.image.sha256, one)
    return list(found.values())


def _screened(tenant: str, start: datetime, end: datetime) -> Screened:
    """Screenings of a span whose photo is there, was not drawn, and that nobody has labelled."""
    known = exists().where(ReviewSample.tenant_id == tenant, ReviewSample.sha256 == Image.sha256)
    return (
        select(DetectionRecord, Image)
        .join(Image, Image.id == DetectionRecord.image_id)
        .where(
            DetectionRecord.tenant_id == tenant,
            DetectionRecord.id >= first_id("det", start),
            DetectionRecord.id < first_id("det", end),
            Image.erased_at.is_(None),
            ~known,
            ~_labelled(Image.sha256, tenant),
        )
    )


def _labelled(sha256: Any, tenant: str) -> ColumnElement[bool]:
    return exists().where(Label.tenant_id == tenant, Label.sha256 == sha256)


def _random(session: Session, of_day: Screened) -> Iterable[_Drawn]:
    for row in session.execute(of_day.where(Image.sha256 < _RANDOM_BELOW).order_by(DetectionRecord.id)):
        yield _Drawn(row[0], row[1], SampleReason.RANDOM, 0.0)


def _uncertain(session: Session, of_day: Screened) -> Iterable[_Drawn]:
    """Not those that a person will decide anyhow."""
    soon = exists().where(Report.image_id == Image.id, Report.state.in_(_JUDGED_SOON))
    doubt = func.abs(DetectionRecord.probability - 0.5)
    for row in session.execute(of_day.where(~soon).order_by(doubt, DetectionRecord.id).limit(EACH)):
        yield _Drawn(row[0], row[1], SampleReason.UNCERTAIN, 1 - 2 * abs(row[0].probability - 0.5))


def _different(session: Session, tenant: str, of_day: Screened, day: datetime) -> Iterable[_Drawn]:
    apart: dict[str, float] = {}
    for row in session.execute(select(ShadowAgreement).where(ShadowAgreement.updated_at >= day)).scalars():
        apart |= {sha256: float(far) for sha256, first, second, far in row.worst if first != second}
    again = select(Image.sha256, Rescore.probability, Rescore.was_probability).join(
        Report, Report.id == Rescore.report_id
    )
    again = again.join(Image, Image.id == Report.image_id).where(
        Rescore.tenant_id == tenant,
        Rescore.created_at >= day,
        Rescore.verdict != Rescore.was_verdict,
    )
    for sha256, now, before in session.execute(again.limit(REFERENCE)):
        apart[sha256] = abs((now or 0.0) - (before or 0.0))  # neither is none where both have a verdict
    worst = sorted(apart, key=lambda sha256: -apart[sha256])[: 20 * EACH]
    seen = {row[1].sha256: row for row in session.execute(of_day.where(Image.sha256.in_(worst)))}
    for sha256 in [one for one in worst if one in seen][:EACH]:
        yield _Drawn(seen[sha256][0], seen[sha256][1], SampleReason.DIFFERENT, apart[sha256])


def _novel(session: Session, tenant: str, of_day: Screened, day: datetime) -> Iterable[_Drawn]:
    rows = session.execute(of_day.order_by(DetectionRecord.id.desc()).limit(LOOKED_AT)).all()
    before = select(DetectionRecord.body).where(
        DetectionRecord.tenant_id == tenant,
        DetectionRecord.image_id.is_not(None),
        DetectionRecord.id >= first_id("det", day - BEFORE),
        DetectionRecord.id < first_id("det", day),
    )
    earlier = session.execute(before.order_by(DetectionRecord.id.desc()).limit(REFERENCE)).scalars().all()
    if not rows or len(earlier) <= 10 * NEIGHBOURS:
        return
    far = novelty([_numbers(row[0].body) for row in rows], [_numbers(body) for body in earlier])
    for place in np.argsort(-far)[:EACH]:
        if far[place] > 1:
            yield _Drawn(rows[place][0], rows[place][1], SampleReason.NOVEL, round(float(far[place]), 3))


def novelty(looked: Sequence[Sequence[float]], known: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """How far each of `looked` is from what is known, float64 [N]; 1: as far as the known ones' own last hundredth."""
    reference = np.asarray(known, np.float64)
    middle, scale = reference.mean(axis=0), reference.std(axis=0) + 0.05
    reference = (reference - middle) / scale
    usual = float(
        np.quantile(_distance(reference, reference, NEIGHBOURS + 1), USUAL)
    )  # one's nearest is oneself
    return _distance((np.asarray(looked, np.float64) - middle) / scale, reference, NEIGHBOURS) / max(
        usual, 1e-6
    )


def _distance(points: NDArray[np.float64], others: NDArray[np.float64], place: int) -> NDArray[np.float64]:
    """To the so-manieth nearest of the others."""
    found = [np.partition(np.linalg.norm(others - one, axis=1), place - 1)[place - 1] for one in points]
    return np.asarray(found, np.float64)


def _numbers(body: dict[str, Any]) -> list[float]:
    """What is known of a photo beside its pixels, each on a scale of some units."""
    conditions, kinds = body.get("conditions") or {}, body.get("kind") or {}
    probability = min(max(float(body["probability"]), 1e-4), 1 - 1e-4)
    width, height = max(int(body.get("width") or 1), 1), max(int(body.get("height") or 1), 1)
    return [
        float(np.log2(max(int(conditions.get("long_side") or 1), 1))),
        float(np.log2(width / height)),
        float(conditions.get("jpeg_quality") or 101) / 10,
        float(conditions.get("quantisations") or 0),
        float(conditions.get("sharpness") or 0) * 3,
        float(np.log(probability / (1 - probability))),
        *(float(kinds.get(kind, 0)) * 3 for kind in ("ai_generated", "ai_edited", "photoshopped")),
    ]


def _row(tenant: str, one: _Drawn, now: datetime) -> ReviewSample:
    return ReviewSample(
        id=make_id("smp", now),
        tenant_id=tenant,
        image_id=one.image.id,
        sha256=one.image.sha256,
        detection_id=one.detection.id,
        reason=one.reason.value,
        score=one.score,
        created_at=now,
    )


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
