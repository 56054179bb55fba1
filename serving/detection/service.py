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
from datetime import datetime
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from refundlens.model.detect import Detector
from refundlens.model.detection import Detection, Reason
from refundlens.model.names import Defect
from refundlens.model.photo.image import ImageError
from refundlens.model.verdict.selection import with_reasons
from refundlens.serving.detection.admission import Admission
from refundlens.serving.detection.body import Intake
from refundlens.serving.detection.cache import KnownAnswers, Question
from refundlens.serving.detection.oracle import coarse, coarse_map
from refundlens.serving.detection.references import Reference, read_reference, with_references
from refundlens.serving.detection.request import DetectRequest
from refundlens.serving.detection.schemas import ErrorBody, Line
from refundlens.serving.detection.store import DetectionStore, detection_body
from refundlens.serving.detection.views import told_together
from refundlens.serving.engine.engine import Engine
from refundlens.serving.engine.job import Closed, Expired, Judgement, Overloaded, PhotoJob
from refundlens.serving.http.body import Upload
from refundlens.serving.http.problems import Problem, storage_problem
from refundlens.serving.kit.clock import Clock
from refundlens.serving.kit.language import Language
from refundlens.serving.kit.principal import tenant_of_owner
from refundlens.serving.observability import Metrics
from refundlens.serving.remote.batches import EngineAway
from refundlens.serving.reuse.finder import Finder
from refundlens.serving.reuse.telling import photo_reasons, reuse_of_photo
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.faults import storage_fault
from refundlens.serving.storage.tables import DetectionRecord

Result = TypeVar("Result")

