"""One turn of the loop on tiny networks: from labels to a bundle with the gate's word, resumed at every step."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from refundlens.datasets.snapshot.make import make_snapshot
from refundlens.datasets.snapshot.store import open_snapshot
from refundlens.model import bundle
from refundlens.training.retrain import retrain as module
from refundlens.training.retrain.plan import RetrainError, StepLog
from refundlens.training.retrain.retrain import REPORT, retrain
from tests.training.retrain.conftest import Loop

pytestmark = pytest.mark.slow
STEPS = ["check", "join", "crops", "train", "calibrate", "evaluate", "export", "gate", "finish"]


def test_one_turn_ends_in_a_bundle_with_the_gate_s_word(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    broken = module.run_gate

    def power_cut(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_gate", power_cut)
    with pytest.raises(KeyboardInterrupt):
        retrain(loop.plan, told.append)
    assert list(StepLog.open(loop.plan.work).done) == STEPS[:-2]
    monkeypatch.setattr(module, "run_gate", broken)
    again: list[str] = []
    result = retrain(loop.plan, again.append)
    assert [line.partition(":")[0] for line in again if "done before" in line] == STEPS[:-2]
    assert list(StepLog.open(loop.plan.work).done) == STEPS
    loaded = bundle.load(loop.plan.out, threads=1)
    snapshot = open_snapshot(loop.plan.snapshot)
    assert loaded.training["snapshots"] == [snapshot.version]
    assert loaded.training["gate"]["passed"] is result.passed
    assert loaded.calibration is not None and "Photos of disputes" in loaded.card
    assert "Newcomer 1" in loaded.card and "Elder 1" in loaded.card
    report = (loop.plan.work / REPORT).read_text(encoding="utf-8")
    assert "generator Newcomer 1" in report and "| train |" in report
    saw = loop.store / "models.jsonl"
    assert saw.is_file() is result.passed
    judged = {
        json.loads(line)["model"]
        for line in (loop.plan.gate / "judged.jsonl").read_text().split("\n")
        if line
    }
    assert len(judged) == 2


def test_a_bad_snapshot_stops_before_anything_is_trained(loop: Loop, tmp_path: Path) -> None:
    lines = [line for line in loop.feedback.lines if line["truth"] != "authentic"]
    bad = replace(loop.feedback, folder=loop.feedback.folder, lines=lines)
    made = make_snapshot([bad.write()], tmp_path / "store", datetime(2026, 11, 28, tzinfo=UTC))
    plan = replace(loop.plan, snapshot=made.folder, work=tmp_path / "work")
    told: list[str] = []
    with pytest.raises(RetrainError, match=r"empty_class.*--accept empty_class"):
        retrain(plan, told.append)
    assert any(line.strip().startswith("empty_class: 0 authentic photos") for line in told)
    assert not (tmp_path / "work" / "run").exists()


def test_changed_inputs_are_done_again_with_all_that_follows(tmp_path: Path) -> None:
    for inputs, expected in ((("a", "b"), [True, True]), (("a", "b"), [False, False]), (("a", "c"), [False, True]),
                             (("d", "c"), [True, True])):  # fmt: skip
        log, done = StepLog.open(tmp_path), []
        for name, value in zip(("first", "second"), inputs, strict=True):
            with log.step(name, value, tell=lambda line: None) as todo:
                done.append(todo)
        assert done == expected
    log = StepLog.open(tmp_path)
    with pytest.raises(ZeroDivisionError), log.step("third", tell=lambda line: None):
        _ = 1 / 0
    assert "third" not in StepLog.open(tmp_path).done
