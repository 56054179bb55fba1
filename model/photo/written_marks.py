"""Writing by which generators mark their pictures in a corner, as China's GB 45438-2025 asks.

In: a picture, uint8 RGB [H,W,3]. Out: `WrittenMark`s, one a corner at most: 豆包AI生成, 即梦AI, 可灵AI and KlingAI,
behind which a version may stand, AI生成 and AI合成, before which any service may, Samsung's "AI-generated content" in
English and Korean, "AI generated", which Seedream's API writes, and Dola AI. Found by
normalised cross-correlation (OpenCV's) of what is lighter than its surroundings with drawn writing
(`written_marks.npz`, made by `training.written_marks`), at every size it is seen in. Cropping removes it, and anybody
can write it: it never decides alone. Asking for each character by itself, too, was tried: it lost marks and kept no
photo out. OpenCV is loaded with the first picture that is large enough, not at start-up.

Measured by `python -m tests.load.written_marks COLLECTED`: docs/provenance.md.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Box = tuple[int, int, int, int]
Corner = Literal["lower_right", "lower_left", "upper_left", "upper_right"]
FILE = Path(__file__).with_name("written_marks.npz")
WORKING_SIDE = 400
"""Pixels of the short side at which writing is looked for: the smallest is 9 high then."""
REACH = (0.40, 0.13)
"""Of a corner, as shares of the short side: the longest mark met ends 0.37 from the side, the highest 0.11."""
LEAST_SIDE = 320
"""Pixels of a short side: under it, writing is a smear."""
GROUND = 8.0
"""Standard deviation in pixels of the blur that is taken for what lies behind the writing."""
MOST_LIGHT = 60.0
"""Grey levels above the ground that count: more is a lamp or a window, which would outweigh all strokes."""
GRAIN = 1.0
"""Grey levels of noise that is added: an even ground is like everything."""
STEP = 1.12
"""From one size to the next: halfway between two the correlation is a tenth lower."""
LONG = 1.05
"""The same for writing of many characters or thin ones: a twentieth off, ten come to 0.55 instead of 0.8."""
NEARLY = 0.2
"""What the best of two sizes that are two steps apart may lack of the limit for the size between to be tried."""
RESEMBLING = 0.35
"""What a writing comes to at least where another is painted that has most of its characters."""
BORDER = 2
"""Pixels around the writing that have to be dark."""


@dataclass(frozen=True)
class WrittenMark:
    """text: what is written. corner: where. box: x, y, width, height in pixels of the picture. alike: correlation with
    the drawn writing, 0 to 1."""

    text: str
    corner: Corner
    box: Box
    alike: float


@dataclass(frozen=True)
class _Writing:
    """drawn: its name in FILE. heights: least and most, as shares of the short side. alike: least correlation, 0.04
    above the highest of 2,600 honest photos. like: another's name in FILE that has most characters in common, and is
    tried before: where that is nothing like what is seen, this is not looked for. step: as STEP."""

    text: str
    drawn: str
    heights: tuple[float, float]
    corners: tuple[Corner, ...]
    alike: float
    like: str = ""
    step: float = STEP


_CORNERS: tuple[Corner, ...] = ("lower_right", "lower_left", "upper_left", "upper_right")
WRITINGS = (
    _Writing("豆包AI生成", "豆包AI生成", (0.025, 0.048), ("lower_right",), 0.57),
    _Writing("即梦AI", "即梦AI", (0.036, 0.09), ("lower_right",), 0.64),
    _Writing("AI生成", "AI生成", (0.023, 0.06), _CORNERS, 0.56),
    _Writing("AI生成", "AI生成 narrow", (0.023, 0.06), _CORNERS, 0.56, "AI生成"),
    _Writing("可灵AI", "可灵AI", (0.023, 0.034), ("lower_right",), 0.55, step=LONG),
    _Writing("KlingAI", "KlingAI latin", (0.022, 0.034), ("lower_right",), 0.59, step=LONG),
    _Writing("KlingAI", "KlingAI", (0.022, 0.034), ("lower_right",), 0.63, "KlingAI latin", LONG),
    _Writing("AI-generated", "AI-generated", (0.026, 0.042), ("lower_left",), 0.62, step=LONG),
    _Writing("AI-generated", "AI-generated latin", (0.026, 0.042), ("lower_left",), 0.61, step=LONG),
    _Writing("AI合成", "AI合成", (0.023, 0.06), _CORNERS, 0.58, "AI生成"),
    _Writing("AI generated", "AI generated latin", (0.023, 0.05), ("lower_right",), 0.63, step=LONG),
    _Writing("AI로 생성한 콘텐츠", "AI로 생성한 콘텐츠", (0.022, 0.042), ("lower_left",), 0.49, step=LONG),
    _Writing("Dola AI", "Dola AI latin", (0.022, 0.04), ("lower_right",), 0.59),
)
"""What is looked for. Narrow: fonts such as SimHei give A and I half a character each. latin: letters of Arial's
widths, beside those of the Chinese font. Kling's, Samsung's and Dola's sizes are those that `remove-ai-watermarks`
tells; of Seedream's, only words and corner are documented."""


