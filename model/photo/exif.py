"""A small EXIF reader that believes nothing: bytes in, the few tags we use out, never an exception.

In: a TIFF block as JPEG APP1 (after `Exif\\0\\0`), PNG eXIf or WebP EXIF carry it. Out: `Exif`.
Source of tag numbers: EXIF 3.0 (CIPA DC-008) tables 4 to 8; Microsoft's XP tags.
"""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from refundlens.model.photo.encodings import guess_text

MAX_ENTRIES = 512
"""Entries read per directory: cameras write under 100; a hostile file may claim 65,535."""
MAX_VALUE = 1 << 22
"""Bytes of one value that are read: Content Credentials in a TIFF tag have up to 2 MB, the rest far less."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 129: 1}
"""Bytes of one value by TIFF type; 129 is EXIF 3.0's UTF-8."""
_EXIF_IFD, _ORIENTATION, _THUMBNAIL_AT, _THUMBNAIL_BYTES = 0x8769, 0x0112, 0x0201, 0x0202
_TEXTS = {
    0x000B: "processing_software", 0x010D: "document", 0x010E: "description", 0x010F: "make", 0x0110: "model",
    0x0131: "software", 0x013B: "artist", 0x013C: "computer", 0x8298: "copyright", 0x9003: "taken",
    0x9213: "image_history", 0x9286: "user_comment",
    0x9C9B: "xp_title", 0x9C9C: "comment", 0x9C9D: "xp_author", 0x9C9E: "xp_keywords", 0x9C9F: "xp_subject",
    0xA434: "lens", 0xA436: "title", 0xA437: "photographer", 0xA438: "image_editor", 0xA439: "camera_firmware",
    0xA43A: "raw_developer", 0xA43B: "image_editing_software", 0xA43C: "metadata_editing_software",
}  # fmt: skip
_TEXT_TYPES = (2, 129)
_OBJECT = re.compile(
    rb'(?:UNICODE\0|ASCII\0\0\0)?[\s\0]{0,4}(?:[A-Za-z0-9:_-]{1,16}[\s:=]{1,3})?\{\s{0,4}["\\]'
)
"""JSON, which programs put into tags of bytes, makers' notes among them."""
_TECHNICAL = frozenset({
    *range(0x0100, 0x0104), 0x0106, 0x0111, 0x0112, 0x0115, 0x0116, 0x0117, 0x011A, 0x011B, 0x011C, 0x0128, 0x012D,
    *range(0x013E, 0x0140), *range(0x0211, 0x0215), 0x8769, 0x9000, 0x9101, *range(0xA000, 0xA004), 0xA005,
})  # fmt: skip
"""Tags of sizes, orientation, resolution and colours, which every program that saves a picture writes."""
_WIDE = range(0x9C9B, 0x9CA0)
"""Microsoft's tags: UTF-16, little-endian whatever the block's order."""
_MAKER_NOTE = 0x927C
_EXPOSURE = {0x829A: "exposure time", 0x829D: "aperture", 0x8827: "sensitivity", 0x920A: "focal length"}


@dataclass(frozen=True)
class Exif:
    """What a picture's EXIF says.

    orientation: 1 to 8. texts: tag name -> text, by its number ("0xA430") where no name is given above. maker_note:
    its first 16 bytes, b"" where there is none. exposure: names of the settings of a shot that are given (exposure
    time, aperture, sensitivity, focal length). thumbnail: the embedded JPEG's bytes, if any. tells: whether there is
    more than sizes, orientation and colours. readable: False where there was a block and no directory could be found
    in it.
    """

    orientation: int = 1
    texts: dict[str, str] = field(default_factory=dict)
    maker_note: bytes = b""
    exposure: frozenset[str] = frozenset()
    thumbnail: bytes | None = None
    tells: bool = False
    readable: bool = True


Directory = dict[int, tuple[int, bytes]]


def _directory(block: bytes, order: str, at: int) -> tuple[Directory, int]:
    """Tags of the directory at `at` as {tag: (type, raw bytes)}, and the offset of the next one (0: none)."""
    tags: Directory = {}
    if at < 8 or at + 2 > len(block):
        return tags, 0
    (count,) = struct.unpack_from(order + "H", block, at)
    for index in range(min(count, MAX_ENTRIES)):
        entry = at + 2 + 12 * index
        if entry + 12 > len(block):
            return tags, 0
        tag, kind, number = struct.unpack_from(order + "HHI", block, entry)
        length = _SIZES.get(kind, 0) * number
        if not 0 < length <= MAX_VALUE:
            continue
        start = entry + 8 if length <= 4 else struct.unpack_from(order + "I", block, entry + 8)[0]
        if start + length <= len(block):
            tags[tag] = (kind, block[start : start + length])
    after = at + 2 + 12 * count
    return tags, struct.unpack_from(order + "I", block, after)[0] if after + 4 <= len(block) else 0


