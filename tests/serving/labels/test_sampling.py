"""Photos that people are asked about: each reason, once, of tenants that agreed, and never an erased one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.labels import sampling
from refundlens.serving.labels.export import TRAINING, export
from refundlens.serving.labels.sampling import draw_samples
from refundlens.serving.labels.schemas import SampleReason
from refundlens.serving.storage.tables import (
    DetectionRecord,
    Image,
    ModelVersion,
    Report,
    Rescore,
    ReviewSample,
    ShadowAgreement,
    Tenant,
)
from refundlens.serving.workflow.states import ReportState
from tests.serving.conftest import MovableClock

pytestmark = pytest.mark.slow

Add = Callable[..., str]


@pytest.fixture
def agreed(workflow_app: FastAPI) -> None:
    _set_training(workflow_app, True)


def _set_training(app: FastAPI, agrees: bool) -> None:
    with app.state.database.transaction() as session:
        tenant = session.get_one(Tenant, DEFAULT)
        tenant.settings = {**tenant.settings, TRAINING: agrees}


@pytest.fixture
def add(workflow_app: FastAPI, create_dispute: Any, moving_clock: MovableClock) -> Add:
    """A screened photo, days ago; its hash. Its probability is far from one half unless said otherwise."""
    made = iter(range(10_000))

    def screened(
        days: float = 1, probability: float = 0.999, side: int = 640, sha256: str = "", **more: Any
    ) -> str:
        when, number = moving_clock() - timedelta(days=days), next(made)
        state = more.pop("state", ReportState.FINAL_ESTABLISHED)
        with workflow_app.state.database.transaction() as session:
            one = create_dispute(
                session, when, buyer=f"{number:064x}", content=f"photo {number}".encode(), state=state,
                tenant=DEFAULT, **more,
            )  # fmt: skip
            one.image.sha256 = sha256 or f"f{number:063x}"  # not drawn at random
            said = session.get_one(DetectionRecord, one.report.screening_id)
            said.probability = probability
            said.body = {**said.body, "probability": probability,
                         "conditions": {**said.body["conditions"], "long_side": side}}  # fmt: skip
            return str(one.image.sha256)

    return screened


def _drawn(app: FastAPI) -> dict[str, str]:
    with app.state.database.reading() as session:
        return {row.sha256: row.reason for row in session.execute(select(ReviewSample)).scalars()}


def test_one_in_two_hundred_is_drawn_whatever_the_detector_said(
    workflow_app: FastAPI, add: Add, agreed: None, moving_clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"{16**8 // 200:08x}" == sampling._RANDOM_BELOW
    monkeypatch.setattr(sampling, "EACH", 0)
    rng = np.random.default_rng(3)
    hashes = ["".join(rng.choice(list("0123456789abcdef"), 64)) for _ in range(400)]
    for one in hashes:
        add(sha256=one)
    draw_samples(workflow_app.state.database, moving_clock())
    expected = {one for one in hashes if int(one[:8], 16) < 16**8 // 200}
    assert set(_drawn(workflow_app)) == expected and 0 < len(expected) < 8


def test_a_photo_is_drawn_once_and_a_random_one_says_so_though_it_is_uncertain(
    workflow_app: FastAPI, add: Add, agreed: None, moving_clock: MovableClock
) -> None:
    """A rate counted on the random ones would lack just those that stand out."""
    random = add(probability=0.5, sha256="0" * 64)
    uncertain = add(probability=0.5)
    assert draw_samples(workflow_app.state.database, moving_clock()) == 2
    assert _drawn(workflow_app) == {random: "random", uncertain: "uncertain"}
    moving_clock.forward(days=1)
    for sha256 in (random, uncertain):
        add(days=1, probability=0.5, sha256=sha256)  # sent again the day after
    assert draw_samples(workflow_app.state.database, moving_clock()) == 0


def test_a_photo_that_somebody_has_labelled_is_not_asked_about(
    workflow_app: FastAPI,
    as_caller: Callable[..., TestClient],
    add: Add,
    agreed: None,
    moving_clock: MovableClock,
) -> None:
    known, unknown = add(probability=0.5), add(probability=0.5)
    said = as_caller("eve").post("/v1/labels", json={"sha256": known, "truth": "authentic"})
    assert said.status_code == 201, said.text
    draw_samples(workflow_app.state.database, moving_clock())
    assert set(_drawn(workflow_app)) == {unknown}


def test_uncertain_photos_unless_somebody_decides_them_anyhow(
    workflow_app: FastAPI, add: Add, agreed: None, moving_clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "EACH", 2)
    sure = [add(probability=0.99), add(probability=0.01)]
    doubtful = [add(probability=0.52), add(probability=0.45)]
    judged_soon = add(probability=0.5, state=ReportState.NEEDS_REVIEW)
    old = add(days=3, probability=0.5)
    assert draw_samples(workflow_app.state.database, moving_clock()) == 2
    assert _drawn(workflow_app) == dict.fromkeys(doubtful, "uncertain")
    assert draw_samples(workflow_app.state.database, moving_clock()) == 0, "once a day"
    assert not {*sure, judged_soon, old} & set(_drawn(workflow_app))


def test_photos_that_champion_and_shadow_call_otherwise(
    workflow_app: FastAPI, add: Add, agreed: None, moving_clock: MovableClock
) -> None:
    other, same = add(), add()
    for _ in range(30):
        add(probability=0.5)
    with workflow_app.state.database.transaction() as session:
        worst = [
            [other, "fake", "authentic", 0.8],
            [same, "fake", "fake", 0.3],
            ["a" * 64, "fake", "authentic", 0.9],
        ]
        session.add(ShadowAgreement(
            challenger="1" * 64, champion="2" * 64, photos=3, difference=2.0, champion_seconds=1.0,
            challenger_seconds=1.0, verdicts={}, worst=worst, updated_at=moving_clock(),
        ))  # fmt: skip
    draw_samples(workflow_app.state.database, moving_clock())
    drawn = _drawn(workflow_app)
    assert drawn[other] == "different" and drawn.get(same) is None


def test_photos_that_a_new_champion_and_the_one_before_call_otherwise(
    workflow_app: FastAPI, add: Add, agreed: None, moving_clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "EACH", 2)
    monkeypatch.setattr(sampling, "_uncertain", lambda *_: ())
    near, far, farther, same = (add() for _ in range(4))
    says = {near: ("fake", 0.8), far: ("authentic", 0.3), farther: ("authentic", 0.1), same: ("fake", 0.2)}
    with workflow_app.state.database.transaction() as session:
        champion = session.execute(select(ModelVersion.id)).scalar_one()
        for sha256, (verdict, probability) in says.items():
            report = session.execute(
                select(Report).join(Image, Image.id == Report.image_id).where(Image.sha256 == sha256)
            ).scalar_one()
            session.add(Rescore(
                model_version=champion, report_id=report.id, tenant_id=DEFAULT, stands="established",
                would="needs_review", by_person=False, was_model="tiny-1",
                was_verdict="inconclusive" if sha256 == near else "fake", was_probability=0.9, verdict=verdict,
                probability=probability, created_at=moving_clock(),
            ))  # fmt: skip
    draw_samples(workflow_app.state.database, moving_clock())
    assert _drawn(workflow_app) == dict.fromkeys((far, farther), "different"), "the two farthest apart"


def test_a_novel_photo_is_far_from_those_before(
    workflow_app: FastAPI, add: Add, agreed: None, moving_clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    for _ in range(80):
        add(
            days=float(rng.uniform(2, 20)),
            side=int(rng.integers(600, 700)),
            probability=float(rng.uniform(0.9, 0.99)),
        )
    usual, strange = add(side=650, probability=0.95), add(side=60, probability=0.95)
    monkeypatch.setattr(sampling, "_uncertain", lambda *_: ())
    draw_samples(workflow_app.state.database, moving_clock())
    assert _drawn(workflow_app) == {strange: "novel"} and usual


def test_novelty_is_one_at_the_edge_of_what_is_known() -> None:
    known = np.random.default_rng(0).normal(size=(500, 3))
    far = sampling.novelty([[0, 0, 0], [9, 9, 9]], known)
    assert far[0] < 0.5 and far[1] > 5


def test_consent_erasure_and_answers_are_respected(
    workflow_app: FastAPI,
    as_caller: Callable[..., TestClient],
    add: Add,
    moving_clock: MovableClock,
    tmp_path: Any,
) -> None:
    database, eve = workflow_app.state.database, as_caller("eve")
    photos = [add(probability=0.5) for _ in range(3)]
    assert draw_samples(database, moving_clock()) == 0, "nobody agreed"
    _set_training(workflow_app, True)
    with database.transaction() as session:
        session.execute(
            select(Image).where(Image.sha256 == photos[0])
        ).scalar_one().erased_at = moving_clock()
    assert draw_samples(database, moving_clock()) == 2
    first = eve.get("/v1/labels/samples", params={"limit": 1}).json()
    rest = eve.get("/v1/labels/samples", params={"cursor": first["next_cursor"]}).json()
    listed = [*first["items"], *rest["items"]]
    assert {one["sha256"] for one in listed} == set(photos[1:]) and rest["next_cursor"] is None
    assert {(one["reason"], one["verdict"]) for one in listed} == {("uncertain", "fake")}
    assert eve.get("/v1/labels/samples", params={"reason": "random"}).json()["items"] == []
    made = eve.post("/v1/labels", json={"image_id": listed[0]["image_id"], "truth": "ai_generated"})
    assert made.status_code == 201
    left = eve.get("/v1/labels/samples").json()["items"]
    assert [one["sha256"] for one in left] == [listed[1]["sha256"]], "answered"
    with database.transaction() as session:
        session.execute(
            select(Image).where(Image.sha256 == listed[1]["sha256"])
        ).scalar_one().erased_at = moving_clock()
    assert eve.get("/v1/labels/samples").json()["items"] == [], "erased since"
    assert as_caller("ann").get("/v1/labels/samples").status_code == 403
    with database.reading() as session:
        export(session, workflow_app.state.files, DEFAULT, tmp_path / "out")
    line = (tmp_path / "out" / "manifest.jsonl").read_text(encoding="utf-8")
    assert f'"sampled": "{SampleReason.UNCERTAIN}"' in line
