"""What photographers and shops do to a whole photo: tones, colours, sharpening, smoothing, a blurred background, grain.

In: pictures of one scene. Out: the same pictures, retouched alike. Training pairs are retouched so that a picture's
finish tells nothing: generators' galleries hang among well-lit, saturated, sharpened photos, and a network that has met
few such photos takes the finish for the generator.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.editors.base import Pixels

Floats = NDArray[np.float32]
Operation = Callable[[Floats], Floats]
"""float32 [h,w,3], 0..255 -> the same; every random choice is made before, so that twins are treated alike."""
OFTEN = {
    "tones": 0.6, "colours": 0.5, "sharpen": 0.35, "smooth": 0.25, "local_contrast": 0.1, "background": 0.15,
    "soften": 0.1, "grain": 0.12,
}  # fmt: skip
"""Probability of each operation, in the order they are applied."""


def retouch(rng: np.random.Generator, pictures: Sequence[Pixels], scale: float = 1.0) -> list[Pixels]:
    """Draw one treatment and apply it to every picture, uint8 RGB [h,w,3] of one size.

    scale: factor the pictures will be resized by afterwards; radii grow by its inverse, so that they last.
    """
    height, width = pictures[0].shape[:2]
    grow = float(np.clip(1 / scale, 1.0, 3.0))
    makers: dict[str, Callable[[], Operation]] = {
        "tones": lambda: _tones(rng),
        "colours": lambda: _colours(rng),
        "sharpen": lambda: _sharpen(rng, grow),
        "smooth": lambda: _smooth(rng, grow),
        "local_contrast": lambda: _local_contrast(rng),
        "background": lambda: _background(rng, height, width, grow),
        "soften": lambda: _soften(rng),
        "grain": lambda: _grain(rng, height, width),
    }
    operations = [makers[name]() for name, often in OFTEN.items() if rng.random() < often]
    return [_apply(picture, operations) for picture in pictures]


def _apply(picture: Pixels, operations: Sequence[Operation]) -> Pixels:
    if not operations:
        return picture
    values: Floats = picture.astype(np.float32)
    for operation in operations:
        values = np.clip(operation(values), 0, 255).astype(np.float32)
    return np.asarray(np.rint(values), np.uint8)


def _tones(rng: np.random.Generator) -> Operation:
    """Gamma, an S curve, black and white points: one table for all channels."""
    gamma, bend = float(np.exp(rng.normal(0, 0.2))), float(rng.uniform(-0.25, 0.5))
    black, white = float(rng.uniform(-0.05, 0.06)), float(rng.uniform(0.94, 1.06))
    levels = np.clip((np.arange(256) / 255 - black) / (white - black), 0, 1) ** gamma
    curve = levels + bend * (levels * levels * (3 - 2 * levels) - levels)
    table = np.asarray(255 * np.clip(curve, 0, 1), np.float32)
    return lambda values: np.asarray(np.interp(values, np.arange(256), table), np.float32)


def _colours(rng: np.random.Generator) -> Operation:
    """Saturation and white balance."""
    saturation = float(np.exp(rng.normal(0.05, 0.3)))
    gains = np.asarray(np.exp(rng.normal(0, 0.05, 3)), np.float32)

    def change(values: Floats) -> Floats:
        grey = values.mean(axis=2, keepdims=True)
        return np.asarray((grey + saturation * (values - grey)) * gains, np.float32)

    return change


def _sharpen(rng: np.random.Generator, grow: float) -> Operation:
    """Unsharp mask."""
    sigma, amount = float(rng.uniform(0.5, 1.6)) * grow, float(rng.uniform(0.2, 1.4))
    return lambda values: np.asarray(
        values + amount * (values - cv2.GaussianBlur(values, (0, 0), sigma)), np.float32
    )


def _smooth(rng: np.random.Generator, grow: float) -> Operation:
    """Noise reduction as cameras and beauty filters do it."""
    if rng.random() < 0.5:
        level, space = float(rng.uniform(6, 25)), float(rng.uniform(1, 2.5)) * grow
        return lambda values: np.asarray(cv2.bilateralFilter(values, 7, level, space), np.float32)
    size = 3 if rng.random() < 0.7 else 5
    return lambda values: np.asarray(cv2.medianBlur(values, size), np.float32)


def _local_contrast(rng: np.random.Generator) -> Operation:
    """Contrast-limited adaptive histogram equalisation of luma (Zuiderveld, Graphics Gems IV, 1994)."""
    tool = cv2.createCLAHE(float(rng.uniform(1, 2.5)), (4, 4))

    def change(values: Floats) -> Floats:
        luma, *chroma = cv2.split(cv2.cvtColor(np.rint(values).astype(np.uint8), cv2.COLOR_RGB2YCrCb))
        changed = cv2.merge([tool.apply(luma), *chroma])
        return np.asarray(cv2.cvtColor(changed, cv2.COLOR_YCrCb2RGB), np.float32)

    return change


def _background(rng: np.random.Generator, height: int, width: int, grow: float) -> Operation:
    """A blurred surrounding, as large apertures and portrait modes give."""
    sigma = float(rng.uniform(1, 6)) * grow
    y, x = rng.uniform(0.2, 0.8, 2)
    radius = float(rng.uniform(0.2, 0.5))
    rows, columns = np.ogrid[:height, :width]
    distance = np.hypot((rows / height - y) / radius, (columns / width - x) / radius)
    far = np.clip((distance - 0.8) / 0.6, 0, 1)[..., None].astype(np.float32)
    return lambda values: np.asarray(
        values + far * (cv2.GaussianBlur(values, (0, 0), sigma) - values), np.float32
    )


def _soften(rng: np.random.Generator) -> Operation:
    """Shrunk and enlarged again, as pages and apps do."""
    factor = float(rng.uniform(0.55, 0.95))
    kernel = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4]))

    def change(values: Floats) -> Floats:
        height, width = values.shape[:2]
        small = cv2.resize(
            values, (max(1, int(width * factor)), max(1, int(height * factor))), interpolation=cv2.INTER_AREA
        )
        return np.asarray(cv2.resize(small, (width, height), interpolation=kernel), np.float32)

    return change


def _grain(rng: np.random.Generator, height: int, width: int) -> Operation:
    """Film grain or sensor noise, alike in all channels or not."""
    channels = 1 if rng.random() < 0.5 else 3
    noise = rng.normal(0, float(rng.uniform(1, 5)), (height, width, channels)).astype(np.float32)
    return lambda values: np.asarray(values + noise, np.float32)
