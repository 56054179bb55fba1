"""What a verdict costs: the time of a 1.2-megapixel photo on two cores, and the size of the bundle's file.

In: a bundle file. Out: a `Cost`. Other work on the machine makes it slower: a figure taken beside much of it says so
and is not kept.
"""

import io
import os
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from refundlens.model.detect import Detector
from refundlens.training.evaluation.suite.reading import Reader

SIZE = (1280, 960)
"""Pixels: 1.2 megapixels, a photo as most chat apps pass it on."""
THREADS = 2
OTHERS = 1.0
"""Load of others, beyond one a core, from which a time is not this detector's any more."""
RUNS = 7
"""Photos timed after one that warms up: the median of seven hardly moves with one that was disturbed."""


@dataclass(frozen=True)
class Cost:
    """milliseconds: median of `detect`, bytes in, verdict out. load: the machine's, averaged over the last minute."""

    milliseconds: float
    fastest: float
    cores: int
    load: float
    file_megabytes: float

    @property
    def disturbed(self) -> bool:
        """Whether others kept the cores busy. The suite itself, which ended just before, is a load of one a core."""
        return self.load > self.cores + OTHERS


def measure_cost(reader: Reader, bundle: Path) -> Cost:
    """Time the bundle, or give what was measured when these weights were timed before."""
    parts = [reader.basis, "cost"]
    if reader.store.knows(parts):
        return Cost(**reader.store.remember(parts, dict))
    found = _measure(bundle)
    return found if found.disturbed else Cost(**reader.store.remember(parts, lambda: asdict(found)))


def _measure(bundle: Path) -> Cost:
    detector = Detector(bundle, threads=THREADS)
    data = _photo()
    detector.detect(data)
    load, spent = round(os.getloadavg()[0], 1), []
    for _ in range(RUNS):
        began = time.perf_counter()
        detector.detect(data)
        spent.append(1000 * (time.perf_counter() - began))
    return Cost(
        milliseconds=round(statistics.median(spent), 1),
        fastest=round(min(spent), 1),
        cores=os.cpu_count() or 1,
        load=load,
        file_megabytes=round(bundle.stat().st_size / 1e6, 2),
    )


def _photo() -> bytes:
    """A JPEG with shading and noise like a photo's, so that decoding costs what it usually does."""
    rng = np.random.default_rng(0)
    shade = cv2.resize(rng.uniform(40, 215, (12, 16, 3)), SIZE, interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(shade + rng.normal(0, 6, shade.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
