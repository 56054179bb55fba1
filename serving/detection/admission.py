"""Says no in time: a request that cannot be answered before its deadline is refused before its body is read.

In: whose request it is, how many photos it brings, how large it is, how long its caller waits. Out: a place, or Problem
429 where its caller has its share of what there is (`http.budgets`), 503 with Retry-After where there is no room or no
time. Photos whose answer is known need none, but room for their bytes like any. Bytes are counted as they arrive: who
says it sends much and sends nothing keeps nobody out.

The estimate is what the engine says of the photos that go before; or, as long as its caller's other photos have not
reached the engine, their number times the running mean of a photo's time, shared by the workers. The mean forgets:
photos differ, and one that was slow says nothing of a small one that comes a minute later.

How many photos one API key may send: a token bucket each, told in every answer so that callers can pace themselves.

In: a caller's id. Out: what is left, as the header fields `RateLimit-Policy` and `RateLimit` of
draft-ietf-httpapi-ratelimit-headers-11; or Problem 429 with `Retry-After`, before any body is read. A request pays for
one photo when it comes and for its others once they have been counted: that may leave a debt, which the next one waits
for.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from fastapi import Request

from refundlens.serving.http.budgets import Budgets, Caller, caller_of, full
from refundlens.serving.http.problems import Problem
from refundlens.serving.observability import Metrics

SMOOTHING = 0.1
"""Weight of the newest photo in the running mean: follows a change of load within some twenty photos."""
FORGET_SECONDS = 30.0
"""In which the mean is halved while no photo is finished."""


class Admission:
    """Places for photos. Used from the event loop only."""

    def __init__(
        self,
        workers: int,
        budgets: Budgets,
        metrics: Metrics,
        backlog: Callable[[str], float],
        clock: Callable[[], float],
    ) -> None:
        """backlog: seconds until what the engine has, and what goes before a photo of this group
        (`Caller.group`), is done. clock: seconds, monotonic."""
        self._workers, self._budgets, self._metrics = workers, budgets, metrics
        self._backlog, self._clock = backlog, clock
        self._seconds, self._learned = 0.0, clock()

    @contextmanager
    def place(
        self, request: Request, deadline_seconds: float, size: int, photos: int = 1
    ) -> Iterator["Place"]:
        """Room for a request of `size` bytes, or at most so many, and `photos` to be judged, as far as is known yet;
        the place can grow. Raises Problem 429, 503."""
        caller = caller_of(request)
        place = Place(self, caller)
        with ExitStack() as held:
            with self._refusals_counted():
                held.enter_context(self._budgets.announced.held_while(caller, size))
                room = self._budgets.arrived
                if room.total and room.total + size > room.whole:
                    raise full(room.name)
            held.callback(place.give_back)
            place.need(photos, deadline_seconds)
            request.state.arrived = place.arrived
            yield place

    def learn(self, seconds: float) -> None:
        """Take the work of a finished photo into account, in seconds of one worker; the first one sets the mean."""
        known = self._mean()
        self._seconds = known + (SMOOTHING if known else 1.0) * (seconds - known)
        self._learned = self._clock()

    def _mean(self) -> float:
        return self._seconds * math.exp2(-(self._clock() - self._learned) / FORGET_SECONDS)

    def _estimate(self, caller: Caller, images: int) -> float:
        """Seconds until `images` more photos of this caller would be answered; 0 where nothing waits: only trying
        would show how long they take."""
        waiting = self._budgets.photos
        if not waiting.total:
            return 0.0
        mine = waiting.held(caller)
        return max(
            self._backlog(caller.group), (mine + images) * self._mean() / self._workers if mine else 0.0
        )

    def _take(self, caller: Caller, images: int, deadline_seconds: float) -> None:
        estimate = self._estimate(caller, images)
        if estimate > deadline_seconds:
            detail = (
                f"The answer would take about {estimate:.1f} s and you wait for {deadline_seconds:.1f} s. "
                "Try later, or wait longer."
            )
            self._metrics.refused.labels("deadline").inc()
            raise Problem(503, "deadline", detail, {"Retry-After": str(max(1, math.ceil(estimate)))})
        with self._refusals_counted():
            self._budgets.photos.take(caller, images)
        self._metrics.waiting.set(self._budgets.photos.total)

    def _leave(self, caller: Caller, images: int) -> None:
        self._budgets.photos.give_back(caller, images)
        self._metrics.waiting.set(self._budgets.photos.total)

    @contextmanager
    def _refusals_counted(self) -> Iterator[None]:
        """Have the metrics tell what the budgets refuse."""
        try:
            yield
        except Problem as problem:
            self._metrics.refused.labels(problem.code).inc()
            raise


class Place:
    """The room one request holds."""

    def __init__(self, admission: Admission, caller: Caller) -> None:
        self._admission, self._caller = admission, caller
        self.images = 0
        self._bytes = 0

    def need(self, images: int, deadline_seconds: float) -> None:
        """Grow to `images` photos. Raises Problem 429, 503 where there is no room or no time for them."""
        if images > self.images:
            self._admission._take(self._caller, images - self.images, deadline_seconds)
            self.images = images

    def arrived(self, size: int) -> None:
        """Bytes of the body that have come, since this was last called. Raises Problem 503 where there is no room."""
        with self._admission._refusals_counted():
            self._admission._budgets.arrived.take(self._caller, size)
        self._bytes += size

    def give_back(self) -> None:
        self._admission._leave(self._caller, self.images)
        self._admission._budgets.arrived.give_back(self._caller, self._bytes)


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
