"""What the demo begins with: a refund whose photo the running model calls fake, one that it clears, and one that goes
to a person.

In: the drawn pictures of `samples.FRONT`, and the running model. Out: an open refund for each of the three ends, as
`SampleFolder.front` names them. Nothing says beforehand which picture ends how: the model judges one after the other,
as it would a report's only photo, until each end has one; where none leads to an end, that end is not shown. Whoever
reports one has it judged anew. What was found is kept beside the pictures, for that model alone.
"""

import asyncio
import logging
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from refundlens.serving.demo.refunds import is_over, is_reported, last_refund, mirror_sample, place, successor
from refundlens.serving.demo.samples import Opinion, Sample, Shown, takes
from refundlens.serving.engine.job import Closed, Expired, Overloaded
from refundlens.serving.http.budgets import group_of_tenant
from refundlens.serving.identity.keys import visitor
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.principal import Principal
from refundlens.serving.remote.batches import EngineAway
from refundlens.serving.reports.screening import alone
from refundlens.serving.storage.tables import Image, Refund
from refundlens.serving.workflow import guards
from refundlens.serving.workflow.states import RefundStatus, ReportState

ENDS = {
    ReportState.ESTABLISHED: "DEMO-101",
    ReportState.NOT_ESTABLISHED: "DEMO-102",
    ReportState.NEEDS_REVIEW: "DEMO-103",
}
"""Each end, and the number of its first refund."""
TIME = timedelta(days=2, hours=12)
"""Until a refund's deadline."""
RENEWED_EVERY = 15.0
"""Seconds between looks: whoever comes back from a report soon finds the next refund of its kind."""
_log = logging.getLogger(__name__)


async def keep_front(parts: Services) -> None:
    """Look again and again, until cancelled. What is away is asked the next time."""
    while True:
        if parts.ready:
            try:
                await renew_front(parts)
            except (OSError, SQLAlchemyError, Overloaded, Expired, EngineAway, Closed):
                _log.warning("the demo's first refunds could not be renewed", exc_info=True)
        await asyncio.sleep(RENEWED_EVERY)


async def renew_front(parts: Services) -> None:
    """Have an open refund for each end. Raises OSError, SQLAlchemy's errors, those of `Engine.detect`."""
    shop = visitor(parts.settings)
    if shop is None:
        return
    most = await asyncio.to_thread(_limit, parts, shop)
    shown = []
    for end, number in ENDS.items():
        one = await asyncio.to_thread(_there, parts, shop, end, most)
        if one is None:
            one = await _next(parts, shop, number, end, most)
        if one is not None:
            shown.append(one)
    parts.samples.front = tuple(shown)


def _limit(parts: Services, shop: Principal) -> float:
    with parts.database.reading() as session:
        return guards.chosen_miss_limit(session, parts.settings, shop.tenant)


def _there(parts: Services, shop: Principal, end: ReportState, most: float) -> Shown | None:
    """The refund that waits for a visitor: open, not reported, with time left, and with a picture that ends so."""
    now: datetime = parts.clock()
    ending = _ending(parts, end, most)
    with parts.database.reading() as session:
        last = last_refund(session, shop.tenant, shop.account, ENDS[end])
        if last is None or last.status != RefundStatus.OPEN or is_reported(session, last):
            return None
        image = _image(session, last)
        name = next((name for name, found in ending.items() if found.sha256 == image.sha256), None)
        return None if is_over(last, now) or name is None else Shown(end, name, last.refund_id, image.id)


def _ending(parts: Services, end: ReportState, most: float) -> dict[str, Opinion]:
    """The pictures that the running model leads to this end, by name, in the order they were judged."""
    return {
        name: one
        for name, one in parts.samples.judged(_model(parts)).items()
        if alone(one.verdict, one.miss_bound, True, most) is end
    }


async def _next(parts: Services, shop: Principal, number: str, end: ReportState, most: float) -> Shown | None:
    """Mirror the next refund of an end with the next picture that leads there; none where none does."""

    def following() -> str:
        with parts.database.reading() as session:
            last = last_refund(session, shop.tenant, shop.account, number)
            return number if last is None else successor(last.refund_id, number)

    refund_id = await asyncio.to_thread(following)
    ordinal = place(refund_id, number)
    judged = await asyncio.to_thread(parts.samples.judged, _model(parts))
    waiting = [one for one in takes() if one.name not in judged]
    names = await asyncio.to_thread(_ending, parts, end, most)
    while len(names) < ordinal and waiting:
        await _judge(parts, shop, waiting.pop(0))
        names = await asyncio.to_thread(_ending, parts, end, most)
    if not names:
        return None
    chosen = list(names)[(ordinal - 1) % len(names)]
    sample = next(one for one in takes() if one.name == chosen)
    await asyncio.to_thread(mirror_sample, parts, refund_id, sample, TIME)
    parts.notifier.notify()
    return await asyncio.to_thread(_there, parts, shop, end, most)


async def _judge(parts: Services, shop: Principal, sample: Sample) -> None:
    path = await asyncio.to_thread(parts.samples.file, sample)
    data = await asyncio.to_thread(path.read_bytes)
    answer = await parts.service.engine.detect(
        data, sample.defect, priority="bulk", group=group_of_tenant(shop.tenant)
    )
    found = answer.detection
    finding = Opinion(sha256(data).hexdigest(), found.verdict, found.miss_bound)
    await asyncio.to_thread(parts.samples.keep, found.model.sha256, sample.name, finding)


def _model(parts: Services) -> str:
    return parts.service.detector.name.sha256


def _image(session: Session, refund: Refund) -> Image:
    return session.execute(select(Image).where(Image.refund_id == refund.id).limit(1)).scalar_one()
