"""How long a new photo would wait: the tiles before it, times what a tile has cost lately.

In: finished photos, and those under way. Out: seconds. Decoding and judging are counted by the tile, too, since both
grow with the picture.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from serving.engine.job import Job

SMOOTHING = 0.1
"""Weight of the newest photo in the running means: follows a change of load within some twenty photos."""


class Ahead(NamedTuple):
    """What is done before a new photo, in tiles: to be run, and to be decoded or judged. last: the highest rank of
    those photos."""

    run: int = 0
    other: int = 0
    last: float = -math.inf


class Load:
    """Seconds per tile. workers: threads that decode and judge. runners: threads that run batches; None where the
    workers do that as well. Guarded by the engine's lock."""

    def __init__(self, workers: int, runners: int | None) -> None:
        self._workers, self._runners = workers, runners
        self._run = 0.0
        self._other = 0.0

    def learn(self, job: Job) -> None:
        """Take a finished photo into account; the first one sets the means."""
        run, other = job.run_seconds / job.tiles, job.other_seconds / job.tiles
        weight = SMOOTHING if self._run else 1.0
        self._run += weight * (run - self._run)
        self._other += weight * (other - self._other)

    def forgive(self) -> None:
        """Believe in a little more speed: while nothing is judged, nothing could show that it is faster by now, and
        one slow photo would shut out impatient callers for good."""
        self._run *= 1 - SMOOTHING
        self._other *= 1 - SMOOTHING

    def seconds(self, ahead: Ahead, own: int) -> float:
        """Until a photo of `own` tiles is judged. Its tiles are shared by the threads, its other stages are one's."""
        runners = self._runners or self._workers
        run, other = ahead.run * self._run, ahead.other * self._other
        before = (
            (run + other) / self._workers
            if self._runners is None
            else max(run / runners, other / self._workers)
        )
        return before + -(-own // runners) * self._run + own * self._other


def ahead_of(jobs: Iterable[Job], rank: float, now: float) -> Ahead:
    """What is done before a new photo of this rank."""
    before = [job for job in jobs if job.rank <= rank and not job.over(now)]
    last = max((job.rank for job in before), default=-math.inf)
    return Ahead(sum(job.left for job in before), sum(job.tiles for job in before), last)