INTERNAL = ErrorBody(
    code="internal", message="this picture could not be judged because of a fault on our side"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhotoOutcome:
    """What became of one picture: `body` (the API's JSON), or `error`. detection: only where it was judged just now.
    record: to be stored, where that was asked for. queued: seconds it waited for its turn. work: seconds of one
    processor that it took."""

    body: Line | None = None
    record: DetectionRecord | None = None
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
        database: Database,
        finder: Finder,
        admission: Admission,
        metrics: Metrics,
        clock: Clock,
        workers: int,
        cache_bytes: int = 0,
    ) -> None:
        """cache_bytes: answers held in memory; 0 has every photo judged anew."""
        self._answers = KnownAnswers(store, cache_bytes, metrics)
        self.engine, self.store, self.admission = engine, store, admission
        self._database, self._finder, self._metrics, self._clock = database, finder, metrics, clock
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="detect")

    @property
    def detector(self) -> Detector:
        """The running model."""
        return self.engine.detector

    def close(self) -> None:
        self.engine.close()
        self._pool.shutdown(cancel_futures=True)
        self._answers.close()

    async def judge(self, asked: DetectRequest[Intake]) -> list[PhotoOutcome]:
        """Judge every picture, or give the answer that is known.

        Raises Problem where a reference is unreadable, a picture is not to be judged, or 503 where the pictures
        cannot be judged in time.
        """
        loop = asyncio.get_running_loop()
        images, references = asked.body.images, asked.body.references
        prepared: Sequence[Reference] = ()
        if references:
            prepared = await loop.run_in_executor(self._pool, _references, references)
        if not asked.body.apart or not self._answers.caching or not asked.keep:
            asked = asked.uncached()
        known = await self._known(images, asked)
        # on a thread: the header of a strange file may be long to read
        jobs = await loop.run_in_executor(
            self._pool,
            lambda: [found or self._job(one, asked) for one, found in zip(images, known, strict=True)],
        )
        self._submit([job for job in jobs if isinstance(job, PhotoJob)])
        work = [self._one(upload, job, asked, prepared) for upload, job in zip(images, jobs, strict=True)]
        try:
            outcomes = await asyncio.gather(*work)
            if asked.body.one_claim:
                outcomes = await loop.run_in_executor(
                    self._pool, _held_together, images, outcomes, asked.language
                )
            outcomes = await self._keep(outcomes)
        except (asyncio.CancelledError, Problem):  # the caller hung up, or one photo forbids all
            self.engine.abandon([job for job in jobs if isinstance(job, PhotoJob)])
            raise
        for outcome in outcomes:
            self._count(outcome)
        return list(outcomes) if asked.exact else [_coarse(outcome) for outcome in outcomes]

    async def knows(
        self, photos: Callable[[], Sequence[str]], owner: str, claim: Defect | None, language: Language
    ) -> bool:
        """Whether there is a stored answer for each of some photos, by their SHA-256 in hexadecimal, which are worked
        out on a thread. Reads no file."""
        model = self.detector.name.sha256
        return await self._answers.knows(
            lambda: [Question(owner, photo, model, claim, language).digest for photo in photos()]
        )

    async def _known(
        self, uploads: Sequence[Upload], asked: DetectRequest[Intake]
    ) -> list[PhotoOutcome | None]:
        """The stored answer for each picture that has one."""
        if asked.cache != "use":
            return [None] * len(uploads)
        model = self.detector.name.sha256
        # hashing 64 MB would hold up every other request
        bodies = await self._answers.find(
            lambda: [self._question(upload.sha256, model, asked) for upload in uploads]
        )
        return [
            None if body is None else PhotoOutcome(body={**body, "file": upload.name})
            for upload, body in zip(uploads, bodies, strict=True)
        ]

    def _question(self, photo: str, model: str, asked: DetectRequest[Intake]) -> str:
        return Question(asked.owner, photo, model, asked.body.claim, asked.language).digest

    def _job(self, upload: Upload, asked: DetectRequest[Intake]) -> PhotoJob | PhotoOutcome:
        """The engine's job for a picture, or what its header says against it."""
        try:
            return self.engine.job(
                upload.data,
                asked.body.claim,
                asked.language,
                asked.expires,
                asked.priority,
                asked.group,
                asked.inspect,
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
            return await asyncio.get_running_loop().run_in_executor(
                self._pool, self._made, upload, answer, asked, references
            )
        except ImageError as error:
            return PhotoOutcome(error=ErrorBody(code=error.code, message=error.message))
        except OSError as error:
            if (fault := storage_fault(error)) is not None:  # a verdict that cannot be kept is none
                raise storage_problem(fault) from error
            _log.exception("a picture of %d bytes could not be kept", len(upload.data))
            return PhotoOutcome(error=INTERNAL)
        except (Expired, EngineAway) as error:
            return PhotoOutcome(error=ErrorBody(code="deadline", message=_late(error)))
        except Problem:
            raise
        except Exception:
            # One poisoned picture must not fail the others of its request; the log keeps what happened.
            _log.exception("a picture of %d bytes could not be judged", len(upload.data))
            return PhotoOutcome(error=INTERNAL)

    def _made(
        self,
        upload: Upload,
        answer: Judgement,
        asked: DetectRequest[Intake],
        references: Sequence[Reference],
    ) -> PhotoOutcome:
        detection = with_references(answer.detection, upload.data, references, asked.language)
        now, record = self._clock(), None
        if asked.reuse:
            detection = self._with_reuse(detection, upload.data, asked, now)
        body = detection_body(upload.name, detection, now)
        if asked.keep:
            cached = asked.cache != "off"
            question = self._question(detection.sha256, detection.model.sha256, asked) if cached else None
            record = self.store.make(asked.owner, body, detection, now, question)
        return PhotoOutcome(body, record, detection, queued=answer.queued, work=answer.work)

    def _with_reuse(
        self, detection: Detection, data: bytes, asked: DetectRequest[Intake], now: datetime
    ) -> Detection:
        """Says where else the tenant has met the picture. A search that fails costs nobody the verdict."""
        tenant = tenant_of_owner(asked.owner)
        try:
            reused = reuse_of_photo(self._database, self._finder, tenant, data, now)
        except SQLAlchemyError:
            _log.exception("a photo was not looked for in other claims")
            return detection
        return with_reasons(detection, photo_reasons(reused, asked.language)) if reused else detection

    async def _keep(self, outcomes: list[PhotoOutcome]) -> list[PhotoOutcome]:
        """Store what is to be stored, all of a request in one transaction."""
        rows = [outcome.record for outcome in outcomes if outcome.record is not None]
        if not rows:
            return outcomes
        try:
            await self._answers.keep(rows)
        except (OSError, SQLAlchemyError) as error:
            if (fault := storage_fault(error)) is not None:  # a verdict that cannot be kept is none
                raise storage_problem(fault) from error
            _log.exception("%d detections could not be stored", len(rows))
            return [PhotoOutcome(error=INTERNAL) if outcome.record else outcome for outcome in outcomes]
        return outcomes

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


def _held_together(
    uploads: Sequence[Upload], outcomes: list[PhotoOutcome], language: Language
) -> list[PhotoOutcome]:
    """The same with what the photos show together."""
    files = {upload.sha256: upload.data for upload in uploads}
    judged = (one.detection for one in outcomes if one.detection is not None)
    said = told_together([(files[one.sha256], one) for one in judged if one.sha256 in files], language)
    return [
        _telling(one, said[one.detection.sha256]) if one.detection and one.detection.sha256 in said else one
        for one in outcomes
    ]


def _telling(outcome: PhotoOutcome, added: Sequence[Reason]) -> PhotoOutcome:
    """The same with more to say, also in the row that is to be stored."""
    assert outcome.detection is not None and outcome.body is not None
    detection = with_reasons(outcome.detection, added)
    body = {**outcome.body, **detection.public()}
    if outcome.record is not None:
        outcome.record.body = body
    return replace(outcome, body=body, detection=detection)


def _late(error: Expired | EngineAway) -> str:
    """What the caller is told; which machines are away is for the log."""
    if isinstance(error, Expired):
        return str(error)
    _log.error("nobody ran the batches of a picture: %s", error)
    return "the machines that judge pictures did not answer in time: send it again"


def _coarse(outcome: PhotoOutcome) -> PhotoOutcome:
    """As those see it who are no judges; what is stored stays as it is."""
    body, detection = outcome.body, outcome.detection
    if detection is not None:
        detection = detection.model_copy(update={"heatmap": coarse_map(detection.heatmap)})
    return replace(outcome, body=None if body is None else coarse(body), detection=detection)


def _references(uploads: Sequence[Upload]) -> list[Reference]:
    prepared = []
    for index, upload in enumerate(uploads):
        try:
            prepared.append(read_reference(upload.name or f"reference {index + 1}", upload.data))
        except ImageError as error:
            raise Problem(422, error.code, f"reference {index + 1}: {error.message}") from error
    return prepared
