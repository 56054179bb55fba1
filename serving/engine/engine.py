"""The engine's door: photos in, answers out; and the models behind it, which can be changed while it works.

Safe to use from many threads and from an event loop.
"""

import asyncio
import io
import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from refundlens.model.bundle import BundleError, bundled_path
from refundlens.model.detect import Detector
from refundlens.model.detection import ModelName
from refundlens.model.names import Defect
from refundlens.model.network import tiles
from refundlens.model.photo import resizing
from refundlens.model.photo.image import Photo, probe
from refundlens.serving.engine.job import Expired, Judgement, PhotoJob, Priority
from refundlens.serving.engine.runner import ModelRunner
from refundlens.serving.engine.shadow import MOST, Shadow, ShadowTally
from refundlens.serving.engine.workers import Workers
from refundlens.serving.kit.language import Language
from refundlens.serving.observability import EngineMetrics, Metrics
from refundlens.serving.remote.chosen import open_remote
from refundlens.serving.settings import Settings, cores, read_settings, trusted_signers

WARM_UP_SIDE = 512
"""Pixels a side of the picture judged before an engine or a new model is ready: several tiles, as a photo has."""
DRAIN_SECONDS = 60.0
"""How long `swap` waits for the old model's last photos; the default deadline of a caller."""


class Engine:
    """Judges photos with one model, on `settings.workers` threads.

    bundle: an .onnx bundle, a loaded detector, or none for the bundle of the settings. Its batches run here, or where
    the settings say (`serving.remote`). Raises BundleError, SettingsError.
    """

    def __init__(
        self,
        bundle: Path | Detector | None = None,
        settings: Settings | None = None,
        metrics: EngineMetrics | None = None,
    ) -> None:
        self._settings = settings or read_settings()
        self._metrics = metrics or Metrics().engine
        self._remote = open_remote(self._settings)
        self._shadow: Shadow | None = None
        self._changing = threading.Lock()
        self._workers = Workers(
            self._lane(bundle),
            self._settings.workers,
            self._settings.max_decoded_bytes,
            self._metrics,
            self._show_shadow,
        )
        self._metrics.waiting_tiles.set_function(self._workers.waiting_tiles)
        self._metrics.batch_cap.set_function(lambda: self._workers.lane.curve.cap)

    @property
    def detector(self) -> Detector:
        """The running model."""
        return self._workers.lane.detector

    @property
    def agreement(self) -> ShadowTally | None:
        """How the challenger compares so far; None without one."""
        shadow = self._shadow
        return shadow.agreement if shadow else None

    def take_tallies(self) -> list[ShadowTally]:
        """The challenger's comparisons since this was last asked."""
        shadow = self._shadow
        return shadow.take_tallies() if shadow else []

    @property
    def alive(self) -> bool:
        """Whether its threads, once started, are there."""
        return self._workers.alive

    def warm_up(self) -> None:
        """Measure what batches cost and judge a first picture; until then, the first photos are slow.

        Raises BundleError where the model cannot judge.
        """
        self._measure(self._workers.lane, self._workers.runners)
        self.detect_now(_grey())

    def job(
        self,
        data: bytes,
        claim: Defect | None = None,
        language: Language = "en",
        deadline: float = math.inf,
        priority: Priority = "interactive",
        group: str = "",
        inspect: Callable[[Photo], None] | None = None,
    ) -> PhotoJob:
        """A photo to `submit`. deadline: on the monotonic clock. group: whose it is; groups take turns. inspect: looks
        at the opened photo on the engine's thread, before it is judged. Reads the header only; raises ImageError."""
        _, width, height = probe(data)
        count = len(tiles.plan(*resizing.judged_size(height, width)).origins)
        now = time.monotonic()
        return PhotoJob(
            data,
            claim,
            language,
            priority,
            now,
            deadline,
            count,
            width * height,
            self._workers.lane,
            group,
            inspect,
        )

    def submit(self, jobs: Sequence[PhotoJob]) -> None:
        """Have the photos of one request judged, all or none; `job.future` is set when one is.

        Raises Refused where the estimated wait goes beyond a deadline, Closed after `close`.
        """
        self._workers.submit(jobs)

    def abandon(self, jobs: Sequence[PhotoJob]) -> None:
        """Give up submitted photos that nobody waits for any more: what has not begun is not done."""
        self._workers.abandon(jobs)

    async def result(self, job: PhotoJob) -> Judgement:
        """The answer to a submitted job, or the job's error. Raises Expired at the deadline; a caller that goes away
        (its task is cancelled) takes its photo with it."""
        patience = None if job.deadline == math.inf else job.deadline - time.monotonic()
        try:
            async with asyncio.timeout(patience):
                return await asyncio.wrap_future(job.future)
        except TimeoutError as error:
            raise Expired(job.stage) from error

    async def detect(
        self,
        data: bytes,
        claim: Defect | None = None,
        language: Language = "en",
        patience: float | None = None,
        priority: Priority = "interactive",
        group: str = "",
    ) -> Judgement:
        """Judge one photo. patience: seconds the caller waits.

        Raises ImageError, Refused, Expired, Closed, BundleError.
        """
        job = self.job(data, claim, language, _deadline(patience), priority, group)
        self.submit([job])
        return await self.result(job)

    def detect_now(
        self,
        data: bytes,
        claim: Defect | None = None,
        language: Language = "en",
        patience: float | None = None,
        priority: Priority = "interactive",
    ) -> Judgement:
        """`detect` for threads: waits for the answer."""
        job = self.job(data, claim, language, _deadline(patience), priority)
        self.submit([job])
        try:
            return job.future.result(patience)
        except TimeoutError as error:
            job.future.cancel()
            raise Expired(job.stage) from error

    def expected_wait(self, tiles: int = 0, priority: Priority = "interactive", group: str = "") -> float:
        """Seconds until `tiles` more tiles of a group would be judged; 0 until the first photo was.

        Smaller photos that come meanwhile are not foreseen: they go first only while the deadline bears it (`turns`).
        """
        return self._workers.expected_wait(tiles, priority, group)

    def swap(self, bundle: Path | None = None) -> ModelName:
        """Change to another bundle (none: that of the settings, read anew) without losing a photo.

        The new model is loaded and warmed beside the running one; then new photos go to it, and this waits until the
        old one has answered those it had. Where the new one cannot judge, BundleError is raised and nothing changes.
        """
        with self._changing:
            try:
                lane = self._prepare(bundle or self._settings.bundle)
            except Exception:
                self._metrics.swaps.labels("failed").inc()
                raise
            with self._workers.changed:
                old, self._workers.lane = self._workers.lane, lane
                self._metrics.swaps.labels("done").inc()
                self._workers.changed.wait_for(lambda: not old.jobs, DRAIN_SECONDS)
            old.close()
            return lane.detector.name

    def shadow(self, bundle: Path | None, share: float = 0.1) -> None:
        """Show a challenger a share of the photos, 0 to 1; None for the bundle ends it. Raises BundleError."""
        with self._changing:
            challenger = Shadow(self._prepare(bundle), share, self._metrics) if bundle else None
            self._shadow = challenger

    def close(self) -> None:
        """Finish what is being worked on; photos that wait fail with Closed."""
        self._workers.close()
        self._workers.lane.close()
        if self._remote is not None:
            self._remote.close()

    def check_remote(self) -> None:
        """That the machines that run batches, if others do, answer. Raises EngineAway."""
        if self._remote is not None:
            self._remote.check()

    def _lane(self, bundle: Path | Detector | None) -> ModelRunner:
        """A loaded model, here and where its batches run. Raises BundleError."""
        if isinstance(bundle, Detector):
            detector, path = bundle, self._settings.bundle
        else:
            path = bundle or self._settings.bundle
            detector = self._load(path)
        if self._remote is None:
            return ModelRunner(detector)
        there = self._remote.open(path or bundled_path(), detector.bundle)
        return ModelRunner(detector, there, self._remote.calls)

    def _load(self, bundle: Path | None) -> Detector:
        threads = max(1, cores() // self._settings.workers)
        settings = self._settings
        cache, trusted = settings.data_dir / "tensorrt", trusted_signers(settings)
        device = settings.device if self._remote is None else "cpu"
        return Detector(bundle, threads, device, cache, trusted)

    def _prepare(self, bundle: Path | None) -> ModelRunner:
        """A lane that is ready to judge. On one thread: the running model has the others.

        Raises BundleError, also where the running model has a GPU and this one got none: its batches would crawl."""
        lane = self._lane(bundle)
        if self._workers.lane.gpu and not lane.gpu:
            raise BundleError(
                "the new model could not be put on the GPU; free some of its memory and try again"
            )
        self._measure(lane, 1)
        lane.detector.detect(_grey())
        return lane

    def _measure(self, lane: ModelRunner, runners: int) -> None:
        measured = lane.warm_up(runners)
        with self._workers.changed:
            for size, seconds in measured.items():
                lane.curve.observe(size, seconds)

    def _show_shadow(self, job: PhotoJob, answer: Judgement) -> None:
        """Give the challenger a photo that was just judged."""
        shadow = self._shadow
        if shadow is None or job.priority == "shadow" or not shadow.wants(answer.detection):
            return
        shown = shadow.job(job, answer.detection, time.monotonic())
        if not self._workers.submit_decoded(shown, MOST):
            shown.forget()  # it is part of a circle: its pixels would stay until Python looks for those
            self._metrics.shed.labels("shadow_busy").inc()


def _deadline(patience: float | None) -> float:
    return math.inf if patience is None else time.monotonic() + patience


def _grey() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (WARM_UP_SIDE, WARM_UP_SIDE), (128, 128, 128)).save(file, "JPEG")
    return file.getvalue()
