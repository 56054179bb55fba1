"""Continuing a dataset: its splits stay, its pictures come along, and what does not fit is refused."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets import manifest
from refundlens.datasets.build import Built, Options, build
from refundlens.datasets.extend import Earlier, ExtendError, pinned
from refundlens.datasets.splits import Member
from refundlens.datasets.verify import verify

pytestmark = pytest.mark.slow

Scene = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def more_photos(built: tuple[Path, Built], tmp_path: Path, scene: Scene) -> list[Path]:
    """The dataset's own photos and a folder of four new ones."""
    new = tmp_path / "new"
    new.mkdir()
    for seed in range(50, 54):
        Image.fromarray(scene(seed)).save(new / f"{seed}.jpg", quality=85)
    return [built[0].parent / "photos", new]


def continued(options: Options, folder: Path, first_slot: int = 1, drop: tuple[str, ...] = ()) -> Options:
    recipe = options.recipe.model_copy(update={"first_slot": first_slot})
    return dataclasses.replace(options, recipe=recipe, earlier=Earlier(folder, drop))


def test_earlier_pictures_come_along_and_keep_their_split(
    built: tuple[Path, Built], tmp_path: Path, more_photos: list[Path], small_options: Options
) -> None:
    out = tmp_path / "out"
    result = build(more_photos, out, continued(small_options, built[0]))
    before = {row.file_name: row.split for row in built[1].rows}
    after = {row.file_name: row for row in result.rows}
    assert before == {name: after[name].split for name in before}
    new_edits = [row for row in result.rows if row.file_name not in before and row.label == 1]
    assert {row.source for row in new_edits} > {row.source for row in built[1].rows}
    assert verify(out) == []
    assert manifest.read_info(out)["extends"]["dataset"]["version"] == built[1].version
    assert all((out / name).read_bytes() == (built[0] / name).read_bytes() for name in before)


def test_dropped_generators_stay_behind(
    built: tuple[Path, Built], tmp_path: Path, more_photos: list[Path], small_options: Options
) -> None:
    dropped = {row.generator for row in built[1].rows if row.label == 1} - {None}
    result = build(
        more_photos, tmp_path / "out", continued(small_options, built[0], drop=("generator:classical.*",))
    )
    first_edits = {row.file_name for row in built[1].rows if row.label == 1}
    assert dropped
    assert not first_edits & {row.file_name for row in result.rows}
    assert {row.file_name for row in built[1].rows if row.label == 0} <= {
        row.file_name for row in result.rows
    }


def test_another_recipe_for_the_shared_parts_is_refused(
    built: tuple[Path, Built], tmp_path: Path, more_photos: list[Path], small_options: Options
) -> None:
    with pytest.raises(ExtendError, match="first_slot"):
        other_seed = dataclasses.replace(continued(small_options, built[0]), seed=99)
        build(more_photos, tmp_path / "seed", other_seed)


def test_missing_photos_are_refused(
    built: tuple[Path, Built], tmp_path: Path, more_photos: list[Path], small_options: Options
) -> None:
    with pytest.raises(ExtendError, match="10 of its photos"):
        build(more_photos[1:], tmp_path / "out", continued(small_options, built[0]))


def test_a_new_photo_between_two_splits_is_left_out() -> None:
    members = [Member(group, "role") for group in ("a", "a", "a", "b", "c")]
    known = {"1": "train", "2": "test", "4": "calibration"}
    chosen, left = pinned(members, ["1", "2", "3", "4", "5"], known)  # type: ignore[arg-type]
    assert left == [2]
    assert chosen["b"] == "calibration"
    assert "c" not in chosen


def test_building_again_never_writes_into_the_earlier_dataset(
    built: tuple[Path, Built], tmp_path: Path, more_photos: list[Path], small_options: Options
) -> None:
    earlier = tmp_path / "earlier"
    build(more_photos[:1], earlier, small_options)
    out, options = tmp_path / "out", continued(small_options, earlier)
    build(more_photos, out, options)
    before = {path: path.read_bytes() for path in earlier.rglob("*.png")}
    with pytest.raises(ExtendError):
        build(more_photos, out, dataclasses.replace(options, seed=99))
    assert before == {path: path.read_bytes() for path in before}
