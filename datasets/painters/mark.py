"""Other damage that is a line: scratches, branching cracks, and tears along a seam."""

from typing import Any

import cv2
import numpy as np

from datasets.painters.canvas import Canvas, Layer, Mask
from datasets.painters.shapes import luminance, weave

STYLES = ("scratch", "crack", "tear")
FINE = 8
"""cv2 draws with coordinates in 1/2**4 px; a line is cut into pieces of about this many pixels."""
MOST_LINES = 40
"""Lines drawn before giving up on the wished area."""


def paint_mark(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Lines that together cover about the canvas's area (their soft rims included)."""
    style = str(rng.choice(STYLES))
    width = canvas.unit * float(rng.uniform(1.0, 2.0)) + 0.06 * canvas.radius * float(rng.uniform(0.3, 1.0))
    heading = rng.uniform(0, np.pi)
    cover = np.zeros(canvas.product.shape, np.uint8)
    lines = 0
    while lines < MOST_LINES and (cv2.countNonZero(cover) < canvas.area * 0.85 or lines == 0):
        if style == "scratch":
            _scratch(canvas, rng, cover, heading + rng.normal(0, 0.12), width)
        elif style == "crack":
            start = (canvas.centre_x, canvas.centre_y)
            _crack(canvas, rng, cover, start, rng.uniform(0, 2 * np.pi), width, depth=2)
        else:
            _tear(canvas, rng, cover, heading, width)
            heading += rng.normal(np.pi / 2, 0.3)  # a second one makes the L of a snag
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
    fixed = (points * 16).round().astype(np.int32)
    for first, second, width in zip(fixed[:-1], fixed[1:], widths, strict=True):
        ends = (int(first[0]), int(first[1])), (int(second[0]), int(second[1]))
        cv2.line(cover, *ends, 255, max(1, round(float(width))), cv2.LINE_AA, 4)


def _scratch(
    canvas: Canvas, rng: np.random.Generator, cover: np.ndarray, heading: float, width: float
) -> None:
    spread = canvas.radius * 0.8
    start = (canvas.centre_x + rng.normal(0, spread), canvas.centre_y + rng.normal(0, spread))
    points = _walk(rng, start, heading, canvas.radius * rng.uniform(0.8, 3.0), 0.05)
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
    points = _walk(rng, start, heading, canvas.radius * rng.uniform(0.7, 2.2) * 0.7 ** (2 - depth), 0.35)
    _stroke(cover, points, np.linspace(width, width * 0.3, len(points) - 1))
    if depth > 0:
        for _ in range(int(rng.integers(1, 3))):
            x, y = points[int(rng.integers(1, len(points)))]
            turned = heading + rng.choice([-1, 1]) * rng.uniform(0.5, 1.2)
            _crack(canvas, rng, cover, (float(x), float(y)), turned, width * 0.6, depth - 1)


def _tear(canvas: Canvas, rng: np.random.Generator, cover: np.ndarray, heading: float, width: float) -> None:
    """A slit, widest in its middle, with a jagged edge."""
    length = canvas.radius * rng.uniform(1.5, 3.0)
    start = (canvas.centre_x - np.cos(heading) * length / 2, canvas.centre_y - np.sin(heading) * length / 2)
    points = _walk(rng, start, heading, length, 0.12)
    open_ = np.sin(np.linspace(0.15, np.pi - 0.15, len(points) - 1))
    _stroke(cover, points, 3.2 * width * open_ * rng.uniform(0.6, 1.3, len(points) - 1))
