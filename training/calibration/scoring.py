"""Pictures through the network, once: what calibration fits and counts on.

In: a detector and rows of a dataset. Out: a `Sample` for each, in order. Scores are kept in a file as they come, so
that a killed calibration goes on where it stopped and a second one costs nothing.
"""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.manifest import canonical
from refundlens.datasets.row import Row
from refundlens.model.detect import Detector
from refundlens.model.detection import Conditions
from refundlens.model.names import Kind
from refundlens.model.network import pooling
from refundlens.model.photo import conditions
from refundlens.model.photo.formats import Format
from refundlens.model.photo.image import read_photo
from refundlens.model.progress import track
from refundlens.model.verdict import stability

MEASURES = "detail 1, judged at 1600"
"""What is measured of a picture beside its scores, and at which size: raised when that changes, so that what an older
version kept is measured anew."""
Item = TypeVar("Item")
Result = TypeVar("Result")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One scored picture: its pooled features float64 [F], its condition, its source photo.

    copy: the features of the picture compressed once more (`model.verdict.stability.reencode`), where they were asked
    for. kind, editor, sender, repository: as `datasets.collection` knows them, none for pictures of our own making.
    format: of the file.
    """

    source: str
    label: int
    features: Floats
    conditions: Conditions
    copy: Floats | None = None
    kind: Kind | None = None
    editor: str | None = None
    sender: str | None = None
    repository: str | None = None
    format: Format = "jpeg"


class ScoreFile:
    """Scores kept as JSON Lines: one line a picture and network, appended as they come. Safe for many threads."""

    def __init__(self, path: Path, detector: Detector) -> None:
        # a picture's scores hold for the network's bytes and for the pooled features of this version
        self._about = f"{detector.name.sha256} {','.join(pooling.FEATURES)} {MEASURES}"
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
        return self.key_of(what, canonical(row))

    def key_of(self, *about: str) -> str:
        """Of whatever tells one scored picture from all others."""
        return hashlib.sha256(" ".join((self._about, *about)).encode()).hexdigest()

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
        features, measured, fmt = _original(detector, dataset, row, kept)
        copy = _copy(detector, dataset, row, kept) if row.file_name in copied else None
        return Sample(row.source, row.label, features, measured, copy, format=fmt)

    return run_all(one, rows, "calibrate")


def _original(
    detector: Detector, dataset: Path, row: Row, kept: ScoreFile | None
) -> tuple[Floats, Conditions, Format]:
    key = kept.key(row, "original") if kept else ""
    return score_file(detector, lambda: (dataset / row.file_name).read_bytes(), kept, key)


def score_file(
    detector: Detector, read: Callable[[], bytes], kept: ScoreFile | None, key: str
) -> tuple[Floats, Conditions, Format]:
    """Features, condition and format of a file, as kept under the key, else by scoring what `read` gives."""
    found = kept.get(key) if kept else None
    if found is not None:
        return np.array(found["features"]), Conditions.model_validate(found["conditions"]), found["format"]
    photo = read_photo(read())
    features, measured = detector.score(photo.judged).features, conditions.measure(photo)
    if kept:
        about = {"conditions": measured.model_dump(), "format": photo.format}
        kept.put(key, {"features": features.tolist(), **about})
    return features, measured, photo.format


def _copy(detector: Detector, dataset: Path, row: Row, kept: ScoreFile | None) -> Floats:
    key = kept.key(row, "copy") if kept else ""
    return score_copy(detector, lambda: (dataset / row.file_name).read_bytes(), kept, key)


def score_copy(detector: Detector, read: Callable[[], bytes], kept: ScoreFile | None, key: str) -> Floats:
    """The same for the features of a file's copy, compressed once more."""
    found = kept.get(key) if kept else None
    if found is not None:
        return np.array(found["features"])
    features = detector.score(stability.reencode(read_photo(read()).judged)).features
    if kept:
        kept.put(key, {"features": features.tolist()})
    return features


def run_all(work: Callable[[Item], Result], items: Sequence[Item], what: str) -> list[Result]:
    """`work` over items on a thread a core (ONNX Runtime and the decoders release the GIL), in order, with a bar."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(track(pool.map(work, items), len(items), what))
