"""Has uploads judged by the engine and keeps what came out: the one path that the API and the page share.

In: an `Intake`, its caller, a language, a deadline. Out: one `Outcome` for each picture, in order: a stored detection
or an error of its own. A bad picture never fails its neighbours.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from model.detect import Detector
from model.detection import Detection
from model.image import ImageError
from model.names import Defect
from serving.admission import Admission
from serving.clock import Clock, rfc3339
from serving.engine import Closed, Engine, Expired, Priority, Refused
from serving.engine.job import Job
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
    """What became of one picture: `stored` and `detection`, or `error`. queued: seconds it waited for its turn. work:
    seconds of one processor that it took."""

    stored: Stored | None = None
    detection: Detection | None = None
    error: ErrorBody | None = None
    queued: float = 0.0
    work: float = 0.0


@dataclass(frozen=True)
class _Asked:
    """What every picture of one request shares. `expires` is on the monotonic clock."""

    owner: str
    claim: Defect | None
    references: Sequence[Reference]
    language: Language
    expires: float
    priority: Priority


class DetectionService:
    """Engine, store, and threads for what is neither: comparing with references, drawing previews, writing files."""

    def __init__(
        self,
        engine: Engine,
        store: DetectionStore,
        admission: Admission,
        metrics: Metrics,
        clock: Clock,
        workers: int,
    ) -> None:
        self.engine, self.store, self.admission = engine, store, admission
        self._metrics, self._clock = metrics, clock
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="detect")

    @property
    def detector(self) -> Detector:
        """The running model."""
        return self.engine.detector

    def close(self) -> None:
        self.engine.close()
        self._pool.shutdown(cancel_futures=True)

    async def judge(
        self,
        intake: Intake,
        owner: str,
        language: Language,
        expires: float,
        priority: Priority = "interactive",
    ) -> list[Outcome]:
        """Judge every picture; `expires` is on the monotonic clock.

        Raises Problem where a reference is unreadable, or 503 where the pictures cannot be judged in that time.
        """
        loop = asyncio.get_running_loop()
        references: Sequence[Reference] = ()
        if intake.references:
            references = await loop.run_in_executor(self._pool, _references, intake.references)
        asked = _Asked(owner, intake.claim, references, language, expires, priority)
        jobs = [self._job(upload, asked) for upload in intake.images]
        self._submit([job for job in jobs if isinstance(job, Job)])
        work = [self._one(upload, job, asked) for upload, job in zip(intake.images, jobs, strict=True)]
        outcomes = await asyncio.gather(*work)
        for outcome in outcomes:
            self._count(outcome)
        return outcomes

    async def on_worker(self, work: Callable[[], Result]) -> Result:
        """Run `work` that decodes a photo on one of few threads: memory holds only as many as there are workers."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _job(self, upload: Upload, asked: _Asked) -> Job | Outcome:
        """The engine's job for a picture, or what its header says against it."""
        try:
            return self.engine.job(upload.data, asked.claim, asked.language, asked.expires, asked.priority)
        except ImageError as error:
            return Outcome(error=ErrorBody(code=error.code, message=error.message))

    def _submit(self, jobs: Sequence[Job]) -> None:
        """All pictures of a request, or none: a refusal is worth most before any work is done."""
        if not jobs:
            return
        try:
            self.engine.submit(jobs)
        except Refused as refused:
            self._metrics.refused.labels("deadline").inc()
            detail = (
                f"The answer would take about {refused.wait:.1f} s, which is longer than you wait. Try later."
            )
            after = str(max(1, math.ceil(refused.wait)))
            raise Problem(503, "deadline", detail, {"Retry-After": after}) from refused
        except Closed as closed:
            detail = "The service is being stopped. Try again in a moment."
            raise Problem(503, "overloaded", detail, {"Retry-After": "1"}) from closed

    async def _one(self, upload: Upload, job: Job | Outcome, asked: _Asked) -> Outcome:
        if isinstance(job, Outcome):
            return job
        try:
            answer = await self.engine.result(job)
            keep = asyncio.get_running_loop().run_in_executor(
                self._pool, self._compare_and_keep, upload, answer.detection, asked
            )
            return Outcome(*await keep, queued=answer.queued, work=answer.work)
        except ImageError as error:
            return Outcome(error=ErrorBody(code=error.code, message=error.message))
        except Expired as error:
            return Outcome(error=ErrorBody(code="deadline", message=str(error)))
        except Exception:
            # One poisoned picture must not fail the others of its request; the log keeps what happened.
            _log.exception("a picture of %d bytes could not be judged", len(upload.data))
            return Outcome(error=INTERNAL)

    def _compare_and_keep(
        self, upload: Upload, detection: Detection, asked: _Asked
    ) -> tuple[Stored, Detection]:
        detection = with_references(detection, upload.data, asked.references, asked.language)
        return self._keep(upload.name, detection, asked.owner), detection

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
            self.admission.learn(outcome.work)


def _references(uploads: Sequence[Upload]) -> list[Reference]:
    prepared = []
    for index, upload in enumerate(uploads):
        try:
            prepared.append(read_reference(upload.name or f"reference {index + 1}", upload.data))
        except ImageError as error:
            raise Problem(422, error.code, f"reference {index + 1}: {error.message}") from error
    return prepared
