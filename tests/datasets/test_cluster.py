"""Datasets built, and stored photos judged, by Ray on this machine: the same as without it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from refundlens.datasets.build import Options, build
from refundlens.datasets.cluster import spread
from refundlens.datasets.recipe import Grid, Recipe
from refundlens.datasets.rescore import rescore
from tests.support.tiny import save_bundle
from tests.training.conftest import fabric

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray on this machine. Skips where there is none, and where the machine is too busy to start it."""
    os.environ["RAY_raylet_start_wait_time_s"] = "60"  # noqa: SIM112  Ray reads it when it is imported
    ray = pytest.importorskip("ray", reason="pip install 'refundlens[ray]'")
    try:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200_000_000)
    except Exception as error:
        ray.shutdown()
        pytest.skip(f"Ray is installed, but does not start here: {error}")
    yield
    ray.shutdown()


class _Squares:
    def __init__(self, offset: int) -> None:
        self.offset = offset

    def __call__(self, number: int) -> int:
        return number * number + self.offset


def test_each_item_comes_back_once_with_its_result(cluster: None) -> None:
    done = dict(spread(list(range(20)), _Squares, (3,), 2))
    assert done == {number: number * number + 3 for number in range(20)}
    assert list(spread([], _Squares, (3,), 2)) == []


def test_a_dataset_is_the_same_on_a_cluster(cluster: None, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for number in range(4):
        (photos / f"sender{number}").mkdir(parents=True)
        Image.fromarray(fabric(number)).save(photos / f"sender{number}" / "photo.jpg", quality=92)
    recipe = Recipe(
        fractions={"train": 0.5, "validation": 0.15, "calibration": 0.2, "test": 0.15},
        grid=Grid(long_sides=(300,), qualities=((60, 79),), lossless=False),
    )
    here = build([photos], tmp_path / "here", Options(recipe))
    there = build([photos], tmp_path / "there", Options(recipe, workers=2, ray=True))
    assert there.failed == [] and there.version == here.version


def _rows(out: Path) -> dict[str, dict[str, Any]]:
    return {row["file"]: row for row in pyarrow.parquet.read_table(out).to_pylist()}


@pytest.mark.parametrize("ray", [False, True])
def test_stored_photos_are_judged_once(ray: bool, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if ray:
        request.getfixturevalue("cluster")
    bundle = save_bundle(tmp_path / "tiny.onnx")
    photos = tmp_path / "photos"
    photos.mkdir()
    grey = np.random.default_rng(0).integers(90, 160, (260, 330, 3)).astype(np.uint8)
    red = grey.copy()
    red[40:168, 64:192] = (250, 10, 10)
    for name, pixels in (("grey.jpg", grey), ("red.jpg", red)):
        Image.fromarray(pixels).save(photos / name, quality=90)
    (photos / "torn.jpg").write_bytes((photos / "red.jpg").read_bytes()[:200])
    out = tmp_path / "out"
    assert rescore(photos, out, bundle, workers=2, ray=ray) == 3
    found = _rows(out)
    assert set(found) == {"grey.jpg", "red.jpg", "torn.jpg"}
    assert found["red.jpg"]["verdict"] == "fake" and found["red.jpg"]["long_side"] == 330
    assert found["grey.jpg"]["probability"] < 0.5 < found["red.jpg"]["probability"]
    assert found["torn.jpg"]["error"] and found["torn.jpg"]["verdict"] is None
    Image.fromarray(grey[::-1]).save(photos / "later.jpg", quality=90)
    assert rescore(photos, out, bundle, workers=2, ray=ray) == 1, "what was judged is not judged again"
    assert len(_rows(out)) == 4
    other = save_bundle(tmp_path / "other.onnx", version="0.0.2")
    assert rescore(photos, out, other, workers=2, ray=ray) == 4, "another model is asked about all"
