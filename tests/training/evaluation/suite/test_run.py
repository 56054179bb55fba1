"""The whole suite, on a dataset of red edits: what it writes, and that a second run writes the same."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets.manifest import DatasetError
from refundlens.training.evaluation.suite import run as suite
from refundlens.training.evaluation.suite.report import JSON, SLICES, TEXT, summary
from refundlens.training.evaluation.suite.run import SuiteOptions, run_suite
from refundlens.training.evaluation.suite.sweep import DELIVERIES

pytestmark = pytest.mark.slow

Make = Callable[..., NDArray[Any]]


class Peer:
    """A peer that scores brightness and marks everything."""

    name = "bright"

    def score(self, data: bytes) -> float | None:
        return float(len(data))

    def heatmap(self, data: bytes) -> NDArray[np.float32] | None:
        return np.ones((2, 2), np.float32)


@pytest.fixture
def options(tmp_path: Path, make_picture: Make, monkeypatch: pytest.MonkeyPatch) -> SuiteOptions:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    Image.fromarray(make_picture(9)).save(folder / "one.jpg", quality=90)
    monkeypatch.setattr(suite, "load_peers", lambda names: [Peer() for name in names])
    return SuiteOptions(real_defects=folder, catalogue=folder, peers=("bright",), peer_limit=2, rounds=5)


def test_a_second_run_judges_nothing_and_reports_the_same(
    reds: Path, tmp_path: Path, detector: Any, options: SuiteOptions
) -> None:
    out = tmp_path / "out"
    report = run_suite(detector, reds, out, options, {"command": "again"})
    calls, written = detector.calls, {name: (out / name).read_text() for name in (JSON, TEXT, SLICES)}
    assert run_suite(detector, reds, out, options, {"command": "again"}) == report
    assert detector.calls == calls
    assert {name: (out / name).read_text() for name in (JSON, TEXT, SLICES)} == written

    # killed half way, it goes on and comes to the same
    scores = (out / "scores.jsonl").read_text().splitlines(keepends=True)
    (out / "scores.jsonl").write_text("".join(scores[: len(scores) // 2]) + scores[-1][:20])
    assert run_suite(detector, reds, out, options, {"command": "again"}) == report
    assert calls < detector.calls < 2 * calls

    assert json.loads(written[JSON]) == report
    targets = {one["name"]: one for one in report["targets"]}
    assert targets["ROC AUC, q75_720"]["measured"] == 1.0 and targets["ROC AUC, q75_720"]["met"] is True
    assert targets["pixel F1 of AI splices, png"]["met"] is True
    assert targets["regenerated pictures whose likeliest kind is that"]["measured"] == 0.0
    assert targets["ROC AUC, edits by real editors, png"]["met"] is None
    assert targets["ROC AUC, generators of the test split never trained on"]["note"] == "unseen"
    assert targets["balanced accuracy on defects, real as is, by verdict"]["measured"] == 1.0
    assert set(report["resized"].values()) == {0.0}
    assert {one["name"] for one in report["authentic"]} == {"real damage", "catalogue"}
    peers = {(one["detector"], one["delivery"]) for one in report["peers"]}
    assert peers == {(name, delivery) for name in ("RefundLens", "bright") for delivery in DELIVERIES}
    assert all(one["photos"] == 2 for one in report["peers"])

    text = written[TEXT]
    for expected in (
        "## Targets",
        "q75_720 0.0 %",
        "| bright |",
        "does not follow it",
        "cut-out on white, png",
        "again",
    ):
        assert expected in text
    assert "nan" not in text and text.index("## Targets") < text.index("## Delivery by delivery")
    with (out / SLICES).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(report["slices"]) and {"ece_balanced", "balanced_accuracy"} <= set(rows[0])
    shown = summary(report, out)
    assert "MISSED" in shown and "met   " in shown and len(shown.splitlines()) < 35


def test_a_split_without_masters_is_an_error(reds: Path, tmp_path: Path, detector: Any) -> None:
    with pytest.raises(DatasetError, match="no undelivered pictures of both classes"):
        run_suite(detector, reds, tmp_path, SuiteOptions(split="calibration"))
