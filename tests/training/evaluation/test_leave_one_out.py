import json
from pathlib import Path

import pytest

from refundlens.datasets import manifest
from refundlens.datasets.row import PatternError, named, source_of, used
from refundlens.training.config import TrainConfig
from refundlens.training.evaluation.leave_one_out import RESULT, leave_one_out

pytestmark = pytest.mark.slow


def test_a_pattern_leaves_out_what_it_names(dataset: Path) -> None:
    rows = [row for row in manifest.read(dataset) if row.split == "train"]
    kept = used(rows, ("generator:classical.*",))
    assert len(kept) < len(rows)
    assert all(row.label == 0 for row in kept)
    assert used(rows, ()) == rows
    first = source_of(rows[0])
    assert not any(source_of(row) == first for row in used(rows, (f"source:{first}",)))


@pytest.mark.parametrize("pattern", ["classical", "editor:x", "generator:none-such"])
def test_a_pattern_that_names_nothing_is_refused(dataset: Path, pattern: str) -> None:
    with pytest.raises(PatternError):
        used(manifest.read(dataset), (pattern,))


def test_each_part_is_measured_by_a_run_that_never_saw_it(
    dataset: Path, config: TrainConfig, tmp_path: Path
) -> None:
    rows = manifest.read(dataset)
    name = next(row.generator for row in rows if row.split == "test" and row.generator)
    trained_on = [row for row in rows if row.split == "train" and row.generator == name]
    part = f"generator:{name}" if trained_on else "generator:classical.*"
    lines = leave_one_out(dataset, tmp_path, config, [part])
    assert json.loads((tmp_path / RESULT).read_text()) == lines
    line = lines[0]
    test = [row for row in rows if row.split == "test"]
    fakes = [row for row in test if named(row, part)]
    assert line["photos"] == len({row.source for row in fakes})
    assert line["rows"] > len(fakes)
    assert line["low"] <= line["auc_without"] <= line["high"]
    assert leave_one_out(dataset, tmp_path, config, [part]) == lines
