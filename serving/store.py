"""Keeps detections so that they can be fetched again: two or three small files each in a folder on
disk.

In: a judged photo. Out: the same by id, for its owner only; and by the question it answers (`serving.answers`), which
an empty file beside it names, so that the index is whole after listing the folder. Photos themselves are not kept. One
class, so that a database can take its place without anybody else changing.
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
ANSWER = "answer"
"""Suffix of the empty file that says which question a detection answers: `<id>.<digest of the question>.answer`."""


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
        # later ids replace earlier ones: the newest detection answers
        marks = sorted(path.name.split(".") for path in folder.glob(f"det_*.{ANSWER}"))
        self._answers = {question: identifier for identifier, question, _ in marks}
        self._questions = {identifier: question for identifier, question, _ in marks}

    def put(self, detection: Stored, question: str | None = None) -> None:
        """Store; the JSON goes last, so that a detection on disk is always whole. question: the digest of what it
        answers, none for a detection that answers nobody else."""
        content = json.dumps({"owner": detection.owner, "body": detection.body}, ensure_ascii=False)
        np.save(self._file(detection.id, HEATMAP), detection.heatmap, allow_pickle=False)
        if detection.reliabilitymap is not None:
            np.save(self._file(detection.id, RELIABILITY), detection.reliabilitymap, allow_pickle=False)
        partial = self._file(detection.id, "partial")
        partial.write_text(content, encoding="utf-8")
        partial.replace(self._file(detection.id, "json"))
        if question is not None:
            self._file(detection.id, f"{question}.{ANSWER}").touch()
        with self._lock:
            self._ids.append(detection.id)
            if question is not None:
                self._answers[question] = detection.id
                self._questions[detection.id] = question
            surplus = [self._ids.popleft() for _ in range(len(self._ids) - self._keep)]
            marks = [self._forget(identifier) for identifier in surplus]
        for identifier, mark in zip(surplus, marks, strict=True):
            for suffix in ("json", HEATMAP, RELIABILITY, *mark):
                self._file(identifier, suffix).unlink(missing_ok=True)

    def answer(self, question: str) -> str | None:
        """The id of the newest detection that answers a question. Reads no file."""
        with self._lock:
            return self._answers.get(question)

    def get(self, identifier: str, owner: str) -> Stored | None:
        """The detection, None where there is none of this owner."""
        body = self.body(identifier, owner)
        if body is None:
            return None
        try:
            heatmap = np.load(self._file(identifier, HEATMAP), allow_pickle=False)
        except FileNotFoundError:
            return None
        return Stored(identifier, owner, body, heatmap, self._reliability(identifier))

    def body(self, identifier: str, owner: str) -> dict[str, Any] | None:
        """The JSON of the detection alone, None where there is none of this owner."""
        if not DETECTION_ID.fullmatch(identifier):  # comes from a URL and names a file
            return None
        try:
            content = json.loads(self._file(identifier, "json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        body: dict[str, Any] | None = content["body"] if content["owner"] == owner else None
        return body

    def _forget(self, identifier: str) -> tuple[str, ...]:
        """Take a detection out of the index; the suffix of its mark, if it has one."""
        question = self._questions.pop(identifier, None)
        if question is None:
            return ()
        if self._answers.get(question) == identifier:
            del self._answers[question]
        return (f"{question}.{ANSWER}",)

    def _reliability(self, identifier: str) -> NDArray[np.float32] | None:
        try:
            return np.asarray(np.load(self._file(identifier, RELIABILITY), allow_pickle=False), np.float32)
        except FileNotFoundError:
            return None

    def _file(self, identifier: str, suffix: str) -> Path:
        return self._folder / f"{identifier}.{suffix}"
