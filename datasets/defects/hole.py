"""Holes: worn through, torn or burnt, with what shows behind, the shadow of the rim and loose threads."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from refundlens.datasets.defects.canvas import Canvas, Layer, Mask
from refundlens.datasets.defects.shapes import blob, cut, noise, settle, weave

STYLES = ("worn", "torn", "burnt")
LININGS = ((205, 165, 140), (150, 105, 80), (235, 232, 225), (120, 118, 116), (60, 62, 72), (175, 150, 120))
"""RGB of what can be under a fabric: skin light and dark, white lining, grey, dark padding, cardboard."""


@dataclass(frozen=True)
class _Shape:
    opening: Mask
    field: Mask
    style: str


def paint_hole(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A hole of the canvas's area; the region holds the opening, its rim and the threads across it."""
    style = str(rng.choice(STYLES, p=[0.4, 0.4, 0.2]))
    aspect = float(rng.uniform(2.0, 5.0) if style == "torn" else rng.uniform(1.0, 1.8))
    raggedness = float(rng.uniform(0.25, 0.6) if style != "burnt" else rng.uniform(0.15, 0.35))
    softness = float(rng.uniform(0.5, 1.4)) * canvas.unit
    field = settle(canvas, blob(canvas, rng, rng.uniform(0, np.pi), aspect, raggedness))
    shape = _Shape(cut(canvas, field, softness), field, style)
    inside, what = _inside(canvas, rng, shape)
    rimmed, rim = _rim(canvas, rng, shape)
    pixels = rimmed + (inside - rimmed) * shape.opening[..., None]
    count = 0 if style == "burnt" else int(rng.integers(4, 26))
    pixels, threads = _threads(canvas, rng, shape, pixels, count)
    parameters: dict[str, Any] = {
        "style": style,
        "aspect": round(aspect, 2),
        "raggedness": round(raggedness, 2),
        "softness": round(softness, 2),
        "inside": what,
        "threads": count,
    }
    return Layer(pixels, np.maximum(np.maximum(shape.opening, rim), threads), parameters)


def _inside(canvas: Canvas, rng: np.random.Generator, shape: _Shape) -> tuple[Mask, str]:
    """What shows through, darker under the rim that faces the light."""
    what = str(rng.choice(["shadow", "lining", "behind"], p=[0.45, 0.3, 0.25]))
    around = canvas.pixels[shape.opening > 0.5]
    local = around.mean(axis=0) if len(around) else canvas.behind
    if what == "shadow":
        colour = local * rng.uniform(0.1, 0.35)
    elif what == "lining":
        # lit as the product is, so never brighter than it by much
        lining = np.array(LININGS[int(rng.integers(len(LININGS)))], np.float32)
        colour = lining * np.clip(local.mean() / 150, 0.35, 1.1) * rng.uniform(0.6, 1.0)
    else:
        colour = canvas.behind * rng.uniform(0.5, 0.95)
    size = shape.opening.shape
    folds = 1 + 0.12 * noise(rng, size, max(6.0, canvas.radius * 0.9), 2)
    grain = 1.8 * rng.standard_normal(size, dtype=np.float32)
    direction, depth = rng.uniform(0, 2 * np.pi), canvas.radius * rng.uniform(0.08, 0.3)
    shift = np.array([[1, 0, depth * np.cos(direction)], [0, 1, depth * np.sin(direction)]], np.float32)
    lid = cv2.warpAffine(1 - shape.opening, shift, size[::-1], borderMode=cv2.BORDER_REPLICATE)
    lid = cv2.GaussianBlur(lid, (0, 0), max(0.8, depth * 0.6))
    shade = folds * (1 - np.float32(rng.uniform(0.35, 0.75)) * lid)
    inside = np.asarray(colour, np.float32) * shade[..., None] + grain[..., None]
    return np.asarray(inside, np.float32), what


def _rim(canvas: Canvas, rng: np.random.Generator, shape: _Shape) -> tuple[Mask, Mask]:
    """The fabric next to the opening: lifted and lighter on one side, or scorched."""
    reach = canvas.radius * rng.uniform(0.08, 0.2) + canvas.unit
    if shape.style == "burnt":
        reach *= 2
    near = np.clip(1 + shape.field * np.float32(canvas.radius / reach), 0, 1) * canvas.product
    near = np.asarray(
        near * np.clip(0.75 + 0.3 * noise(rng, near.shape, max(4.0, reach), 2), 0, 1), np.float32
    )
    if shape.style == "burnt":
        scorch = np.array([0.32, 0.2, 0.12], np.float32)
        factor = 1 - near[..., None] * (1 - scorch) * np.float32(rng.uniform(0.7, 1.0))
        return np.asarray(canvas.pixels * factor, np.float32), near
    slope_y, slope_x = np.gradient(cv2.GaussianBlur(shape.opening, (0, 0), max(0.8, reach / 2)))
    light = rng.uniform(0, 2 * np.pi)
    relief = (slope_x * np.cos(light) + slope_y * np.sin(light)) * reach
    frayed = 0.14 * noise(rng, near.shape, 3.0 * canvas.unit, 1)
    factor = 1 + near * (np.clip(0.9 * relief, -0.35, 0.35) + rng.uniform(0.0, 0.22) + frayed)
    return np.asarray(canvas.pixels * factor[..., None], np.float32), near


def _threads(
    canvas: Canvas, rng: np.random.Generator, shape: _Shape, pixels: Mask, count: int
) -> tuple[Mask, Mask]:
    """Loose threads of the fabric's own colour that hang from the edge into the opening."""
    edge = np.argwhere((shape.field > 0) & (shape.field < 2 / canvas.radius) & (canvas.product > 0.5))
    if count == 0 or len(edge) == 0:
        return pixels, np.zeros(shape.opening.shape, np.float32)
    cloth = cv2.GaussianBlur(canvas.pixels, (0, 0), 2 * canvas.unit)
    colours = np.zeros((*shape.opening.shape, 3), np.float32)
    cover = np.zeros(shape.opening.shape, np.uint8)
    for start in edge[rng.integers(len(edge), size=count)]:
        curve = _curve(canvas, rng, start)
        width = max(1, round(canvas.unit * rng.uniform(0.5, 1.35)))
        colour = cloth[start[0], start[1]] * rng.uniform(0.75, 1.3)
        cv2.polylines(colours, [curve], False, [float(c) for c in colour], width + 2)
        cv2.polylines(cover, [curve], False, 255, width, cv2.LINE_AA)
    alpha = cover.astype(np.float32) / np.float32(255) * np.float32(rng.uniform(0.7, 1.0)) * canvas.product
    lit = colours * weave(canvas.pixels, 3 * canvas.unit)[..., None]
    return np.asarray(pixels + (lit - pixels) * alpha[..., None], np.float32), np.asarray(alpha, np.float32)


def _curve(canvas: Canvas, rng: np.random.Generator, start: np.ndarray) -> np.ndarray:
    """A bent line from the edge roughly towards the middle, int32 [n,1,2] as OpenCV draws it."""
    towards = np.arctan2(canvas.centre_y - start[0], canvas.centre_x - start[1]) + rng.normal(0, 0.6)
    length, bend = canvas.radius * rng.uniform(0.15, 0.8), rng.normal(0, 0.9)
    along = np.linspace(0, 1, 8)
    angle = towards + bend * along
    x = start[1] + np.cumsum(np.cos(angle)) * length / 8
    y = start[0] + np.cumsum(np.sin(angle)) * length / 8
    return np.stack([x, y], axis=-1).round().astype(np.int32)[:, None]
