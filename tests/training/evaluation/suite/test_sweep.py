"""The sweep: the same chains for both classes, each picture judged once."""

from pathlib import Path
from typing import Any

import pytest

from refundlens.datasets import manifest
from refundlens.datasets.degradations.chains import NAMED
from refundlens.training.evaluation.suite.reading import Reader
from refundlens.training.evaluation.suite.sweep import CHAINS, DELIVERIES, master_rows, rescales, sweep


def test_both_classes_go_through_identical_chains(reader: Reader, reds: Path) -> None:
    sent = sweep(reader, reds, master_rows(manifest.read(reds), "test"))
    chains: dict[tuple[int, str], set[str]] = {}
    for one in sent:
        row = one.scored.row
        chains.setdefault((row.label, row.delivery["name"]), set()).add(str(row.delivery["steps"]))
    for name in CHAINS:
        assert chains[0, name] == chains[1, name] == {str(CHAINS[name])}
    per_master = {one.scored.row.file_name: 0 for one in sent}
    for one in sent:
        per_master[one.scored.row.file_name] += 1
    assert set(per_master.values()) == {len(CHAINS)} and len(per_master) == 12
    assert {name for _, name in chains} >= set(DELIVERIES)


def test_a_second_sweep_judges_nothing_again(reader: Reader, reds: Path, detector: Any) -> None:
    rows = master_rows(manifest.read(reds), "test", 1)
    first = sweep(reader, reds, rows)
    calls = detector.calls
    assert calls > 0
    assert repr(sweep(reader, reds, rows)) == repr(first) and detector.calls == calls


def test_masks_lie_on_the_delivered_picture(reader: Reader, reds: Path) -> None:
    rows = [row for row in master_rows(manifest.read(reds), "test", 1) if row.kind == "ai_edited"]
    by_name = {one.scored.row.delivery["name"]: one.scored for one in sweep(reader, reds, rows)}
    assert by_name["png"].pixel and by_name["png"].pixel.f1 > 0.8
    shot = by_name["screenshot"]
    assert shot.row.height > 1.5 * shot.row.width and shot.pixel and shot.pixel.f1 > 0.7
    assert by_name["double_jpeg"].row.width == 160 - 3 - 4


def test_masters_are_undelivered_rows_of_whole_photos(reds: Path) -> None:
    rows = master_rows(manifest.read(reds), "test", 2)
    assert len(rows) == 6 and len({row.source for row in rows}) == 2
    assert {row.delivery["name"] for row in rows} == {"png"}
    assert master_rows(manifest.read(reds), "calibration") == []


@pytest.mark.parametrize(
    "name, size, expected",
    [
        ("q75_720", (500, 376), False), ("q75_720", (900, 700), True), ("q75_720", (720, 500), False),
        ("upscaled_1280", (500, 376), True), ("png", (4000, 3000), False),
        ("screenshot", (500, 376), False), ("screenshot", (500, 2000), True),
    ],
)  # fmt: skip
def test_only_chains_that_shrink_rescale(name: str, size: tuple[int, int], expected: bool) -> None:
    assert rescales(NAMED[name], *size) is expected
