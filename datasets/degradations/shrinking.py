"""In which deliveries a photo counts when a detector is calibrated: every size up to its own, every compression.

In: a photo's name and long side. Out: chains of `datasets.degradations.apply`, the same in every run. They only shrink:
an enlarged photo stands for nothing that arrives, and conditions counted on enlarged photos refuse the crisp ones.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from refundlens.datasets.degradations.chains import KERNEL_SHARES, KERNELS, Step
from refundlens.model.photo.resizing import LARGEST

SIZES: tuple[tuple[int, ...], ...] = ((480,), (640, 720, 960), (1280, 1600))
"""Long sides in pixels, by the size class of `training.calibration.thresholds` that they fall in."""
QUALITIES = ((40, 59), (60, 79), (80, 95))
"""libjpeg's quality of the last compression, from and to."""
TWICE = 0.4
"""Share of JPEG deliveries that were compressed once before, on another grid in half of them."""
EARLIER = (70, 95)
"""Quality of that earlier compression."""
OTHERS: tuple[str, ...] = ("png", "webp", "heic", "avif", "gif")
"""Formats that are not JPEG, in equal parts: each is covered only where it was measured."""
LOSSY = (60, 95)
"""Quality of WebP, HEIC and AVIF."""
OTHER_BY = 3
"""Every photo is sent as something else than JPEG once among its first so many deliveries: bounds of JPEG and of the
others are counted apart, and each asks for more photos than half of a collection."""
AS_IT_IS = 4
"""One photo in so many also counts as its file is."""


@dataclass(frozen=True)
class Shrunk:
    """chain: none where the file itself is judged."""

    name: str
    chain: tuple[Step, ...] | None

    @property
    def other(self) -> bool:
        """Whether it is sent as something else than JPEG."""
        return self.chain is not None and self.chain[-1]["step"] != "jpeg"


def deliveries(photo: str, long_side: int, most: int | None = None) -> list[Shrunk]:
    """Of a photo, by its hash: one in every size class that it reaches, for every class of quality.

    most: deliveries at most; over many photos, every condition then gets an equal part of them.
    """
    rng = np.random.default_rng(int(hashlib.sha256(f"deliveries {photo}".encode()).hexdigest()[:16], 16))
    classes: list[list[Shrunk]] = []
    for sides in SIZES:
        reached = [side for side in sides if side <= long_side] or ([long_side] if sides == SIZES[0] else [])
        if reached:
            found = [_jpeg(rng, int(rng.choice(reached)), quality) for quality in QUALITIES]
            found.append(_other(rng, int(rng.choice(reached))))
            classes.append([found[place] for place in rng.permutation(len(found))])
    # sizes take turns, so that a cut-off list still has all of them
    turns: list[Shrunk] = [
        one for turn in zip_longest(*_rotated(rng, classes)) for one in turn if one is not None
    ]
    first = next(place for place, one in enumerate(turns) if one.other)
    turns.insert(min(first, OTHER_BY - 1), turns.pop(first))
    if rng.integers(AS_IT_IS) == 0:
        turns.insert(OTHER_BY, Shrunk("as it is", None))
    return turns[:most]


def _rotated(rng: np.random.Generator, classes: Sequence[list[Shrunk]]) -> list[list[Shrunk]]:
    first = int(rng.integers(len(classes)))
    return [*classes[first:], *classes[:first]]


def _jpeg(rng: np.random.Generator, side: int, quality: tuple[int, int]) -> Shrunk:
    chain: list[Step] = [_resize(rng, side)]
    if rng.random() < TWICE:
        chain.append({"step": "jpeg", "quality": int(rng.integers(EARLIER[0], EARLIER[1] + 1))})
        if rng.random() < 0.5:
            chain.append({"step": "crop", "pixels": [3, 5, 4, 3]})
    last = int(rng.integers(quality[0], quality[1] + 1))
    chain.append({"step": "jpeg", "quality": last})
    return Shrunk(f"{side} q{last}", tuple(chain))


def _other(rng: np.random.Generator, side: int) -> Shrunk:
    name = str(rng.choice(OTHERS))
    step: Step = {"step": name}
    if name in ("webp", "heic", "avif"):
        step["quality"] = int(rng.integers(LOSSY[0], LOSSY[1] + 1))
    return Shrunk(f"{side} {name}", (_resize(rng, side), step))


def _resize(rng: np.random.Generator, side: int) -> Step:
    kernel = str(rng.choice(KERNELS, p=KERNEL_SHARES))
    return {"step": "resize", "long_side": min(side, LARGEST), "kernel": kernel, "only_shrink": True}
