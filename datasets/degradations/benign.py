"""What buyers and their phones openly do to a photo without faking it: tone, filters, drawings, collages.

Data in: a picture, uint8 RGB [H,W,3], and the masks that lie on it. Data out: `Benign`, with the masks
moved along and emptied where something opaque covers them, and a JSON record. The label never changes: an
authentic photo stays authentic, an edit stays an edit. Both classes go through here, so that an arrow or a
brighter picture means nothing.

>>> import numpy as np
>>> result = benign(np.full((80, 60, 3), 90, np.uint8), [], np.random.default_rng(0), "brighten")
>>> result.record["operation"], result.pixels.shape
('brighten', (80, 60, 3))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.degradations.overlays import DRAWINGS, camera_strip, draw_over

Pixels = NDArray[np.uint8]
Mask = NDArray[np.float32]
Record = dict[str, Any]
_Layers = tuple[Pixels, tuple[Mask, ...]]

MOSAIC_SHARE = (0.1, 0.45)
"""Sides of a mosaic's rectangle as shares of the picture's: an address label, a face, a screen."""
MOSAIC_BLOCK = (0.012, 0.035)
"""Side of a mosaic's block as a share of the picture's mean side."""


@dataclass(frozen=True)
class Benign:
    """pixels uint8 [h,w,3] (another size after a collage or a strip), masks float32 [h,w], record plain
    JSON."""

    pixels: Pixels
    masks: tuple[Mask, ...]
    record: Record


def benign(
    pixels: Pixels, masks: Sequence[Mask], rng: np.random.Generator, operation: str | None = None
) -> Benign:
    """Apply one operation of `OPERATIONS`, drawn evenly if not named; the same `rng` state gives the same
    result.

    Raises ValueError for an unknown operation or a mask that is not of the picture's size.
    """
    if any(mask.shape != pixels.shape[:2] for mask in masks):
        raise ValueError(f"every mask must be {pixels.shape[:2]}, got {[mask.shape for mask in masks]}")
    name = operation or OPERATIONS[int(rng.integers(len(OPERATIONS)))]
    if name in _FILTERS:
        changed, parameters = _FILTERS[name](pixels, rng)
        return Benign(changed, tuple(masks), {"operation": name, **parameters})
    if name in DRAWINGS:
        drawn, cover, parameters = draw_over(pixels, name, rng)
        return Benign(drawn, tuple(mask * (1 - cover) for mask in masks), {"operation": name, **parameters})
    if name in _LAYOUTS:
        (laid, moved), parameters = _LAYOUTS[name]((pixels, tuple(masks)), rng)
        return Benign(laid, moved, {"operation": name, **parameters})
    raise ValueError(f"unknown operation {name!r}; known: {OPERATIONS}")


def _to_pixels(values: NDArray[Any]) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _through(pixels: Pixels, curve: NDArray[Any]) -> Pixels:
    """Look every value up in a curve of 256 values (or of [256,3], one a channel)."""
    table = _to_pixels(np.broadcast_to(curve.reshape(256, -1), (256, 3)))
    return np.asarray(cv2.LUT(pixels, table.reshape(1, 256, 3)), np.uint8)


_RAMP = np.arange(256, dtype=np.float64)


def _brighten(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Record]:
    gain = float(rng.uniform(0.75, 1.4))
    return _through(pixels, _RAMP * gain), {"gain": round(gain, 3)}


def _contrast(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Record]:
    gain = float(rng.uniform(0.75, 1.4))
    return _through(pixels, (_RAMP - 128) * gain + 128), {"gain": round(gain, 3)}


def _gamma(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Record]:
    gamma = float(np.exp(rng.uniform(np.log(0.65), np.log(1.5))))
    return _through(pixels, 255 * (_RAMP / 255) ** gamma), {"gamma": round(gamma, 3)}


def _white_balance(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Record]:
    gains = rng.uniform(0.85, 1.15, 3)
    return _through(pixels, _RAMP[:, None] * gains), {"gains": [round(float(gain), 3) for gain in gains]}


def _local_tone(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Record]:
    """Contrast-limited histogram equalisation of the lightness, mixed in: what phones do as "HDR"."""
    limit, tiles, share = float(rng.uniform(1.0, 3.0)), int(rng.integers(4, 9)), float(rng.uniform(0.3, 0.9))
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    lightness = np.ascontiguousarray(lab[..., 0])
    mapped = cv2.createCLAHE(limit, (tiles, tiles)).apply(lightness)
    lab[..., 0] = cv2.addWeighted(mapped, share, lightness, 1 - share, 0)
    parameters = {"clip_limit": round(limit, 2), "tiles": tiles, "share": round(share, 2)}
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8), parameters


def _denoise(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Record]:
    method = str(rng.choice(["bilateral", "median", "non_local_means"], p=[0.5, 0.35, 0.15]))
    strength = float(rng.uniform(0, 1))
    if method == "bilateral":
        smooth = cv2.bilateralFilter(pixels, 5, 10 + 30 * strength, 2.0)
    elif method == "median":
        smooth = cv2.medianBlur(pixels, 3)
    else:
        # a small search window: five times faster than the default 21, hardly different at this strength
        smooth = cv2.fastNlMeansDenoisingColored(pixels, None, 2 + 4 * strength, 3 + 4 * strength, 5, 9)
    share = 1.0 if method != "median" else 0.4 + 0.6 * strength
    mixed = cv2.addWeighted(smooth, share, pixels, 1 - share, 0)
    return np.asarray(mixed, np.uint8), {"method": method, "strength": round(strength, 2)}


def _sharpen(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Record]:
    sigma, amount = float(rng.uniform(0.6, 2.0)), float(rng.uniform(0.3, 1.2))
    soft = cv2.GaussianBlur(pixels, (0, 0), sigma)
    sharp = cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0)
    return np.asarray(sharp, np.uint8), {"sigma": round(sigma, 2), "amount": round(amount, 2)}


def _blur(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Record]:
    sigma = float(rng.uniform(0.4, 1.4))
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8), {"sigma": round(sigma, 2)}


def _noise(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Record]:
    """Sensor-like: variance = read + shot * value, partly shared by the channels after demosaicing."""
    read, shot = float(rng.uniform(0.5, 3.0)), float(rng.uniform(0.0, 0.15))
    values = pixels.astype(np.float32)
    grey = rng.standard_normal((*pixels.shape[:2], 1), dtype=np.float32)
    colour = rng.standard_normal(pixels.shape, dtype=np.float32)
    noisy = values + np.sqrt(read**2 + shot * values) * (0.7 * grey + 0.7 * colour)
    return _to_pixels(noisy), {"read": round(read, 2), "shot": round(shot, 3)}


def _mosaic(layers: _Layers, rng: np.random.Generator) -> tuple[_Layers, Record]:
    """Blocks over a rectangle; what lies under them cannot be judged, so masks are emptied there."""
    pixels, masks = layers
    height, width = pixels.shape[:2]
    block = max(3, round(float(rng.uniform(*MOSAIC_BLOCK)) * float(np.sqrt(height * width))))
    box_width = max(2, round(float(rng.uniform(*MOSAIC_SHARE)) * width))
    box_height = max(2, round(float(rng.uniform(*MOSAIC_SHARE)) * height))
    left, top = int(rng.integers(width - box_width + 1)), int(rng.integers(height - box_height + 1))
    window = np.s_[top : top + box_height, left : left + box_width]
    few = (max(1, box_width // block), max(1, box_height // block))
    small = cv2.resize(pixels[window], few, interpolation=cv2.INTER_AREA)
    result = pixels.copy()
    result[window] = cv2.resize(small, (box_width, box_height), interpolation=cv2.INTER_NEAREST)
    moved = tuple(mask.copy() for mask in masks)
    for mask in moved:
        mask[window] = 0
    return (result, moved), {"box": [left, top, left + box_width, top + box_height], "block": block}


def _strip(layers: _Layers, rng: np.random.Generator) -> tuple[_Layers, Record]:
    """The band that some phones add below a photo, with the camera's name and the exposure."""
    pixels, masks = layers
    band, parameters = camera_strip(pixels.shape[1], rng)
    empty = np.zeros(band.shape[:2], np.float32)
    return (np.vstack([pixels, band]), tuple(np.vstack([mask, empty]) for mask in masks)), parameters


