"""Other damage that is a line: scratches, branching cracks, and tears along a seam."""

from typing import Any

import cv2
import numpy as np

from refundlens.datasets.defects.canvas import Canvas, Layer, Mask
from refundlens.datasets.defects.shapes import luminance, weave

MOST_LINES = {"scratch": 14, "crack": 5, "tear": 2}
"""Lines drawn, at most, to reach the wished area: more would be a scribble rather than damage."""
FINE = 8
"""Pixels between two turns of a line."""
SUBPIXEL_BITS = 4
"""cv2 is given coordinates in sixteenths of a pixel."""


def paint_mark(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Lines that together cover about the canvas's area (their soft rims included)."""
    style = str(rng.choice(sorted(MOST_LINES)))
    width = canvas.unit * float(rng.uniform(1.0, 2.0)) + 0.08 * canvas.radius * float(rng.uniform(0.3, 1.0))
    heading = float(rng.uniform(0, np.pi))
    corner = _tear_start(canvas, heading)
    cover = np.zeros(canvas.product.shape, np.uint8)
    lines = 0
    while lines < MOST_LINES[style] and (cv2.countNonZero(cover) < canvas.area * 0.85 or lines == 0):
        if style == "scratch":
            _scratch(canvas, rng, cover, heading + rng.normal(0, 0.12), width)
        elif style == "crack":
            x, y = rng.normal((canvas.centre_x, canvas.centre_y), 0.8 * canvas.radius * min(lines, 1))
            start = (float(x), float(y))
            _crack(canvas, rng, cover, start, rng.uniform(0, 2 * np.pi), width, depth=2)
        else:
            corner = _tear(canvas, rng, cover, corner, heading, width)
            heading += float(rng.normal(np.pi / 2, 0.3))  # a second one makes the L of a snag
        lines += 1
    line = cv2.GaussianBlur(cover.astype(np.float32) / 255, (0, 0), 0.45 * canvas.unit) * canvas.product
    rim = cv2.GaussianBlur(line, (0, 0), width * 0.6) * canvas.product
    pixels, tone = _shade(canvas, rng, style, line, rim, width)
    parameters: dict[str, Any] = {"style": style, "lines": lines, "width": round(width, 2), "tone": tone}
    return Layer(pixels, np.clip(np.maximum(line, rim * 1.5), 0, 1), parameters)


def _shade(
    canvas: Canvas, rng: np.random.Generator, style: str, line: Mask, rim: Mask, width: float
) -> tuple[Mask, str]:
    """Fill the lines dark (or, for a scratch, light), with a lit edge beside them."""
    light = float(luminance(canvas.pixels).mean())
    bright = style == "scratch" and (light < 110 or rng.random() < 0.4)
    shift = np.array([[1, 0, width * 0.5], [0, 1, width * 0.5]], np.float32)
    beside = cv2.warpAffine(rim, shift, rim.shape[::-1]) * (1 - line) * (rim > 0.01)
    edged = canvas.pixels * (1 + np.float32(rng.uniform(0.1, 0.35)) * beside)[..., None]
    if bright:
        grey = np.float32(min(245.0, light + rng.uniform(60, 120)))
        fill = (0.35 * canvas.pixels + 0.65 * grey) * weave(canvas.pixels, 3 * canvas.unit)[..., None]
    else:
        fill = canvas.pixels * np.float32(rng.uniform(0.15, 0.45))
    strength = np.float32(rng.uniform(0.7, 1.0))
    pixels = edged + (fill - edged) * (line * strength)[..., None]
    return np.asarray(pixels, np.float32), "light" if bright else "dark"


def _walk(
    rng: np.random.Generator, start: tuple[float, float], heading: float, length: float, wander: float
) -> np.ndarray:
    """Points of a line that changes direction by `wander` radians a step, float [n,2] as (x, y)."""
    steps = max(3, int(length / FINE))
    angles = heading + np.cumsum(rng.normal(0, wander, steps))
    moves = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * (length / steps)
    return np.vstack([np.array(start), np.array(start) + np.cumsum(moves, axis=0)])


def _stroke(cover: np.ndarray, points: np.ndarray, widths: np.ndarray) -> None:
    fixed = (points * 2**SUBPIXEL_BITS).round().astype(np.int32)
    for first, second, width in zip(fixed[:-1], fixed[1:], widths, strict=True):
        ends = (int(first[0]), int(first[1])), (int(second[0]), int(second[1]))
        cv2.line(cover, *ends, 255, max(1, round(float(width))), cv2.LINE_AA, SUBPIXEL_BITS)


def _scratch(
    canvas: Canvas, rng: np.random.Generator, cover: np.ndarray, heading: float, width: float
) -> None:
    spread = canvas.radius * 1.2
    start = (canvas.centre_x + rng.normal(0, spread), canvas.centre_y + rng.normal(0, spread))
    points = _walk(rng, start, heading, canvas.radius * rng.uniform(1.0, 5.0), 0.05)
    _stroke(cover, points, width * rng.uniform(0.3, 0.9) * np.ones(len(points) - 1))


def _crack(
    canvas: Canvas,
    rng: np.random.Generator,
    cover: np.ndarray,
    start: tuple[float, float],
    heading: float,
    width: float,
    depth: int,
) -> None:
    points = _walk(rng, start, heading, canvas.radius * rng.uniform(1.5, 4.0) * 0.7 ** (2 - depth), 0.35)
    _stroke(cover, points, np.linspace(width, width * 0.3, len(points) - 1))
    if depth > 0:
        for _ in range(int(rng.integers(1, 3))):
            x, y = points[int(rng.integers(1, len(points)))]
            turned = heading + rng.choice([-1, 1]) * rng.uniform(0.5, 1.2)
            _crack(canvas, rng, cover, (float(x), float(y)), turned, width * 0.6, depth - 1)


def _tear_start(canvas: Canvas, heading: float) -> tuple[float, float]:
    """Where a slit of usual length begins if its middle is to be the canvas's."""
    back = 1.8 * canvas.radius
    return canvas.centre_x - float(np.cos(heading)) * back, canvas.centre_y - float(np.sin(heading)) * back


def _tear(
    canvas: Canvas,
    rng: np.random.Generator,
    cover: np.ndarray,
    start: tuple[float, float],
    heading: float,
    width: float,
) -> tuple[float, float]:
    """A slit, widest in its middle, with a jagged edge; returns where it ends."""
    points = _walk(rng, start, heading, canvas.radius * rng.uniform(2.5, 5.0), 0.12)
    gape = np.sin(np.linspace(0.15, np.pi - 0.15, len(points) - 1))
    _stroke(cover, points, 3.2 * width * gape * rng.uniform(0.6, 1.3, len(points) - 1))
    return float(points[-1][0]), float(points[-1][1])
