"""Where `detect` has its photos judged: here, or by another RefundLens server. Both give the same lines.

In: a file. Out: its line and, if asked for, its heat map as a PNG. A file that cannot be judged gives an error line.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx

from model.image import ImageError
from model.names import Defect
from model.regions import heatmap_png
from serving.detector import Detecting
from serving.inputs import read_file
from serving.language import Language
from serving.lines import Line, detection_line, error_line
from serving.references import Reference, with_references

ATTEMPTS = 5
"""Tries at a server that is busy or gone for a moment, before its photo counts as failed."""
FIRST_WAIT = 0.5
"""Seconds before the second try; doubled each time, so that five tries outlast a restart of some seconds."""
LONGEST_WAIT = 30.0
"""Seconds; a server that asks for more is not waited for any longer."""
REMOTE_TIMEOUT = 120.0
"""Seconds for one answer: the server's own deadline of 60 s and the upload."""


@dataclass(frozen=True)
class Judged:
    """The line of one file and its heat map (grey PNG of the displayed size), None unless asked for."""

    line: Line
    heatmap: bytes | None = None

    @property
    def failed(self) -> bool:
        return "error" in self.line


class Engine(Protocol):
    """Judges files. Safe to call from several threads at once."""

    def judge(self, path: Path) -> Judged: ...


@dataclass(frozen=True)
class LocalEngine:
    """Judges with a detector in this process."""

    detector: Detecting
    claim: Defect | None = None
    references: Sequence[Reference] = ()
    language: Language = "en"
    heatmaps: bool = False

    def judge(self, path: Path) -> Judged:
        try:
            data = read_file(path)
            detection = self.detector.detect(data, self.claim, self.language)
            detection = with_references(detection, data, self.references, self.language)
        except ImageError as error:
            return Judged(error_line(str(path), error.code, error.message))
        line = detection_line(str(path), detection)
        if not self.heatmaps:
            return Judged(line)
        return Judged(line, heatmap_png(detection.heatmap, detection.width, detection.height))


@dataclass(frozen=True)
class RemoteEngine:
    """Judges by posting to the /v1/detect of another server. `references` are (name, bytes)."""

    url: str
    key: str | None = None
    claim: Defect | None = None
    references: Sequence[tuple[str, bytes]] = ()
    language: Language = "en"
    heatmaps: bool = False
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=REMOTE_TIMEOUT))

    def judge(self, path: Path) -> Judged:
        try:
            answer = self._post(path.name, read_file(path))
        except ImageError as error:
            return Judged(error_line(str(path), error.code, error.message))
        except httpx.HTTPError as error:
            return Judged(error_line(str(path), "engine_unreachable", f"{self.url}: {error}"))
        if "error" in answer:
            return Judged(error_line(str(path), **answer["error"]))
        heatmap_url = answer["heatmap_url"]
        answer = {
            key: value for key, value in answer.items() if key not in ("id", "created_at", "heatmap_url")
        }
        return Judged({**answer, "file": str(path)}, self._heatmap(heatmap_url) if self.heatmaps else None)

    def _post(self, name: str, data: bytes) -> Line:
        files = [("image", (name, data)), *(("reference", reference) for reference in self.references)]
        fields = {"claim": self.claim} if self.claim else {}
        for attempt in range(ATTEMPTS):
            response = self.client.post(
                f"{self.url.rstrip('/')}/v1/detect", files=files, data=fields, headers=self._headers()
            )
            if response.status_code not in (429, 503) or attempt == ATTEMPTS - 1:
                break
            time.sleep(_wait(response, attempt))
        if response.is_error:
            code, detail = _problem(response)
            raise ImageError(code, f"{self.url} refused: {detail}")
        entry: Line = response.json()["detections"][0]
        return entry

    def _heatmap(self, path: str) -> bytes:
        response = self.client.get(f"{self.url.rstrip('/')}{path}", headers=self._headers())
        response.raise_for_status()
        return response.content

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Language": self.language}
        return headers | ({"Authorization": f"Bearer {self.key}"} if self.key else {})


def _wait(response: httpx.Response, attempt: int) -> float:
    """Seconds until the next try: what the server asks for, or doubling."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked) if asked.isdigit() else FIRST_WAIT * 2**attempt, LONGEST_WAIT)


def _problem(response: httpx.Response) -> tuple[str, str]:
    """Code and detail of an RFC 9457 answer, or what can be said of one that is not."""
    try:
        body = response.json()
        return str(body["code"]), str(body["detail"])
    except (ValueError, KeyError, TypeError):
        return "engine_failed", f"status {response.status_code}; is it a RefundLens server?"
