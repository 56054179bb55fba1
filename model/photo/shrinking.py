"""Pictures made small enough to be looked through, by area averaging.

What is judged has its own size and kernel: `model.photo.resizing`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray


def shrunk(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """uint8 [H,W] or [H,W,3] no longer than `side` pixels; the very same array where it is not."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def shrunk_grey(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The same, uint8 [h,w], of RGB or grey."""
    small = shrunk(pixels, side)
    return small if small.ndim == 2 else np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
