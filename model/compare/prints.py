"""A photo's print: what stays of it that finds the same picture again, after crops, overlays and light edits.

In: RGB pixels. Out: a `Print` of some 900 bytes: up to ANCHORS patches around blobs that lie where they lie however
the picture is cut, resized or compressed, each as 128 signs of its cosine spectrum; the whole picture as one more
patch; and PDQ of the whole.

A hash of the whole alone does not survive a crop: of PDQ's 256 bits a margin of 2 % a side changes 38, of 5 % 86
(medians of 150 photos); its authors call 31 a copy. Blobs come from the differences of Gaussians of SIFT (Lowe 2004).
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare.pdq import pdq_hash
from refundlens.model.photo.shrinking import shrunk_grey

Codes = NDArray[np.uint64]
"""[n,2]: 128 bits a row, the lowest frequencies first."""

VERSION = 1
"""Of the print. Prints of different versions cannot be compared; raise it with any change of what follows."""
ANCHORS = 40
"""Patches kept beside the whole. Of pictures under a strip and a line of text, 89 % shared three with 16, all with
40."""
INDEXED = 16
"""Of those, how many an index holds: one that agrees is enough to be looked at."""
AREA = 220 * 220
"""Pixels of the reduced picture: every size of a picture gives the same blobs."""
LONGEST = 1024
"""Pixels of its long side at most, for strips."""
SMALLEST = 64
"""Pixels of the reduced picture's short side under which it has no anchors, only the whole."""
LEAST_BLOB = 5.0
"""Diameter of the smallest blob kept, in pixels of the reduced picture: smaller ones drown in compression."""
REACH = 3.0
"""Radius of a patch in diameters of its blob: what surrounds a blob is what makes it itself."""
OVERHANG = 0.15
"""Share of its radius by which a patch may reach beyond the picture."""
BITS = 128
_SAMPLES = 32
"""Samples a side of a patch."""
_FREQUENCIES = 12
_FAINT = 0.01
"""Contrast under which SIFT drops a blob; a quarter of its usual value, since plain goods have few strong ones."""
_PLACE = 4.0
"""Steps of a place's coordinates in a pixel of the reduced picture."""


@dataclass(frozen=True)
class Print:
    """codes: uint64 [n,2], the last row of the whole picture, those before it of anchors. places: float32 [n-1,3],
    each anchor's centre (x, y) and patch radius in pixels of the reduced picture. size: its width and height.
    pdq: uint8 [32]. quality: PDQ's, 0 to 100."""

    codes: Codes
    places: NDArray[np.float32]
    size: tuple[int, int]
    pdq: NDArray[np.uint8]
    quality: int

    @property
    def mirrored(self) -> "Print":
        """The print of the mirror image: odd horizontal frequencies change their sign (nearly so in PDQ, whose bits
        are compared with a median beside 0)."""
        odd, odd_pdq = _odd()
        places = self.places.copy()
        places[:, 0] = self.size[0] - 1 - places[:, 0]
        return Print(self.codes ^ odd, places, self.size, self.pdq ^ odd_pdq, self.quality)

    @property
    def indexed(self) -> Codes:
        """The codes that an index holds: the strongest anchors' and the whole's. It is asked for all."""
        return np.concatenate([self.codes[:-1][:INDEXED], self.codes[-1:]])

    def pack(self) -> bytes:
        """As it is stored; some 900 bytes."""
        head = np.array([VERSION, len(self.places), *self.size, self.quality], "<u2")
        places = np.rint(self.places * _PLACE).astype("<i2")
        parts = (head, self.pdq, places, self.codes.astype("<u8"))
        return b"".join(part.tobytes() for part in parts)


def unpack_prints(data: bytes) -> Print:
    """The other way round. Raises ValueError for bytes of another version or no print at all."""
    if len(data) < 42:
        raise ValueError("these bytes are no print of a photo")
    version, count, width, height, quality = (int(value) for value in np.frombuffer(data, "<u2", 5))
    if version != VERSION or len(data) != 42 + 6 * count + 16 * (count + 1):
        raise ValueError(f"this print has version {version}, not {VERSION}, or is cut: take it anew")
    places = np.frombuffer(data, "<i2", 3 * count, 42).reshape(-1, 3).astype(np.float32) / np.float32(_PLACE)
    codes = np.frombuffer(data, "<u8", 2 * (count + 1), 42 + 6 * count).reshape(-1, 2).astype(np.uint64)
    return Print(codes, places, (width, height), np.frombuffer(data, np.uint8, 32, 10).copy(), quality)


def take_print(pixels: NDArray[np.uint8]) -> Print:
    """The print of uint8 [H,W,3] RGB or [H,W] grey pixels; some 10 ms."""
    return _take(_coarse(pixels))


def _take(coarse: NDArray[np.uint8]) -> Print:
    reduced = _reduced(coarse)
    places = _anchors(reduced)
    height, width = reduced.shape
    patches = np.concatenate([_patches(reduced, places), _shrunk(reduced)[None]])
    whole = pdq_hash(coarse)
    return Print(_codes(patches), places, (width, height), whole.bits, whole.quality)


