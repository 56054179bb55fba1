"""Scores are made once and kept: by network and picture, through kills and repetitions."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refundlens.datasets.row import Row
from refundlens.model.network.pooling import FEATURES
from refundlens.training.calibration.calibrate import COPIES, choose_copies, choose_photos, fits
from refundlens.training.calibration.scoring import Sample, ScoreFile, score_rows


class Counting:
    """A detector whose features tell the mean grey level, and which counts its looks."""

    def __init__(self, sha256: str = "a") -> None:
        self.name = SimpleNamespace(sha256=sha256)
        self.looks = 0

    def score(self, pixels: np.ndarray) -> Any:
        self.looks += 1
        return SimpleNamespace(features=np.full(len(FEATURES), pixels.mean()))


def row(
    index: int, source: str = "s", label: int = 0, split: str = "calibration", delivery: str = "q90"
) -> Row:
    return Row.model_validate(
        {
            "file_name": f"{split}/{index}.png", "label": label, "kind": "ai_edited" if label else "authentic",
            "split": split, "source": source, "group": source, "licence": "CC0-1.0", "width": 64, "height": 64,
            "delivery": {"name": delivery, "steps": []}, "phash": "0" * 16,
        }
    )  # fmt: skip


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    (tmp_path / "calibration").mkdir()
    made = [row(index) for index in range(6)]
    rng = np.random.default_rng(0)
    for one in made:
        Image.fromarray(rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)).save(tmp_path / one.file_name)
    return made


def same(one: list[Sample], other: list[Sample]) -> bool:
    def plain(sample: Sample) -> list[object]:
        values = dataclasses.asdict(sample)
        return [value.tolist() if isinstance(value, np.ndarray) else value for value in values.values()]

    return [plain(sample) for sample in one] == [plain(sample) for sample in other]


def test_what_was_scored_is_not_scored_again(tmp_path: Path, rows: list[Row]) -> None:
    detector, path = Counting(), tmp_path / "scores.jsonl"
    copied = {rows[1].file_name, rows[4].file_name}
    first = score_rows(detector, tmp_path, rows, ScoreFile(path, detector), copied)  # type: ignore[arg-type]
    assert detector.looks == 8
    assert [index for index, one in enumerate(first) if one.copy is not None] == [1, 4]
    again = score_rows(detector, tmp_path, rows, ScoreFile(path, detector), copied)  # type: ignore[arg-type]
    assert detector.looks == 8 and same(first, again)
    more = score_rows(detector, tmp_path, rows, ScoreFile(path, detector), {rows[0].file_name})  # type: ignore[arg-type]
    assert detector.looks == 9 and more[0].copy is not None


def test_a_killed_run_loses_one_line_at_most(tmp_path: Path, rows: list[Row]) -> None:
    detector, path = Counting(), tmp_path / "scores.jsonl"
    first = score_rows(detector, tmp_path, rows, ScoreFile(path, detector))  # type: ignore[arg-type]
    path.write_text(path.read_text()[:-40])
    again = score_rows(detector, tmp_path, rows, ScoreFile(path, detector))  # type: ignore[arg-type]
    assert detector.looks == 7 and same(first, again)
    score_rows(detector, tmp_path, rows, ScoreFile(path, detector))  # type: ignore[arg-type]
    assert detector.looks == 7


def test_another_network_is_scored_anew(tmp_path: Path, rows: list[Row]) -> None:
    path = tmp_path / "scores.jsonl"
    for sha256 in ("a", "b"):
        detector = Counting(sha256)
        score_rows(detector, tmp_path, rows, ScoreFile(path, detector))  # type: ignore[arg-type]
        assert detector.looks == len(rows)


def test_fewer_photos_are_a_part_of_more_with_all_their_rows() -> None:
    rows = [row(10 * photo + index, f"photo{photo}") for photo in range(20) for index in range(3)]
    few, more = choose_photos(rows, 5), choose_photos(rows, 12)
    assert {one.source for one in few} < {one.source for one in more} and len(few) == 15
    assert choose_photos(rows, None) == rows and choose_photos(rows, 99) == rows


def test_copies_are_spread_over_classes_deliveries_and_uses() -> None:
    rows = [
        row(1000 * label + 100 * way + photo, f"photo{photo}", label, "calibration", f"way{way}")
        for photo in range(80)
        for label in (0, 1)
        for way in range(3)
    ] + [row(index, f"seen{index}", index % 2, "validation", "drawn") for index in range(40)]
    chosen = choose_copies(rows)
    assert chosen == choose_copies(rows[::-1]) and len(chosen) == COPIES
    picked = [one for one in rows if one.file_name in chosen]
    counting = [one for one in picked if one.split == "calibration" and not fits(one.source)]
    assert len(counting) == COPIES // 2
    groups = [sum((one.label, one.delivery["name"]) == (label, f"way{way}") for one in counting)
              for label in (0, 1) for way in range(3)]  # fmt: skip
    assert max(groups) - min(groups) <= 1
    assert choose_copies(rows[:3]) <= {one.file_name for one in rows[:3]}
