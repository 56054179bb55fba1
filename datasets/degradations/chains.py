"""Which deliveries happen: the one distribution that chains are drawn from, and named ones for evaluation.

Data in: a random generator and the picture's long side in pixels. Data out: steps, plain JSON, that
`datasets.degradations.apply.deliver` carries out. There is deliberately no argument that tells real from fake.

Shares and ranges below follow what messengers and shops are reported to do (long side 480 to 2000 px, JPEG
quality 35 to 95 once to three times, WebP 60 to 90, 4:2:0 mostly, screenshots), a little widened.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refundlens.datasets.degradations.quantisation import MeasuredTables

Step = dict[str, Any]

LONG_SIDES = (240, 2000)
"""Pixels. Below 240 no defect can be judged; above 2000 chat apps shrink unless "original" is chosen."""
SCALES = (0.4, 1.3)
"""Delivered long side as a share of the picture's: thumbnails in a chat to slight enlargement on a retina
screen."""
JPEG_QUALITY = (30, 97)
WEBP_QUALITY = (50, 95)
CLEAN_QUALITY = (90, 97)
"""libjpeg and libwebp quality of a careful sender (`harshness` 0)."""
CLEAN_SCALE = 0.8
"""Least scale of a careful sender."""
SENDINGS = (0.5, 0.33, 0.17)
"""Shares of pictures that are compressed once, twice and three times."""
FIRST_RESIZE, LATER_RESIZE, CROP, SCREENSHOT = 0.65, 0.3, 0.25, 0.1
"""Probability that the first sending resizes, that a later one does, that a sending crops, that a picture
is a screenshot."""
MOST_CROP = 0.2
"""Share of a side that a crop takes at most. It also moves the JPEG grid."""
MEASURED = 0.5
"""Share of JPEG compressions that use a measured table, where the caller has some."""
KERNELS = ("bilinear", "bicubic", "lanczos", "area", "linear_aliased", "box", "hamming", "cubic_aliased")
KERNEL_SHARES = (0.2, 0.2, 0.2, 0.12, 0.12, 0.06, 0.05, 0.05)
"""Resampling kernels by how common they are in apps; nearest neighbour is not used for photos."""

_SHRINK_720: Step = {"step": "resize", "long_side": 720, "kernel": "bicubic", "only_shrink": True}
_SHRINK_768: Step = {"step": "resize", "long_side": 768, "kernel": "bicubic", "only_shrink": True}

NAMED: dict[str, list[Step]] = {
    "png": [{"step": "png"}],
    "q90": [{"step": "jpeg", "quality": 90, "subsampling": "4:2:0"}],
    "jpeg80": [{"step": "jpeg", "quality": 80, "subsampling": "4:2:0"}],
    "q75_720": [_SHRINK_720, {"step": "jpeg", "quality": 75, "subsampling": "4:2:0"}],
    "q60_768": [_SHRINK_768, {"step": "jpeg", "quality": 60, "subsampling": "4:2:0"}],
    "double_jpeg": [
        {"step": "jpeg", "quality": 85, "subsampling": "4:2:0"},
        {"step": "crop", "pixels": [3, 5, 4, 3]},
        {"step": "jpeg", "quality": 75, "subsampling": "4:2:0"},
    ],
    "webp": [{"step": "webp", "quality": 80}],
    "screenshot": [
        {
            "step": "screenshot",
            "width": 1080,
            "only_shrink": True,
            "aspect": 2.1,
            "background": 0,
            "clock": "14:26",
            "battery": 0.7,
            "keep": 1.0,
            "kernel": "bilinear",
        },
        {"step": "jpeg", "quality": 85, "subsampling": "4:2:0"},
    ],
    "upscaled_1280": [
        {"step": "resize", "long_side": 1280, "kernel": "bicubic"},
        {"step": "jpeg", "quality": 75, "subsampling": "4:2:0"},
    ],
}
"""Deliveries by name, for evaluation. They only shrink, except `upscaled_1280`, which brings every picture
to 1280."""


def draw_chain(
    rng: np.random.Generator,
    long_side: int,
    harshness: float = 1.0,
    tables: Sequence[MeasuredTables] | None = None,
) -> list[Step]:
    """Draw the steps by which a picture of this long side (pixels) reaches us.

    harshness: share of pictures that go the full way, 0 to 1; the rest is sent with care (at least 0.8 of
    its size, one compression of quality 90 to 97, or none). tables: measured ones, for half of the JPEG
    compressions.
    """
    if rng.random() >= harshness:
        return _careful(rng, long_side)
    target = _log_uniform(rng, *_reach(long_side))
    resize_first = long_side > LONG_SIDES[1] or rng.random() < FIRST_RESIZE
    sendings = int(rng.choice(len(SENDINGS), p=SENDINGS)) + 1
    shot_at = int(rng.integers(sendings)) if rng.random() < SCREENSHOT else -1
    chain: list[Step] = []
    for sending in range(sendings):
        if rng.random() < CROP:
            chain.append(_draw_crop(rng))
        if sending == shot_at:
            chain.append(_draw_screenshot(rng, target))
        elif resize_first if sending == 0 else rng.random() < LATER_RESIZE:
            # later sendings stay close to the first one's size: apps of one chain agree on it roughly
            factor = 1.0 if sending == 0 else rng.uniform(0.75, 1.05)
            chain.append(_resize(rng, round(float(np.clip(target * factor, *_reach(long_side))))))
        chain.append(_draw_encoder(rng, tables, lossless=0.3 if sending == shot_at else 0.08))
    return chain


def _careful(rng: np.random.Generator, long_side: int) -> list[Step]:
    chain: list[Step] = []
    if long_side > LONG_SIDES[1] or rng.random() < 0.5:
        low, high = _reach(long_side)
        wanted = rng.uniform(CLEAN_SCALE, 1.0) * min(long_side, LONG_SIDES[1])
        chain.append(_resize(rng, round(float(np.clip(wanted, low, high)))))
    form = rng.choice(["jpeg", "webp", "png"], p=[0.7, 0.15, 0.15])
    quality = int(rng.integers(CLEAN_QUALITY[0], CLEAN_QUALITY[1] + 1))
    if form == "jpeg":
        chain.append({"step": "jpeg", "quality": quality, "subsampling": _draw_subsampling(rng)})
    else:
        chain.append({"step": "png"} if form == "png" else {"step": "webp", "quality": quality})
    return chain


def _reach(long_side: int) -> tuple[float, float]:
    """Least and most delivered long side. A picture under 240 px is never shrunk and at most brought to
    240."""
    if long_side < LONG_SIDES[0]:
        return float(long_side), float(LONG_SIDES[0])
    high = min(SCALES[1] * long_side, float(LONG_SIDES[1]))
    return min(max(SCALES[0] * long_side, float(LONG_SIDES[0])), high), high


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _resize(rng: np.random.Generator, long_side: int) -> Step:
    return {"step": "resize", "long_side": long_side, "kernel": _draw_kernel(rng)}


def _draw_kernel(rng: np.random.Generator) -> str:
    return KERNELS[int(rng.choice(len(KERNELS), p=KERNEL_SHARES))]


def _draw_subsampling(rng: np.random.Generator) -> str:
    return str(rng.choice(["4:2:0", "4:4:4", "4:2:2"], p=[0.72, 0.22, 0.06]))


def _draw_crop(rng: np.random.Generator) -> Step:
    """Up to a fifth of each side, split at random between its two ends."""
    taken_x, taken_y = rng.uniform(0, MOST_CROP, 2)
    left, top = taken_x * rng.random(), taken_y * rng.random()
    return {"step": "crop", "share": [round(float(s), 4) for s in (left, top, taken_x - left, taken_y - top)]}


def _draw_screenshot(rng: np.random.Generator, target: float) -> Step:
    """A screen whose long side would be near `target` if the picture filled it."""
    return {
        "step": "screenshot",
        "width": round(target * rng.uniform(0.6, 0.9)),
        "aspect": round(float(rng.uniform(1.6, 2.2)), 3),
        "background": int(rng.choice([0, 0, 18, 245, 255])),
        "clock": f"{rng.integers(24):02d}:{rng.integers(60):02d}",
        "battery": round(float(rng.uniform(0.05, 1.0)), 2),
        "keep": round(float(rng.choice([1.0, rng.random(), 0.0], p=[0.4, 0.4, 0.2])), 3),
        "kernel": _draw_kernel(rng),
    }


def _draw_encoder(rng: np.random.Generator, tables: Sequence[MeasuredTables] | None, lossless: float) -> Step:
    form = rng.choice(["png", "webp", "jpeg"], p=[lossless, 0.12, 0.88 - lossless])
    if form == "png":
        return {"step": "png"}
    if form == "webp":
        return {"step": "webp", "quality": int(rng.integers(WEBP_QUALITY[0], WEBP_QUALITY[1] + 1))}
    if tables and rng.random() < MEASURED:
        # square root: common tables more often, rare cameras still seen
        weights = np.sqrt([entry.count for entry in tables])
        chosen = tables[int(rng.choice(len(tables), p=weights / weights.sum()))]
        rows = [list(table) for table in chosen.tables]
        return {
            "step": "jpeg",
            "tables": rows,
            "quality_estimate": chosen.quality,
            "subsampling": chosen.subsampling,
        }
    quality = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
    return {"step": "jpeg", "quality": quality, "subsampling": _draw_subsampling(rng)}
