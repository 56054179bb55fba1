"""A photo of a screen: what remains of a picture that was shown on a display and photographed again.

In: a picture, uint8 RGB [H,W,3]. Out: its recaptured copy. The grid of the display's red, green and blue stripes meets
the camera's pixels at an angle (moiré), the lens blurs, the display's glow falls off, the sensor adds noise: the causes
that Thongkamwitoon, Muammar and Dragotti name ("An image recapture detection algorithm based on learning dictionaries
of edge profiles", IEEE TIFS 2015).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
STRIPES = 3
"""Camera samples across one pixel of the display before the lens: one for each colour."""
TILT = 0.03
"""Shift of each corner, as a share of the sides."""
GAP = 0.55
"""Light of a stripe of another colour at a stripe's place: displays blend into each other."""


def recapture(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The picture as photographed from a display, of the same size; the same state of `rng`, the same result."""
    height, width = pixels.shape[:2]
    shown: Floats = cv2.resize(pixels, (STRIPES * width, height), interpolation=cv2.INTER_NEAREST).astype(
        np.float32
    )
    stripes = np.full((STRIPES, 3), GAP, np.float32)
    np.fill_diagonal(stripes, 1.0)
    shown = shown * np.tile(stripes, (width, 1))[None]
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    moved = corners + rng.uniform(-TILT, TILT, (4, 2))
    source: Floats = (corners * (STRIPES * width, height)).astype(np.float32)
    target: Floats = (moved * (width, height)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    bent = cv2.warpPerspective(shown, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    blurred = cv2.GaussianBlur(bent, (0, 0), float(rng.uniform(0.5, 0.8)))
    seen = np.asarray(blurred, np.float64) / ((1 + 2 * GAP) / 3)
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    glow = 1 - float(rng.uniform(0.05, 0.2)) * (rows**2 + columns**2)
    seen = 255 * (np.clip(seen * glow[..., None], 0, 255) / 255) ** float(rng.uniform(0.85, 1.15))
    seen = seen + rng.normal(0, float(rng.uniform(1, 3)), seen.shape)
    return np.asarray(np.clip(np.rint(seen), 0, 255), np.uint8)
