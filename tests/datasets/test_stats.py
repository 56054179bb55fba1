"""Counts, the papers that Hugging Face reads, and exports."""

import json
import tarfile
from pathlib import Path

import pytest
import yaml

from refundlens.datasets import manifest
from refundlens.datasets.build import Built
from refundlens.datasets.export import ExportError, select, to_folder, to_tar
from refundlens.datasets.stats import as_json, as_text, stats
from refundlens.datasets.verify import verify


def test_counts_add_up(built: tuple[Path, Built]) -> None:
    out, result = built
    found = stats(out)
    assert (found.rows, found.version) == (len(result.rows), result.version)
    for dimension in ("kind", "delivery", "licence"):
        assert sum(sum(split.values()) for split in found.counts[dimension].values()) == found.rows
    assert sum(found.photos.values()) == 10
    listed = [
        path
        for split in ("train", "validation", "calibration", "test")
        for path in (out / split).rglob("*.*")
    ]
    assert found.bytes == sum(path.stat().st_size for path in listed if path.suffix != ".jsonl")
    assert json.loads(as_json(found))["counts"]["kind"]["train"]["authentic"] == 4
    assert "| photoshopped |" in as_text(found, result.rows)


def test_version_does_not_depend_on_the_order_and_does_on_the_content(built: tuple[Path, Built]) -> None:
    rows = built[1].rows
    assert manifest.version(reversed(rows)) == built[1].version
    changed = rows[0].model_copy(update={"licence": "other"})
    assert manifest.version([changed, *rows[1:]]) != built[1].version


def test_image_folder_can_read_every_split(built: tuple[Path, Built]) -> None:
    out, result = built
    seen = 0
    for split in ("train", "validation", "calibration", "test"):
        lines = (out / split / "metadata.jsonl").read_text().splitlines()
        loose = [json.loads(line) for line in lines]
        seen += len(loose)
        columns = {tuple(row) for row in loose}
        assert len(columns) == 1
        assert next(iter(columns))[0] == "file_name"
        for row in loose:
            for key in ("file_name", "mask_file_name", "defect_mask_file_name"):
                assert row[key] is None or (out / split / row[key]).is_file()
                assert row[key] is None or ".." not in row[key]
            assert all(isinstance(value, str | int | None) for value in row.values())
    assert seen == len(result.rows)


def test_card_names_the_splits_files_and_the_licences(built: tuple[Path, Built]) -> None:
    text = (built[0] / "README.md").read_text()
    head = yaml.safe_load(text.split("---")[1])
    globs = {entry["split"]: entry["path"] for entry in head["configs"][0]["data_files"]}
    assert list(globs) == ["train", "validation", "calibration", "test"]
    matched = {path for patterns in globs.values() for glob in patterns for path in built[0].glob(glob)}
    pictures = {path for path in matched if path.name != "metadata.jsonl"}
    assert pictures == {built[0] / row.file_name for row in built[1].rows}
    assert built[1].version in text
    assert "| unknown |" in text


def test_export_to_a_folder_is_a_dataset_of_its_own(built: tuple[Path, Built], tmp_path: Path) -> None:
    rows = select(built[1].rows, splits=["train", "test"])
    version = to_folder(built[0], rows, tmp_path / "part")
    assert verify(tmp_path / "part") == []
    info = manifest.read_info(tmp_path / "part")
    assert (info["version"], info["exported_from"]) == (version, built[1].version)
    with pytest.raises(ExportError, match="exists"):
        to_folder(built[0], rows, tmp_path / "part")


def test_export_to_a_tar_groups_a_row_under_one_key(built: tuple[Path, Built], tmp_path: Path) -> None:
    rows = select(built[1].rows, splits=["train"], kinds=["photoshopped"])
    to_tar(built[0], rows, tmp_path / "a.tar")
    to_tar(built[0], rows, tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as archive:
        names = archive.getnames()
    keys = {name.split(".")[0] for name in names}
    assert len(keys) == len(rows)
    assert all({f"{key}.png", f"{key}.mask.png", f"{key}.json"} <= set(names) for key in keys)


def test_an_empty_choice_is_refused(built: tuple[Path, Built], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no row"):
        to_tar(built[0], select(built[1].rows, kinds=["ai_edited"]), tmp_path / "a.tar")
