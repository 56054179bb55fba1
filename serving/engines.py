"""Where `detect` has its photos judged: here, or by another RefundLens server. Both give the same lines.

In: a file. Out: its line and, if asked for, its heat map as a PNG. A file that cannot be judged gives an error line.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx

from model.bundle import BundleError
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
SERVERS_OWN = ("id", "created_at", "heatmap_url", "reliability_url")
"""What a server adds to the line of a detection."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judged:
    """The line of one file and its heat map (grey PNG of the displayed size), None unless asked for.

    reliability: a PNG of what the heat map is worth where; none also where the model cannot tell. lost: the heat map
    was asked for and could not be kept.
    """

    line: Line
    heatmap: bytes | None = None
    reliability: bytes | None = None
    lost: bool = False

    @property
    def failed(self) -> bool:
        return self.lost or "error" in self.line


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
        """Raises BundleError: with a model that cannot judge, no file would fare better."""
        try:
            return self._judge(path)
        except ImageError as error:
            return Judged(error_line(str(path), error.code, error.message))
        except BundleError:
            raise
        except Exception:
            # One poisoned picture must not end the run of a whole folder; standard error tells what happened.
            _log.exception("%s could not be judged", path)
            message = "this picture could not be judged because of a fault in refundlens; please report it"
            return Judged(error_line(str(path), "internal", message))

    def _judge(self, path: Path) -> Judged:
        data = read_file(path)
        detection = self.detector.detect(data, self.claim, self.language)
        detection = with_references(detection, data, self.references, self.language)
        line = detection_line(str(path), detection)
        if not self.heatmaps:
            return Judged(line)
        heat, trust = (
            None if cells is None else heatmap_png(cells, detection.width, detection.height)
            for cells in (detection.heatmap, detection.reliabilitymap)
        )
        return Judged(line, heat, trust)


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
            return self._judge(path)
        except ImageError as error:
            return Judged(error_line(str(path), error.code, error.message))
        except httpx.HTTPError as error:
            return Judged(error_line(str(path), "engine_unreachable", f"{self.url}: {error}"))

    def _judge(self, path: Path) -> Judged:
        answer = self._post(path.name, read_file(path))
        if "error" in answer:
            return Judged(error_line(str(path), answer["error"]["code"], answer["error"]["message"]))
        line = {key: value for key, value in answer.items() if key not in SERVERS_OWN} | {"file": str(path)}
        if not self.heatmaps:
            return Judged(line)
        beside = answer.get("reliability_url")  # an older server gives none
        return Judged(line, self._png(answer["heatmap_url"]), self._png(beside) if beside else None)

    def _post(self, name: str, data: bytes) -> Line:
        """The server's entry for one picture. Raises httpx.HTTPError, or ImageError with the server's own words."""
        files = [("image", (name, data)), *(("reference", reference) for reference in self.references)]
        fields = {"claim": self.claim} if self.claim else {}
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                response = self.client.post(
                    f"{self.url.rstrip('/')}/v1/detect", files=files, data=fields, headers=self._headers()
                )
            except (httpx.NetworkError, httpx.RemoteProtocolError):  # refused, cut off: as in a restart
                if last:
                    raise
                time.sleep(FIRST_WAIT * 2**attempt)
                continue
            if response.status_code not in (429, 503) or last:
                break
            time.sleep(_wait(response, attempt))
        if response.is_error:
            raise ImageError(*_problem(self.url, response))
        try:
            entry: Line = response.json()["detections"][0]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ImageError(*_not_ours(self.url, response)) from error
        return entry

    def _png(self, path: str) -> bytes:
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


def _problem(url: str, response: httpx.Response) -> tuple[str, str]:
    """Code and message of an RFC 9457 answer, or what can be said of one that is not."""
    try:
        body = response.json()
        return str(body["code"]), f"{url} refused: {body['detail']}"
    except (ValueError, KeyError, TypeError):
        return _not_ours(url, response)


def _not_ours(url: str, response: httpx.Response) -> tuple[str, str]:
    return "engine_failed", f"{url} answered with status {response.status_code}; is it a RefundLens server?"