def _coarse(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey, no longer than LONGEST: all that follows starts from it, so that megapixels are read once."""
    return shrunk_grey(pixels, LONGEST)


def _reduced(coarse: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """About AREA pixels of it; a picture that is smaller is enlarged, so that its blobs are as large."""
    height, width = coarse.shape
    scale = min((AREA / (height * width)) ** 0.5, LONGEST / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(
        cv2.resize(coarse, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    )


def _anchors(reduced: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The strongest blobs that are no neighbours of stronger ones: float32 [n,3], x, y and radius of the patch."""
    height, width = reduced.shape
    if min(height, width) < SMALLEST:
        return np.zeros((0, 3), np.float32)
    sift = cv2.SIFT.create(nOctaveLayers=4, contrastThreshold=_FAINT, edgeThreshold=20)
    # SIFT begins by enlarging twice; the blobs of that size would be dropped below
    half = cv2.resize(reduced, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    blobs = [(point.response, *point.pt, point.size) for point in sift.detect(half, None)]
    found = np.array(blobs, np.float32).reshape(-1, 4) * np.array([1, 2, 2, 2], np.float32)
    found[:, 1:3] += 0.5  # centres of pixels twice as large
    found = found[found[:, 3] >= LEAST_BLOB]
    x, y, radius = found[:, 1], found[:, 2], found[:, 3] * REACH
    beyond = np.max([radius - x, radius - y, x + radius - width, y + radius - height], axis=0)
    inside = beyond <= OVERHANG * radius
    # a large blob is rarer than a small one of the same contrast
    order = np.argsort(-(found[:, 0] * np.sqrt(found[:, 3]))[inside], kind="stable")
    return _apart(np.stack([x, y, radius], 1)[inside][order])


def _apart(ranked: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first ANCHORS places of which none repeats an earlier one (SIFT gives a blob once for each direction)."""
    kept = np.zeros((0, 3), np.float32)
    for place in ranked:
        near = np.hypot(*(kept[:, :2] - place[:2]).T) <= 0.35 * np.minimum(kept[:, 2], place[2])
        alike = np.abs(np.log(kept[:, 2] / place[2])) <= 0.3
        if not (near & alike).any():
            kept = np.concatenate([kept, place[None]])
            if len(kept) == ANCHORS:
                break
    return kept


def _patches(reduced: NDArray[np.uint8], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """What surrounds each anchor: float32 [n,_SAMPLES,_SAMPLES], from that level of a pyramid whose pixels are at
    most twice as fine as the samples."""
    pyramid = [reduced]
    patches = np.empty((len(places), _SAMPLES, _SAMPLES), np.float32)
    for index, (x, y, radius) in enumerate(places.tolist()):
        step = 2 * radius / _SAMPLES
        level = max(0, int(np.log2(step)))
        while len(pyramid) <= level:
            pyramid.append(np.asarray(cv2.pyrDown(pyramid[-1]), np.uint8))
        step, x, y, radius = (value / 2**level for value in (step, x, y, radius))
        onto = np.array([[step, 0, x - radius + step / 2], [0, step, y - radius + step / 2]])
        patches[index] = cv2.warpAffine(
            pyramid[level],
            onto,
            (_SAMPLES, _SAMPLES),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return patches


def _shrunk(reduced: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The whole picture as one patch."""
    return np.asarray(cv2.resize(reduced, (_SAMPLES, _SAMPLES), interpolation=cv2.INTER_AREA), np.float32)


def _codes(patches: NDArray[np.float32]) -> Codes:
    """Signs of the BITS lowest frequencies of each patch but its mean: uint64 [n,2]."""
    waves, rows, columns = _waves()
    spectrum = waves @ patches @ waves.T
    bits = np.packbits(spectrum[:, rows, columns] > 0, axis=1, bitorder="little")
    return np.asarray(np.ascontiguousarray(bits).view("<u8"), np.uint64)


@lru_cache(maxsize=1)
def _waves() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """The cosine transform float32 [_FREQUENCIES,_SAMPLES], and which of its products are the lowest."""
    frequency, place = np.arange(_FREQUENCIES)[:, None], np.arange(_SAMPLES)[None, :]
    waves = np.cos(np.pi / (2 * _SAMPLES) * frequency * (2 * place + 1)).astype(np.float32)
    pairs = [(row, column) for row in range(_FREQUENCIES) for column in range(_FREQUENCIES)][1:]
    pairs = sorted(pairs, key=lambda pair: (pair[0] ** 2 + pair[1] ** 2, pair))[:BITS]
    return waves, np.array([row for row, _ in pairs]), np.array([column for _, column in pairs])


@lru_cache(maxsize=1)
def _odd() -> tuple[Codes, NDArray[np.uint8]]:
    """Bits of odd horizontal frequency, of a code and of PDQ."""
    _, _, columns = _waves()
    code = np.packbits(columns % 2 == 1, bitorder="little").view("<u8").astype(np.uint64)
    frequencies = np.arange(1, 17)[None, :].repeat(16, 0)
    return code[None], np.packbits((frequencies % 2 == 1).ravel()[::-1])
