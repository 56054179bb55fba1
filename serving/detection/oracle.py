"""Keeps the API from teaching anybody how to pass for authentic: who changes a photo bit by bit and asks each time
whether it is still caught needs fine numbers, and many tries of one picture.

In: an answer, or photos that came. Out: the answer as callers see it who are no judges; or Problem 429. Merchants and
the demo's visitors get every number to a tenth and maps in eight steps; the verdict, its bounds and its places are as
they are. Of one picture they may send so many variants a day, and so many photos in all.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refundlens.model.photo.image import Photo
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.format import TENTHS, in_tenths
from refundlens.serving.settings import Settings

MAP_STEPS = 8
"""Of a heat map: enough to show where, and no slope to climb."""
DAY = 24 * 3600.0
MOST_CALLERS = 10_000
MOST_PRINTS = 512
"""Photos of one caller that new ones are compared with; the oldest go first."""


def coarse(line: dict[str, Any]) -> dict[str, Any]:
    """An answer with its probabilities in tenths; the kinds still sum to 1, and `probability` is what is not
    `authentic`."""
    if "kind" not in line:
        return line
    kinds = _in_steps(line["kind"])
    told = line | {"kind": kinds, "probability": round(1 - kinds["authentic"], 6)}
    for name in ("defects", "regions"):
        told[name] = [
            part
            | {
                key: in_tenths(part[key])
                for key in ("probability", "fake_probability")
                if part.get(key) is not None
            }
            for part in line.get(name, ())
        ]
    return told


def coarse_map(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 [h,w] in MAP_STEPS steps."""
    return np.asarray(np.round(cells * (MAP_STEPS - 1)) / (MAP_STEPS - 1), np.float32)


def _in_steps(kinds: dict[str, float]) -> dict[str, float]:
    """Whole tenths that sum to 1, by largest remainders."""
    scaled = {name: value * TENTHS for name, value in kinds.items()}
    steps = {name: int(value) for name, value in scaled.items()}
    by_rest = sorted(scaled, key=lambda name: steps[name] - scaled[name])
    for name in by_rest[: TENTHS - sum(steps.values())]:
        steps[name] += 1
    return {name: step / TENTHS for name, step in steps.items()}


@dataclass
class _Seen:
    """What one caller sent in a day: when and what (SHA-256, and PDQ as 4 words)."""

    photos: deque[tuple[float, str, NDArray[np.uint64]]] = field(
        default_factory=lambda: deque(maxlen=MOST_PRINTS)
    )


class Variants:
    """Photos that callers sent who are no judges. most: different photos of one picture in a day, 0 for no limit. May
    be asked from any thread."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._adding = threading.Lock()

    def check(self, owner: str, photo: Photo) -> None:
        """Raises Problem 429 where a photo is one variant too many."""
        if self._most and (found := _print(photo)) is not None:
            with self._adding:
                self._add(owner, photo.sha256, found)

    def _add(self, owner: str, sha256: str, print_: NDArray[np.uint64]) -> None:
        from refundlens.model.compare.pdq import NEAR

        now = self._clock()
        seen = self._seen.setdefault(owner, _Seen())
        self._seen.move_to_end(owner)
        while len(self._seen) > MOST_CALLERS:
            self._seen.popitem(last=False)
        near = {
            other
            for when, other, bits in seen.photos
            if now - when < DAY and int(np.bitwise_count(bits ^ print_).sum()) <= NEAR
        }
        if sha256 in near:
            return
        if len(near) >= self._most:
            detail = (
                f"{len(near)} variants of this picture were judged for you within a day; that is as many as may be. "
                "Send the photo as the buyer sent it, or report it: a person looks at it."
            )
            raise Problem(429, "too_many_variants", detail, {"Retry-After": "3600"})
        seen.photos.append((now, sha256, print_))


def variants_of(settings: Settings) -> Variants:
    return Variants(settings.variants_per_day)


def _print(photo: Photo) -> NDArray[np.uint64] | None:
    """PDQ of a photo; none where there is too little in it to be told from others."""
    from refundlens.model.compare.pdq import GOOD, pdq_hash

    found = pdq_hash(photo.pixels)
    return found.bits.view(np.uint64) if found.quality >= GOOD else None
