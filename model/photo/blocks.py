"""The table of where each format keeps metadata, and the blocks found there. One shape for all formats.

In: a format's name and the file's bytes. Out: `Block`s. A format's own module walks its container; this one says what
a place means. `PLACES` is the promise: a test writes a file for each of its entries and looks for the block.
Sources: ITU-T T.871 and T.86 (JPEG), Adobe XMP part 3, PNG 3rd ed., RFC 9649 (WebP), GIF89a, TIFF 6.0 and TIFF/EP,
ISO/IEC 23008-12 (HEIF items), C2PA 2.2 annex A (APP11, caBX, C2PA chunk, GIF block, tag 0xCD41, uuid box);
Samsung's SEF records (JPEG trailer, HEIF box `sefd`), BITMAPFILEHEADER.
Nothing is unpacked but zlib, up to MAX_UNPACKED.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

BlockKind = Literal["exif", "xmp", "iptc", "c2pa", "text", "trailer", "unknown"]
"""What a block holds, whatever container it lay in. unknown: nothing of this package reads it."""

MAX_UNPACKED = 1 << 21
"""Bytes that one packed block may grow to: real ones stay far smaller, a bomb does not."""
MAX_BLOCK = 1 << 22
"""Bytes of one block that are handed on: the largest real one is XMP with a Photoshop history, some 2 MB."""

PLACES: dict[str, dict[str, BlockKind]] = {
    "jpeg": {
        "APP1 Exif": "exif", "APP1 XMP": "xmp", "APP1 XMP extension": "xmp", "APP11 JUMBF": "c2pa",
        "APP13 IPTC": "iptc", "APP13 XMP": "xmp", "COM": "text", "trailer": "trailer",
    },
    "png": {
        "eXIf": "exif", "iTXt XMP": "xmp", "caBX": "c2pa", "tEXt": "text", "zTXt": "text", "iTXt": "text",
        "raw profile exif": "exif", "raw profile app1": "exif", "raw profile xmp": "xmp",
        "raw profile iptc": "iptc", "raw profile 8bim": "iptc", "trailer": "trailer",
    },
    "webp": {"EXIF": "exif", "XMP": "xmp", "C2PA": "c2pa", "trailer": "trailer"},
    "gif": {"application XMP": "xmp", "application C2PA": "c2pa", "application IPTC": "iptc", "comment": "text",
            "trailer": "trailer"},
    "tiff": {"tags": "exif", "0x02BC XMP": "xmp", "0x83BB IPTC": "iptc", "0x8649 IPTC": "iptc",
    "0xCD41 C2PA": "c2pa"},
    "heic": {"item Exif": "exif", "item XMP": "xmp", "uuid XMP": "xmp", "uuid C2PA": "c2pa", "sefd": "trailer",
             "trailer": "trailer"},
    "avif": {"item Exif": "exif", "item XMP": "xmp", "uuid XMP": "xmp", "uuid C2PA": "c2pa", "sefd": "trailer",
             "trailer": "trailer"},
    "bmp": {"trailer": "trailer"},
}  # fmt: skip
"""Format -> place -> what lies there."""


@dataclass(frozen=True)
class Block:
    """One piece of metadata.

    place: a key of PLACES, or a name for what nothing here reads. name: the keyword of a text. whole: False where the
    bytes were damaged, cut off, or longer than is read.
    """

    kind: BlockKind
    place: str
    content: bytes
    name: str = ""
    whole: bool = True


def trailer(fmt: str, data: bytes, end: int) -> Iterator[Block]:
    """What follows a picture's end, all of it, since makers' records stand at its end; nothing where it is padding."""
    if data[end:].strip(b"\0\r\n"):
        yield Block(PLACES[fmt]["trailer"], "trailer", data[end:])


def block(fmt: str, place: str, content: bytes, name: str = "", whole: bool = True) -> Block:
    """A block at a known place. Raises KeyError for a place that the table does not name."""
    return Block(PLACES[fmt][place], place, content[:MAX_BLOCK], name, whole and len(content) <= MAX_BLOCK)


def unpack(packed: bytes, window: int = zlib.MAX_WBITS) -> tuple[bytes, bool]:
    """zlib data unpacked, at most MAX_UNPACKED bytes, and whether that is all of it. window: zlib's `wbits`."""
    unpacker = zlib.decompressobj(window)
    try:
        content = unpacker.decompress(packed, MAX_UNPACKED)
    except zlib.error:
        return b"", False
    return content, unpacker.eof
