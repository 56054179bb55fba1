"""PDQ, Facebook's perceptual hash of a whole picture: 256 bits that others can compare with theirs.

In: RGB pixels. Out: 32 bytes and a quality from 0 to 100. Written after the specification and reference code of PDQ
(Facebook, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019; ThreatExchange, pdq/).
Its filter, its decimation and its cosine transform are linear in rows and in columns, so that each becomes a
table of taps for a side, made once for each length.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

BITS = 256
NEAR = 31
"""Largest Hamming distance, in bits of 256, of two copies of a picture: the threshold its authors recommend."""
GOOD = 50
"""Least quality of a hash to be relied on, by its authors: under it the picture has too little structure."""
LARGEST = 512
"""Pixels a side that larger pictures are reduced to first, as the reference program does."""
_SIDE = 64
"""Samples a side after the filter."""
_FREQUENCIES = 16
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Pdq:
    """bits: uint8 [32], most significant bit first, highest frequency first, as the hexadecimal form is written.
    quality: 0 to 100, how much structure the hash rests on."""

    bits: NDArray[np.uint8]
    quality: int

    @property
    def hex(self) -> str:
        """64 hexadecimal digits, as PDQ hashes are exchanged."""
        return self.bits.tobytes().hex()


def pdq_hash(pixels: NDArray[np.uint8]) -> Pdq:
    """The hash of uint8 [H,W,3] RGB or [H,W] grey pixels."""
    small = _filtered(pixels)
    cosines = _cosines()
    spectrum = cosines @ small @ cosines.T
    above = (spectrum > np.median(spectrum)).ravel()
    return Pdq(np.packbits(above[::-1]), _quality(small))


def distance(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> int:
    """Hamming distance of two hashes, 0 to 256 bits."""
    return int(np.bitwise_count(first ^ second).sum())


def _filtered(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The picture's luminance, smoothed and sampled: float32 [64,64]."""
    height, width = pixels.shape[:2]
    if max(height, width) > LARGEST:
        size = (min(width, LARGEST), min(height, LARGEST))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    light = pixels.astype(np.float32)
    if light.ndim == 3:
        light = light @ _LUMA
    return _sampled(_sampled(light).T).T


def _sampled(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows [n,m], filtered and sampled down the columns: float32 [64,m]."""
    taken, weights = _taps(len(lines))
    return np.asarray(np.einsum("sk,skm->sm", weights, lines[taken]), np.float32)


@lru_cache(maxsize=32)
def _taps(length: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Two passes of the box filter over a side, at 64 samples of it: which values each rests on, int64 [64,k], and
    with which weights, float32 [64,k]."""
    window = (length + 2 * _SIDE - 1) // (2 * _SIDE)
    ahead = (window + 2) // 2
    place = np.arange(length)
    low = np.maximum(place - (window - ahead), 0)
    high = np.minimum(place + ahead, length)
    inside = (place[None, :] >= low[:, None]) & (place[None, :] < high[:, None])
    box = inside / inside.sum(1, keepdims=True)
    taken = ((np.arange(_SIDE) + 0.5) * length / _SIDE).astype(np.int64)
    twice = box[taken] @ box
    first = np.argmax(twice > 0, axis=1)
    widest = int((twice > 0).sum(1).max())
    reached = np.minimum(first[:, None] + np.arange(widest), length - 1)
    weights = np.take_along_axis(twice, reached, 1)
    weights[first[:, None] + np.arange(widest) > length - 1] = 0  # a tap beyond the end repeats the last
    return reached, np.asarray(weights, np.float32)


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float32]:
    """Frequencies 1 to 16 of the cosine transform: float32 [16,64]."""
    frequency, place = np.arange(1, _FREQUENCIES + 1)[:, None], np.arange(_SIDE)[None, :]
    waves = np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * frequency * (2 * place + 1))
    return np.asarray(waves, np.float32)


def _quality(small: NDArray[np.float32]) -> int:
    """Sum of the steps between neighbours in whole percents, capped: the authors' measure."""
    steps = sum(int(np.abs(np.trunc(np.diff(small, axis=axis) * 100 / 255)).sum()) for axis in (0, 1))
    return min(100, steps // 90)
