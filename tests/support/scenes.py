"""Pictures that tests make themselves: scenes of goods on a table, and what delivery does to them."""

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def scene(seed: int, width: int = 640, height: int = 480) -> Pixels:
    """Thirty things of random colour, shape and texture on a shaded ground: uint8 [height,width,3]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    ground = 120 + 60 * np.sin(columns / width * 3 + rng.uniform(0, 6)) * np.cos(rows / height * 2)
    picture = np.repeat(ground[..., None], 3, 2) + rng.uniform(-20, 20, 3)
    for _ in range(30):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        colour = [float(value) for value in rng.uniform(10, 245, 3)]
        axes = tuple(int(value) for value in rng.integers(10, height // 6, 2))
        angle = float(rng.uniform(0, 180))
        if rng.random() < 0.5:
            cv2.ellipse(picture, (x, y), axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
        else:
            corners = cv2.boxPoints(((x, y), axes, angle)).astype(np.int32)
            cv2.fillPoly(picture, [corners], colour, cv2.LINE_AA)
    grain = cv2.GaussianBlur(rng.normal(0, 14, (height, width, 3)), (0, 0), 1.3)
    return np.asarray(np.clip(cv2.GaussianBlur(picture, (0, 0), 0.8) + grain, 0, 255), np.uint8)


def sent(pixels: Pixels, quality: int = 70, scale: float = 1.0) -> Pixels:
    """Made smaller and saved as JPEG, as an app does."""
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def cut(pixels: Pixels, share: float, seed: int = 0) -> Pixels:
    """A window of that share of each side."""
    rng = np.random.default_rng(seed)
    height, width = round(pixels.shape[0] * share), round(pixels.shape[1] * share)
    top = int(rng.integers(pixels.shape[0] - height + 1))
    left = int(rng.integers(pixels.shape[1] - width + 1))
    return pixels[top : top + height, left : left + width].copy()


def jpeg(pixels: Pixels, quality: int = 85) -> bytes:
    """The file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()
