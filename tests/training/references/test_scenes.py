"""Honest second photos that reference comparison is measured by: what differs in them is what their kind says."""

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from refundlens.training.references import moved, scenes
from tests.support.scenes import scene

PHOTOS = [scene(seed, 320, 240) for seed in range(4)]


@pytest.mark.parametrize("kind", list(scenes.KINDS))
def test_a_scene_is_photographed_twice_and_nothing_is_painted(kind: str) -> None:
    pair = scenes.second_photo(PHOTOS, kind, np.random.default_rng(4))
    assert pair.what == kind and not pair.painted and pair.seen == 1
    assert pair.reference.shape == (scenes.HEIGHT, scenes.SIDE, 3) and pair.photo.dtype == np.uint8
    again = scenes.second_photo(PHOTOS, kind, np.random.default_rng(4))
    assert np.array_equal(pair.photo, again.photo) and np.array_equal(pair.reference, again.reference)
    rng = np.random.default_rng(4)
    before, after = scenes.KINDS[kind](scenes._scene(PHOTOS, rng), PHOTOS, rng)
    differs = np.abs(before - after).max(2) > 12
    assert differs.mean() > 0.001 and (kind == "ground" or differs.mean() < 0.75)


def test_a_stand_put_up_again_sees_otherwise() -> None:
    still, anew = (
        scenes.second_photo(PHOTOS, "moved", np.random.default_rng(4), anew) for anew in (False, True)
    )
    assert np.array_equal(still.reference.shape, anew.reference.shape)
    assert not np.array_equal(still.photo, anew.photo)


def test_goods_on_plain_ground_are_cut_out() -> None:
    photo = np.full((200, 300, 3), 240, np.uint8)
    cv2.circle(photo, (150, 100), 50, (30, 60, 90), -1)
    face = scenes._cut_out(photo)
    assert face is not None and 95 < face.shape[0] < 110
    assert face[50, 50, 3] == pytest.approx(1) and face[1, 1, 3] < 0.1
    assert scenes._cut_out(PHOTOS[0]) is None and scenes._cut_out(np.full((90, 90, 3), 7, np.uint8)) is None


@pytest.mark.slow
def test_the_command_tells_stands_and_paint_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "split", "class", "group"))
        for number in range(moved.OF_ONE + 2):
            cv2.imwrite(str(tmp_path / f"{number}.png"), scene(number, 320, 240)[..., ::-1])
            writer.writerow((f"{number}.png", "train", "authentic", f"group {number}"))
    monkeypatch.setattr(moved, "PHOTOS", 1)
    kept = {name: scenes.KINDS[name] for name in ("moved", "shadow")}
    monkeypatch.setattr(scenes, "KINDS", kept)
    monkeypatch.setattr(sys, "argv", ["moved", str(tmp_path), "--scenes", "1"])
    moved.main()
    told = capsys.readouterr().out.splitlines()
    totals = [line for line in told if "said to have a defect added" in line]
    assert [line.split(":")[0] for line in totals] == [*moved.STANDS, "painted"]
    assert all(" of 2 " in line for line in totals[:2]) and "at most" not in totals[2]
