"""Says no in time: a request that cannot be answered before its deadline is refused before its body is read.

In: how many photos a request brings and how long its caller waits. Out: a place, or Problem 503 with Retry-After. The
estimate is the photos waiting, times the running mean of a photo's time, shared by the workers.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from serving.metrics import Metrics
from serving.problems import Problem

SMOOTHING = 0.1
"""Weight of the newest photo in the running mean: follows a change of load within some twenty photos."""


class Admission:
    """Places for photos. Used from the event loop only."""

    def __init__(self, workers: int, most: int, metrics: Metrics) -> None:
        """`most`: photos that may be admitted and unanswered at one time."""
        self._workers, self._most, self._metrics = workers, most, metrics
        self._waiting = 0
        self._seconds = 0.0

    @contextmanager
    def place(self, deadline_seconds: float) -> Iterator["Place"]:
        """Room for one photo of a request whose number of photos is not known yet. Raises Problem 503."""
        place = Place(self)
        place.need(1, deadline_seconds)
        try:
            yield place
        finally:
            self._change(-place.images)

    def learn(self, seconds: float) -> None:
        """Take the time of a finished photo into account; the first one (warm-up) sets the mean."""
        self._seconds = (
            seconds if not self._seconds else self._seconds + SMOOTHING * (seconds - self._seconds)
        )

    def _take(self, images: int, deadline_seconds: float) -> None:
        estimate = (self._waiting + images) * self._seconds / self._workers
        if self._waiting + images > self._most:
            detail = f"{self._waiting} photos are waiting already. Try again later, or send fewer at a time."
            raise self._refusal("overloaded", detail, estimate)
        if max(estimate, self._seconds) > deadline_seconds:
            detail = f"The answer would take about {max(estimate, self._seconds):.1f} s and you wait for "
            raise self._refusal(
                "deadline", f"{detail}{deadline_seconds:.1f} s. Try later, or wait longer.", estimate
            )
        self._change(images)

    def _refusal(self, code: str, detail: str, estimate: float) -> Problem:
        self._metrics.refused.labels(code).inc()
        return Problem(503, code, detail, {"Retry-After": str(max(1, math.ceil(estimate)))})

    def _change(self, images: int) -> None:
        self._waiting += images
        self._metrics.waiting.set(self._waiting)


class Place:
    """The room one request holds."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.images = 0

    def need(self, images: int, deadline_seconds: float) -> None:
        """Grow to `images` photos. Raises Problem 503 where there is no room or no time for them."""
        if images > self.images:
            self._admission._take(images - self.images, deadline_seconds)
            self.images = images
