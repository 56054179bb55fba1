"""Where `detect` has its photos judged: here, or by another RefundLens server. Both give the same lines.

In: a file. Out: its line and, if asked for, its heat map as a PNG. A file that cannot be judged gives an error line.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from model.bundle import BundleError
from model.image import ImageError
from model.names import Defect
from model.regions import heatmap_png
from serving.client import Client, ClientError
from serving.detector import Detecting
from serving.inputs import read_file
from serving.language import Language
from serving.lines import Line, detection_line, error_line
from serving.references import Reference, with_references

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

    client: Client
    claim: Defect | None = None
    references: Sequence[tuple[str, bytes]] = ()
    heatmaps: bool = False

    def judge(self, path: Path) -> Judged:
        try:
            return self._judge(path)
        except (ImageError, ClientError) as error:
            return Judged(error_line(str(path), error.code, error.message))

    def _judge(self, path: Path) -> Judged:
        [answer] = self.client.detect((path.name, read_file(path)), self.claim, self.references)
        if "error" in answer:
            return Judged(error_line(str(path), answer["error"]["code"], answer["error"]["message"]))
        line = {key: value for key, value in answer.items() if key not in SERVERS_OWN} | {"file": str(path)}
        if not self.heatmaps:
            return Judged(line)
        beside = answer.get("reliability_url")  # an older server gives none
        picture = self.client.picture
        return Judged(line, picture(answer["heatmap_url"]), picture(beside) if beside else None)
