"""A detector's map as a small PNG, exact enough to be compared: 16 bits a cell, a cell per 8 pixels of the photo.

In: float32 [h,w], 0 to 1. Out: PNG, and back to within half a step.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STEPS = 65535
"""Of 16 bits: a step is 0.000015, less than the 0.0001 to which numbers are compared."""
MOST_CELLS = 4_000_000
"""Far more than the largest photo has; a PNG that claims more is not decoded."""


def encode(cells: NDArray[np.float32]) -> bytes:
    """The same cells, the same bytes."""
    steps = np.rint(np.clip(cells, 0, 1) * np.float32(STEPS)).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(steps).save(file, "PNG", compress_level=9)
    return file.getvalue()


def decode(png: bytes) -> NDArray[np.float32]:
    """float32 [h,w]. Raises ValueError for what `encode` did not write."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            if picture.width * picture.height > MOST_CELLS or not picture.mode.startswith("I;16"):
                raise ValueError("this PNG is no map of 16 bits")
            steps = np.asarray(picture, np.uint16)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"this PNG cannot be read: {error}") from error
    return steps.astype(np.float32) / np.float32(STEPS)
