"""The three numbers and the two controls, on a collection of our own making and a network whose answers are known."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from refundlens.datasets.collect import collect, read_list
from refundlens.datasets.collection import Entry
from refundlens.model.detect import Detector
from refundlens.training.cli import app
from refundlens.training.evaluation.real_editors import (
    Look,
    _report,
    as_markdown,
    measure,
    read_report,
)
from tests.datasets.collections import snapshot
from tests.support.tiny import save_bundle

pytestmark = pytest.mark.slow


def _entry(name: str, label: str, pair: str = "", generator: str = "", kind: str = "real_product") -> Entry:
    return Entry(name, "validation", label, kind, pair, "", generator, f"r/{name}", name, "", "", None)  # type: ignore[arg-type]


def _look(entry: Entry, score: float, marked: bool = False) -> Look:
    heat = np.full((8, 8), 0.1, np.float32)
    if marked:
        heat[:4] = 0.9
    return Look(entry, score, heat, "fake" if score > 2 else "inconclusive")


def test_a_detector_of_the_collection_is_caught_by_the_control() -> None:
    """It tells galleries from snapshots: inputs score as high as what was made of them."""
    looks = {}
    for index in range(12):
        looks[f"p{index}"] = _look(_entry(f"p{index}", "authentic"), -2.0 - index / 100)
        looks[f"i{index}"] = _look(_entry(f"i{index}", "input"), 2.0 + index / 100)
        looks[f"g{index}"] = _look(_entry(f"g{index}", "ai_generated", f"i{index}", "X"), 2.0 + index / 100)
    figures = _report(looks, {}, []).figures
    assert figures["whole pictures against unrelated photos, AUC"]["value"] == 1.0
    assert figures["whole pictures against their own inputs, AUC"]["value"] == 0.5
    assert figures["whole pictures above their own input, share"]["value"] == 0.0
    assert figures["inputs against unrelated photos, AUC (control, 0.42 to 0.58)"]["value"] == 1.0


def test_a_map_of_content_is_caught_by_the_other_control() -> None:
    cells = np.zeros((8, 8), bool)
    cells[:4] = True
    edit, given = _entry("e", "ai_edited", "i", "Y"), _entry("i", "input")
    looks = {"e": _look(edit, 1.0, marked=True), "i": _look(given, 0.9, marked=True)}
    figures = _report(looks, {"e": (cells, looks["e"], looks["i"])}, [(cells, looks["e"])]).figures
    assert (
        figures["local edits, pixel AUC"]["value"] == 1.0
        and figures["local edits, pixel F1 at 0.5"]["value"] == 1.0
    )
    assert figures["same masks on their inputs, pixel AUC (control, 0.45 to 0.55)"]["value"] == 1.0
    assert figures["forgeries, pixel F1 at 0.5"] == {"value": 1.0, "low": 1.0, "high": 1.0, "pictures": 1}


def test_families_and_verdicts_are_told_apart() -> None:
    looks = {
        "a": _look(_entry("a", "authentic"), -1.0),
        "g": _look(_entry("g", "ai_generated", generator="FLUX.1-dev"), 3.0),
        "h": _look(_entry("h", "ai_generated", generator="Qwen-Image"), -3.0),
    }
    report = _report(looks, {}, [])
    assert report.families["flux, ai_generated"]["against_photos"] == 1.0
    assert report.families["newer, ai_generated"]["against_photos"] == 0.0
    assert report.verdicts["ai_generated"]["fake"] == 0.5
    assert "| flux, ai_generated | 1 | 1.000 |" in as_markdown(report)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    source = snapshot(folder)
    collect(read_list(source.list), source.snapshots, folder / "out", source.masks)
    return folder / "out"


def test_real_files_go_through_one_delivery_and_a_real_bundle(collection: Path, tmp_path: Path) -> None:
    report = measure(Detector(save_bundle(tmp_path / "tiny.onnx")), collection, "train")
    assert report.figures["local edits, pixel AUC"]["pictures"] == 3
    assert report.figures["whole pictures against unrelated photos, AUC"]["pictures"] == 10
    assert set(report.verdicts) == {"authentic", "ai_generated", "ai_edited", "input"}


def test_the_command_takes_a_collected_folder(collection: Path, tmp_path: Path) -> None:
    bundle = save_bundle(tmp_path / "tiny.onnx")
    answer = CliRunner().invoke(
        app, ["evaluate", str(bundle), str(collection), "--split", "train", "--out", str(tmp_path / "report")]
    )
    assert answer.exit_code == 0, answer.output
    assert (tmp_path / "report" / "real_editors.md").read_text().startswith("| figure |")


def test_a_bundle_written_once_more_tells_the_figures_in_its_card(collection: Path, tmp_path: Path) -> None:
    old, told = save_bundle(tmp_path / "tiny.onnx"), tmp_path / "told" / "tiny.onnx"
    given = ["evaluate", str(old), str(collection), "--split", "train", "--out", str(tmp_path / "report")]
    answer = CliRunner().invoke(app, [*given, "--into", str(told)])
    assert answer.exit_code == 0, answer.output
    card = Detector(told).card
    assert card == told.with_suffix(".md").read_text(encoding="utf-8")
    assert (tmp_path / "report" / "real_editors.md").read_text(encoding="utf-8").strip() in card
    assert "`refundlens evaluate tiny.onnx out --split train`" in card
    before, after = onnx.load(old), onnx.load(told)
    assert before.graph == after.graph
    report = read_report(tmp_path / "report" / "real_editors.json")
    assert report.context["model"]["sha256"] == hashlib.sha256(old.read_bytes()).hexdigest()


def test_a_card_is_told_only_of_collected_pictures(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    bundle = save_bundle(tmp_path / "tiny.onnx")
    given = ["evaluate", str(bundle), str(tmp_path / "dataset"), "--into", str(tmp_path / "told.onnx")]
    answer = CliRunner().invoke(app, given)
    assert answer.exit_code == 1 and "data collect" in answer.output and not (tmp_path / "told.onnx").exists()
