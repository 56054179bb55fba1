"""A GIF's metadata: application extensions and comments. Source: GIF89a; Adobe XMP part 3, 1.1.2; C2PA 2.2, A.3.3;
ImageMagick's coders/gif.c (its own names for IPTC and Photoshop's resources)."""

from collections.abc import Iterator

from refundlens.model.photo.blocks import Block, block, trailer
from refundlens.model.photo.photoshop import iptc_blocks

MAX_PIECES = 100_000
"""Blocks and sub-blocks walked: an animation of 8 MiB has some 33,000."""
_APPLICATION, _COMMENT, _IMAGE, _EXTENSION = 0xFF, 0xFE, 0x2C, 0x21
_MAGIC_TRAILER = 258
"""Bytes after an XMP packet, 0x01 0xFF 0xFE ... 0x00 0x00, by which readers that skip sub-blocks find their way."""
_SILENT = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")


def gif_blocks(data: bytes) -> Iterator[Block]:
    """Every metadata block of a GIF, in file order."""
    at = 13 + _table(data[10:11])
    for _ in range(MAX_PIECES):
        kind = data[at : at + 1]
        if kind == bytes((_IMAGE,)):
            at = _skip(data, at + 11 + _table(data[at + 9 : at + 10]))
        elif kind == bytes((_EXTENSION,)) and at + 2 < len(data):
            label, start = data[at + 1], at + 2
            at = _skip(data, start)
            if label == _COMMENT:
                yield block("gif", "comment", _joined(data, start), "comment")
            elif label == _APPLICATION:
                name, body = data[start + 1 : start + 12], start + 1 + data[start]
                yield from _application(name, data, body, at)
        else:
            if kind == b";":
                yield from trailer("gif", data, at + 1)
            return


def _application(name: bytes, data: bytes, start: int, end: int) -> Iterator[Block]:
    if name.startswith(b"XMP Data"):
        # written plain, so that lengths are letters of the packet; c2pa-rs writes real sub-blocks
        cut = data[start + 1 : start + 2] == b"<" and data[start] not in b" \t\r\n"
        packet = _joined(data, start) if cut else data[start : max(start, end - _MAGIC_TRAILER)]
        yield block("gif", "application XMP", packet)
    elif name.startswith(b"C2PA_GIF"):
        yield block("gif", "application C2PA", _joined(data, start))
    elif name in (b"MGKIPTC0000", b"MGK8BIM0000"):
        for record in iptc_blocks(_joined(data, start)):
            yield block("gif", "application IPTC", record)
    elif name not in _SILENT:
        yield Block("unknown", f"application {name[:11].decode('latin-1')}", _joined(data, start))


def _table(packed: bytes) -> int:
    """Bytes of the colour table that a packed field announces."""
    flags = packed[0] if packed else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip(data: bytes, at: int) -> int:
    """Offset after a chain of sub-blocks and its terminator."""
    for _ in range(MAX_PIECES):
        if at >= len(data) or data[at] == 0:
            return at + 1
        at += 1 + data[at]
    return len(data)


def _joined(data: bytes, at: int) -> bytes:
    parts: list[bytes] = []
    for _ in range(MAX_PIECES):
        if at >= len(data) or data[at] == 0:
            break
        parts.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return b"".join(parts)
