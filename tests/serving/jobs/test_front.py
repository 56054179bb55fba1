"""The demo begins with a refund for each end, found by asking the running model, and never without it."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.demo import refunds
from refundlens.serving.demo.samples import FRONT, Opinion, Sample, draw_sample, takes
from refundlens.serving.identity.tenants import DEMO_MISS_LIMIT
from refundlens.serving.jobs import front
from refundlens.serving.kit.language import texts
from refundlens.serving.reports.screening import alone
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Report
from refundlens.serving.workflow.states import ReportState
from tests.support.waiting import until

PATIENCE = 60
"""Seconds that a report may take on a machine that does much else."""
SLUGS = [sample.slug for sample in FRONT]


@pytest.fixture
def pictures(photo: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """How each sample's picture is made, to be changed: red ones are fakes to the tests' model, GIFs beyond it."""
    made: dict[str, dict[str, Any]] = {
        SLUGS[0]: {"red": True},
        SLUGS[1]: {},
        SLUGS[2]: {"form": "GIF"},
    }

    def drawn(sample: Sample) -> bytes:
        return photo(**made.get(sample.slug, {}), size=(320 + 8 * sample.take, 240))

    monkeypatch.setattr("refundlens.serving.demo.samples.draw_sample", drawn)
    monkeypatch.setattr(refunds, "SAMPLES", ())
    monkeypatch.setattr(refunds, "TIMES", ())
    return made


@pytest.fixture
def demo(bundle: Path, detector: Detector, tmp_path: Path, moving_clock: Any) -> FastAPI:
    settings = Settings(bundle=bundle, data_dir=tmp_path / "var", workers=1)
    return create_app(settings, detector, moving_clock)


def _ends(app: FastAPI) -> dict[str, str]:
    asyncio.run(front.renew_front(app.state))  # type: ignore[arg-type]
    return {one.end.value: one.name for one in app.state.samples.front}


def test_each_end_has_a_picture_that_the_model_led_there(
    demo: FastAPI, pictures: dict[str, dict[str, Any]]
) -> None:
    assert _ends(demo) == dict(zip(("established", "not_established", "needs_review"), SLUGS, strict=True))
    before = demo.state.samples.front
    assert _ends(demo) and demo.state.samples.front == before, "what waits is left alone"


def test_nothing_is_written_down_beforehand(demo: FastAPI, pictures: dict[str, dict[str, Any]]) -> None:
    pictures[SLUGS[0]], pictures[SLUGS[2]] = pictures[SLUGS[2]], pictures[SLUGS[0]]
    assert _ends(demo) == {
        "established": SLUGS[2],
        "not_established": SLUGS[1],
        "needs_review": SLUGS[0],
    }


@pytest.mark.slow
def test_an_end_that_no_picture_leads_to_is_not_shown(
    demo: FastAPI, pictures: dict[str, dict[str, Any]]
) -> None:
    pictures[SLUGS[0]] = {}
    assert sorted(_ends(demo)) == ["needs_review", "not_established"]
    assert len(demo.state.samples.judged(demo.state.service.detector.name.sha256)) == len(list(takes()))


@pytest.mark.slow
def test_what_another_model_said_counts_for_nothing(
    demo: FastAPI, pictures: dict[str, dict[str, Any]]
) -> None:
    _ends(demo)
    demo.state.samples.keep("another", SLUGS[0], Opinion("0" * 64, "authentic", 0.1))
    assert demo.state.samples.judged(demo.state.service.detector.name.sha256) == {}
    assert _ends(demo)["established"] == f"{SLUGS[0]}-2", "asked anew; what waited was another model's"


@pytest.mark.slow
def test_a_click_ends_as_the_page_says_and_the_next_visitor_finds_another(
    demo: FastAPI, pictures: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, moving_clock: Any
) -> None:
    monkeypatch.setattr(front, "RENEWED_EVERY", 0.1)
    ways = texts("refunds", "zh")["front"]
    with TestClient(demo, headers={"Accept-Language": "zh"}) as visitor:
        until(lambda: len(demo.state.samples.front) == 3)
        shown = demo.state.samples.front
        for one in shown:
            page = visitor.get("/refunds").text
            assert ways["ends"][one.end] in page and f"/samples/{one.name}/thumb.jpg" in page
            form = page.split(f'name="photo" value="{one.image_id}"')[0].rpartition("<form")[2]
            moving_clock.forward(seconds=1)  # what is newer has a later id
            hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
            sent = visitor.post("/refunds/reports", data={**hidden, "photo": one.image_id})
            assert sent.status_code == 200
            until(lambda one=one: _state(demo, one.image_id) != "submitted")  # type: ignore[misc]
            assert _state(demo, one.image_id) == one.end
        until(
            lambda: (
                {one.refund_id for one in demo.state.samples.front} == {f"{n}-2" for n in front.ENDS.values()}
            )
        )
        assert {one.name for one in demo.state.samples.front}.isdisjoint(one.name for one in shown)


def _state(app: FastAPI, image: str) -> str:
    with app.state.database.reading() as session:
        return str(session.execute(select(Report.state).where(Report.image_id == image)).scalar_one())


@pytest.mark.slow
def test_the_bundled_model_leads_to_all_three_ends() -> None:
    """The demo is worth nothing otherwise: for a new bundle, draw other pictures."""
    detector, found = Detector(threads=1), set()
    for sample in takes():
        said = detector.detect(draw_sample(sample), claim=sample.defect)
        found.add(alone(said.verdict, said.miss_bound, True, DEMO_MISS_LIMIT))
        if found == set(front.ENDS):
            break
    assert found == {ReportState.ESTABLISHED, ReportState.NOT_ESTABLISHED, ReportState.NEEDS_REVIEW}
