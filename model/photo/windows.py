"""A fair sample of a picture's pixels for measurements whose cost must not grow with its size.

In: RGB uint8 [H,W,3] with the compression grid starting at (0, 0). Out: luma windows float32 [h,w], -128 to 127.
"""

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]

SIDE = 128
"""Pixels a side of a window: 16 x 16 JPEG blocks."""
PER_AXIS = 4
"""Windows across and down at most: 512 x 512 pixels in all, enough for stable histograms, in a few milliseconds."""

_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
"""JPEG's own luma (ITU-R BT.601)."""


def _starts(length: int) -> list[int]:
    """Window corners spread evenly over `length` pixels, on the 8-pixel grid, overlapping only where it is short."""
    count = max(1, min(PER_AXIS, -(-length // SIDE)))
    last = max(length - SIDE, 0)
    return sorted({last * index // max(count - 1, 1) // 8 * 8 for index in range(count)})


def luma_windows(pixels: NDArray[np.uint8]) -> list[Luma]:
    """Windows of at most SIDE x SIDE pixels, spread over the picture, as luma."""
    height, width = pixels.shape[:2]
    return [
        (pixels[y : y + SIDE, x : x + SIDE] @ _WEIGHTS - np.float32(128.0)).astype(np.float32, copy=False)
        for y in _starts(height)
        for x in _starts(width)
    ]
