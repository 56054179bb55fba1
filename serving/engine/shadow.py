"""A challenger sees a share of the photos that the running model has judged, in idle time only.

In: a judged job, its pixels still in memory. Out: a job for the challenger, and what came of the comparison. Callers
never wait for it: a shadow's job has the lowest rank, and is the first to be given up when memory is short.
"""

import threading
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field

from refundlens.model.detection import Detection, ModelName
from refundlens.serving.engine.job import Closed, Expired, Judgement, PhotoJob
from refundlens.serving.engine.runner import ModelRunner
from refundlens.serving.observability import EngineMetrics

MOST = 4
"""Photos that wait for the challenger at most: while the machine is busy, more would only fill the memory."""
_DIGITS = 8
"""Hexadecimal digits of a photo's hash that decide whether the challenger sees it."""


WORST = 50
"""Photos on which the two differ most that are remembered: people look at them first."""


@dataclass(frozen=True)
class Contrast:
    """A photo that the two judged. difference: absolute, of the two probabilities."""

    sha256: str
    verdicts: tuple[str, str]
    difference: float


@dataclass
class ShadowTally:
    """What came of comparisons with one champion: sums, to be added to what other processes counted. verdicts: photos
    by the champion's verdict and the challenger's. seconds: of inference threads, the champion's and the
    challenger's."""

    champion: ModelName
    challenger: ModelName
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    difference: float = 0.0
    seconds: tuple[float, float] = (0.0, 0.0)
    worst: list[Contrast] = field(default_factory=list)

    @property
    def photos(self) -> int:
        return self.verdicts.total()

    @property
    def same_verdict(self) -> int:
        return sum(photos for (first, second), photos in self.verdicts.items() if first == second)

    def mean(self, total: float) -> float:
        """A sum's share a photo; 0 before any."""
        return total / max(self.photos, 1)

    def add(self, one: Contrast, seconds: tuple[float, float]) -> None:
        self.verdicts[one.verdicts] += 1
        self.difference += one.difference
        self.seconds = self.seconds[0] + seconds[0], self.seconds[1] + seconds[1]
        self.worst = worst_of([*self.worst, one])


def worst_of(found: list[Contrast]) -> list[Contrast]:
    """Each photo once, other verdicts before mere differences."""
    by_photo = {one.sha256: one for one in found}
    order = sorted(by_photo.values(), key=lambda one: (one.verdicts[0] == one.verdicts[1], -one.difference))
    return order[:WORST]


class Shadow:
    """A challenger and the share of photos, 0 to 1, that it is shown: by hash, so the same photos each time."""

    def __init__(self, lane: ModelRunner, share: float, metrics: EngineMetrics) -> None:
        self.lane = lane
        self._share, self._metrics = share, metrics
        self._lock = threading.Lock()
        name = lane.detector.name
        self._all = ShadowTally(name, name)  # of all champions
        self._tallies: dict[str, ShadowTally] = {}

    @property
    def agreement(self) -> ShadowTally:
        """All comparisons since it began."""
        return self._all

    def take_tallies(self) -> list[ShadowTally]:
        """What was counted since it was last asked, one for each champion."""
        with self._lock:
            taken, self._tallies = list(self._tallies.values()), {}
        return taken

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
        cost = judged.run_seconds
        job.future.add_done_callback(lambda future: self._compare(detection, future, (cost, job.run_seconds)))
        return job

    def _compare(self, first: Detection, future: "Future[Judgement]", seconds: tuple[float, float]) -> None:
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
        contrast = Contrast(first.sha256, (first.verdict, second.verdict), difference)
        with self._lock:
            mine = self._tallies.setdefault(first.model.sha256, ShadowTally(first.model, second.model))
            for tally in (self._all, mine):
                tally.add(contrast, seconds)
