"""How many photos one API key may send: a token bucket each, told in every answer so that callers can pace themselves.

In: a caller's id. Out: what is left, as the header fields `RateLimit-Policy` and `RateLimit` of
draft-ietf-httpapi-ratelimit-headers-11; or Problem 429 with `Retry-After`, before any body is read. A request pays for
one photo when it comes and for its others once they have been counted: that may leave a debt, which the next one waits
for.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from serving.problems import Problem

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