def _collage(layers: _Layers, rng: np.random.Generator) -> tuple[_Layers, Record]:
    """The photo beside (or above) an enlarged cut of itself, with or without a gap."""
    pixels, masks = layers
    height, width = pixels.shape[:2]
    share = float(rng.uniform(0.35, 0.75))
    cut_height, cut_width = max(8, round(height * share)), max(8, round(width * share))
    cut_height, cut_width = min(cut_height, height), min(cut_width, width)
    top, left = int(rng.integers(height - cut_height + 1)), int(rng.integers(width - cut_width + 1))
    window = np.s_[top : top + cut_height, left : left + cut_width]
    gap, grey = int(rng.choice([0, 2, 4, 8])), int(rng.choice([0, 255]))
    axis = 1 if rng.random() < (0.75 if height >= width else 0.25) else 0
    kernel = cv2.INTER_CUBIC

    def lay(whole: NDArray[Any], fill: int, flag: int) -> NDArray[Any]:
        part = np.clip(cv2.resize(whole[window], (width, height), interpolation=flag), 0, 255)
        shape = list(whole.shape)
        shape[axis] = gap
        between = np.full(shape, fill, whole.dtype)
        return np.concatenate([whole, between, part.astype(whole.dtype)], axis=axis)

    moved = tuple(lay(mask, 0, cv2.INTER_LINEAR) for mask in masks)
    parameters = {
        "side": "right" if axis else "below",
        "cut": [left, top, left + cut_width, top + cut_height],
        "gap": gap,
    }
    return (lay(pixels, grey, kernel), moved), parameters


_FILTERS: dict[str, Callable[[Pixels, np.random.Generator], tuple[Pixels, Record]]] = {
    "brighten": _brighten,
    "contrast": _contrast,
    "gamma": _gamma,
    "white_balance": _white_balance,
    "local_tone": _local_tone,
    "denoise": _denoise,
    "sharpen": _sharpen,
    "blur": _blur,
    "noise": _noise,
}
_LAYOUTS: dict[str, Callable[[_Layers, np.random.Generator], tuple[_Layers, Record]]] = {
    "mosaic": _mosaic,
    "camera_strip": _strip,
    "collage": _collage,
}
OPERATIONS: tuple[str, ...] = (*_FILTERS, *DRAWINGS, *_LAYOUTS)
"""All operations, in the order they are drawn from."""