def _number(tags: Directory, tag: int, order: str, default: int) -> int:
    kind, raw = tags.get(tag, (0, b""))
    if kind == 3 and len(raw) >= 2:
        return int(struct.unpack_from(order + "H", raw)[0])
    if kind == 4 and len(raw) >= 4:
        return int(struct.unpack_from(order + "I", raw)[0])
    return default


def _text(raw: bytes, order: str, tag: int) -> str:
    """A tag's text. UserComment starts with an 8-byte name of its encoding, which writers get wrong in every way."""
    if tag in _WIDE:
        return guess_text(raw, "utf-16-le")
    if raw[:8] == b"UNICODE\0":
        return guess_text(raw[8:], "utf-16-le" if order == "<" else "utf-16-be")
    if raw[:8] == b"JIS\0\0\0\0\0" and b"\x1b$" in raw:
        return raw[8:].decode("iso2022_jp", "replace").replace("\0", "").strip()
    if raw[:8] in (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"\0" * 8):
        raw = raw[8:]
    return guess_text(raw)


def _order(block: bytes) -> str | None:
    return {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])


def tag_blocks(block: bytes, tags: Iterable[int]) -> dict[int, bytes]:
    """The raw bytes of tags of a TIFF's first directory, those that are there."""
    order = _order(block)
    if order is None or len(block) < 8:
        return {}
    main, _ = _directory(block, order, struct.unpack_from(order + "I", block, 4)[0])
    return {tag: main[tag][1] for tag in tags if tag in main}


def _is_empty(block: bytes, order: str) -> bool:
    """Whether the first directory is there and has no entries, or only such without a value, as programs that strip
    EXIF leave it."""
    (at,) = struct.unpack_from(order + "I", block, 4)
    if not 8 <= at <= len(block) - 2:
        return False
    (count,) = struct.unpack_from(order + "H", block, at)
    numbers = range(at + 6, at + 6 + 12 * count, 12)
    return count <= MAX_ENTRIES and all(block[one : one + 4] == bytes(4) for one in numbers)


def read_exif(block: bytes | None) -> Exif:
    """Parse an EXIF block; anything unreadable is simply absent from the answer."""
    if not block:
        return Exif()
    if block[:6] == b"Exif\0\0":
        block = block[6:]
    order = _order(block)
    if order is None or len(block) < 8:
        return Exif(readable=False)
    main, following = _directory(block, order, struct.unpack_from(order + "I", block, 4)[0])
    more, _ = _directory(block, order, _number(main, _EXIF_IFD, order, 0))
    small, _ = _directory(block, order, following)
    both = {**{tag: value for tag, value in small.items() if tag in _TEXTS}, **more, **main}
    texts = {name: _text(both[tag][1], order, tag) for tag, name in _TEXTS.items() if tag in both}
    others = (
        (tag, raw)
        for tag, (kind, raw) in both.items()
        if tag not in _TEXTS and (kind in _TEXT_TYPES or _OBJECT.match(raw[:400]))
    )
    texts |= {f"0x{tag:04X}": _text(raw, order, tag) for tag, raw in others}
    orientation = _number(main, _ORIENTATION, order, 1)
    at, length = _number(small, _THUMBNAIL_AT, order, 0), _number(small, _THUMBNAIL_BYTES, order, 0)
    thumbnail = block[at : at + length] if at and length else b""
    return Exif(
        orientation=orientation if 1 <= orientation <= 8 else 1,
        texts={name: text for name, text in texts.items() if text},
        maker_note=more[_MAKER_NOTE][1][:16] if _MAKER_NOTE in more else b"",
        exposure=frozenset(name for tag, name in _EXPOSURE.items() if tag in more),
        thumbnail=thumbnail if thumbnail[:2] == b"\xff\xd8" else None,
        tells=bool(both.keys() - _TECHNICAL),
        readable=bool(main) or _is_empty(block, order),
    )
