"""What a JPEG file says about its own making, read from its segments in pure Python; no pixel is decoded.

In: the file's bytes. Out: `JpegFacts`, or None where no frame header is found. Never raises on hostile bytes.
Source: ITU-T T.81 annex B (segments), annex K (the tables that libjpeg scales by quality).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from refundlens.model.photo.exif import Exif, read_exif

Table = tuple[int, ...]
"""64 quantiser steps in raster order: entry 8*v + u belongs to vertical frequency v, horizontal u."""

_ZIGZAG = (
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
)  # fmt: skip
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
)  # fmt: skip
_SUBSAMPLING: dict[tuple[tuple[int, int], ...], str] = {
    ((1, 1), (1, 1), (1, 1)): "4:4:4", ((2, 1), (1, 1), (1, 1)): "4:2:2", ((1, 2), (1, 1), (1, 1)): "4:4:0",
    ((2, 2), (1, 1), (1, 1)): "4:2:0", ((4, 1), (1, 1), (1, 1)): "4:1:1",
}  # fmt: skip
_SOS, _EOI = 0xDA, 0xD9
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_BARE = {0x01, *range(0xD0, 0xD9)}
MAX_SEGMENTS = 10_000
"""Segments walked in one file: a progressive JPEG with all its tables has under 100."""
_FILL = re.compile(rb"\xff*")
_NEXT_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")


@dataclass(frozen=True)
class JpegFacts:
    """One JPEG file's header.

    quality: libjpeg's 1 to 100 whose tables lie nearest; exact_quality: whether they are exactly libjpeg's.
    tables: quantiser tables by component (luminance first). subsampling: "4:2:0" and so on, "grey", or "other".
    markers: segment names in order up to the first scan. app: names of application segments' payloads.
    exif_block: the EXIF block, None where absent; the other metadata blocks are `model.photo.jpeg_blocks`' to read.
    """

    width: int
    height: int
    components: int
    precision: int
    progressive: bool
    quality: int | None
    exact_quality: bool
    tables: tuple[Table, ...]
    subsampling: str
    markers: tuple[str, ...]
    has_exif: bool
    has_icc: bool
    adobe_transform: int | None
    exif: Exif
    exif_block: bytes | None

    @property
    def thumbnail(self) -> bytes | None:
        """The small JPEG that a camera puts into the EXIF block."""
        return self.exif.thumbnail


@cache
def ijg_tables() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """libjpeg's luminance and chrominance tables for quality 1 to 100, each int64 [100,64], clipped to 1..255."""
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)[:, None]
    luma, chroma = (np.clip((np.array(base) * scale + 50) // 100, 1, 255) for base in (_LUMA, _CHROMA))
    return luma, chroma


def estimate_quality(tables: tuple[Table, ...]) -> tuple[int | None, bool]:
    """libjpeg's quality for these tables (luminance, chrominance...) and whether they are exactly libjpeg's.

    Other makers' tables get the quality whose tables are nearest in mean absolute log ratio, which weighs a step of 2
    against 1 like 20 against 10. None without a table.
    """
    if not tables or any(min(table) < 1 for table in tables[:2]):
        return None, False
    distance = np.zeros(100)
    for table, reference in zip(tables[:2], ijg_tables(), strict=False):
        distance += np.abs(np.log(np.array(table)) - np.log(reference)).mean(axis=1)
    best = float(distance.min())
    # Tables repeat at neither end of the scale but 1 (all 255); the highest quality of equals is the usual name.
    return int(np.flatnonzero(distance <= best + 1e-12)[-1]) + 1, best < 1e-12


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, payload) of each segment up to and including the first start of scan. Stops where the bytes end."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            return
        at = _end_of_fill(data, at) - 1
        marker = data[at + 1] if at + 1 < len(data) else _EOI
        if marker == 0x00 or marker in _BARE:
            at += 2
            continue
        if marker == _EOI:
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:  # no segment at all: some writers leave the length of an empty one at 0
            at += 4
            continue
        if at + 2 + length > len(data):
            return
        yield marker, data[at + 4 : at + 2 + length]
        if marker == _SOS:
            return
        at += 2 + length


def _end_of_fill(data: bytes, at: int) -> int:
    """Offset after a run of 0xFF, any number of which may stand before a marker."""
    found = _FILL.match(data, at)
    return found.end() if found else at


def end_of_image(data: bytes) -> int | None:
    """Offset just after this picture's end marker, past all its scans; None where the marker is missing.

    What follows is a maker's trailer (Samsung, multi-picture) and none of the picture.
    """
    at = 2
    for _ in range(MAX_SEGMENTS):
        found = _NEXT_MARKER.search(data, at)
        if found is None:
            return None
        marker, at = data[found.end() - 1], found.end()
        if marker == _EOI:
            return at
        at += max(int.from_bytes(data[at : at + 2], "big"), 2)
    return None


def _read_tables(payload: bytes, into: dict[int, Table]) -> None:
    while payload:
        size = 128 if payload[0] >> 4 else 64
        body = payload[1 : 1 + size]
        if len(body) < size:
            return
        steps = [int.from_bytes(body[i : i + size // 64], "big") for i in range(0, size, size // 64)]
        raster = [0] * 64
        for position, step in zip(_ZIGZAG, steps, strict=True):
            raster[position] = step
        into[payload[0] & 15] = tuple(raster)
        payload = payload[1 + size :]


def parse_jpeg(data: bytes) -> JpegFacts | None:
    """Facts of a JPEG file; None where `data` is none or ends before its frame header. Never raises."""
    if data[:2] != b"\xff\xd8":
        return None
    tables: dict[int, Table] = {}
    frame: bytes | None = None
    frame_marker = 0
    markers: list[str] = []
    exif: bytes | None = None
    icc, adobe = False, None
    for marker, payload in segments(data):
        markers.append(f"APP{marker - 0xE0}" if 0xE0 <= marker <= 0xEF else f"{marker:02X}")
        if marker == 0xDB:
            _read_tables(payload, tables)
        elif marker in _FRAMES and frame is None:
            frame, frame_marker = payload, marker
        elif marker == 0xE1 and payload[:6] == b"Exif\0\0":
            exif = exif or payload[6:]
        elif marker == 0xE2 and payload.startswith(b"ICC_PROFILE\0"):
            icc = True
        elif marker == 0xEE and payload[:5] == b"Adobe" and len(payload) >= 12:
            adobe = payload[11]
    if frame is None or len(frame) < 6:
        return None
    parts = [frame[i : i + 3] for i in range(6, 6 + 3 * frame[5], 3) if i + 3 <= len(frame)]
    sampling = tuple((part[1] >> 4, part[1] & 15) for part in parts)
    used = tuple(tables[number] for number in dict.fromkeys(part[2] for part in parts) if number in tables)
    quality, exact = estimate_quality(used)
    return JpegFacts(
        width=int.from_bytes(frame[3:5], "big"),
        height=int.from_bytes(frame[1:3], "big"),
        components=frame[5],
        precision=frame[0],
        progressive=frame_marker in (0xC2, 0xC6, 0xCA, 0xCE),
        quality=quality,
        exact_quality=exact,
        tables=used,
        subsampling="grey" if len(parts) == 1 else _SUBSAMPLING.get(sampling, "other"),
        markers=tuple(markers),
        has_exif=exif is not None,
        has_icc=icc,
        adobe_transform=adobe,
        exif=read_exif(exif),
        exif_block=exif,
    )
