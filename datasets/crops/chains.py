"""How a pair is delivered: shrunk or not, compressed once to three times, the same for both twins.

In: a random generator and the long sides of the window and of the picture it stands for. Out: the scale at which the
window is taken, and steps for `datasets.degradations.apply.deliver`. Shares follow what chat apps and shops do (shared
detector recipe, section 3): a third is not shrunk, six in ten are compressed once.
"""

from collections.abc import Sequence

import numpy as np

from refundlens.datasets.degradations.chains import Step
from refundlens.datasets.degradations.quantisation import MeasuredTables

UNSHRUNK, ENLARGED = 0.33, 0.03
SCALES = (0.25, 1.0)
ENLARGING = (1.0, 1.3)
LONG_SIDES = (400, 1600)
"""Pixels of the whole picture as delivered."""
COMPRESSIONS = (0.60, 0.33, 0.07)
"""Shares of pictures compressed once, twice, three times."""
LOSSLESS, WEBP = 0.03, 0.03
QUALITIES = (((60, 95), 0.8), ((35, 59), 0.15), ((96, 98), 0.05))
MEASURED = 0.5
"""Share of JPEG compressions with tables measured in the wild."""
SHIFTED = 0.5
"""Share of later compressions on another grid, because a few pixels were cut off before."""
RESIZED_AGAIN = 0.3
KERNELS = ("bilinear", "bicubic", "lanczos", "area", "linear_aliased", "box", "cubic_aliased")
SHARES = (0.2, 0.22, 0.22, 0.14, 0.1, 0.06, 0.06)


def draw_scale(rng: np.random.Generator, long_side: int, short_side: int, least: int) -> float:
    """The factor a picture is resized by: within LONG_SIDES, and so that its short side keeps `least` pixels."""
    kind = rng.random()
    if kind < UNSHRUNK:
        scale = 1.0
    elif kind < UNSHRUNK + ENLARGED:
        scale = float(rng.uniform(*ENLARGING))
    else:
        scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    low = max(min(1.0, LONG_SIDES[0] / long_side), least / short_side)
    return float(np.clip(scale, low, max(low, LONG_SIDES[1] / long_side)))


def draw_steps(
    rng: np.random.Generator, long_side: int, tables: Sequence[MeasuredTables], resized: bool
) -> list[Step]:
    """Steps for a window whose delivered long side is `long_side` pixels; `resized`: bring it to that size first."""
    steps: list[Step] = []
    if resized:
        steps.append(_resize(rng, long_side))
    form = rng.random()
    if form < LOSSLESS:
        return [*steps, {"step": "png"}]
    if form < LOSSLESS + WEBP:
        return [*steps, {"step": "webp", "quality": int(rng.integers(60, 93))}]
    for turn in range(int(rng.choice(len(COMPRESSIONS), p=COMPRESSIONS)) + 1):
        if turn:
            if rng.random() < RESIZED_AGAIN:
                long_side = round(long_side * rng.uniform(0.75, 1.0))
                steps.append(_resize(rng, long_side))
            elif rng.random() < SHIFTED:
                left, top = (int(side) for side in rng.integers(0, 8, 2))
                steps.append({"step": "crop", "pixels": [left, top, 0, 0]})
        steps.append(draw_jpeg(rng, tables))
    return steps


def draw_jpeg(rng: np.random.Generator, tables: Sequence[MeasuredTables]) -> Step:
    """One JPEG compression: measured tables, or libjpeg's at a quality of QUALITIES."""
    if tables and rng.random() < MEASURED:
        weights = np.sqrt([entry.count for entry in tables])  # rare cameras are still seen
        chosen = tables[int(rng.choice(len(tables), p=weights / weights.sum()))]
        return {
            "step": "jpeg",
            "tables": [list(table) for table in chosen.tables],
            "subsampling": chosen.subsampling,
        }
    (low, high), _ = QUALITIES[int(rng.choice(len(QUALITIES), p=[share for _, share in QUALITIES]))]
    subsampling = str(rng.choice(["4:2:0", "4:4:4", "4:2:2"], p=[0.8, 0.15, 0.05]))
    return {"step": "jpeg", "quality": int(rng.integers(low, high + 1)), "subsampling": subsampling}


def _resize(rng: np.random.Generator, long_side: int) -> Step:
    return {"step": "resize", "long_side": long_side, "kernel": str(rng.choice(KERNELS, p=SHARES))}
