"""Pictures drawn by a program, with sensor-like noise: for the sample refunds, the self-test and the benchmark.

In: a subject, a size, a seed. Out: RGB uint8 [H,W,3]; the same arguments give the same pixels. They are drawings, not
photographs: good for showing and timing, worthless for judging how good the detector is.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Scene = Literal["shirt", "plate", "box", "fabric"]
Canvas = NDArray[np.float32]
"""Linear-ish RGB, float32 [H,W,3], 0 to 255, before the sensor."""

SHOT_NOISE = 0.35
"""Noise per square root of level, as a phone's small sensor shows at ISO 400."""
READ_NOISE = 1.2
"""Levels of noise in the dark."""


def draw(scene: Scene, width: int, height: int, rng: np.random.Generator) -> Canvas:
    """A product as the scene before the camera, without noise."""
    return {"shirt": _shirt, "plate": _plate, "box": _box, "fabric": _fabric}[scene](width, height, rng)


def photograph(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a small sensor makes of a scene: shot and read noise, spread over neighbours as demosaicing does."""
    noise = rng.standard_normal(canvas.shape, np.float32)
    noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) / np.float32(np.sqrt(3))
    noisy = canvas + noise * (SHOT_NOISE * np.sqrt(np.maximum(canvas, 0)) + READ_NOISE)
    return np.clip(noisy + 0.5, 0, 255).astype(np.uint8)


def cloud(width: int, height: int, cells: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth random field, float32 [H,W], about -1 to 1, with `cells` bumps along the longer side."""
    step = max(width, height) / cells
    grid = rng.standard_normal((max(2, round(height / step)), max(2, round(width / step))), np.float32)
    picture = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(picture) / 2, -1, 1).astype(np.float32)


def positions(width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x and y of each pixel in parts of the longer side, centred on 0."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return (x - width / 2) / max(width, height), (y - height / 2) / max(width, height)


def blend(canvas: Canvas, colour: tuple[float, float, float], share: NDArray[np.float32]) -> Canvas:
    """Lay a colour over the canvas, `share` 0 to 1 for each pixel."""
    weight = np.clip(share, 0, 1)[..., None]
    return canvas * (1 - weight) + np.asarray(colour, np.float32) * weight


def _table(width: int, height: int, rng: np.random.Generator) -> Canvas:
    x, y = positions(width, height)
    grain = np.sin(90 * y + 3 * cloud(width, height, 6, rng)) * 6 + cloud(width, height, 160, rng) * 5
    light = 150 - 70 * (x + y) + grain
    return np.stack([light * 1.02, light * 0.88, light * 0.72], axis=-1)


def _weave(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Threads and folds of cloth, in levels around 0."""
    x, y = positions(width, height)
    threads = np.sin(900 * x + cloud(width, height, 40, rng)) * np.sin(900 * y) * 7
    folds = 20 * np.sin(9 * x + 5 * y + 3 * cloud(width, height, 5, rng))
    levels: NDArray[np.float32] = threads + folds + 4 * cloud(width, height, 200, rng)
    return levels


def _fabric(width: int, height: int, rng: np.random.Generator) -> Canvas:
    shade = 165 + _weave(width, height, rng)
    x, _ = positions(width, height)
    stripe = (np.sin(40 * x) > 0.6).astype(np.float32)
    cloth = np.stack([shade * 0.95, shade * 0.92, shade * 0.85], axis=-1)
    return blend(cloth, (70, 90, 150), stripe * np.float32(0.6))


def _shirt(width: int, height: int, rng: np.random.Generator) -> Canvas:
    x, y = positions(width, height)
    shade = 150 + _weave(width, height, rng)
    cloth = np.stack([shade * 0.55, shade * 0.72, shade * 1.0], axis=-1)
    body = (np.abs(x) < 0.24 + 0.04 * y) & (np.abs(y) < 0.4)
    sleeves = (
        (np.abs(x) < 0.36) & (y > -0.4 + 0.3 * (np.abs(x) - 0.2)) & (y < -0.16 + 0.25 * (np.abs(x) - 0.2))
    )
    collar = x**2 / 0.09**2 + (y + 0.4) ** 2 / 0.06**2 < 1
    inside = ((body | sleeves) & ~collar).astype(np.float32)[..., None]
    return (_table(width, height, rng) * (1 - inside) + cloth * inside).astype(np.float32)


def _plate(width: int, height: int, rng: np.random.Generator) -> Canvas:
    x, y = positions(width, height)
    radius = np.sqrt(x**2 + (y * 1.15) ** 2)
    canvas = blend(
        _table(width, height, rng), (60, 52, 45), np.clip((0.42 - np.hypot(x - 0.02, y - 0.03)) * 12, 0, 0.5)
    )
    canvas = blend(canvas, (232, 230, 224), np.clip((0.36 - radius) * 300, 0, 1))
    canvas = blend(canvas, (205, 203, 198), np.clip(1 - np.abs(radius - 0.27) * 90, 0, 0.8))
    loaf = np.clip((0.2 + 0.02 * cloud(width, height, 9, rng) - radius) * 120, 0, 1)
    canvas = blend(canvas, (176, 122, 66), loaf)
    crumb = np.clip((0.18 + 0.02 * cloud(width, height, 9, rng) - radius) * 120, 0, 1)
    canvas = blend(canvas, (222, 188, 134), crumb)
    pores = np.clip(cloud(width, height, 120, rng) - 0.35, 0, 1) * crumb
    return blend(canvas, (160, 116, 70), pores)


def _box(width: int, height: int, rng: np.random.Generator) -> Canvas:
    x, y = positions(width, height)
    canvas = _table(width, height, rng) * 0.7
    side = ((np.abs(x) < 0.34) & (np.abs(y) < 0.28)).astype(np.float32)
    shade = 1 + 0.06 * np.sin(420 * x) + 0.05 * cloud(width, height, 90, rng) - 0.25 * y
    card = np.stack([186 * shade, 146 * shade, 100 * shade], axis=-1)
    canvas = (canvas * (1 - side[..., None]) + card * side[..., None]).astype(np.float32)
    tape = side * (np.abs(y - 0.02 * x) < 0.04)
    canvas = blend(canvas, (214, 190, 150), (tape * 0.7).astype(np.float32))
    label = ((x > 0.08) & (x < 0.28) & (y > 0.09) & (y < 0.22)).astype(np.float32)
    canvas = blend(canvas, (238, 238, 236), label)
    bars = label * (y < 0.17) * (np.sin(380 * x + 60 * np.floor(x * 60)) > 0.1)
    return blend(canvas, (30, 30, 32), bars)
