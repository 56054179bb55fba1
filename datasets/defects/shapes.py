"""Irregular shapes: noise, ragged blobs, splats, and the threshold that gives them a wished area.

Data in: a canvas and a generator. Data out: fields, float32 [h,w], high inside the shape and falling
outwards by about 1 per radius; `cut` turns a field into an opacity.
"""

import cv2
import numpy as np

from refundlens.datasets.defects.canvas import Canvas, Mask


def noise(rng: np.random.Generator, shape: tuple[int, int], scale: float, octaves: int = 3) -> Mask:
    """Smooth noise float32 [h,w], mean about 0, deviation about 1; `scale` is the largest wave's length in
    pixels."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    weight = 1.0
    for octave in range(octaves):
        cell = max(1.5, scale / 2**octave)
        rows, columns = int(height / cell) + 3, int(width / cell) + 3
        grid = rng.standard_normal((rows, columns), dtype=np.float32)
        large = cv2.resize(
            grid, (int(columns * cell) + 1, int(rows * cell) + 1), interpolation=cv2.INTER_CUBIC
        )
        total += weight * large[:height, :width]
        weight *= 0.55
    return np.asarray(total / 0.85, np.float32)


def polar(canvas: Canvas, angle: float, aspect: float) -> tuple[Mask, Mask]:
    """Distance (1 on an ellipse of the wished area, `aspect` times as long as wide) and direction of each
    pixel."""
    height, width = canvas.product.shape
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(canvas.centre_y)
    x = np.arange(width, dtype=np.float32)[None] - np.float32(canvas.centre_x)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (x * cosine + y * sine) / np.float32(canvas.radius * np.sqrt(aspect))
    across = (y * cosine - x * sine) / np.float32(canvas.radius / np.sqrt(aspect))
    return np.hypot(along, across), np.arctan2(across, along)


def blob(canvas: Canvas, rng: np.random.Generator, angle: float, aspect: float, raggedness: float) -> Mask:
    """An ellipse with a noisy outline; raggedness 0.1 (nearly smooth) to 0.6 (torn)."""
    distance, _ = polar(canvas, angle, aspect)
    coarse = noise(rng, distance.shape, canvas.radius * 1.2, 2)
    fine = noise(rng, distance.shape, max(4.0, canvas.radius * 0.25), 3)
    return np.asarray(1 - distance + np.float32(raggedness) * (0.45 * coarse + 0.25 * fine), np.float32)


def splat(canvas: Canvas, rng: np.random.Generator, angle: float, aspect: float, spikiness: float) -> Mask:
    """A blob with rays, as a splash leaves; spikiness 0 to 1."""
    distance, direction = polar(canvas, angle, aspect)
    reach = np.zeros_like(direction)
    for _ in range(5):
        wave = int(rng.integers(2, 13))
        reach += np.float32(rng.uniform(0.3, 1) / np.sqrt(wave)) * np.cos(
            wave * direction + rng.uniform(0, 6.28)
        )
    ragged = noise(rng, distance.shape, max(4.0, canvas.radius * 0.5), 3)
    return np.asarray(1 + spikiness * 0.45 * reach - distance + 0.14 * ragged, np.float32)


def droplets(canvas: Canvas, rng: np.random.Generator, field: Mask, count: int) -> Mask:
    """The field with round satellites beside it: each is a cone of its own, joined by the maximum."""
    height, width = field.shape
    y = np.arange(height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)[None]
    joined = field.copy()
    for _ in range(count):
        direction, away = rng.uniform(0, 2 * np.pi), rng.uniform(1.0, 1.9) * canvas.radius
        radius = canvas.radius * float(np.clip(rng.lognormal(-2.2, 0.6), 0.03, 0.4))
        centre_y = canvas.centre_y + away * np.sin(direction)
        centre_x = canvas.centre_x + away * np.cos(direction)
        stretch = rng.uniform(0.8, 1.25)
        distance = np.hypot((x - np.float32(centre_x)) * stretch, (y - np.float32(centre_y)) / stretch)
        np.maximum(joined, (np.float32(radius) - distance) / np.float32(canvas.radius), out=joined)
    return joined


def settle(canvas: Canvas, field: Mask) -> Mask:
    """Shift the field so that it is positive on the wished area of the product (less if the product is
    smaller)."""
    on_product = field[canvas.product > 0.5]
    if on_product.size < 16:  # the product is a sliver here: paint where the shape lies
        on_product = field.ravel()
    wanted = int(min(canvas.area, 0.9 * on_product.size))
    level = np.partition(on_product, on_product.size - wanted - 1)[on_product.size - wanted - 1]
    return np.asarray(field - level, np.float32)


def cut(canvas: Canvas, field: Mask, softness: float) -> Mask:
    """Opacity of a settled field: 0.5 on its outline, over `softness` pixels to either side, on the product
    only."""
    slope = np.float32(canvas.radius / max(softness, 0.35))
    share = np.clip(field * slope * 0.5 + 0.5, 0, 1)
    return np.asarray(share * share * (3 - 2 * share) * canvas.product, np.float32)


def luminance(pixels: Mask) -> Mask:
    """Rec. 601 luma of float32 [h,w,3]."""
    return np.asarray(pixels @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)


def weave(pixels: Mask, sigma: float) -> Mask:
    """The photo's own fine shading as a factor, 0.6 to 1.5: brightness over its surroundings within `sigma`
    px."""
    light = luminance(pixels) + 8
    around = cv2.GaussianBlur(light, (0, 0), sigma)
    return np.asarray(np.clip(light / around, 0.6, 1.5), np.float32)
