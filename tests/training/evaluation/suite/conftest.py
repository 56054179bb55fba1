"""A dataset of red edits on grey pictures, and a detector that sees red: small enough to run the whole suite."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets import manifest
from refundlens.datasets.row import Row
from refundlens.model.detection import Conditions, Detection, ModelName
from refundlens.model.network import tiles
from refundlens.training.evaluation.suite.reading import Reader
from refundlens.training.evaluation.suite.store import Store

SIZE = (128, 160)
"""Height and width of the pictures."""
PHOTOS = 4
BOUND = 0.01

Judge = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Pixels float32 [H,W,3] -> heat float32 [H,W], 0 to 1."""


def redness(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip((pixels[..., 0] - pixels[..., 1]) / 100, 0, 1)


class FakeDetector:
    """Judges by a heat map of the pixels: its peak is the probability, from 0.6 on the verdict is fake."""

    def __init__(self, judge: Judge = redness) -> None:
        self.name = ModelName(
            name="red", version="1", sha256=hashlib.sha256(judge.__name__.encode()).hexdigest()
        )
        self.calls = 0
        self._judge, self._lock = judge, Lock()

    def detect(self, data: bytes) -> Detection:
        with self._lock:
            self.calls += 1
        with Image.open(io.BytesIO(data)) as image:
            pixels, lossy = np.asarray(image.convert("RGB"), np.float32), image.format != "PNG"
        height, width = pixels.shape[:2]
        cells = (-(-width // tiles.STRIDE), -(-height // tiles.STRIDE))
        heat = np.asarray(cv2.resize(self._judge(pixels), cells, interpolation=cv2.INTER_AREA), np.float32)
        said = float(np.quantile(heat, 0.99))
        fields: dict[str, Any] = {
            "sha256": hashlib.sha256(data).hexdigest(), "width": width, "height": height,
            "verdict": "fake" if said >= 0.6 else "authentic" if said < 0.3 else "inconclusive",
            "probability": said,
            "kind": {"authentic": 1 - said, "ai_generated": 0.2 * said, "ai_edited": 0.6 * said,
                     "photoshopped": 0.2 * said},
            "defects": [], "regions": [], "reasons": [], "timings_ms": {}, "false_accusation_bound": BOUND,
            "conditions": Conditions(long_side=max(width, height), jpeg_quality=80 if lossy else None,
                                     quantisations=int(lossy), sharpness=0.5),
            "model": self.name, "heatmap": heat, "tracemap": heat, "defectmap": heat,
        }  # fmt: skip
        # without validation: other fields of a detection are none of the suite's business
        return Detection.model_construct(**fields)


def picture(seed: int) -> NDArray[np.uint8]:
    """A grey product on a lighter ground, smooth enough that JPEG leaves it grey."""
    rng = np.random.default_rng(seed)
    small = rng.integers(60, 120, (6, 8)).astype(np.float32)
    grey = cv2.resize(small, (SIZE[1], SIZE[0]), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    product = (np.abs(y - SIZE[0] / 2) < 40) & (np.abs(x - SIZE[1] / 2) < 50)
    shown = np.where(product, grey, 225).astype(np.uint8)
    return np.repeat(shown[..., None], 3, axis=2)


def redden(pixels: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture with red laid over the mask."""
    red = np.array([220, 40, 40], np.float32)
    mixed = pixels * (1 - mask[..., None]) + red * mask[..., None]
    return np.asarray(np.rint(mixed), np.uint8)


def spot(seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(1000 + seed)
    top, left = int(rng.integers(8, SIZE[0] - 48)), int(rng.integers(8, SIZE[1] - 48))
    mask = np.zeros(SIZE, np.float32)
    mask[top : top + 40, left : left + 40] = 1
    return mask


def _row(name: str, source: str, **more: Any) -> Row:
    fields: dict[str, Any] = {
        "file_name": f"test/{name}.png", "label": 0, "kind": "authentic", "split": "test", "source": source,
        "group": f"shop:{source[:6]}", "licence": "CC0-1.0", "delivery": {"name": "png", "steps": [{"step": "png"}]},
        "width": SIZE[1], "height": SIZE[0], "phash": "0" * 16, **more,
    }  # fmt: skip
    return Row.model_validate(fields)


@pytest.fixture(scope="session")
def reds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset: per photo one authentic master, one with a red hole, one wholly reddened; and one row delivered."""
    folder = tmp_path_factory.mktemp("reds")
    (folder / "test" / "masks").mkdir(parents=True)
    rows = []
    for index in range(PHOTOS):
        source, photo, mask = hashlib.sha256(bytes([index])).hexdigest(), picture(index), spot(index)
        whole = np.ones(SIZE, np.float32)
        files = {f"{index}-a": photo, f"{index}-b": redden(photo, mask), f"{index}-c": redden(photo, whole)}
        for name, pixels in files.items():
            Image.fromarray(pixels).save(folder / "test" / f"{name}.png")
        for name, one in ((f"{index}-hole", mask), (f"{index}-all", whole)):
            Image.fromarray((255 * one).astype(np.uint8)).save(folder / "test" / "masks" / f"{name}.png")
        hole, everything = f"test/masks/{index}-hole.png", f"test/masks/{index}-all.png"
        rows += [
            _row(f"{index}-a", source),
            _row(f"{index}-b", source, label=1, kind="ai_edited", generator="seen", defect="hole",
                 mask_file_name=hole, defect_mask_file_name=hole),
            _row(f"{index}-c", source, label=1, kind="ai_generated", generator="unseen", defect="hole",
                 mask_file_name=everything, defect_mask_file_name=hole),
            _row(f"{index}-a", source, file_name=f"test/{index}-q.png", delivery={"name": "jpeg80", "steps": []}),
            _row(f"{index}-t", source, split="train", label=1, kind="ai_edited", generator="seen"),
        ]  # fmt: skip
    lines = "".join(f"{manifest.canonical(row)}\n" for row in rows)
    (folder / manifest.METADATA).write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture
def detector() -> FakeDetector:
    return FakeDetector()


@pytest.fixture
def make_detector() -> Callable[[Judge], FakeDetector]:
    return FakeDetector


@pytest.fixture
def reader(detector: FakeDetector, tmp_path: Path) -> Reader:
    return Reader(detector, Store(tmp_path / "scores.jsonl"))


@pytest.fixture
def make_reader(tmp_path: Path) -> Callable[[Judge], Reader]:
    return lambda judge: Reader(FakeDetector(judge), Store(tmp_path / f"{judge.__name__}.jsonl"))


@pytest.fixture
def make_picture() -> Callable[[int], NDArray[np.uint8]]:
    return picture


@pytest.fixture
def make_red() -> Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.uint8]]:
    return redden


@pytest.fixture
def make_spot() -> Callable[[int], NDArray[np.float32]]:
    return spot
