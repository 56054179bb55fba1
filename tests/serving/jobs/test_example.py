"""The demo always has a refund that was found fake: by the comparison with the listing, then by its program's decision;
and it is there again when somebody used it up. Photos beside the listing go to a person whatever the detector says."""

import base64
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.demo.samples import FOUND, draw_sample, listing
from refundlens.serving.jobs import example
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import DetectionRecord, Refund, Report
from refundlens.serving.workflow.states import RefundStatus

pytestmark = pytest.mark.slow

PATIENCE = 300
"""Seconds: drawing, judging and laying over take some of a processor, which a busy machine shares out."""


@pytest.fixture
def demo(
    bundle: Path, detector: Detector, tmp_path: Path, moving_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FastAPI]:
    """A demo whose six other refunds are left out, with its worker."""
    monkeypatch.setattr("refundlens.serving.demo.refunds.SAMPLES", ())
    monkeypatch.setattr("refundlens.serving.demo.refunds.TIMES", ())
    monkeypatch.setattr(example, "SOON", 0.1)
    monkeypatch.setattr(example, "RENEWED_EVERY", 0.1)
    settings = Settings(bundle=bundle, data_dir=tmp_path / "var", workers=2)
    app = create_app(settings, detector, moving_clock)
    with TestClient(app) as client:
        app.state.test_client = client
        yield app


def _established(app: FastAPI, number: str) -> Report:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        with app.state.database.reading() as session:
            rows = session.execute(
                select(Report).join(Refund, Refund.id == Report.refund_id).where(Refund.refund_id == number)
            )
            found: list[Report] = list(rows.scalars())
            for report in found:
                if report.state in ("established", "final_established"):
                    return report
        time.sleep(0.05)
    raise AssertionError(f"{number} was not established")


def test_a_found_fake_is_there_and_says_what_it_rests_on(demo: FastAPI) -> None:
    report = _established(demo, "DEMO-FAKE")
    with demo.state.database.reading() as session:
        body = session.get_one(DetectionRecord, report.screening_id).body
    [found] = [one for one in body["reasons"] if one["code"] == "reference.defect_added"]
    assert found["details"]["count"] >= 1 and 0 < found["details"]["bound"] < 0.02
    assert report.decided_by == "demo-example", "a person's place, held by a program that says so"
    client: TestClient = demo.state.test_client
    for language, words in (("en", "a hole added"), ("zh", "多了一个洞")):
        client.cookies.clear()
        client.get("/welcome?next=/refunds", headers={"Accept-Language": language})
        page = client.get(f"/reports/{report.id}", headers={"Accept-Language": language})
        assert words in page.text and "reports/" in page.text


@pytest.mark.parametrize("way", ["closed", "time is over"])
def test_once_used_up_it_is_there_again(demo: FastAPI, moving_clock: Any, way: str) -> None:
    _established(demo, "DEMO-FAKE")
    if way == "closed":
        with demo.state.database.transaction() as session:
            closed = {"status": RefundStatus.CLOSED.value, "closed_at": demo.state.clock()}
            session.execute(update(Refund).where(Refund.refund_id == "DEMO-FAKE").values(**closed))
    else:
        moving_clock.forward(days=30)
    _established(demo, "DEMO-FAKE-2")


def test_where_the_comparison_finds_nothing_nobody_decides(
    demo: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written down beforehand: without the finding the case waits for a person."""
    report = _established(demo, "DEMO-FAKE")
    with demo.state.database.transaction() as session:
        row = session.get_one(DetectionRecord, report.screening_id)
        row.body = {**row.body, "reasons": []}
        session.flush()
        assert not example._found(session, report)
        session.rollback()


def test_the_listing_s_own_shot_goes_to_a_person(
    settings: Settings, detector: Detector, moving_clock: Any, photo: Callable[..., bytes]
) -> None:
    keys = ",".join(f"{key}:key-{key.partition(':')[2]}" for key in ("platform:taobao", "merchant:shop-1"))
    app = create_app(Settings(**settings.model_dump() | {"api_keys": keys}), detector, moving_clock)
    pictures = {"R-same": draw_sample(FOUND), "R-other": photo(size=(960, 1280))}
    with TestClient(app) as client:
        for number, data in pictures.items():
            body = {
                "account": "shop-1", "amount": {"value": 100}, "buyer": "b",
                "deadline_at": (moving_clock() + timedelta(days=2)).isoformat(),
                "images": {"refund": [{"name": "a.jpg", "data": base64.b64encode(data).decode()}],
                           "listing": [{"name": "l.jpg", "data": base64.b64encode(listing(FOUND)).decode()}]},
            }  # fmt: skip
            mirrored = client.put(
                f"/v1/refunds/{number}", json=body, headers={"Authorization": "Bearer key-taobao"}
            )
            assert mirrored.is_success, mirrored.text
            image = next(one["id"] for one in mirrored.json()["images"] if one["source"] == "refund")
            asked = {"refund_id": number, "image": image}
            headers = {"Authorization": "Bearer key-shop-1", "Idempotency-Key": number}
            made = client.post("/v1/reports", json=asked, headers=headers)
            assert made.is_success, made.text
            ends = time.monotonic() + PATIENCE
            while True:
                report = client.get(f"/v1/reports/{made.json()['id']}", headers=headers).json()
                if report["state"] != "submitted":
                    break
                assert time.monotonic() < ends
                time.sleep(0.05)
            told = [one["code"] for one in report["reasons"] if one["code"].startswith("reference.")]
            if number == "R-same":
                assert (report["state"], report["review_reason"]) == ("needs_review", "same_shot_as_listing")
                assert told == ["reference.defect_added"]
            else:
                assert not told and report["review_reason"] != "same_shot_as_listing"
