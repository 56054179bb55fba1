"""The engineer's files: bundles become candidates, reports and logs describe versions, and two versions stand beside
each other with their curves, slices and training."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from refundlens.model.detect import Detector
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.registry import service
from refundlens.serving.registry.bundles import tried
from refundlens.serving.storage.tables import AuditEvent
from refundlens.training.evaluation.report import curves, headline, plain
from refundlens.training.evaluation.slices import slices, table
from tests.support.desk import Desk
from tests.support.tiny import save_bundle
from tests.training.evaluation.test_report import evaluation

LOG = Path(__file__).parents[3] / "docs" / "results" / "refundlens-s-0.4.0-training.jsonl"


def _send(desk: Desk, name: str, content: bytes, version: str = "", **more: str) -> Any:
    hidden = desk.hidden(desk.get("/models"), "/models/upload")
    data = {**hidden, "version": version, **more}
    return desk.http.post("/models/upload", data=data, files={"file": (name, content)})


@pytest.fixture
def eve(workflow_app: FastAPI) -> Desk:
    return Desk(workflow_app, "eve")


@pytest.fixture
def version(workflow_app: FastAPI, bundle: Path, moving_clock: Any) -> str:
    by = Principal(DEFAULT, "", Role.ENGINEER, "eve")
    with workflow_app.state.database.transaction() as session:
        row = service.add(session, by, tried(bundle), moving_clock())
        service.install(session, row.id, moving_clock(), None)
        return row.id


def _report(sha256: str) -> bytes:
    scored = evaluation()
    measured = table(slices(scored, ["flux"]), rounds=10)
    report = {
        "context": {"title": "Held out", "model": {"sha256": sha256}},
        "headline": headline(scored, measured),
        "slices": [asdict(one) for one in measured],
        "curves": curves(scored),
    }
    return json.dumps(plain(report)).encode()


def test_a_report_and_a_log_are_shown_beside_another_version(
    eve: Desk, version: str, detector: Detector
) -> None:
    sent = _send(eve, "report.json", _report(detector.name.sha256), version)
    assert sent.headers["location"] == f"/models/compare?second={version}"
    assert _send(eve, "training.jsonl", LOG.read_bytes(), version).status_code == 303
    page = eve.get(sent.headers["location"]).text
    assert "Held out" in page and page.count('<polyline class="side2" points="') >= 4
    assert "ROC AUC, 95 %" in page and "paired_auc <strong>0.6608</strong>" in page
    assert "Precision against recall" in page and "judged nothing lately" in page
    chinese = eve.http.get("/models/compare?lang=zh").text
    assert "版本对比" in chinese and "检出率与误报率" in chinese
    assert "<h2>总体</h2>" in chinese and '<th scope="row">AI 局部改图</th>' in chinese
    assert re.search(r'text-anchor="end">第 [\d,]+ 步</text>', chinese), "the axis of the training curve"


def test_what_is_another_s_or_nothing_is_refused_in_words(
    eve: Desk, version: str, workflow_app: FastAPI
) -> None:
    for name, content, words in (
        ("report.json", _report("0" * 64), "of another model"),
        ("report.json", b"[]", "no report.json"),
        ("run.jsonl", b"{}\n", "no log of refundlens train"),
        ("bundle.onnx", b"no model", "This bundle cannot be taken"),
    ):
        answer = _send(eve, name, content, version)
        assert answer.status_code == 422 and words in answer.text, name
    judge = Desk(workflow_app, "ann")
    assert judge.http.post("/models/upload", data={}).status_code == 403
    unsigned = eve.http.post("/models/upload", data={"version": version}, files={"file": ("a.json", b"{}")})
    assert unsigned.status_code == 403, "without the form's token"
    eve.http.cookies.clear()
    ended = eve.http.post("/models/upload", files={"file": ("a.json", b"{}")}, follow_redirects=False)
    assert ended.headers["location"] == "/welcome?next=%2Fmodels", "to the login, and back to the form's page"


def test_an_uploaded_bundle_is_a_candidate_that_judges(
    eve: Desk, tmp_path: Path, workflow_app: FastAPI
) -> None:
    bundle = save_bundle(tmp_path / "new.onnx", version="0.0.3")
    assert _send(eve, "new.onnx", bundle.read_bytes()).headers["location"] == "/models#versions"
    parts = workflow_app.state
    with parts.database.reading() as session:
        facts = tried(bundle)
        row = service.find(session, facts.id)
        assert row.stage == "candidate" and parts.bundles.get(row.sha256) == bundle.read_bytes()
        events = [event.actor for event in session.query(AuditEvent).filter_by(action="model.added")]
    assert events[-1] == "eve"
