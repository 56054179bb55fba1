"""Reading the files of a dataset: pictures as RGB, masks as shares.

In: a path below a dataset's folder. Out: arrays. For files that we wrote ourselves; strangers' files go through
`model.image`.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """The picture, RGB uint8 [H,W,3]. Raises OSError where the file is missing or no picture."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def read_mask(path: Path) -> NDArray[np.float32]:
    """The mask, float32 [H,W], 0 untouched to 1 changed. Raises OSError where the file is missing or no picture."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), np.float32) / np.float32(255.0)
