"""A challenger sees a share of the photos that the running model has judged, in idle time only.

In: a judged job, its pixels still in memory. Out: a job for the challenger, and what came of the comparison. Callers
never wait for it: a shadow's job has the lowest rank, and is the first to be given up when memory is short.
"""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, replace

from refundlens.model.detection import Detection, ModelName
from refundlens.serving.engine.job import Closed, Expired, Judgement, PhotoJob
from refundlens.serving.engine.runner import ModelRunner
from refundlens.serving.observability import EngineMetrics

MOST = 4
"""Photos that wait for the challenger at most: while the machine is busy, more would only fill the memory."""
_DIGITS = 8
"""Hexadecimal digits of a photo's hash that decide whether the challenger sees it."""


@dataclass(frozen=True)
class Agreement:
    """How a challenger compares. difference: mean absolute difference of the two probabilities, 0 before any photo."""

    challenger: ModelName
    photos: int = 0
    same_verdict: int = 0
    difference: float = 0.0


class Shadow:
    """A challenger and the share of photos, 0 to 1, that it is shown: by hash, so the same photos each time."""

    def __init__(self, lane: ModelRunner, share: float, metrics: EngineMetrics) -> None:
        self.lane = lane
        self._share, self._metrics = share, metrics
        self._lock = threading.Lock()
        self._agreement = Agreement(lane.detector.name)

    @property
    def agreement(self) -> Agreement:
        return self._agreement

    def wants(self, detection: Detection) -> bool:
        return int(detection.sha256[:_DIGITS], 16) < self._share * float(16**_DIGITS)

    def job(self, judged: PhotoJob, detection: Detection, now: float) -> PhotoJob:
        """The challenger's job for a photo whose verdict is `detection`."""
        assert judged.photo is not None
        job = PhotoJob(
            data=b"", claim=judged.claim, language=judged.language, priority="shadow", arrived=now,
            deadline=float("inf"), tiles=judged.tiles, area=judged.area, lane=self.lane,
        )  # fmt: skip
        job.begin(judged.photo)
        job.began = job.decoded = now
        job.future.add_done_callback(lambda future: self._compare(detection, future))
        return job

    def _compare(self, first: Detection, future: "Future[Judgement]") -> None:
        error = future.exception()
        if error is not None:
            if not isinstance(
                error, (Closed, Expired)
            ):  # given up for lack of memory or time: no fault of its own
                self._metrics.shadow_verdicts.labels("error").inc()
            return
        second = future.result().detection
        same = first.verdict == second.verdict
        difference = abs(first.probability - second.probability)
        self._metrics.shadow_verdicts.labels("same" if same else "different").inc()
        self._metrics.shadow_difference.observe(difference)
        with self._lock:
            known = self._agreement
            photos = known.photos + 1
            mean = known.difference + (difference - known.difference) / photos
            self._agreement = replace(
                known, photos=photos, same_verdict=known.same_verdict + same, difference=mean
            )
