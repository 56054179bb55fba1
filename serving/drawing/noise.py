"""The noise view: what is left of a photo when its content is taken away, for a judge's eyes.

In: pixels. Out: a grey picture of bounded size in which a place is as bright as its finest noise is strong. Camera
noise is even over like surfaces; a patch that was regenerated, blurred or pasted often stands out darker or brighter.
It is no part of the verdict.
"""

import numpy as np
from numpy.typing import NDArray

LONGEST = 1600
"""Pixels a side of the view at most; larger photos show the root mean square of each block."""
FULL = 10.0
"""Grey levels of residual that are shown white: noise of phone photos is 1 to 4, edges go beyond."""
BRIGHTEN = 0.5
"""Exponent of the brightness curve: weak noise must be told apart, strong edges need not."""
STRIP = 512
"""Rows worked on at once: some 25 MB for the widest photo."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def residual(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB uint8 [H,W,3] -> grey uint8 [h,w], both sides at most LONGEST."""
    height, width = pixels.shape[:2]
    block = -(-max(height, width) // LONGEST)
    rows = max(block, STRIP // block * block)
    strips = [
        _pooled(_high_pass(pixels, top, min(top + rows, height)), block) for top in range(0, height, rows)
    ]
    strength = np.concatenate(strips)
    shown = 255 * np.clip(strength / FULL, 0, 1) ** BRIGHTEN
    return np.asarray(shown + 0.5, np.uint8)


def _high_pass(pixels: NDArray[np.uint8], top: int, bottom: int) -> NDArray[np.float32]:
    """Luma less the mean of its neighbours, of rows top to bottom: float32 [bottom-top,W]."""
    first, last = max(top - 1, 0), min(bottom + 1, len(pixels))
    luma = pixels[first:last].astype(np.float32) @ _LUMA
    padded = np.pad(luma, ((int(top == first), int(bottom == last)), (1, 1)), mode="edge")
    across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    blurred = (across[:-2] + 2 * across[1:-1] + across[2:]) / 16
    found: NDArray[np.float32] = padded[1:-1, 1:-1] - blurred
    return found


def _pooled(values: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Root mean square of each block; the last of a side may be smaller."""
    if block == 1:
        return np.abs(values)
    rows = np.arange(0, values.shape[0], block)
    columns = np.arange(0, values.shape[1], block)
    sums = np.add.reduceat(np.add.reduceat(values**2, rows, axis=0), columns, axis=1)
    heights = np.diff(np.append(rows, values.shape[0]))
    widths = np.diff(np.append(columns, values.shape[1]))
    return np.asarray(np.sqrt(sums / np.outer(heights, widths)), np.float32)
