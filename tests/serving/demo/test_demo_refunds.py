"""The demo's refunds never run out: time anew for what nobody reported, a successor for what was, on a schedule."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.demo import refunds
from refundlens.serving.demo.samples import SAMPLES
from refundlens.serving.identity.keys import visitor
from refundlens.serving.reuse import telling
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Image, PhotoPrint, Refund
from refundlens.serving.workflow.states import RefundStatus, Source

Photo = Callable[..., bytes]


@pytest.fixture
def demo(
    bundle: Path,
    detector: Detector,
    tmp_path: Path,
    photo: Photo,
    moving_clock: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> FastAPI:
    sizes = {sample.slug: (64 + number, 64) for number, sample in enumerate(SAMPLES)}
    monkeypatch.setattr(
        "refundlens.serving.demo.samples.draw_sample", lambda sample: photo(size=sizes[sample.slug])
    )
    monkeypatch.setattr(refunds, "listing", lambda sample: photo("PNG", size=sizes[sample.slug]))
    settings = Settings(bundle=bundle, data_dir=tmp_path / "var", workers=1, worker=False)
    app = create_app(settings, detector, moving_clock)
    refunds.mirror_samples(app.state)
    return app


def _rows(app: FastAPI) -> dict[str, Refund]:
    with app.state.database.reading() as session:
        return {row.refund_id: row for row in session.execute(select(Refund)).scalars()}


def _close(app: FastAPI, refund_id: str) -> None:
    with app.state.database.transaction() as session:
        closed = {"status": RefundStatus.CLOSED.value, "closed_at": app.state.clock()}
        session.execute(update(Refund).where(Refund.refund_id == refund_id).values(**closed))


def test_what_was_used_gets_a_successor_and_the_rest_stays(demo: FastAPI) -> None:
    assert len(_rows(demo)) == len(SAMPLES)
    refunds.mirror_samples(demo.state)
    assert len(_rows(demo)) == len(SAMPLES), "nothing new while all six are there"
    for used, successor in (("DEMO-001", "DEMO-001-2"), ("DEMO-001-2", "DEMO-001-3")):
        _close(demo, used)
        refunds.mirror_samples(demo.state)
        assert successor in _rows(demo)
    assert len(_rows(demo)) == len(SAMPLES) + 2


def test_a_successor_is_no_second_claim_with_the_same_photo(demo: FastAPI) -> None:
    """Whoever reports the demo's photo again is not told that somebody had used it: that was the visitor before."""
    for used in ("DEMO-001", "DEMO-001-2"):
        _close(demo, used)
        refunds.mirror_samples(demo.state)
    with demo.state.database.reading() as session:
        asked = (
            select(Image)
            .join(Refund, Refund.id == Image.refund_id)
            .where(Image.source == Source.REFUND.value)
        )
        for image in session.execute(asked.where(Refund.refund_id.startswith("DEMO-001"))).scalars():
            found = telling.reuse_of_image(session, demo.state.finder, image, demo.state.clock())
            others = [use.refund.refund_id for use in found.uses] if found else []
            assert not [one for one in others if one.startswith("DEMO-001")]
        kept = select(PhotoPrint.image_id).join(Image, Image.id == PhotoPrint.image_id)
        kept = kept.join(Refund, Refund.id == Image.refund_id).where(Refund.refund_id == "DEMO-001-3")
        assert session.execute(kept).first(), "somebody else who uses it is still found"


def test_a_month_later_all_six_are_open_with_time_left(demo: FastAPI, moving_clock: Any) -> None:
    before = set(_rows(demo))
    now = moving_clock.forward(days=30)
    refunds.mirror_samples(demo.state)
    rows = _rows(demo)
    assert set(rows) == before
    assert all(row.deadline_at and row.deadline_at > now + timedelta(minutes=10) for row in rows.values())


def test_another_shop_s_number_is_not_taken_for_the_demo_s(demo: FastAPI) -> None:
    with demo.state.database.transaction() as session:
        session.execute(update(Refund).where(Refund.refund_id == "DEMO-002").values(account="somebody"))
    principal = visitor(demo.state.settings)
    assert principal is not None
    with demo.state.database.reading() as session:
        assert refunds.last_refund(session, principal.tenant, principal.account, "DEMO-002") is None


def test_it_is_looked_at_again_and_again_even_after_a_failure(
    demo: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def look(state: Any) -> None:
        looks.append(1)
        if len(looks) == 1:
            raise OperationalError("select", {}, Exception("away"))

    monkeypatch.setattr(refunds, "mirror_samples", look)

    async def run() -> None:
        task = asyncio.create_task(refunds.keep_renewed(demo.state, 0.01))
        for _ in range(500):
            await asyncio.sleep(0.01)
            if len(looks) >= 3:
                break
        task.cancel()

    asyncio.run(run())
    assert len(looks) >= 3
    assert refunds.STALE.total_seconds() > refunds.RENEWED_EVERY
