"""A report: what is written, and that its headline says what the rows say."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refundlens.datasets.row import Row
from refundlens.model.detection import Conditions
from refundlens.model.verdict.bounds import upper_bound
from refundlens.training.evaluation.controls import Control
from refundlens.training.evaluation.metrics import PixelCounts, roc_auc
from refundlens.training.evaluation.report import FEW, number, percent, plain, write_report
from refundlens.training.evaluation.slices import Scored

pytestmark = pytest.mark.slow


def evaluation(photos: int = 40, seed: int = 0) -> list[Scored]:
    """Rows of every kind, in two deliveries; a third of the photos show real damage; the first is accused."""
    rng = np.random.default_rng(seed)
    rows = []
    for photo in range(photos):
        for kind in ("authentic", "ai_edited", "photoshopped", "ai_generated"):
            fake = kind != "authentic"
            said = float(np.clip(rng.normal(0.7 if fake else 0.3, 0.15), 0.0, 1.0))
            delivery = ("q75_720", "png")[photo % 2]
            row = Row(
                file_name=f"{photo}-{kind}.png",
                label=int(fake),
                kind=kind,
                split="test",
                source=str(photo),
                group=str(photo),
                licence="CC0-1.0",
                generator=f"{kind}-g{photo % 2}" if fake else None,
                real_defect="stain" if photo % 3 == 0 and not fake else None,
                delivery={"name": delivery, "steps": []},
                width=720,
                height=540,
                phash="0",
            )
            verdict = "fake" if said > 0.65 or (photo == 0 and not fake) else "inconclusive"
            rows.append(
                Scored(
                    row,
                    said,
                    verdict,
                    {"authentic": 1 - said, "ai_edited": said},
                    PixelCounts(80, 10, 20) if kind == "ai_edited" else None,
                    None,
                    Conditions(long_side=720, jpeg_quality=75, quantisations=1, sharpness=0.5),
                )
            )
    return rows


def test_the_headline_says_what_the_rows_say(tmp_path: Path) -> None:
    rows = evaluation()
    context = {
        "trained_generators": {"ai_edited-g0"},
        "rounds": 20,
        "command": "refundlens evaluate RUN DATA",
    }
    report = write_report(rows, tmp_path, context)
    lines = {line["name"]: line for line in report["headline"]}
    auc = roc_auc([one.row.label for one in rows], [one.probability for one in rows])
    assert lines["ROC AUC, all pictures"]["value"] == pytest.approx(auc)
    assert lines["ROC AUC, delivered q75_720"]["photos"] == 20
    assert lines["pixel F1 of spliced AI edits"]["value"] == pytest.approx(PixelCounts(80, 10, 20).f1)
    accused = {one.row.source for one in rows if one.row.label == 0 and one.verdict == "fake"}
    line = lines["authentic photos called fake"]
    assert line["accused"] == len(accused) >= 1
    assert line["bound"] == pytest.approx(upper_bound(len(accused), 40))
    assert lines["photos of real damage called fake"]["photos"] == 14
    assert "ROC AUC, ai_edited, never seen in training" in lines


def test_files_are_written_and_can_be_read(tmp_path: Path) -> None:
    control = Control("made up", "A control of this test.", 7, {"auc": 0.5, "odd": math.nan}, passed=False)
    context = {
        "title": "A run",
        "notes": ["A remark."],
        "controls": [control],
        "rounds": 10,
        "model": "m 1.0",
    }
    report = write_report(evaluation(12), tmp_path / "deep" / "folder", {**context, "command": "do it again"})
    out = tmp_path / "deep" / "folder"
    assert json.loads((out / "report.json").read_text()) == report
    text = (out / "report.md").read_text()
    for expected in (
        "# A run",
        "A remark.",
        "made up",
        "**not kept**",
        "do it again",
        "m 1.0",
        "*(few)*",
        "### By kind",
    ):
        assert expected in text
    assert "nan" not in text
    assert report["controls"][1]["values"] == {"auc": 0.5, "odd": None}
    assert report["controls"][0]["values"]["furthest_from_half"] == 0.0
    for name in report["plots"].values():
        with Image.open(out / name) as plot:
            assert np.asarray(plot.convert("L")).std() > 5
            assert f"]({name})" in text


def test_slice_tables_hold_every_slice(tmp_path: Path) -> None:
    report = write_report(evaluation(FEW), tmp_path, {"rounds": 10})
    text = (tmp_path / "report.md").read_text()
    for one in report["slices"]:
        assert f"| {one['value']} " in text
    assert {one["dimension"] for one in report["slices"]} >= {
        "overall",
        "kind",
        "generator",
        "delivery",
        "real defect",
    }


def test_one_class_alone_still_gives_a_report(tmp_path: Path) -> None:
    rows = [one for one in evaluation(6) if one.row.label == 0]
    report = write_report(rows, tmp_path, {"rounds": 10})
    assert report["headline"][0]["value"] is None
    assert (tmp_path / "roc.png").exists()


def test_nothing_to_report_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to report"):
        write_report([], tmp_path, {})


def test_formatting() -> None:
    assert number(math.nan) == percent(None) == "–"
    assert number(0.98765) == "0.988"
    assert percent(0.0123) == "1.2 %"
    assert plain({"a": np.float32(0.5), "b": {"y", "x"}, "c": (math.inf, Path("p"))}) == {
        "a": 0.5,
        "b": ["x", "y"],
        "c": [None, "p"],
    }