def find_written_marks(pixels: NDArray[np.uint8]) -> list[WrittenMark]:
    """The writing seen in a picture's corners, uint8 RGB [H,W,3]."""
    if min(pixels.shape[:2]) < LEAST_SIDE:
        return []
    found = (_best(pixels, corner) for corner in _CORNERS)
    return [mark for mark in found if mark is not None]


def _best(pixels: NDArray[np.uint8], corner: Corner) -> WrittenMark | None:
    height, width = pixels.shape[:2]
    short = min(height, width)
    wide, high = round(REACH[0] * short), round(REACH[1] * short)
    left, top = (width - wide if "right" in corner else 0), (height - high if "lower" in corner else 0)
    scale = min(1.0, WORKING_SIDE / short)
    lighter = _lighter_than_ground(pixels[top : top + high, left : left + wide], scale)
    highest: dict[str, float] = {}
    seen: list[tuple[float, Box, str]] = []
    for writing in WRITINGS:
        if corner in writing.corners and highest.get(writing.like, 1.0) >= RESEMBLING:
            found = _matches(lighter, writing, round(short * scale))
            highest[writing.drawn] = max(alike for alike, _ in found)
            seen += [(alike, box, writing.text) for alike, box in found if alike >= writing.alike]
    if not seen:
        return None
    alike, box, text = max(seen, key=lambda one: one[0])
    x, y, w, h = (part / scale for part in box)
    return WrittenMark(text, corner, (round(left + x), round(top + y), round(w), round(h)), alike)


def _lighter_than_ground(part: NDArray[np.uint8], scale: float) -> Floats:
    """By how many grey levels each pixel is lighter than its surroundings, float32 [h,w], at that scale; white paint
    lifts the darkest channel most."""
    import cv2

    size = (round(part.shape[1] * scale), round(part.shape[0] * scale))
    step = max(1, int(1 / (2 * scale)))  # pixels are left out first where they are many times too many
    small = np.ascontiguousarray(part[::step, ::step])
    grey = cv2.resize(small, size, interpolation=cv2.INTER_AREA).min(axis=2).astype(np.float32)
    light = np.clip(grey - cv2.GaussianBlur(grey, (0, 0), GROUND), 0, MOST_LIGHT)
    return np.asarray(light + _grain(grey.shape), np.float32)


def _matches(lighter: Floats, writing: _Writing, short: int) -> list[tuple[float, Box]]:
    """Correlation and box, in pixels of `lighter`, of the best place of each size. Every other size first, and those
    between only beside one that nearly reaches the limit."""
    templates = _templates(writing, short)
    found = {size: _place(lighter, templates[size]) for size in range(0, len(templates), 2)}
    near = {size for size, (best, _) in found.items() if best >= writing.alike - NEARLY}
    between = {
        beside for size in near for beside in (size - 1, size + 1) if 0 <= beside < len(templates)
    } - found.keys()
    found |= {size: _place(lighter, templates[size]) for size in between}
    shapes = {size: templates[size].shape for size in found}
    return [(round(best, 3), (x, y, *shapes[size][::-1])) for size, (best, (x, y)) in found.items()]


def _place(lighter: Floats, template: Floats) -> tuple[float, tuple[int, int]]:
    """The highest correlation of a template and where its upper left corner lies; 0 where it does not fit in."""
    import cv2

    if template.shape[0] > lighter.shape[0] or template.shape[1] > lighter.shape[1]:
        return 0.0, (0, 0)
    _, best, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(lighter, template, cv2.TM_CCOEFF_NORMED))
    return float(best), (int(x), int(y))


@cache
def _templates(writing: _Writing, short: int) -> tuple[Floats, ...]:
    """The writing at each size for a short side in pixels, with a border."""
    import cv2

    with np.load(FILE, allow_pickle=False) as stored:
        drawn = stored[writing.drawn]
    least, most = writing.heights
    sizes = np.geomspace(least, most, 1 + round(np.log(most / least) / np.log(writing.step))) * short
    shapes = ((round(drawn.shape[1] * size / drawn.shape[0]), round(size)) for size in sizes)
    smaller = (cv2.resize(drawn, shape, interpolation=cv2.INTER_AREA) for shape in shapes)
    return tuple(np.pad(one.astype(np.float32), BORDER) for one in smaller)


@cache
def _grain(shape: tuple[int, ...]) -> Floats:
    """Always the same for pictures of one size."""
    return np.asarray(np.random.default_rng(0).normal(0, GRAIN, shape), np.float32)
