"""The engineer's files: bundles become candidates, reports and logs describe versions, and two versions stand beside
each other with their curves, slices and training."""

import io
import json
import pickle
import re
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fastapi import FastAPI

from refundlens.model.detect import Detector
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.registry import service
from refundlens.serving.registry.bundles import tried
from refundlens.serving.storage.tables import AuditEvent, ModelVersion
from refundlens.training.evaluation.report import curves, headline, plain
from refundlens.training.evaluation.slices import slices, table
from tests.support.desk import Desk
from tests.support.tiny import save_bundle
from tests.training.evaluation.test_report import evaluation

pytestmark = pytest.mark.slow

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
    assert "ROC AUC, 95%" in page and "paired_auc <strong>0.6608</strong>" in page
    assert "Precision against recall" in page and "judged nothing lately" in page
    chinese = eve.http.get("/models/compare?lang=zh").text
    assert "版本对比" in chinese and "检出率与误报率" in chinese
    assert "<h2>总体</h2>" in chinese and '<th scope="row">AI 局部改图</th>' in chinese
    assert "seen in training" not in chinese and "AI 局部改图 · 训练中未见过" in chinese
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


def _external(place: str) -> bytes:
    """A bundle whose weights lie in another file."""
    with tempfile.TemporaryDirectory() as folder:
        network = onnx.load(str(save_bundle(Path(folder) / "tiny.onnx", version="0.0.9")))
    weight = next(one for one in network.graph.initializer if one.name == "colours")
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", place), ("length", "48")):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    return bytes(network.SerializeToString())


def _huge() -> bytes:
    """A bundle of a few kilobytes that makes a tensor of terabytes as soon as it is opened or run."""
    with tempfile.TemporaryDirectory() as folder:
        network = onnx.load(str(save_bundle(Path(folder) / "tiny.onnx", version="0.0.8")))
    shape = onnx.numpy_helper.from_array(np.array([1_000_000, 1_000_000], np.int64), "shape")
    network.graph.initializer.append(shape)
    filled = onnx.helper.make_node("ConstantOfShape", ["shape"], ["filled"])
    whole = onnx.helper.make_node("ReduceMax", ["filled"], ["most"], keepdims=0)
    scale = onnx.helper.make_node("Add", ["kind_", "most"], ["kind"])
    next(node for node in network.graph.node if "kind" in node.output).output[0] = "kind_"
    network.graph.node.extend([filled, whole, scale])
    return bytes(network.SerializeToString())


def _zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../bundle.onnx", b"0" * 10_000_000)
    return file.getvalue()


class _Runs:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("pickled"),)  # type: ignore[return-value]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: _external("secret"), id="a file beside"),
        pytest.param(lambda: _external("../here/secret"), id="a file elsewhere"),
        pytest.param(_huge, id="a bomb"),
        pytest.param(_zipped, id="a zip that climbs"),
        pytest.param(lambda: pickle.dumps(_Runs()), id="a pickle"),
    ],
)
def test_a_bundle_that_is_a_trick_reads_writes_and_breaks_nothing(
    eve: Desk,
    workflow_app: FastAPI,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: Callable[[], bytes],
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "secret").write_bytes(np.full(12, 0.5, np.float32).tobytes())
    monkeypatch.chdir(here)
    answer = _send(eve, "bundle.onnx", content())
    assert answer.status_code == 422 and "This bundle cannot be taken" in answer.text
    assert [one.name for one in here.iterdir()] == ["secret"]
    with workflow_app.state.database.reading() as session:
        assert session.query(ModelVersion).filter(ModelVersion.version.in_(["0.0.8", "0.0.9"])).count() == 0
    assert eve.get("/models").status_code == 200
