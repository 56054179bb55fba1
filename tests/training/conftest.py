"""A small real dataset for the training tests: rendered fabric, edited and delivered by our own builder."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets.build import Options, build
from refundlens.datasets.recipe import Grid, Recipe
from refundlens.model.network.network import NetworkConfig
from refundlens.training.config import DataConfig, TrainConfig
from refundlens.training.editors import train as small_networks

PHOTOS = 30


def fabric(seed: int, side: int = 300) -> NDArray[np.uint8]:
    """Something a painter finds a product in: a woven patch on a plain ground, with shading and sensor noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    weave = 12 * np.sin(x / rng.uniform(1.5, 4)) * np.sin(y / rng.uniform(1.5, 4))
    shade = cv2.resize(rng.normal(0, 14, (6, 6)), (side, side), interpolation=cv2.INTER_CUBIC)
    product = np.abs(x - side / 2) + np.abs(y - side / 2) * rng.uniform(0.6, 1.4) < side * 0.45
    ground, cloth = rng.uniform(90, 230, 3), rng.uniform(40, 200, 3)
    picture = np.where(product[..., None], cloth + (weave + shade)[..., None], ground + shade[..., None] / 3)
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for index in range(PHOTOS):
        (folder / f"sender{index}").mkdir()
        Image.fromarray(fabric(index)).save(folder / f"sender{index}" / "photo.jpg", quality=92)
    return folder


@pytest.fixture(scope="session")
def dataset(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dataset") / "small"
    recipe = Recipe(
        fractions={"train": 0.3, "validation": 0.15, "calibration": 0.4, "test": 0.15},
        grid=Grid(long_sides=(600,), qualities=((60, 79),), lossless=False),
    )
    build([photos], out, Options(recipe))
    return out


@pytest.fixture(scope="session")
def config() -> TrainConfig:
    network = NetworkConfig(backbone="test_efficientnet", pretrained=False, width=8)
    return TrainConfig(
        network=network, data=DataConfig(workers=0, tiles=1), steps=6, pairs=2, warmup=2, validate_every=6,
        validate_rows=4, save_every=3, threads=1,
    )  # fmt: skip


@pytest.fixture(scope="session")
def run(dataset: Path, config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    from refundlens.training.loop import train

    folder = tmp_path_factory.mktemp("runs") / "first"
    train(dataset, folder, config)
    return folder


@pytest.fixture
def small_photos(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Six smooth coloured pictures for the small networks' trainings; crops small, so that steps are quick."""
    monkeypatch.setattr(small_networks, "CROP", 32)
    folder = tmp_path_factory.mktemp("small_photos")
    rng = np.random.default_rng(0)
    paths = []
    for index in range(6):
        coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        paths.append(folder / f"{index}.jpg")
        cv2.imwrite(str(paths[-1]), cv2.resize(coarse, (90, 70), interpolation=cv2.INTER_CUBIC))
    return paths
