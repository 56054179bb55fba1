"""Says no in time: a request that cannot be answered before its deadline is refused before its body is read.

In: how many photos a request brings, how large it is, how long its caller waits. Out: a place, or Problem 503 with
Retry-After. Photos whose answer is known need none, but room for their bytes like any. The estimate is the photos
waiting, times the running mean of a photo's time, shared by the workers; or what the engine says of the tiles in its
queue, if that is more, since photos differ in size.

How many photos one API key may send: a token bucket each, told in every answer so that callers can pace themselves.

In: a caller's id. Out: what is left, as the header fields `RateLimit-Policy` and `RateLimit` of
draft-ietf-httpapi-ratelimit-headers-11; or Problem 429 with `Retry-After`, before any body is read. A request pays for
one photo when it comes and for its others once they have been counted: that may leave a debt, which the next one waits
for.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from refundlens.serving.http.problems import Problem
from refundlens.serving.observability import Metrics

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


MOST_CALLERS = 10_000
"""Buckets remembered. The one used longest ago goes first: most likely it is full again by then."""
WINDOW = 60
"""Seconds in which an empty bucket fills: what the policy states its quota for."""

ROUNDING = 1e-6
"""Share of a photo that sums of floats may lose: whoever waited as long as told must get in."""


@dataclass
class _Bucket:
    tokens: float
    filled: float


class Rates:
    """Buckets by caller. Used from the event loop only."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        """per_minute: photos of one caller in any minute, on average; 0 for no limit. clock: seconds, monotonic."""
        self._quota, self._clock = per_minute, clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def enter(self, owner: str) -> None:
        """Pay for a request's first photo. Raises Problem 429."""
        if not self._quota:
            return
        bucket = self._bucket(owner)
        if bucket.tokens < 1 - ROUNDING:
            wait = math.ceil((1 - bucket.tokens) * WINDOW / self._quota)
            detail = f"This key may send {self._quota} photos in {WINDOW} s and has sent them. Try again in {wait} s."
            raise Problem(429, "rate_limited", detail, {"Retry-After": str(wait), **self.headers(owner)})
        bucket.tokens -= 1

    def pay(self, owner: str, photos: int) -> None:
        """Pay for more photos of a request that has entered."""
        if self._quota:
            self._bucket(owner).tokens -= photos

    def headers(self, owner: str) -> dict[str, str]:
        """What the caller is told: the policy, what is left, and seconds until the bucket is full."""
        if not self._quota:
            return {}
        tokens = self._bucket(owner).tokens
        left, until = max(0, math.floor(tokens)), math.ceil((self._quota - tokens) * WINDOW / self._quota)
        return {
            "RateLimit-Policy": f'"photos";q={self._quota};w={WINDOW}',
            "RateLimit": f'"photos";r={left};t={until}',
        }

    def _bucket(self, owner: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(owner, _Bucket(self._quota, now))
        self._buckets.move_to_end(owner)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self._quota, bucket.tokens + (now - bucket.filled) * self._quota / WINDOW)
        bucket.filled = now
        return bucket
