"""Which program's quantisation tables a JPEG carries: what saved it last.

In: `JpegFacts`. Out: an `Encoder` or None where the tables are nobody's that is known. libjpeg's and mozjpeg's tables
are computed; Apple's and Photoshop's are known by checksum. The checksums were counted in the training half of public
photos (`python -m datasets.encoders FOLDER` counts them again): those that stand in at least two files which name the
program, and beside which no other encoder's owner is named as the last. Apple's encoder is also what macOS exports
with, so its tables beside another maker's name mean "exported on a Mac".
Source of the method: Kee, Johnson, Farid, "Digital image authentication from JPEG headers" (IEEE TIFS 6, 2011).
"""

import zlib
from dataclasses import dataclass
from functools import cache
from typing import Literal

from refundlens.model.photo.jpeg import JpegFacts, Table

EncoderKind = Literal["camera", "editor", "library"]
"""library: what phones, apps and sites alike are built with, so it names nobody."""

_APPLE = frozenset({
    0x9BCC2CFA, 0x78E19F6A, 0x90D91237, 0xB18FFBDC, 0x2FF464D4, 0xD6EA55F1, 0x921F29E0, 0xDEE75569,
})  # fmt: skip
_PHOTOSHOP = frozenset({
    0x5D39A375, 0xD35ACBFF, 0xDEA34EB2, 0x796AB6A6, 0x23BE6864, 0x47357B3B, 0xC8EA438D, 0x8AE5CC8A, 0x961ECBE5,
    0x00FA6660, 0x1F51D51D, 0xD8EA11B7, 0x2526F701,
})  # fmt: skip
_MOZJPEG = (
    16, 16, 16, 18, 25, 37, 56, 85, 16, 17, 20, 27, 34, 40, 53, 75,
    16, 20, 24, 31, 43, 62, 91, 135, 18, 27, 31, 40, 53, 74, 106, 156,
    25, 34, 43, 53, 69, 94, 131, 189, 37, 40, 62, 74, 94, 124, 169, 238,
    56, 53, 91, 106, 131, 169, 226, 311, 85, 75, 135, 156, 189, 238, 311, 418,
)  # fmt: skip
"""mozjpeg's luminance base table (Robidoux), raster order, scaled by quality as libjpeg scales its own."""


@dataclass(frozen=True)
class Encoder:
    """name: a key of model/texts's values or a program's name. quality: libjpeg's, where the tables have one."""

    name: str
    kind: EncoderKind
    quality: int | None = None


def encoder_of(facts: JpegFacts) -> Encoder | None:
    """What saved the file last, by its tables."""
    if not facts.tables or any(min(table) < 1 for table in facts.tables):
        return None
    if facts.exact_quality:
        return Encoder("libjpeg", "library", facts.quality)
    known = checksum(facts.tables)
    if known in _APPLE:
        return Encoder("Apple", "camera")
    if known in _PHOTOSHOP:
        return Encoder("Adobe Photoshop", "editor")
    quality = _mozjpeg_tables().get(facts.tables[0])
    return Encoder("mozjpeg", "library", quality) if quality else None


def checksum(tables: tuple[Table, ...]) -> int:
    """CRC-32 of the luminance and chrominance tables, a byte a step."""
    return zlib.crc32(bytes(min(step, 255) for table in tables[:2] for step in table))


@cache
def _mozjpeg_tables() -> dict[Table, int]:
    tables: dict[Table, int] = {}
    for quality in range(1, 101):
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        tables.setdefault(tuple(min(max((step * scale + 50) // 100, 1), 255) for step in _MOZJPEG), quality)
    return tables
