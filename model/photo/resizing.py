"""The size at which a picture is judged: its own up to 1,700 px, 1,600 px beyond, by one kernel wherever it is scored.

In: RGB pixels uint8 [H,W,3]. Out: the pixels that are scored, and boxes and maps brought back to the displayed picture.

Cameras' own pixels are softer than any photo that a chat or a shop shows, and forty million of them say no more about
an edit than two million do. So calibration never counts on them: it counts on photos shrunk like this, and the service
shrinks like this, too.

>>> import numpy as np
>>> to_judged(np.zeros((3000, 4000, 3), np.uint8)).shape
(1200, 1600, 3)
>>> to_judged(np.zeros((1275, 1700, 3), np.uint8)).shape
(1275, 1700, 3)
>>> box_to_shown((10, 20, 30, 40), judged=(1200, 1600), shown=(3000, 4000))
(25, 50, 75, 100)
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.detection import Box

LARGEST = 1700
"""Long side in pixels up to which a picture is judged as it is: what chats send is at most 1,600 or a little more."""
JUDGED = 1600
"""Long side in pixels at which larger ones are judged: the largest that chats and shops shrink to."""
KERNEL = Image.Resampling.HAMMING
"""Nearly as crisp as bicubic in half of Lanczos's time: 70 CPU ms for 12 megapixels."""
BAND = 256
"""Rows of the result made at a time: Pillow takes 4 bytes a pixel, and 64 megapixels shall not lie in memory twice."""
_SUPPORT = 2
"""Pixels of the result that the kernel reaches, and one to spare."""

Size = tuple[int, int]
"""Height and width."""


def judged_size(height: int, width: int) -> Size:
    """Height and width in pixels at which a picture of this size is judged."""
    longest = max(height, width)
    if longest <= LARGEST:
        return height, width
    return max(1, round(height * JUDGED / longest)), max(1, round(width * JUDGED / longest))


def to_judged(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pixels that are scored: the very same array where nothing has to be done."""
    height, width = pixels.shape[:2]
    rows, columns = judged_size(height, width)
    if (rows, columns) == (height, width):
        return pixels
    scale = height / rows
    shrunk = np.empty((rows, columns, 3), np.uint8)
    for top in range(0, rows, BAND):
        bottom = min(top + BAND, rows)
        first = max(0, math.floor((top - _SUPPORT) * scale))
        last = min(height, math.ceil((bottom + _SUPPORT) * scale))
        box = (0.0, top * scale - first, float(width), min(bottom * scale, height) - first)
        band = Image.fromarray(pixels[first:last])
        shrunk[top:bottom] = np.asarray(band.resize((columns, bottom - top), KERNEL, box=box))
    return shrunk


def box_to_shown(box: Box, judged: Size, shown: Size) -> Box:
    """A box in judged pixels in pixels of the displayed picture, covering at least what it covered."""
    if judged == shown:
        return box
    down, across = shown[0] / judged[0], shown[1] / judged[1]
    x0, y0, x1, y1 = box
    return (
        math.floor(x0 * across),
        math.floor(y0 * down),
        min(math.ceil(x1 * across), shown[1]),
        min(math.ceil(y1 * down), shown[0]),
    )
