"""How a photo reaches us: resized, cropped, screenshotted and recompressed by phones, messengers and shops.

Data in: a picture (and the masks that lie on it); a chain of steps, plain JSON. Data out: the file's bytes,
the pixels a reader decodes from them, and the masks moved along. Chains are drawn without knowing what the
picture shows or whether it is fake: one distribution for every class, applied after the edit, so that no
detector can learn the delivery instead of the content.

>>> import numpy as np
>>> photo = np.full((533, 400, 3), 128, np.uint8)
>>> sent = deliver(photo, NAMED["q60_768"], [np.ones((533, 400), np.float32)])
>>> sent.suffix, sent.pixels.shape, sent.masks[0].shape
('.jpg', (533, 400, 3), (533, 400))
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets.degradations.chains import NAMED, Step, draw_chain
from refundlens.datasets.degradations.quantisation import MeasuredTables, load_tables
from refundlens.datasets.degradations.screenshot import screenshot

__all__ = ["NAMED", "Delivered", "MeasuredTables", "Step", "deliver", "draw_chain", "load_tables"]

Pixels = NDArray[np.uint8]
Mask = NDArray[np.float32]
Layers = tuple[Pixels, tuple[Mask, ...]]

LEAST_SIDE = 16
"""Pixels that a crop or a resize leaves on each side at least: two JPEG blocks; below that nothing can be
judged."""
WEBP_METHOD = 2
"""libwebp's effort, 0 to 6. 2 halves the time of the usual 4; the coding tools and the loop filter are the
same."""

_PILLOW_KERNELS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_CV2_KERNELS = {"area": cv2.INTER_AREA, "linear_aliased": cv2.INTER_LINEAR, "cubic_aliased": cv2.INTER_CUBIC}
_SUFFIX = {
    "JPEG": ".jpg", "WEBP": ".webp", "PNG": ".png", "HEIF": ".heic", "AVIF": ".avif", "GIF": ".gif",
}  # fmt: skip
AVIF_SPEED = 8
"""libavif's speed, 0 to 10: a second for two megapixels instead of ten, by the same coding tools."""


@dataclass(frozen=True)
class Delivered:
    """A delivered picture.

    data: the file. suffix: ".jpg", ".webp", ".png", ".heic", ".avif" or ".gif". pixels: uint8 [h,w,3] as
    Pillow decodes `data`. masks: float32 [h,w] each, 0 to 1, in the order given.
    """

    data: bytes
    suffix: str
    pixels: Pixels
    masks: tuple[Mask, ...]


def deliver(pixels: Pixels, chain: Sequence[Step], masks: Sequence[Mask] = ()) -> Delivered:
    """Send uint8 [H,W,3] through the steps; the same chain always gives the same bytes.

    A chain whose last step is no encoder is stored as PNG. Raises ValueError for an unknown step or for a
    mask that is not of the picture's size.
    """
    if any(mask.shape != pixels.shape[:2] for mask in masks):
        raise ValueError(f"every mask must be {pixels.shape[:2]}, got {[mask.shape for mask in masks]}")
    layers: Layers = (pixels, tuple(masks))
    steps = list(chain)
    last = steps.pop() if steps and steps[-1]["step"] in _ENCODERS else {"step": "png"}
    for step in steps:
        layers = _apply(layers, step)
    pixels, moved = layers
    data, name = _ENCODERS[last["step"]](Image.fromarray(pixels), last)
    return Delivered(data, _SUFFIX[name], _decode(data), moved)


def _apply(layers: Layers, step: Step) -> Layers:
    name = step["step"]
    if name in _GEOMETRY:
        return _GEOMETRY[name](layers, step)
    if name == "png":
        return layers  # lossless: only the last one needs to become a file
    if name in _ENCODERS:
        data, _ = _ENCODERS[name](Image.fromarray(layers[0]), step)
        return _decode(data), layers[1]
    raise ValueError(f"unknown delivery step {name!r}; known: {sorted([*_GEOMETRY, *_ENCODERS])}")


def _decode(data: bytes) -> Pixels:
    if data[4:8] == b"ftyp" and data[8:12].startswith((b"he", b"mi")):
        return np.array(pillow_heif.open_heif(io.BytesIO(data)).to_pillow().convert("RGB"))
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def _jpeg(image: Image.Image, step: Step) -> tuple[bytes, str]:
    """`tables` (one or two lists of 64, row by row) go before `quality` (libjpeg's 1 to 100)."""
    options: dict[str, Any] = {"subsampling": step.get("subsampling", "4:2:0")}
    if "tables" in step:
        options["qtables"] = step["tables"]
    else:
        options["quality"] = step["quality"]
    return _save(image, "JPEG", options)


