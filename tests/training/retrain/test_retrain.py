"""One turn of the loop on tiny networks: from labels to a bundle with the gate's word, resumed at every step."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from refundlens.datasets.snapshot.make import make_snapshot
from refundlens.datasets.snapshot.store import open_snapshot
from refundlens.model import bundle
from refundlens.training.commands import REAL_EDITORS
from refundlens.training.evaluation.real_editors import read_report
from refundlens.training.retrain import retrain as module
from refundlens.training.retrain.plan import RetrainError, StepLog
from refundlens.training.retrain.retrain import REPORT, retrain
from tests.datasets.collections import photo
from tests.datasets.snapshot.feedback import Feedback, jpeg
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
    assert "## Pairs and controls" in report and "| whole pictures against unrelated photos, AUC |" in report
    assert len(read_report(loop.plan.before / REAL_EDITORS).looks) > 0
    saw = loop.store / "models.jsonl"
    assert saw.is_file() is result.passed
    judged = {
        json.loads(line)["model"]
        for line in (loop.plan.gate / "judged.jsonl").read_text().split("\n")
        if line
    }
    assert len(judged) == 2


def _empty_class(feedback: Feedback) -> None:
    feedback.lines = [line for line in feedback.lines if line["truth"] != "authentic"]


def _corrupt_image(feedback: Feedback) -> None:
    feedback.add(77, content=jpeg(photo(77))[:300])


def _leak_across_splits(feedback: Feedback) -> None:
    for seed, part in ((80, "train"), (81, "test")):
        feedback.add(seed, group="same buyer", part=part)


def _poisoned_series(feedback: Feedback) -> None:
    """Three honest accounts call fake what one calls authentic."""
    for index in range(12):
        feedback.add(500 + index, "authentic", "mallory")
        said = {
            "truth": "fake",
            "source": "decision",
            "weight": 1.0,
            "by": f"acct{index % 3}",
            "created_at": "",
        }
        feedback.lines[-1]["said"].append(said)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_empty_class, "empty_class: 0 authentic photos"),
        (_corrupt_image, "corrupt_image: 1 photo(s) cannot be read"),
        (_leak_across_splits, "leak_across_splits: photos of one sender"),
        (_poisoned_series, "poisoned_series: account mallory labelled 12 photos"),
    ],
)
def test_a_bad_snapshot_stops_before_anything_is_trained(
    loop: Loop, tmp_path: Path, spoil: Callable[[Feedback], None], told: str
) -> None:
    bad = Feedback(loop.feedback.folder, list(loop.feedback.lines))
    spoil(bad)
    made = make_snapshot([bad.write()], tmp_path / "store", datetime(2026, 11, 28, tzinfo=UTC))
    plan = replace(loop.plan, snapshot=made.folder, work=tmp_path / "work", accepted=("wrong_labels",))
    lines: list[str] = []
    code = told.partition(":")[0]
    with pytest.raises(RetrainError, match=f"{code}.*--accept {code}"):
        retrain(plan, lines.append)
    assert any(line.strip().startswith(told) for line in lines)
    kept = json.loads((plan.work / "problems.json").read_text(encoding="utf-8"))
    assert code in {one["code"] for one in kept}
    assert not (tmp_path / "work" / "run").exists()


def test_too_few_photos_for_the_bound_are_told_before_anything_is_trained(loop: Loop, tmp_path: Path) -> None:
    plan = replace(loop.plan, work=tmp_path / "work", limit=0.01)
    with pytest.raises(RetrainError, match=r"takes 509 authentic photos .* has \d+: .*--with-test"):
        retrain(plan)
    assert not plan.work.exists()


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
