"""Pictures through the network, once: what calibration fits and counts on.

In: a detector and rows of a dataset. Out: a `Sample` for each, in order. Scores are kept in a file as they come, so
that a killed calibration goes on where it stopped and a second one costs nothing.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from datasets.manifest import canonical
from datasets.records import Row
from model import conditions, pooling, stability
from model.detect import Detector
from model.detection import Conditions
from model.image import read_photo

Item = TypeVar("Item")
Result = TypeVar("Result")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One scored picture: its pooled features float64 [F], its condition, its source photo.

    copy: the features of the picture compressed once more (`model.stability.reencode`), where they were asked for.
    """

    source: str
    label: int
    features: Floats
    conditions: Conditions
    copy: Floats | None = None


class ScoreFile:
    """Scores kept as JSON Lines: one line a picture and network, appended as they come. Safe for many threads."""

    def __init__(self, path: Path, detector: Detector) -> None:
        # a picture's scores hold for the network's bytes and for the pooled features of this version
        self._about = f"{detector.name.sha256} {','.join(pooling.FEATURES)}"
        self._path, self._lock = path, Lock()
        self._known = self._read()

    def _read(self) -> dict[str, dict[str, Any]]:
        known = {}
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.is_file() else []
        for line in lines:
            try:
                one = json.loads(line)
                known[str(one["key"])] = one
            except (ValueError, KeyError, TypeError):
                continue  # the last line of a run that was killed while it wrote
        return known

    def key(self, row: Row, what: str) -> str:
        return hashlib.sha256(f"{self._about} {what} {canonical(row)}".encode()).hexdigest()

    def get(self, key: str) -> dict[str, Any] | None:
        return self._known.get(key)

    def put(self, key: str, values: dict[str, Any]) -> None:
        with self._lock, self._path.open("a", encoding="utf-8") as stream:
            # the line break first: a torn line before it then spoils only itself
            stream.write("\n" + json.dumps({"key": key, **values}))


def score_rows(
    detector: Detector,
    dataset: Path,
    rows: Sequence[Row],
    kept: ScoreFile | None = None,
    copied: Collection[str] = (),
) -> list[Sample]:
    """Score pictures of a dataset, in order, on all cores (give the detector one thread); progress on stderr.

    kept: where scores are kept. copied: file names of the rows whose copies are scored as well.
    """

    def one(row: Row) -> Sample:
        features, measured = _original(detector, dataset, row, kept)
        copy = _copy(detector, dataset, row, kept) if row.file_name in copied else None
        return Sample(row.source, row.label, features, measured, copy)

    return run_all(one, rows, "calibrate")


def _original(
    detector: Detector, dataset: Path, row: Row, kept: ScoreFile | None
) -> tuple[Floats, Conditions]:
    key = kept.key(row, "original") if kept else ""
    found = kept.get(key) if kept else None
    if found is not None:
        return np.array(found["features"]), Conditions.model_validate(found["conditions"])
    photo = read_photo((dataset / row.file_name).read_bytes())
    features, measured = detector.score(photo.pixels).features, conditions.measure(photo)
    if kept:
        kept.put(key, {"features": features.tolist(), "conditions": measured.model_dump()})
    return features, measured


def _copy(detector: Detector, dataset: Path, row: Row, kept: ScoreFile | None) -> Floats:
    key = kept.key(row, "copy") if kept else ""
    found = kept.get(key) if kept else None
    if found is not None:
        return np.array(found["features"])
    pixels = read_photo((dataset / row.file_name).read_bytes()).pixels
    features = detector.score(stability.reencode(pixels)).features
    if kept:
        kept.put(key, {"features": features.tolist()})
    return features


def run_all(work: Callable[[Item], Result], items: Sequence[Item], what: str) -> list[Result]:
    """`work` over items on a thread a core (ONNX Runtime and the decoders release the GIL), in order, with a bar."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(tqdm(pool.map(work, items), total=len(items), desc=what, disable=not sys.stderr.isatty()))
