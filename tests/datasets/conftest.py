"""Small photos for the dataset tests: smooth random scenes that no perceptual hash takes for each other."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets.build import Built, Options, build
from refundlens.datasets.recipe import Grid, Recipe


@pytest.fixture(scope="session")
def scene() -> Callable[..., NDArray[np.uint8]]:
    """scene(seed, height, width) -> RGB uint8 [height, width, 3]."""

    def draw(seed: int, height: int = 160, width: int = 120) -> NDArray[np.uint8]:
        rng = np.random.default_rng(seed)
        coarse = rng.uniform(30, 225, (6, 5, 3)).astype(np.float32)
        smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.clip(smooth + rng.normal(0, 5, smooth.shape), 0, 255).astype(np.uint8)

    return draw


@pytest.fixture(scope="session")
def photo_folder(scene: Callable[..., NDArray[np.uint8]]) -> Callable[[Path, int], Path]:
    """photo_folder(folder, count) -> the folder, filled with JPEGs photo_000.jpg ..."""

    def fill(folder: Path, count: int) -> Path:
        folder.mkdir(parents=True)
        for index in range(count):
            Image.fromarray(scene(index)).save(folder / f"photo_{index:03d}.jpg", quality=85)
        return folder

    return fill


@pytest.fixture(scope="session")
def small_options() -> Options:
    """Only classical edits, every split large enough to have photos."""
    recipe = Recipe(
        fractions={"train": 0.4, "validation": 0.2, "calibration": 0.2, "test": 0.2},
        edits=dict.fromkeys(("train", "validation", "calibration", "test"), ("classical",)),
        grid=Grid(long_sides=(120, 200), qualities=((40, 60), (70, 90)), lossless=True),
        benign_share=0.5,
    )
    return Options(recipe, seed=7)


@pytest.fixture(scope="session")
def built(
    tmp_path_factory: pytest.TempPathFactory,
    photo_folder: Callable[[Path, int], Path],
    small_options: Options,
) -> tuple[Path, Built]:
    """A small dataset for reading only, and what its build reported."""
    base = tmp_path_factory.mktemp("dataset")
    source = photo_folder(base / "photos", 10)
    return base / "out", build([source], base / "out", small_options)


@pytest.fixture
def copied(built: tuple[Path, Built], tmp_path: Path) -> Path:
    """A copy of the small dataset that a test may damage."""
    import shutil

    return Path(shutil.copytree(built[0], tmp_path / "copy"))
