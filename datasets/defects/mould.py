"""Mould: colonies of fuzzy dots, grey-green, black or white, dense in the middle and scattered around it."""

from typing import Any

import cv2
import numpy as np

from refundlens.datasets.defects.canvas import Canvas, Layer, Mask
from refundlens.datasets.defects.shapes import blob, cut, luminance, noise, settle, weave

SPECIES: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "black": ((28, 30, 26), (62, 64, 56)),
    "grey_green": ((78, 92, 70), (124, 134, 112)),
    "blue_green": ((70, 98, 92), (128, 148, 138)),
    "white": ((232, 233, 228), (196, 200, 194)),
    "brown": ((74, 58, 40), (112, 92, 66)),
}
"""RGB of a colony's middle and of its rim."""
DOT_SIGMAS = (0.7, 1.4, 2.8)
"""Blur of small, middle and large dots, in canvas units."""
DOT_SHARES = (0.03, 0.012, 0.0035)
"""Dots of each size per pixel where a colony is densest."""


def paint_mould(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A patch of colonies of the canvas's area; its faint film belongs to the region."""
    field = settle(
        canvas, blob(canvas, rng, rng.uniform(0, np.pi), rng.uniform(1.0, 2.5), rng.uniform(0.35, 0.8))
    )
    film = cut(canvas, field, max(1.5, canvas.radius * rng.uniform(0.05, 0.2)))
    abundance = float(rng.uniform(0.8, 2.2))
    dots = _dots(canvas, rng, film, abundance)
    species = _species(canvas, rng, film)
    middle, rim = (np.array(colour, np.float32) for colour in SPECIES[species])
    colour = rim + (middle - rim) * dots[..., None]
    lit = colour * weave(canvas.pixels, 3 * canvas.unit)[..., None]
    strength = float(rng.uniform(0.65, 0.97))
    haze = float(rng.uniform(0.1, 0.35))
    alpha = np.maximum(dots * np.float32(strength), film * np.float32(haze))
    pixels = np.asarray(canvas.pixels + (lit - canvas.pixels) * alpha[..., None], np.float32)
    parameters: dict[str, Any] = {
        "species": species,
        "abundance": round(abundance, 2),
        "strength": round(strength, 2),
        "haze": round(haze, 2),
    }
    return Layer(pixels, np.maximum(film, dots), parameters)


def _species(canvas: Canvas, rng: np.random.Generator, film: Mask) -> str:
    """Any that stands out: black mould is not seen on black fabric, white not on white."""
    inside = film > 0.5
    light = float(luminance(canvas.pixels)[inside].mean()) if inside.any() else 128.0
    seen = [
        name
        for name, (middle, _) in SPECIES.items()
        if abs(light - float(np.mean(middle))) > 45  # grey levels: less is camouflage
    ]
    return str(rng.choice(sorted(seen)))


def _dots(canvas: Canvas, rng: np.random.Generator, film: Mask, abundance: float) -> Mask:
    """Opacity of the dots: impulses drawn where colonies are, blurred to three sizes, frayed by noise."""
    size = film.shape
    colonies = np.clip(0.35 + 0.7 * noise(rng, size, max(6.0, canvas.radius * 0.6), 2), 0, 2) * film
    total = np.zeros(size, np.float32)
    for sigma, share in zip(DOT_SIGMAS, DOT_SHARES, strict=True):
        blur = sigma * canvas.unit
        chance = colonies * np.float32(share * abundance / canvas.unit**2)
        impulses = (rng.random(size, dtype=np.float32) < chance).astype(np.float32)
        impulses *= rng.uniform(0.6, 1.6, size).astype(np.float32)
        total += cv2.GaussianBlur(impulses, (0, 0), blur) * np.float32(2 * np.pi * blur * blur)
    fuzz = np.clip(1 + 0.3 * noise(rng, size, 2.5 * canvas.unit, 1), 0.3, 1.7)
    return np.asarray((1 - np.exp(-1.6 * total * fuzz)) * canvas.product, np.float32)
