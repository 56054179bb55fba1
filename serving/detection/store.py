"""Keeps detections so that they can be fetched again: two or three small files each in a folder on disk.

In: a judged photo. Out: the same by id, for those who may read its owner's; and by the question it answers
(`serving.detection.cache`), which an empty file beside it names, so that the index is whole after listing the folder.
Photos themselves are not kept. One class, so that a database can take its place without anybody else changing.

A file that a crash, a full disk or somebody's editor has damaged costs its own detection and nothing else: it is told
as `Damaged`, answers no question any more, and its photo is judged anew.
"""

import errno
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refundlens.serving.kit.ids import DETECTION_ID

HEATMAP, RELIABILITY = "npy", "reliability.npy"
"""Suffixes of the maps' files."""
ANSWER = "answer"
"""Suffix of the empty file that says which question a detection answers: `<id>.<digest of the question>.answer`."""
BROKEN_FILE = (errno.EISDIR, errno.EIO)
"""Errors of the system that are a file's own fault; others (too many open files) pass, and the file is whole."""

_log = logging.getLogger(__name__)


class Damaged(Exception):
    """What is stored cannot be read any more. `identifier`: of the detection."""

    def __init__(self, identifier: str) -> None:
        super().__init__(f"the files of the stored detection {identifier} are damaged")
        self.identifier = identifier


@dataclass(frozen=True)
class DetectionRecord:
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
        names = sorted(path.name.split(".") for path in folder.glob(f"det_*.{ANSWER}"))
        marks = [
            name for name in names if len(name) == len(("id", "digest", "suffix"))
        ]  # others are not ours
        self._answers = {question: identifier for identifier, question, _ in marks}
        self._questions = {identifier: question for identifier, question, _ in marks}

    def put(self, detection: DetectionRecord, question: str | None = None) -> None:
        """Store; the JSON goes last, so that a detection on disk is always whole. question: the digest of what it
        answers, none for a detection that answers nobody else. Raises OSError; then nothing of it is left."""
        try:
            self._write(detection, question)
        except BaseException:  # a full disk is not to be filled further by halves
            marks = [] if question is None else [f"{question}.{ANSWER}"]
            for suffix in ("json", "partial", HEATMAP, RELIABILITY, *marks):
                self._delete(detection.id, suffix)
            raise
        with self._lock:
            self._ids.append(detection.id)
            if question is not None:
                self._answers[question] = detection.id
                self._questions[detection.id] = question
            surplus = [self._ids.popleft() for _ in range(len(self._ids) - self._keep)]
            marks = [self._forget(identifier) for identifier in surplus]
        for identifier, mark in zip(surplus, marks, strict=True):
            for suffix in ("json", HEATMAP, RELIABILITY, *mark):
                self._delete(identifier, suffix)

    def _write(self, detection: DetectionRecord, question: str | None) -> None:
        content = json.dumps({"owner": detection.owner, "body": detection.body}, ensure_ascii=False)
        np.save(self._file(detection.id, HEATMAP), detection.heatmap, allow_pickle=False)
        if detection.reliabilitymap is not None:
            np.save(self._file(detection.id, RELIABILITY), detection.reliabilitymap, allow_pickle=False)
        partial = self._file(detection.id, "partial")
        partial.write_text(content, encoding="utf-8")
        partial.replace(self._file(detection.id, "json"))
        if question is not None:
            self._file(detection.id, f"{question}.{ANSWER}").touch()

    def answer(self, question: str) -> str | None:
        """The id of the newest detection that answers a question. Reads no file."""
        with self._lock:
            return self._answers.get(question)

    def get(self, identifier: str, owner: str) -> DetectionRecord | None:
        """The detection, None where there is none of this owner. Raises Damaged."""
        return self.read(identifier, lambda found: found == owner)

    def read(self, identifier: str, may_read: Callable[[str], bool]) -> DetectionRecord | None:
        """The detection, None where there is none. may_read: whether one of this owner is there for who asks. Raises
        Damaged."""
        if not DETECTION_ID.fullmatch(identifier):  # comes from a URL and names a file
            return None
        with self._reading(identifier):
            content = self._content(identifier)
            if content is None or not may_read(content["owner"]):
                return None
            body = _whole(content["body"], identifier)
            heatmap = self._map(identifier, HEATMAP)
            if heatmap is None:
                return None
            return DetectionRecord(
                identifier, content["owner"], body, heatmap, self._map(identifier, RELIABILITY)
            )

    def _content(self, identifier: str) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = json.loads(self._file(identifier, "json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if not isinstance(content["owner"], str):
            raise TypeError("the JSON has no owner")
        return content

    @contextmanager
    def _reading(self, identifier: str) -> Iterator[None]:
        """What goes wrong with a detection's files is Damaged, and the detection answers no question any more."""
        try:
            yield
        except (OSError, ValueError, LookupError, TypeError, MemoryError) as error:
            if isinstance(error, OSError) and error.errno not in BROKEN_FILE:
                raise
            _log.exception("the stored detection %s cannot be read", identifier)
            with self._lock:
                mark = self._forget(identifier)
            for suffix in mark:
                self._delete(identifier, suffix)
            raise Damaged(identifier) from error

    def _forget(self, identifier: str) -> tuple[str, ...]:
        """Take a detection out of the index; the suffix of its mark, if it has one."""
        question = self._questions.pop(identifier, None)
        if question is None:
            return ()
        if self._answers.get(question) == identifier:
            del self._answers[question]
        return (f"{question}.{ANSWER}",)

    def _map(self, identifier: str, suffix: str) -> NDArray[np.float32] | None:
        """One of the maps, None where there is none. Raises ValueError for what is no map, among others."""
        try:
            with self._file(identifier, suffix).open("rb") as file:
                cells = np.lib.format.read_array(file, allow_pickle=False)
        except FileNotFoundError:
            return None
        if cells.ndim != 2 or cells.dtype.kind != "f":
            raise ValueError(f"{suffix} holds no map")
        return np.asarray(cells, np.float32)

    def _delete(self, identifier: str, suffix: str) -> None:
        """What cannot be deleted must not cost the verdict that is being stored."""
        try:
            self._file(identifier, suffix).unlink(missing_ok=True)
        except OSError:
            _log.exception("a file of the stored detection %s cannot be deleted", identifier)

    def _file(self, identifier: str, suffix: str) -> Path:
        return self._folder / f"{identifier}.{suffix}"


def _whole(body: dict[str, Any], identifier: str) -> dict[str, Any]:
    """The JSON of this very detection. Raises ValueError."""
    if body["id"] != identifier or not (body["width"] > 0 and body["height"] > 0):
        raise ValueError("the JSON is another detection's, or not whole")
    return body
