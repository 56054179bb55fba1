"""The world of the month: rendered photos, generators with traces of their own, and a small champion that knows the
elder ones.

In: a folder. Out: everything that `refundlens retrain` wants, made by RefundLens's own verbs. Nothing here tells how
well `refundlens-s` learns: it shows that the loop works, end to end, on something a processor learns in a minute.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets.collection import INDEX, read_index
from refundlens.datasets.crops.build import CropOptions, write_papers
from refundlens.datasets.crops.masters import prepare
from refundlens.datasets.crops.writer import Job, write_crops
from refundlens.datasets.snapshot.join import COLUMNS
from refundlens.model.network.network import NetworkConfig
from refundlens.training import commands
from refundlens.training.config import DataConfig, LossConfig, TrainConfig, save
from refundlens.training.loop import FINAL, train

Pixels = NDArray[np.uint8]
ELDER, UNSEEN, NEWCOMER = "Elder 1", "Kolors (rendered)", "Newcomer 1"
LIMIT = 0.05
"""Bound on false accusations: 101 photos without one show it, 1 % would need 509 (`thresholds.photos_needed`)."""
REPOSITORIES = {
    "train": "lameski/rgbweeddetection",
    "watch": "josefadamcik/SofleKeyboard",
    "calibration": "Anduin2017/HowToCook",
    "held": "some/photos",
}
"""Repositories whose split is fixed by name (`datasets.splits`), and one that is held out."""
COUNTS = {"train": 50, "watch": 8, "calibration": 150, "held": 70}


PAIRS = 400


@dataclass(frozen=True)
class World:
    """fakes, photos: of the month's disputes, JPEG. limit: on false accusations. config: of the retraining, none
    for the usual one."""

    collection: Path
    replay: Path
    weights: Path
    champion: Path
    config: Path | None
    fakes: list[bytes]
    photos: list[bytes]
    newcomer: str = NEWCOMER
    limit: float = LIMIT


def photo(seed: int) -> Pixels:
    """Texture at every scale, a shading, and a sensor's noise."""
    rng = np.random.default_rng(seed)
    height, width = int(rng.integers(280, 340)), int(rng.integers(280, 340))
    picture = np.full((height, width, 3), rng.uniform(60, 190, 3))
    for cells in (4, 12, 40, 130):
        layer = rng.normal(0, rng.uniform(8, 22), (cells, cells, 3))
        picture += cv2.resize(layer, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + rng.normal(0, 5, picture.shape), 0, 255).astype(np.uint8)


def elder(pixels: Pixels, seed: int) -> Pixels:
    """Decoded too smoothly."""
    sigma = float(np.random.default_rng(seed).uniform(1.2, 1.8))
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def newcomer(pixels: Pixels, seed: int) -> Pixels:
    """Decoded with a grid, as transposed convolutions leave it: sharper than a photo, no elder's trace."""
    rng = np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    period, strength = int(rng.integers(5, 8)), rng.uniform(9, 14)
    y, x = np.mgrid[:height, :width]
    grid = strength * (np.cos(2 * np.pi * x / period) + np.cos(2 * np.pi * y / period))
    return np.asarray(np.clip(pixels + grid[..., None], 0, 255), np.uint8)


def jpeg(pixels: Pixels, quality: int = 92) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


def rendered(folder: Path, steps: int, tell: Callable[[str], None]) -> World:
    """Render, train and calibrate a champion that knows the elder generator; what is there of an earlier call stays."""
    collection, crops = folder / "collection", folder / "crops"
    if not (collection / INDEX).is_file():
        _collection(collection)
        tell("rendered")
    entries = read_index(collection)
    prepare({entry.file: collection / entry.file for entry in entries}, folder / "masters", 1)
    for _ in write_crops(Job(collection, folder / "masters", crops, seed=7, pairs=PAIRS), 1):
        tell("crops")
    write_papers(entries, crops, CropOptions(shards=1))
    network = NetworkConfig(backbone="test_efficientnet", pretrained=False, width=16, noise=8)
    config = TrainConfig(
        network=network, data=DataConfig(small=96, grow=1.0), loss=LossConfig(twin=1.0), steps=steps, pairs=12,
        learning_rate=0.004, warmup=10, ema=0.97, validate_every=steps, save_every=50,
    )  # fmt: skip
    run = folder / "champion"
    if not (folder / "champion.onnx").is_file():
        train(crops, run, config)
        tell("trained")
        commands.calibrate(run, commands.Material(None, (collection,), None, 2), LIMIT, 0.95, None)
        commands.export(run, folder / "champion.onnx", "month", "1.0.0")
    changed = config.model_copy(update={"steps": max(2, steps // 2), "learning_rate": 0.0015})
    save(changed, folder / "retrain.yaml")
    return World(
        collection, crops, run / FINAL, folder / "champion.onnx", folder / "retrain.yaml",
        [jpeg(newcomer(photo(50_000 + index), index)) for index in range(100)],
        [jpeg(photo(60_000 + index)) for index in range(100)],
    )  # fmt: skip


def _collection(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []

    def add(pixels: Pixels, label: str, repository: str, split: str, **more: str) -> None:
        name = f"{len(rows):05d}.jpg"
        (folder / name).write_bytes(jpeg(pixels))
        facts = {"file": name, "class": label, "repo": repository, "split": split, "licence": "CC0-1.0"}
        rows.append(dict.fromkeys(COLUMNS, "") | facts | {"group": f"{repository}:{len(rows)}"} | more)

    kinds = ("real_product", "real_gallery", "real_scene", "real_defect")
    for place, repository in REPOSITORIES.items():
        for index in range(COUNTS[place]):
            split = "validation" if place == "held" else "train"
            add(photo(len(rows)), "authentic", repository, split, kind=kinds[index % 4])
    for split, generator, count in (("train", ELDER, 50), ("train", UNSEEN, 60), ("validation", ELDER, 40)):
        for index in range(count):
            made = elder(photo(20_000 + len(rows)), index)
            add(made, "ai_generated", "some/gallery", split, kind="generated", generator=generator)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return folder
