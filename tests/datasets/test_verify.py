"""Every promise of a dataset, broken once: `verify` must say so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from refundlens.datasets import manifest
from refundlens.datasets.build import Built
from refundlens.datasets.row import Row
from refundlens.datasets.verify import delivery_differences, verify

Row_ = dict[str, Any]


def rewrite(dataset: Path, change: Callable[[list[Row_]], None]) -> None:
    """Change the manifest's rows and restate the version, as a careless tool would."""
    lines = [json.loads(line) for line in (dataset / manifest.METADATA).read_text().splitlines()]
    change(lines)
    rows = [Row.model_validate(line) for line in lines]
    manifest.write(dataset, rows, {"seed": 7})


def test_a_fresh_dataset_has_no_problem(built: tuple[Path, Built]) -> None:
    assert verify(built[0]) == []


def test_missing_damaged_and_resized_files_are_named(copied: Path) -> None:
    missing, damaged, resized = (row for row in manifest.read(copied)[:3])
    (copied / missing.file_name).unlink()
    (copied / damaged.file_name).write_bytes(b"\x89PNG\r\n")
    Image.new("RGB", (9, 9)).save(copied / resized.file_name)
    problems = "\n".join(verify(copied))
    assert f"{missing.file_name}: missing" in problems
    assert f"{damaged.file_name}: does not decode" in problems
    assert f"{resized.file_name}: is 9x9" in problems


def test_a_changed_row_breaks_the_version(copied: Path) -> None:
    file = copied / manifest.METADATA
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0].replace('"licence":"unknown"', '"licence":"CC0-1.0"'), *lines[1:]]))
    assert any("rows were changed" in problem for problem in verify(copied))


def test_a_group_in_two_splits_is_found(copied: Path) -> None:
    def leak(rows: list[Row_]) -> None:
        next(row for row in rows if row["split"] == "test")["group"] = rows[0]["group"]

    rewrite(copied, leak)
    assert any("groups lie in more than one split" in problem for problem in verify(copied))


def test_a_near_duplicate_in_two_splits_is_found(copied: Path) -> None:
    def leak(rows: list[Row_]) -> None:
        code = f"{int(rows[0]['phash'], 16) ^ 0b111:016x}"
        other = next(row["source"] for row in rows if row["split"] == "test")
        for row in rows:
            if row["source"] == other:
                row["phash"] = code

    rewrite(copied, leak)
    assert any("near-duplicate photos cross" in problem for problem in verify(copied))


def test_the_same_file_in_two_splits_is_found(copied: Path) -> None:
    rows = manifest.read(copied)
    test = next(row for row in rows if row.split == "test" and row.file_name.endswith(".png"))
    train = next(row for row in rows if row.split == "train")
    (copied / test.file_name).write_bytes((copied / train.file_name).read_bytes())
    assert any("identical files" in problem for problem in verify(copied))


def test_classes_that_came_differently_are_found(copied: Path) -> None:
    def format_shortcut(rows: list[Row_]) -> None:
        for row in rows:
            if row["split"] == "train" and row["label"] == 1:
                row["delivery"] = {"name": "png", "steps": []}

    rewrite(copied, format_shortcut)
    assert any("delivered as their photo never was" in problem for problem in verify(copied))


def test_a_delivery_that_favours_one_class_is_found(built: tuple[Path, Built]) -> None:
    row = next(row for row in built[1].rows if row.split == "test" and row.label == 0)

    def sent(label: int, name: str, count: int) -> list[Row]:
        return [row.model_copy(update={"label": label, "delivery": {"name": name, "steps": []}})] * count

    fair = sent(0, "png", 100) + sent(0, "q90", 100) + sent(1, "png", 55) + sent(1, "q90", 45)
    assert list(delivery_differences(fair)) == []
    unfair = sent(0, "png", 30) + sent(0, "q90", 170) + sent(1, "png", 60) + sent(1, "q90", 40)
    assert len(list(delivery_differences(unfair))) == 2
    (_, problem) = delivery_differences(unfair)
    assert "delivery q90 makes 85% of the authentic and 40% of the manipulated" in problem


def test_labels_must_agree_with_kinds(copied: Path) -> None:
    def swap(rows: list[Row_]) -> None:
        rows[0]["label"] = 1 - rows[0]["label"]

    rewrite(copied, swap)
    assert any("for kind" in problem for problem in verify(copied))


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(manifest.DatasetError, match=r"metadata\.jsonl"):
        verify(tmp_path)
