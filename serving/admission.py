"""Says no in time: a request that cannot be answered before its deadline is refused before its body is read.

In: how many photos a request brings, how large it is, how long its caller waits. Out: a place, or Problem 503 with
Retry-After. Photos whose answer is known need none, but room for their bytes like any. The estimate is the photos
waiting, times the running mean of a photo's time, shared by the workers; or what the engine says of the tiles in its
queue, if that is more, since photos differ in size.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from serving.metrics import Metrics
from serving.problems import Problem

SMOOTHING = 0.1
"""Weight of the newest photo in the running mean: follows a change of load within some twenty photos."""


class Admission:
    """Places for photos. Used from the event loop only."""

    def __init__(
        self,
        workers: int,
        most: int,
        most_bytes: int,
        metrics: Metrics,
        backlog: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`most`, `most_bytes`: photos, and bytes of bodies, that may be admitted and unanswered at one time. backlog:
        seconds until what the engine has is done."""
        self._workers, self._most, self._most_bytes, self._metrics = workers, most, most_bytes, metrics
        self._backlog = backlog
        self._waiting = 0
        self._bytes = 0
        self._seconds = 0.0

    @contextmanager
    def place(self, deadline_seconds: float, size: int, photos: int = 1) -> Iterator["Place"]:
        """Room for a request of `size` bytes and `photos` to be judged, as far as is known yet; the place can grow.
        Raises Problem 503."""
        if self._bytes and self._bytes + size > self._most_bytes:
            detail = "Other requests fill the memory set aside for photos. Try again later."
            raise self._refusal("overloaded", detail, self._estimate(0))
        place = Place(self)
        place.need(photos, deadline_seconds)
        self._bytes += size
        try:
            yield place
        finally:
            self._bytes -= size
            self._change(-place.images)

    def learn(self, seconds: float) -> None:
        """Take the work of a finished photo into account, in seconds of one worker; the first one sets the mean."""
        self._seconds = (
            seconds if not self._seconds else self._seconds + SMOOTHING * (seconds - self._seconds)
        )

    def _estimate(self, images: int) -> float:
        """Seconds until `images` more photos would be answered: at least one photo's time."""
        photos = (self._waiting + images) * self._seconds / self._workers
        return max(self._seconds, photos, self._backlog())

    def _take(self, images: int, deadline_seconds: float) -> None:
        estimate = self._estimate(images)
        if self._waiting + images > self._most:
            detail = f"{self._waiting} photos are waiting already. Try again later, or send fewer at a time."
            raise self._refusal("overloaded", detail, estimate)
        if estimate > deadline_seconds:
            if not self._waiting:
                # Nobody is being judged who could show that it is faster by now: without this, one slow photo would
                # shut out impatient callers for good.
                self._seconds *= 1 - SMOOTHING
            detail = (
                f"The answer would take about {estimate:.1f} s and you wait for {deadline_seconds:.1f} s. "
            )
            raise self._refusal("deadline", f"{detail}Try later, or wait longer.", estimate)
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
