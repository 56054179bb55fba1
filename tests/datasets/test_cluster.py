"""Datasets built, and stored photos judged, by Ray on this machine: the same as without it."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from refundlens.datasets import rescore as rescoring
from refundlens.datasets.build import Options, build
from refundlens.datasets.cluster import spread
from refundlens.datasets.recipe import Grid, Recipe
from refundlens.datasets.rescore import rescore
from refundlens.datasets.shelf import ShelfError, open_shelf
from tests.support.s3 import BUCKET, KEY, S3, SECRET
from tests.support.tiny import save_bundle
from tests.training.conftest import fabric

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    pytest.importorskip("obstore", reason="pip install obstore")
    found = S3(tmp_path_factory.mktemp("s3"))
    found.start()
    with pytest.MonkeyPatch.context() as patch:  # as a cloud has it, for the processes of the cluster, too
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_ENDPOINT_URL", found.endpoint)
        patch.setenv("AWS_ALLOW_HTTP", "true")
        yield found
    found.stop()


@pytest.fixture(scope="module")
def cluster(server: S3) -> Iterator[None]:
    """Ray on this machine, its processes with the server's variables. Skips where there is none, and where the
    machine is too busy to start it."""
    os.environ["RAY_raylet_start_wait_time_s"] = "60"  # noqa: SIM112  Ray reads it when it is imported
    pytest.importorskip("ray.data", reason="pip install 'refundlens[ray]'")
    import ray

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


def _rows(out: str) -> dict[str, dict[str, Any]]:
    shelf = open_shelf(out)
    tables = [pyarrow.parquet.read_table(io.BytesIO(shelf.read(name))) for name in shelf.names(".parquet")]
    rows = [row for table in tables for row in table.to_pylist()]
    assert len({(row["file"], row["model"]) for row in rows}) == len(rows), "judged twice"
    return {row["file"]: row for row in rows}


def _photo(red: bool = False) -> bytes:
    pixels = np.random.default_rng(0).integers(90, 160, (260, 330, 3)).astype(np.uint8)
    if red:
        pixels[40:168, 64:192] = (250, 10, 10)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


PLACES = [("folder", False), ("bucket", False), ("folder", True), ("bucket", True)]


@pytest.mark.parametrize(("where", "ray"), PLACES)
def test_stored_photos_are_judged_once(
    where: str, ray: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    root = str(tmp_path)
    if where == "bucket":
        request.getfixturevalue("server")
        root = f"s3://{BUCKET}/{tmp_path.name}"
    if ray:
        request.getfixturevalue("cluster")
    bundle = save_bundle(tmp_path / "tiny.onnx")
    photos, out = f"{root}/photos", f"{root}/out"
    shelf, red = open_shelf(photos), _photo(red=True)
    for name, content in (("a/grey.jpg", _photo()), ("a/red.jpg", red), ("torn.jpg", red[:200])):
        shelf.write(name, content)
    assert rescore(photos, out, bundle, workers=2, ray=ray) == 3
    found = _rows(out)
    assert set(found) == {"a/grey.jpg", "a/red.jpg", "torn.jpg"}
    assert found["a/red.jpg"]["verdict"] == "fake" and found["a/red.jpg"]["long_side"] == 330
    assert found["a/grey.jpg"]["probability"] < 0.5 < found["a/red.jpg"]["probability"]
    assert found["torn.jpg"]["error"] and found["torn.jpg"]["verdict"] is None
    shelf.write("later.jpg", _photo())
    assert rescore(photos, out, bundle, workers=2, ray=ray) == 1, "what was judged is not judged again"
    assert len(_rows(out)) == 4
    other = save_bundle(tmp_path / "other.onnx", version="0.0.2")
    assert rescore(photos, out, other, workers=2, ray=ray) == 4, "another model is asked about all"


def test_an_interrupted_run_goes_on_where_it_stopped(
    server: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescoring, "PART", 4)
    photos, out = (f"s3://{BUCKET}/{tmp_path.name}/{name}" for name in ("photos", "out"))
    shelf, bundle = open_shelf(photos), save_bundle(tmp_path / "tiny.onnx")
    for number in range(10):
        shelf.write(f"{number}.jpg", _photo())
    judged, judge = 0, rescoring.Judge.__call__

    def interrupted(self: Any, name: str) -> Any:
        nonlocal judged
        judged += 1
        if judged == 7:
            raise KeyboardInterrupt
        return judge(self, name)

    monkeypatch.setattr(rescoring.Judge, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rescore(photos, out, bundle)
    assert len(_rows(out)) == 4, "whole parts only"
    assert rescore(photos, out, bundle) == 6
    assert len(_rows(out)) == 10


def test_a_place_that_is_none_is_told(server: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = save_bundle(tmp_path / "tiny.onnx")
    with pytest.raises(ShelfError, match="neither a folder"):
        rescore("ftp://photos", str(tmp_path), bundle)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(ShelfError, match="cannot be listed"):
        rescore(f"s3://{BUCKET}/photos", str(tmp_path / "out"), bundle)