def _webp(image: Image.Image, step: Step) -> tuple[bytes, str]:
    return _save(image, "WEBP", {"quality": step["quality"], "method": WEBP_METHOD})


def _heic(image: Image.Image, step: Step) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=step["quality"])
    return buffer.getvalue(), "HEIF"


def _avif(image: Image.Image, step: Step) -> tuple[bytes, str]:
    return _save(image, "AVIF", {"quality": step["quality"], "speed": AVIF_SPEED})


def _gif(image: Image.Image, step: Step) -> tuple[bytes, str]:
    """256 colours, dithered, as every program that makes one does."""
    return _save(image.quantize(256), "GIF", {})


def _png(image: Image.Image, step: Step) -> tuple[bytes, str]:
    return _save(image, "PNG", {"compress_level": 1})  # fastest; the pixels are the same at every level


def _save(image: Image.Image, name: str, options: dict[str, Any]) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue(), name


def _resize(layers: Layers, step: Step) -> Layers:
    """Bring the long side to `long_side` pixels; with `only_shrink`, leave smaller pictures alone."""
    pixels, masks = layers
    height, width = pixels.shape[:2]
    scale = step["long_side"] / max(height, width)
    if scale == 1 or (step.get("only_shrink") and scale > 1):
        return layers
    size = (max(LEAST_SIDE, round(width * scale)), max(LEAST_SIDE, round(height * scale)))
    return resize_pixels(pixels, size, step["kernel"]), tuple(resize_mask(mask, size) for mask in masks)


def resize_pixels(pixels: Pixels, size: tuple[int, int], kernel: str) -> Pixels:
    """Resample to `size` = (width, height). Pillow's kernels widen when they shrink; `*_aliased` do not, as
    on phones."""
    if kernel in _CV2_KERNELS:
        return np.asarray(cv2.resize(pixels, size, interpolation=_CV2_KERNELS[kernel]), np.uint8)
    return np.array(Image.fromarray(pixels).resize(size, _PILLOW_KERNELS[kernel]))


def resize_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """Share of each new pixel that is covered: area when it shrinks, bilinear when it grows."""
    shrinks = size[0] <= mask.shape[1] and size[1] <= mask.shape[0]
    flag = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, size, interpolation=flag), np.float32)


def _crop(layers: Layers, step: Step) -> Layers:
    """Cut `pixels` or `share` (of the side) off at [left, top, right, bottom]."""
    pixels, masks = layers
    height, width = pixels.shape[:2]
    if "pixels" in step:
        left, top, right, bottom = step["pixels"]
    else:
        share = step["share"]
        left, right = round(share[0] * width), round(share[2] * width)
        top, bottom = round(share[1] * height), round(share[3] * height)
    if width - left - right < LEAST_SIDE or height - top - bottom < LEAST_SIDE:
        return layers  # a picture this small is sent whole
    window = np.s_[top : height - bottom, left : width - right]
    return np.ascontiguousarray(pixels[window]), tuple(np.ascontiguousarray(mask[window]) for mask in masks)


def _screenshot(layers: Layers, step: Step) -> Layers:
    """Scale the picture to the phone's width and put it on the screen; masks are 0 on the phone's own
    pixels."""
    pixels, masks = layers
    height, width = pixels.shape[:2]
    screen_width = min(step["width"], width) if step.get("only_shrink") else step["width"]
    size = (screen_width, max(LEAST_SIDE, round(height * screen_width / width)))
    shown = pixels if size == (width, height) else resize_pixels(pixels, size, step["kernel"])
    screen, top = screenshot(shown, step)
    moved = []
    for mask in masks:
        canvas = np.zeros(screen.shape[:2], np.float32)
        canvas[top : top + size[1]] = resize_mask(mask, size)
        moved.append(canvas)
    return screen, tuple(moved)


_GEOMETRY: dict[str, Callable[[Layers, Step], Layers]] = {
    "resize": _resize,
    "crop": _crop,
    "screenshot": _screenshot,
}
_ENCODERS: dict[str, Callable[[Image.Image, Step], tuple[bytes, str]]] = {
    "jpeg": _jpeg,
    "webp": _webp,
    "png": _png,
    "heic": _heic,
    "avif": _avif,
    "gif": _gif,
}
