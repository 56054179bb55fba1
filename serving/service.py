"""Judges uploads on worker threads: the one path that the API and the page share.

In: an `Intake`, its caller, a language, a deadline. Out: one `Outcome` for each picture, in order: a stored detection
or an error of its own. A bad picture never fails its neighbours.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from model.detection import Detection
from model.image import ImageError
from model.names import Defect
from serving.admission import Admission
from serving.clock import Clock, rfc3339
from serving.detector import Detecting
from serving.ids import make_id
from serving.intake import Intake, Upload
from serving.language import Language
from serving.lines import ErrorBody, detection_line
from serving.metrics import Metrics
from serving.problems import Problem
from serving.references import Reference, read_reference, with_references
from serving.store import DetectionStore, Stored

Result = TypeVar("Result")

INTERNAL = ErrorBody(
    code="internal", message="this picture could not be judged because of a fault on our side"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one picture: `stored` and `detection`, or `error`. queued: seconds it waited for a worker."""

    stored: Stored | None = None
    detection: Detection | None = None
    error: ErrorBody | None = None
    queued: float = 0.0


@dataclass(frozen=True)
class _Job:
    """What every picture of one request shares. `expires` and `asked` are on the monotonic clock."""

    owner: str
    claim: Defect | None
    references: Sequence[Reference]
    language: Language
    expires: float
    asked: float = field(default_factory=time.monotonic)


class DetectionService:
    """Detector, worker threads and store."""

    def __init__(
        self,
        detector: Detecting,
        store: DetectionStore,
        admission: Admission,
        metrics: Metrics,
        clock: Clock,
        workers: int,
    ) -> None:
        self.detector, self.store, self.admission = detector, store, admission
        self._metrics, self._clock = metrics, clock
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="detect")

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def judge(self, intake: Intake, owner: str, language: Language, expires: float) -> list[Outcome]:
        """Judge every picture; `expires` is on the monotonic clock. Raises Problem where a reference is unreadable."""
        loop = asyncio.get_running_loop()
        references: Sequence[Reference] = ()
        if intake.references:
            references = await loop.run_in_executor(self._pool, _references, intake.references)
        job = _Job(owner, intake.claim, references, language, expires)
        work = [loop.run_in_executor(self._pool, self._one, upload, job) for upload in intake.images]
        outcomes = await asyncio.gather(*work)
        for outcome in outcomes:
            self._count(outcome)
        return outcomes

    async def on_worker(self, work: Callable[[], Result]) -> Result:
        """Run `work` that decodes a photo where photos are judged: memory holds only as many as there are workers."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _one(self, upload: Upload, job: _Job) -> Outcome:
        """Runs on a worker thread."""
        started = time.monotonic()
        queued = started - job.asked
        if started > job.expires:
            message = "the deadline passed before this picture's turn: wait longer or send fewer at a time"
            return Outcome(error=ErrorBody(code="deadline", message=message), queued=queued)
        try:
            detection = self.detector.detect(upload.data, job.claim, job.language)
            detection = with_references(detection, upload.data, job.references, job.language)
            return Outcome(self._keep(upload.name, detection, job.owner), detection, queued=queued)
        except ImageError as error:
            return Outcome(error=ErrorBody(code=error.code, message=error.message), queued=queued)
        except Exception:
            # One poisoned picture must not fail the others of its request; the log keeps what happened.
            _log.exception("a picture of %d bytes could not be judged", len(upload.data))
            return Outcome(error=INTERNAL, queued=queued)

    def _keep(self, name: str | None, detection: Detection, owner: str) -> Stored:
        now = self._clock()
        identifier = make_id("det", now)
        body = {"id": identifier, "created_at": rfc3339(now), **detection_line(name, detection)}
        body["heatmap_url"] = f"/v1/detections/{identifier}/heatmap"
        trust = detection.reliabilitymap
        body["reliability_url"] = None if trust is None else f"/v1/detections/{identifier}/reliability"
        stored = Stored(identifier, owner, body, detection.heatmap, trust)
        self.store.put(stored)
        return stored

    def _count(self, outcome: Outcome) -> None:
        self._metrics.stage_seconds.labels("queue").observe(outcome.queued)
        if outcome.error is not None:
            self._metrics.image_errors.labels(outcome.error["code"]).inc()
        if outcome.detection is not None:
            self._metrics.detections.labels(outcome.detection.verdict).inc()
            for stage, milliseconds in outcome.detection.timings_ms.items():
                self._metrics.stage_seconds.labels(stage).observe(milliseconds / 1000)
            self.admission.learn(outcome.detection.timings_ms["total"] / 1000)


def _references(uploads: Sequence[Upload]) -> list[Reference]:
    prepared = []
    for index, upload in enumerate(uploads):
        try:
            prepared.append(read_reference(upload.name or f"reference {index + 1}", upload.data))
        except ImageError as error:
            raise Problem(422, error.code, f"reference {index + 1}: {error.message}") from error
    return prepared
