"""Decoded pictures that windows are cut from, and photos that look like them.

In: a folder of `.npy` files, uint8 RGB [H,W,3], at most `LONG_SIDE` long. Out: memory-mapped arrays and their `Look`.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.editors.base import Pixels
from refundlens.datasets.photos import UnreadablePhotoError, read
from refundlens.model.photo.shrinking import shrunk

LONG_SIDE = 1800
"""Pixels: larger pictures are shrunk once. Deliveries end at 1,600, so nothing that could be delivered is lost."""
LOOKS = "looks.json"


@dataclass(frozen=True)
class Look:
    """What makes a picture look like one of its collection. size: log2 of the long side in pixels. brightness,
    colourfulness: means over 0..255 (Hasler and Süsstrunk, 2003, for the latter). gradient: mean absolute Laplacian."""

    size: float
    brightness: float
    colourfulness: float
    gradient: float

    def distance(self, other: "Look") -> float:
        """Sum of squared differences, each scaled by its spread over real photos."""
        return (
            ((self.size - other.size) / 0.7) ** 2
            + ((self.brightness - other.brightness) / 45) ** 2
            + ((self.colourfulness - other.colourfulness) / 25) ** 2
            + ((self.gradient - other.gradient) / 6) ** 2
        )


def decode(path: Path) -> Pixels:
    """A picture as displayed, RGB, at most LONG_SIDE long. Raises UnreadablePhotoError."""
    return shrunk(read(path), LONG_SIDE)


def look(pixels: Pixels) -> Look:
    small = cv2.resize(pixels, (256, 256), interpolation=cv2.INTER_AREA).astype(np.float32)
    red, green, blue = small[..., 0], small[..., 1], small[..., 2]
    rg, yb = red - green, (red + green) / 2 - blue
    colourfulness = float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))
    grey = small.mean(axis=2)
    gradient = float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean())
    return Look(float(np.log2(max(pixels.shape[:2]))), float(grey.mean()), colourfulness, gradient)


def prepare(files: Mapping[str, Path], out: Path, workers: int = 2) -> dict[str, str]:
    """Decode every file (name -> path) into `out`/NAME.npy and note its look; return what could not be read.

    Done ones are skipped, so that a killed run goes on.
    """
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(name, path, out) for name, path in files.items() if not (out / f"{name}.npy").exists()]
    with ProcessPoolExecutor(workers) as pool:
        failed = {name: why for name, why in pool.map(_decode_one, jobs, chunksize=8) if why}
    known: dict[str, dict[str, float]] = {}
    if (out / LOOKS).is_file():
        known = json.loads((out / LOOKS).read_text())
    wanted = [name for name in files if name not in known and (out / f"{name}.npy").exists()]
    with ProcessPoolExecutor(workers) as pool:
        for name, found in zip(
            wanted, pool.map(_look_one, [out / f"{n}.npy" for n in wanted], chunksize=16), strict=True
        ):
            known[name] = asdict(found)
    (out / LOOKS).write_text(json.dumps(known))
    return failed


def _decode_one(job: tuple[str, Path, Path]) -> tuple[str, str]:
    name, path, out = job
    try:
        np.save(out / f"{name}.npy", decode(path))
    except (UnreadablePhotoError, ValueError) as error:
        return name, str(error)
    return name, ""


def _look_one(path: Path) -> Look:
    return look(np.load(path, mmap_mode="r"))


class Masters:
    """The masters of a folder by name; arrays are memory-mapped, so that a window costs its own bytes only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.looks = {
            name: Look(**values) for name, values in json.loads((folder / LOOKS).read_text()).items()
        }

    def __contains__(self, name: str) -> bool:
        return name in self.looks

    def open(self, name: str) -> NDArray[np.uint8]:
        """uint8 [H,W,3], read-only. Raises FileNotFoundError for an unknown name."""
        pixels: NDArray[np.uint8] = np.load(self.folder / f"{name}.npy", mmap_mode="r")
        return pixels

    def nearest(self, name: str, others: Sequence[str]) -> str:
        """Of some names the one that looks most like `name`."""
        mine = self.looks[name]
        return min(others, key=lambda other: mine.distance(self.looks[other]))
