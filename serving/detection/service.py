"""Has uploads judged by the engine and keeps what came out: the one path that the API and the page share.

In: a `DetectRequest`. Out: one `PhotoOutcome` for each picture, in order: a stored
detection or an error of its own. A bad picture never fails its neighbours.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from refundlens.model.detect import Detector
from refundlens.model.detection import Detection
from refundlens.model.names import Defect
from refundlens.model.photo.image import ImageError
from refundlens.serving.detection.admission import Admission
from refundlens.serving.detection.body import Intake
from refundlens.serving.detection.cache import Question, ResultCache
from refundlens.serving.detection.oracle import coarse, coarse_record
from refundlens.serving.detection.references import Reference, read_reference, with_references
from refundlens.serving.detection.request import DetectRequest
from refundlens.serving.detection.schemas import ErrorBody, Line, detection_line
from refundlens.serving.detection.store import Damaged, DetectionRecord, DetectionStore
from refundlens.serving.engine.engine import Engine
from refundlens.serving.engine.job import Closed, Expired, Overloaded, PhotoJob
from refundlens.serving.http.body import Upload
from refundlens.serving.http.problems import Problem, storage_problem
from refundlens.serving.kit.clock import Clock, rfc3339
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.language import Language
from refundlens.serving.observability import Metrics
from refundlens.serving.storage.faults import storage_fault

Result = TypeVar("Result")

HASHED_AT_ONCE = 2_000_000
"""Bytes of a request hashed on the event loop: 2 ms, less than a change of threads may take under load."""
INTERNAL = ErrorBody(
    code="internal", message="this picture could not be judged because of a fault on our side"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhotoOutcome:
    """What became of one picture: `body` (the API's JSON), or `error`. stored, detection: only where it was judged just
    now; in the store only where that was asked for. queued: seconds it waited for its turn. work: seconds of one
    processor that it took."""

    body: Line | None = None
    stored: DetectionRecord | None = None
    detection: Detection | None = None
    error: ErrorBody | None = None
    queued: float = 0.0
    work: float = 0.0

    @property
    def known(self) -> bool:
        """Whether the answer was there already."""
        return self.body is not None and self.detection is None


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
        cache_bytes: int = 0,
    ) -> None:
        """cache_bytes: answers held in memory; 0 has every photo judged anew."""
        self._answers, self._caching = ResultCache(cache_bytes), cache_bytes > 0
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

    async def judge(self, asked: DetectRequest[Intake]) -> list[PhotoOutcome]:
        """Judge every picture, or give the answer that is known.

        Raises Problem where a reference is unreadable, or 503 where the pictures cannot be judged in time.
        """
        loop = asyncio.get_running_loop()
        images, references = asked.body.images, asked.body.references
        prepared: Sequence[Reference] = ()
        if references:
            prepared = await loop.run_in_executor(self._pool, _references, references)
        if references or not self._caching or not asked.keep:
            asked = asked.uncached()  # an answer with references is about other pictures, too
        known = await self._known(images, asked)
        jobs = [found or self._job(one, asked) for one, found in zip(images, known, strict=True)]
        self._submit([job for job in jobs if isinstance(job, PhotoJob)])
        work = [self._one(upload, job, asked, prepared) for upload, job in zip(images, jobs, strict=True)]
        try:
            outcomes = await asyncio.gather(*work)
        except asyncio.CancelledError:  # the caller hung up
            self.engine.abandon([job for job in jobs if isinstance(job, PhotoJob)])
            raise
        for outcome in outcomes:
            self._count(outcome)
        return list(outcomes) if asked.exact else [_coarse(outcome) for outcome in outcomes]

    def knows(self, photo: str, owner: str, claim: Defect | None, language: Language) -> bool:
        """Whether there is a stored answer for a photo, by its SHA-256 in hexadecimal. Reads no file."""
        question = Question(owner, photo, self.detector.name.sha256, claim, language)
        return self._caching and self.store.answer(question.digest) is not None

    async def on_worker(self, work: Callable[[], Result]) -> Result:
        """Run `work` that decodes a photo on one of few threads: memory holds only as many as there are workers."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def _known(
        self, uploads: Sequence[Upload], asked: DetectRequest[Intake]
    ) -> list[PhotoOutcome | None]:
        """The stored answer for each picture that has one."""
        if asked.cache != "use":
            return [None] * len(uploads)
        photos = (
            [upload.sha256 for upload in uploads]
            if sum(len(upload.data) for upload in uploads) <= HASHED_AT_ONCE
            else await asyncio.to_thread(lambda: [upload.sha256 for upload in uploads])
        )
        return [
            await self._answer(upload, photo, asked) for upload, photo in zip(uploads, photos, strict=True)
        ]

    async def _answer(self, upload: Upload, photo: str, asked: DetectRequest[Intake]) -> PhotoOutcome | None:
        question = self._question(photo, self.detector.name.sha256, asked)
        identifier = self.store.answer(question)
        body = self._answers.get(question) if identifier else None
        where = "memory"
        if identifier and (body is None or body["id"] != identifier):
            where, body = "store", await self.on_worker(lambda: self._stored(identifier, asked.owner))
            if body is not None:
                self._answers.put(question, body)
        if body is None:
            self._answers.drop(question)
            where = "miss"
        self._metrics.cache.labels(where).inc()
        return None if body is None else PhotoOutcome(body={**body, "file": upload.name})

    def _stored(self, identifier: str, owner: str) -> Line | None:
        """The JSON of a stored detection that is whole, maps and all; None where there is none: its photo is judged
        anew."""
        try:
            found = self.store.get(identifier, owner)
        except (Damaged, OSError):
            _log.warning("the photo of the stored detection %s is judged anew", identifier, exc_info=True)
            return None
        return None if found is None else found.body

    def _question(self, photo: str, model: str, asked: DetectRequest[Intake]) -> str:
        return Question(asked.owner, photo, model, asked.body.claim, asked.language).digest

    def _job(self, upload: Upload, asked: DetectRequest[Intake]) -> PhotoJob | PhotoOutcome:
        """The engine's job for a picture, or what its header says against it."""
        try:
            return self.engine.job(
                upload.data, asked.body.claim, asked.language, asked.expires, asked.priority, asked.group
            )
        except ImageError as error:
            return PhotoOutcome(error=ErrorBody(code=error.code, message=error.message))

    def _submit(self, jobs: Sequence[PhotoJob]) -> None:
        """All pictures of a request, or none: a refusal is worth most before any work is done."""
        if not jobs:
            return
        try:
            self.engine.submit(jobs)
        except Overloaded as refused:
            self._metrics.refused.labels("deadline").inc()
            detail = (
                f"The answer would take about {refused.wait:.1f} s, which is longer than you wait. Try later."
            )
            after = str(max(1, math.ceil(refused.wait)))
            raise Problem(503, "deadline", detail, {"Retry-After": after}) from refused
        except Closed as closed:
            detail = "The service is being stopped. Try again in a moment."
            raise Problem(503, "overloaded", detail, {"Retry-After": "1"}) from closed

    async def _one(
        self,
        upload: Upload,
        job: PhotoJob | PhotoOutcome,
        asked: DetectRequest[Intake],
        references: Sequence[Reference],
    ) -> PhotoOutcome:
        if isinstance(job, PhotoOutcome):
            return job
        try:
            answer = await self.engine.result(job)
            keep = asyncio.get_running_loop().run_in_executor(
                self._pool, self._compare, upload, answer.detection, asked, references
            )
            question, stored, detection = await keep
            if question is not None:
                self._answers.put(question, stored.body)
            return PhotoOutcome(stored.body, stored, detection, queued=answer.queued, work=answer.work)
        except ImageError as error:
            return PhotoOutcome(error=ErrorBody(code=error.code, message=error.message))
        except OSError as error:
            if (fault := storage_fault(error)) is not None:  # a verdict that cannot be kept is none
                raise storage_problem(fault) from error
            _log.exception("a picture of %d bytes could not be kept", len(upload.data))
            return PhotoOutcome(error=INTERNAL)
        except Expired as error:
            return PhotoOutcome(error=ErrorBody(code="deadline", message=str(error)))
        except Exception:
            # One poisoned picture must not fail the others of its request; the log keeps what happened.
            _log.exception("a picture of %d bytes could not be judged", len(upload.data))
            return PhotoOutcome(error=INTERNAL)

    def _compare(
        self,
        upload: Upload,
        detection: Detection,
        asked: DetectRequest[Intake],
        references: Sequence[Reference],
    ) -> tuple[str | None, DetectionRecord, Detection]:
        detection = with_references(detection, upload.data, references, asked.language)
        question = None
        if asked.cache != "off":
            question = self._question(detection.sha256, detection.model.sha256, asked)
        made = self._answer_of(upload.name, detection, asked.owner)
        if asked.keep:
            self.store.put(made, question)
        return question, made, detection

    def _answer_of(self, name: str | None, detection: Detection, owner: str) -> DetectionRecord:
        now = self._clock()
        identifier = make_id("det", now)
        body = {"id": identifier, "created_at": rfc3339(now), **detection_line(name, detection)}
        body["heatmap_url"] = f"/v1/detections/{identifier}/heatmap"
        trust = detection.reliabilitymap
        body["reliability_url"] = None if trust is None else f"/v1/detections/{identifier}/reliability"
        return DetectionRecord(identifier, owner, body, detection.heatmap, trust)

    def _count(self, outcome: PhotoOutcome) -> None:
        if outcome.known:
            return  # it waited for nothing
        self._metrics.stage_seconds.labels("queue").observe(outcome.queued)
        if outcome.error is not None:
            self._metrics.image_errors.labels(outcome.error["code"]).inc()
        if outcome.detection is not None:
            self._metrics.detections.labels(outcome.detection.verdict).inc()
            for stage, milliseconds in outcome.detection.timings_ms.items():
                self._metrics.stage_seconds.labels(stage).observe(milliseconds / 1000)
            self.admission.learn(outcome.work)


def _coarse(outcome: PhotoOutcome) -> PhotoOutcome:
    """As those see it who are no judges; what is stored stays as it is."""
    body = None if outcome.body is None else coarse(outcome.body)
    stored = None if outcome.stored is None else coarse_record(outcome.stored)
    return replace(outcome, body=body, stored=stored)


def _references(uploads: Sequence[Upload]) -> list[Reference]:
    prepared = []
    for index, upload in enumerate(uploads):
        try:
            prepared.append(read_reference(upload.name or f"reference {index + 1}", upload.data))
        except ImageError as error:
            raise Problem(422, error.code, f"reference {index + 1}: {error.message}") from error
    return prepared
