"""The whole way of an ML engineer: train (in the fixture) -> calibrate -> evaluate -> export -> detect."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from refundlens.model import bundle
from refundlens.model.detect import Detector
from refundlens.model.verdict.calibration import CalibrationError
from refundlens.training import commands
from refundlens.training.cli import app
from refundlens.training.commands import Material
from refundlens.training.config import TrainConfig
from refundlens.training.export import (
    BundleExportError,
    load_network,
    parity,
    raw_bundle,
    with_metadata,
)
from refundlens.training.loop import FINAL, train

pytestmark = pytest.mark.slow

LIMIT = 0.4
"""A dozen photos support no less."""


@pytest.fixture(scope="module")
def exported(run: Path, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    commands.calibrate(run, Material(dataset), LIMIT, 0.95, None)
    commands.evaluate(str(run), dataset, None, "test", None)
    return commands.export(run, tmp_path_factory.mktemp("bundle") / "small.onnx", "small", "0.0.1")


def test_the_bundle_describes_itself(exported: Path, dataset: Path) -> None:
    loaded = bundle.load(exported)
    assert (loaded.name.name, loaded.name.version) == ("small", "0.0.1")
    assert loaded.calibration is not None and loaded.calibration.limit == LIMIT
    assert loaded.training["dataset"] == json.loads((dataset / "dataset.json").read_text())["version"]
    assert loaded.card.startswith("---") and "ROC AUC, all pictures" in loaded.card
    assert exported.with_suffix(".md").read_text() == loaded.card


def test_onnx_runtime_agrees_with_pytorch(run: Path, exported: Path) -> None:
    assert parity(load_network(run), exported) < 1e-3
    shape = onnx.load(exported).graph.input[0].type.tensor_type
    assert shape.elem_type == onnx.TensorProto.UINT8
    assert shape.shape.dim[0].dim_param


def test_an_exported_models_weights_are_a_start_for_the_next_run(
    dataset: Path, run: Path, exported: Path, config: TrainConfig, tmp_path: Path
) -> None:
    still = config.model_copy(update={"steps": 1, "learning_rate": 0.0, "weight_decay": 0.0, "ema": 0.0})
    train(dataset, tmp_path / "next", still, init=exported.with_suffix(".pt"))
    one, other = (torch.load(path / FINAL, weights_only=True)["state"] for path in (run, tmp_path / "next"))
    filters = [name for name, value in one.items() if value.ndim == 4]
    assert filters
    for name in filters:  # half precision
        torch.testing.assert_close(other[name], one[name], rtol=2e-3, atol=1e-4)


def test_a_verdict_never_says_fake_beyond_the_limit(exported: Path, dataset: Path) -> None:
    detector = Detector(exported)
    for path in sorted((dataset / "test").glob("*.jpg"))[:6]:
        found = detector.detect(path.read_bytes())
        assert sum(found.kind.values()) == pytest.approx(1)
        assert found.probability == pytest.approx(1 - found.kind["authentic"])
        if found.verdict == "fake":
            assert found.false_accusation_bound is not None and found.false_accusation_bound <= LIMIT


def test_the_same_bytes_give_the_same_numbers(exported: Path, dataset: Path) -> None:
    data = next((dataset / "test").glob("*.jpg")).read_bytes()
    one, other = Detector(exported, threads=1).detect(data), Detector(exported, threads=2).detect(data)
    assert one.probability == pytest.approx(other.probability, abs=1e-4)
    np.testing.assert_allclose(one.heatmap, other.heatmap, atol=1e-4)


def test_evaluation_writes_a_report(run: Path, exported: Path) -> None:
    report = json.loads((run / "report" / "report.json").read_text())
    assert {line["name"] for line in report["headline"]} >= {
        "ROC AUC, all pictures",
        "authentic photos called fake",
    }
    assert "format swap" in {control["name"] for control in report["controls"]}
    assert (run / "report" / "report.md").read_text().count("|") > 50


def test_too_few_photos_are_refused_with_the_number_needed(run: Path, dataset: Path) -> None:
    with pytest.raises(CalibrationError, match="299 authentic source photos"):
        commands.calibrate(run, Material(dataset), 0.01, 0.95, None)


def test_a_user_calibrates_a_bundle_on_own_photos(exported: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "own.onnx"
    result = commands.calibrate(exported, Material(photos), 0.2, 0.9, out)
    assert max(one.photos for one in result.bins) == 30
    again = bundle.load(out).calibration
    assert again == result
    assert again.weights == bundle.load(exported).calibration.weights  # type: ignore[union-attr]
    with pytest.raises(CalibrationError, match="--out"):
        commands.calibrate(exported, Material(photos), 0.2, 0.9, None)


def test_copies_of_one_photo_count_as_one(exported: Path, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for index, source in enumerate(sorted(photos.rglob("*.jpg"))[:12]):
        with Image.open(source) as picture:
            for quality in (65, 72, 78):
                picture.save(folder / f"{index}-{quality}.jpg", quality=quality)
    result = commands.calibrate(exported, Material(folder), 0.3, 0.9, tmp_path / "own.onnx")
    assert [one.photos for one in result.bins] == [12]


def test_a_newly_calibrated_bundle_says_so_in_its_card(exported: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "own.onnx"
    commands.calibrate(exported, Material(photos), 0.2, 0.9, out)
    before, after = bundle.load(exported).card, bundle.load(out).card
    assert "within 20.0 %" in after and "within 40.0 %" not in after
    assert "those of earlier ones" in after and "those of earlier ones" not in before
    # a card is published: not where its maker's folders lie
    assert f"refundlens calibrate {exported.name} {photos.name} " in after and str(photos) not in after
    assert before.split("## Limits")[1] == after.split("## Limits")[1]
    assert before.split("## Calibration")[0] == after.split("## Calibration")[0]


def test_a_run_that_moved_on_is_not_exported_with_its_old_calibration_or_figures(
    exported: Path, run: Path, dataset: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(run, moved)
    result = (moved / "calibrated.onnx").read_bytes()
    with_metadata(moved / "calibrated.onnx", moved / "calibrated.onnx", {"refundlens.card": "another"})
    with pytest.raises(BundleExportError, match="refundlens evaluate"):
        commands.export(moved, tmp_path / "x.onnx", "x", "1")
    (moved / "calibrated.onnx").write_bytes(result)
    commands.export(moved, tmp_path / "x.onnx", "x", "1")
    saved = torch.load(moved / "model.pt", weights_only=True)
    saved["state"]["map_head.bias"] += 1.0
    torch.save(saved, moved / "model.pt")
    with pytest.raises(BundleExportError, match="refundlens calibrate"):
        commands.export(moved, tmp_path / "x.onnx", "x", "1")
    with pytest.raises(CalibrationError, match="refundlens calibrate"):
        commands.evaluate(str(moved), dataset, None, "test", None)


def test_an_unfinished_or_uncalibrated_run_says_what_to_do(tmp_path: Path, run: Path) -> None:
    with pytest.raises(BundleExportError, match="refundlens train"):
        raw_bundle(tmp_path)
    (tmp_path / "config.yaml").write_text("steps: 1\n")
    with pytest.raises(BundleExportError, match="refundlens calibrate"):
        commands.export(tmp_path, tmp_path / "x.onnx", "x", "1")


def test_the_command_line_tells_errors_in_one_line(tmp_path: Path, dataset: Path) -> None:
    (tmp_path / "empty").mkdir()
    told = CliRunner().invoke(app, ["train", str(dataset), str(tmp_path / "run"), "--set", "steps=none"])
    assert told.exit_code == 1
    assert "steps" in told.output and "Traceback" not in told.output
    told = CliRunner().invoke(app, ["calibrate", str(tmp_path / "empty"), str(dataset)])
    assert told.exit_code == 1 and "refundlens train" in told.output


def test_a_card_tells_the_limits_that_a_person_wrote_down(run: Path, exported: Path, tmp_path: Path) -> None:
    notes = run / "notes.yaml"
    notes.write_text(
        "limits: [Only rendered fabric was seen.]\nfigures: [{name: speed, value: 9 ms, command: bench}]\n"
    )
    try:
        card = bundle.load(commands.export(run, tmp_path / "noted.onnx", "small", "0.0.2")).card
        notes.write_text("- just a list\n")
        with pytest.raises(ValueError, match=r"notes\.yaml must be a mapping"):
            commands.export(run, tmp_path / "bad.onnx", "small", "0.0.2")
    finally:
        notes.unlink()
    assert "Only rendered fabric was seen." in card and "| speed | 9 ms | `bench` |" in card


def test_a_bundle_holds_no_path_of_the_machine_that_made_it(exported: Path) -> None:
    assert str(Path(bundle.__file__).parent).encode() not in exported.read_bytes()
