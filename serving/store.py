"""Keeps detections so that they can be fetched again: two or three small files each in a folder on
disk.

In: a judged photo. Out: the same by id, for its owner only. Photos themselves are not kept. One class, so that a
database can take its place without anybody else changing.
"""

import json
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.ids import DETECTION_ID

HEATMAP, RELIABILITY = "npy", "reliability.npy"
"""Suffixes of the maps' files."""


@dataclass(frozen=True)
class Stored:
    """One detection. body: the API's JSON object. heatmap, reliabilitymap: float32 [h,w] at the maps' own
    scale, 0 to 1; the latter none where the model's calibration has no measure of it."""

    id: str
    owner: str
    body: dict[str, Any]
    heatmap: NDArray[np.float32]
    reliabilitymap: NDArray[np.float32] | None = None


class DetectionStore:
    """Bounded: when more than `keep` are stored, the oldest go. Safe to use from several threads."""

    def __init__(self, folder: Path, keep: int) -> None:
        """Opens or makes the folder. Raises OSError where it is not writable."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._keep = folder, keep
        self._lock = threading.Lock()
        self._ids = deque(sorted(path.stem for path in folder.glob("det_*.json")))

    def put(self, detection: Stored) -> None:
        """Store; the JSON goes last, so that a detection on disk is always whole."""
        content = json.dumps({"owner": detection.owner, "body": detection.body}, ensure_ascii=False)
        np.save(self._file(detection.id, HEATMAP), detection.heatmap, allow_pickle=False)
        if detection.reliabilitymap is not None:
            np.save(self._file(detection.id, RELIABILITY), detection.reliabilitymap, allow_pickle=False)
        partial = self._file(detection.id, "partial")
        partial.write_text(content, encoding="utf-8")
        partial.replace(self._file(detection.id, "json"))
        with self._lock:
            self._ids.append(detection.id)
            surplus = [self._ids.popleft() for _ in range(len(self._ids) - self._keep)]
        for identifier in surplus:
            for suffix in ("json", HEATMAP, RELIABILITY):
                self._file(identifier, suffix).unlink(missing_ok=True)

    def get(self, identifier: str, owner: str) -> Stored | None:
        """The detection, None where there is none of this owner."""
        if not DETECTION_ID.fullmatch(identifier):  # comes from a URL and names a file
            return None
        try:
            content = json.loads(self._file(identifier, "json").read_text(encoding="utf-8"))
            heatmap = np.load(self._file(identifier, HEATMAP), allow_pickle=False)
        except FileNotFoundError:
            return None
        if content["owner"] != owner:
            return None
        return Stored(identifier, owner, content["body"], heatmap, self._reliability(identifier))

    def _reliability(self, identifier: str) -> NDArray[np.float32] | None:
        try:
            return np.asarray(np.load(self._file(identifier, RELIABILITY), allow_pickle=False), np.float32)
        except FileNotFoundError:
            return None

    def _file(self, identifier: str, suffix: str) -> Path:
        return self._folder / f"{identifier}.{suffix}"
