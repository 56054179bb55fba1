"""Stains: liquids that soaked in (darker towards the outline as they dry), and pale crusts on dark fabric."""

from typing import Any

import numpy as np

from refundlens.datasets.defects.canvas import Canvas, Layer, Mask
from refundlens.datasets.defects.shapes import blob, cut, droplets, luminance, noise, settle, splat, weave

ABSORBED: dict[str, tuple[float, float, float]] = {
    "coffee": (0.52, 0.36, 0.2),
    "tea": (0.76, 0.6, 0.38),
    "wine": (0.5, 0.14, 0.22),
    "ink": (0.14, 0.17, 0.42),
    "oil": (0.74, 0.7, 0.58),
    "sauce": (0.72, 0.26, 0.12),
    "soy": (0.3, 0.19, 0.11),
    "grass": (0.45, 0.52, 0.22),
    "rust": (0.62, 0.33, 0.16),
    "dirt": (0.45, 0.42, 0.38),
    "blood": (0.48, 0.1, 0.09),
    "turmeric": (0.92, 0.72, 0.2),
}
"""Light that a full layer lets through, per channel: the fabric's own shading stays visible beneath."""
CRUSTS: dict[str, tuple[int, int, int]] = {
    "milk": (228, 226, 216),
    "powder": (205, 203, 200),
    "bleach": (214, 176, 148),
    "mud": (140, 112, 84),
    "paint": (222, 222, 226),
    "salt": (190, 192, 192),
}
"""RGB of what lies on top: on dark fabric an absorbing stain would not be seen."""
DARK = 75.0
"""Luma under which a stain must be a crust to be seen."""


def paint_stain(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A stain of the canvas's area (droplets included)."""
    style = str(rng.choice(["blot", "splat", "smear"], p=[0.45, 0.35, 0.2]))
    angle = rng.uniform(0, np.pi)
    if style == "splat":
        field = splat(canvas, rng, angle, rng.uniform(1.0, 1.6), rng.uniform(0.2, 0.7))
    else:
        aspect = rng.uniform(1.8, 4.0) if style == "smear" else rng.uniform(1.0, 1.9)
        field = blob(canvas, rng, angle, aspect, rng.uniform(0.12, 0.5))
    count = int(rng.integers(0, 14)) if style == "splat" else int(rng.integers(0, 5))
    field = settle(canvas, droplets(canvas, rng, field, count))
    softness = float(
        np.exp(rng.uniform(np.log(0.8), np.log(max(1.6, min(0.15 * canvas.radius, 9 * canvas.unit)))))
    )
    cover = cut(canvas, field, softness)
    density, ring = _density(canvas, rng, field, cover)
    strength = float(rng.uniform(0.55, 1.3))
    inside = cover > 0.5
    dark = not inside.any() or float(luminance(canvas.pixels)[inside].mean()) < DARK
    crust = dark or rng.random() < 0.12
    substance = str(rng.choice(sorted(CRUSTS if crust else ABSORBED)))
    paint = _crust if crust else _absorb
    pixels = paint(canvas, substance, density * np.float32(strength))
    parameters: dict[str, Any] = {
        "style": style,
        "substance": substance,
        "strength": round(strength, 2),
        "softness": round(softness, 2),
        "ring": round(ring, 2),
        "droplets": count,
    }
    return Layer(pixels, cover, parameters)


def _density(canvas: Canvas, rng: np.random.Generator, field: Mask, cover: Mask) -> tuple[Mask, float]:
    """How much substance each pixel took up, about 0 to 1.5, and the strength of the drying ring."""
    mottled = 1 + np.float32(rng.uniform(0.08, 0.28)) * noise(
        rng, field.shape, max(5.0, canvas.radius * 0.6), 3
    )
    ring = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.6 else 0.0
    # a drying edge is a few threads wide, however large the stain
    width = np.float32(min(rng.uniform(0.05, 0.14), rng.uniform(2, 5) * canvas.unit / canvas.radius))
    patchy = np.clip(0.75 + 0.4 * noise(rng, field.shape, max(5.0, canvas.radius * 0.8), 2), 0, 1.5)
    edge = patchy * np.exp(-np.square((field - width) / width)) if ring else np.float32(0)
    fill = np.float32(rng.uniform(0.35, 0.75) if ring else rng.uniform(0.6, 1.0))
    return np.asarray(cover * (fill * np.clip(mottled, 0.2, 2) + np.float32(ring) * edge), np.float32), ring


def _absorb(canvas: Canvas, substance: str, density: Mask) -> Mask:
    """Beer and Lambert: what is let through falls exponentially with the substance taken up."""
    optical = np.log(np.array(ABSORBED[substance], np.float32))
    return np.asarray(canvas.pixels * np.exp(density[..., None] * optical), np.float32)


def _crust(canvas: Canvas, substance: str, density: Mask) -> Mask:
    """A layer on top, lit by the photo's own fine shading and general light."""
    light = np.clip(0.6 + np.percentile(canvas.pixels, 90) / 255 * 0.5, 0.6, 1.0)
    lit = np.array(CRUSTS[substance], np.float32) * light * weave(canvas.pixels, 4 * canvas.unit)[..., None]
    alpha = (1 - np.exp(-1.1 * density))[..., None]
    return np.asarray(canvas.pixels + (lit - canvas.pixels) * alpha, np.float32)
