"""Files whose pixels are whole though their bytes are odd: what may be left out so that a strict decoder takes them.

In: a file's bytes. Out: the bytes without what belongs to no pixel. JPEG: stray bytes before a marker, which cameras
write as padding and uploaders leave behind. PNG: ancillary chunks that are damaged or too large for the decoder; of
critical chunks only the header's checksum, where the pixels prove the header right.
Sources: ITU-T T.81, B.1.1.2 (markers), PNG 3rd ed., 5.4 (ancillary bit) and 13.2 (errors in ancillary chunks).
"""

import re
import struct
import zlib
from collections.abc import Callable

from refundlens.model.photo.formats import MAX_CHUNKS
from refundlens.model.photo.jpeg import segments

STRAY = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
"""libjpeg's warning: how many bytes no decoder needed, and the marker that followed them."""
MAX_TRIES = 32
"""Strict decodings that are tried for one file: stray bytes stand in one place, or in all as padding."""
_PADDING = 4
"""Equal bytes before a marker from which they are padding: entropy-coded data end so once in 2^24."""
_MARKER = re.compile(rb"\xff[\xd0-\xd9]")
_END = 0xD9
_STEP = 1 << 20
"""Bytes of pixels that are unpacked at a time where only their end is looked for."""
_MOST_PIXELS = 2
"""Times the pixels that a PNG's header promises that are unpacked to find their end: a bomb has thousands."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Values of a pixel by a PNG's colour type."""
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row of an interlaced PNG's passes, and their steps across and down."""
_LEAST_BYTES = {b"acTL": 8, b"fcTL": 26, b"fdAT": 4}
_LEAST_TRANSPARENCY = {0: 2, 2: 6}
"""Bytes of a PNG's tRNS by colour type: grey, RGB; a palette's has one or more."""


def with_sound_header(data: bytes) -> bytes:
    """A JPEG without the bytes that stand between its header's segments, and with one start marker."""
    rebuilt, end = [data[:2]], 2
    for marker, payload in segments(data):
        content = bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload
        end = data.find(content, end) + len(content)
        rebuilt.append(content)
    return b"".join([*rebuilt, data[end:]])


def without_padding(data: bytes, exactly: int = 0) -> bytes:
    """A JPEG without runs of one value before its restart and end markers.

    exactly: take away this many bytes where as many of one value stand, else whole runs.
    """
    start = data.find(b"\xff\xda")
    if start < 0:
        return data
    kept, at = [], 0
    for found in _MARKER.finditer(data, start):
        end = found.start()
        value, run = data[end - 1 : end], end
        while run > max(at, start) and data[run - 1 : run] == value and not 0 < exactly == end - run:
            run -= 1
        if end - run >= max(exactly, _PADDING):
            # a zero after 0xFF is part of the data
            run += value == b"\0" and data[run - 1 : run] == b"\xff"
            kept.append(data[at:run])
            at = end
    return b"".join([*kept, data[at:]])


def without_stray_bytes(data: bytes, complaint: Callable[[bytes], str]) -> bytes | None:
    """A JPEG without the bytes that a strict decoder calls extraneous; None where it complains of anything else.

    complaint: the strict decoder's message about bytes, "" where it has none.
    """
    data = with_sound_header(data)
    message = complaint(data)
    if not message:
        return data
    first = STRAY.search(message)
    for padded in (without_padding(data, int(first[1]) if first else 0), without_padding(data)):
        if not complaint(padded):
            return padded
    behind = data.find(b"\xff\xda") + 2
    for _ in range(MAX_TRIES):
        message = complaint(data)
        found = STRAY.search(message)
        if found is None:
            return data if not message else None
        count, marker = int(found[1]), bytes((0xFF, int(found[2], 16)))
        at = data.rfind(marker) if marker[1] == _END else data.find(marker, behind)
        if at < behind or (at - count < behind and marker[1] == _END):
            return None
        if at - count < behind:
            behind = at + 2
            continue
        shorter = data[: at - count] + data[at:]
        left = complaint(shorter)
        # padding stands before each restart marker, other bytes in one place
        restart = _MARKER.fullmatch(marker) is not None
        better = not left or (restart and STRAY.search(left) is not None and left != message)
        if not better and marker[1] != _END:
            behind = at + 2  # it was not this marker but a later one of the same number
        else:
            data, behind = shorter, at - count + 2
    return None


def sound_chunks(data: bytes, needed: frozenset[bytes]) -> bytes:
    """A PNG with its critical chunks and those ancillary ones that are `needed`, sound and of a sensible length.

    needed: types that the decoder has to see. Cut files keep their end: what is missing there are pixels.
    """
    kept, at, whole = [data[:8]], 8, True
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            break
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            break
        ancillary = bool(kind[0] & 0x20)
        if kind == b"IHDR" and not _is_sound(data, at, end) and _fits_pixels(data):
            kept.append(_chunk(kind, data[at + 8 : end - 4]))
            whole = False
        elif not ancillary or (kind in needed and _is_sound(data, at, end)):
            kept.append(data[at:end])
        else:
            whole = False
        at = end
        if kind == b"IEND":
            break
    return data if whole else b"".join([*kept, data[at:]])


def with_end(data: bytes) -> bytes | None:
    """A PNG that ends behind its pixels, with the end chunk it lacks; None where pixels are missing, too."""
    _, last = _unpacked_pixels(data, _MOST_PIXELS * _pixel_bytes(data))
    if last is None:
        return None
    content = data[last + 8 : last + 8 + int.from_bytes(data[last : last + 4], "big")]
    return data[:last] + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


def _unpacked_pixels(data: bytes, most: int) -> tuple[int, int | None]:
    """How many bytes a PNG's pixels unpack to, and where the chunk lies in which they end; None: nowhere, or only
    behind more bytes than `most`."""
    pixels, at, count = zlib.decompressobj(), 8, 0
    try:
        for _ in range(MAX_CHUNKS):
            if at + 8 > len(data):
                break
            length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
            rest = data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
            while rest and not pixels.eof and count <= most:
                count += len(pixels.decompress(rest, _STEP))
                rest = pixels.unconsumed_tail
            if pixels.eof or count > most:
                return count, at if count <= most else None
            at += 12 + length
    except zlib.error:
        pass
    return count, None


def _fits_pixels(data: bytes) -> bool:
    """Whether a PNG's pixels are whole and exactly as many as its header says, which chance does not bring about."""
    wanted = _pixel_bytes(data)
    count, last = _unpacked_pixels(data, wanted)
    return last is not None and 0 < count == wanted


def _pixel_bytes(data: bytes) -> int:
    """How many bytes a PNG's pixels unpack to by what its header says."""
    width, height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", data[16:29].ljust(13, b"\0"))
    bits = depth * _CHANNELS.get(colour, 0)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = [(-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in passes]
    return sum(down * (1 + -(-across * bits // 8)) for across, down in rows if across > 0 and down > 0)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def _is_sound(data: bytes, at: int, end: int) -> bool:
    kind, length = data[at + 4 : at + 8], end - at - 12
    least = _LEAST_TRANSPARENCY.get(data[25], 1) if kind == b"tRNS" else _LEAST_BYTES.get(kind, 0)
    return length >= least and zlib.crc32(data[at + 4 : end - 4]) == int.from_bytes(
        data[end - 4 : end], "big"
    )
