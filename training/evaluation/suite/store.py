"""What was measured once is not measured twice: a file of results that a killed suite goes on from.

In: what a result depends on (model, code, the bytes judged, the masks compared with). Out: the result, from
`scores.jsonl` or measured now and appended to it. A result is plain JSON.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

Part = str | bytes | NDArray[Any]
"""Something a result depends on."""


def digest(parts: Iterable[Part]) -> str:
    """SHA-256 of the parts in order; an array counts with its shape and type."""
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            whole.update(f"{part.dtype}{part.shape}".encode())
            part = np.ascontiguousarray(part).tobytes()
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "little"))
        whole.update(data)
    return whole.hexdigest()


def code_of(*folders: Path) -> str:
    """SHA-256 of the Python files below these folders: results of other code are not taken for this one's."""
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    return digest(part for file in files for part in (file.name, file.read_bytes()))


class Store:
    """Results by key, in a file of one JSON object a line. Threads may share it; two processes must not.

    A last line cut short by a kill is left out and measured again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._known: dict[str, Any] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                self._known[entry["key"]] = entry["value"]
            except (ValueError, KeyError, TypeError):
                continue
        if text and not text.endswith("\n"):
            with path.open("a", encoding="utf-8") as stream:
                stream.write("\n")

    def __len__(self) -> int:
        return len(self._known)

    def knows(self, parts: Iterable[Part]) -> bool:
        """Whether a result for these parts is on file."""
        return digest(parts) in self._known

    def remember(self, parts: Iterable[Part], measure: Callable[[], Any]) -> Any:
        """The result for these parts: the one on file, else what `measure` returns, which is then put on file."""
        key = digest(parts)
        if key not in self._known:
            value = json.loads(json.dumps(measure()))  # as a later run will read it: tuples are lists
            with self._lock, self._path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"key": key, "value": value}) + "\n")
                self._known[key] = value
        return self._known[key]
