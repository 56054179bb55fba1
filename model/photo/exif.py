"""A small EXIF reader that believes nothing: bytes in, the few tags we use out, never an exception.

In: a TIFF block as JPEG APP1 (after `Exif\\0\\0`), PNG eXIf or WebP EXIF carry it. Out: `Exif`.
Source of tag numbers: EXIF 2.32 (CIPA DC-008) tables 4 to 7.
"""

import struct
from dataclasses import dataclass, field

MAX_ENTRIES = 512
"""Entries read per directory: cameras write under 100; a hostile file may claim 65,535."""
MAX_VALUE = 1 << 20
"""Bytes of one value that are read: a comment longer than 1 MiB says nothing more."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_EXIF_IFD, _ORIENTATION, _THUMBNAIL_AT, _THUMBNAIL_BYTES = 0x8769, 0x0112, 0x0201, 0x0202
_TEXTS = {
    0x010E: "description", 0x010F: "make", 0x0110: "model", 0x0131: "software", 0x013B: "artist",
    0x9003: "taken", 0x9286: "user_comment", 0x9C9C: "comment",
}  # fmt: skip
_MAKER_NOTE, _XMP = 0x927C, 0x02BC


@dataclass(frozen=True)
class Exif:
    """What a picture's EXIF says.

    orientation: 1 to 8. texts: tag name -> text. thumbnail: the embedded JPEG's bytes, if any. xmp: the packet that
    TIFF files keep in a tag.
    """

    orientation: int = 1
    texts: dict[str, str] = field(default_factory=dict)
    maker_note: bool = False
    thumbnail: bytes | None = None
    xmp: bytes | None = None


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
    """A tag's text. UserComment starts with an 8-byte name of its encoding; XPComment is UTF-16."""
    encoding = "utf-8"
    if tag == 0x9C9C:
        encoding = "utf-16-le"
    elif raw[:8] == b"UNICODE\0":
        encoding, raw = ("utf-16-le" if order == "<" else "utf-16-be"), raw[8:]
    elif raw[:8] in (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"\0" * 8):
        raw = raw[8:]
    return raw.decode(encoding, "replace").replace("\0", "").strip()


def read_exif(block: bytes | None) -> Exif:
    """Parse an EXIF block; anything unreadable is simply absent from the answer."""
    if not block:
        return Exif()
    if block[:6] == b"Exif\0\0":
        block = block[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return Exif()
    main, following = _directory(block, order, struct.unpack_from(order + "I", block, 4)[0])
    more, _ = _directory(block, order, _number(main, _EXIF_IFD, order, 0))
    small, _ = _directory(block, order, following)
    both = {**more, **main}
    texts = {name: _text(both[tag][1], order, tag) for tag, name in _TEXTS.items() if tag in both}
    orientation = _number(main, _ORIENTATION, order, 1)
    at, length = _number(small, _THUMBNAIL_AT, order, 0), _number(small, _THUMBNAIL_BYTES, order, 0)
    thumbnail = block[at : at + length] if at and length else b""
    return Exif(
        orientation=orientation if 1 <= orientation <= 8 else 1,
        texts={name: text for name, text in texts.items() if text},
        maker_note=_MAKER_NOTE in more,
        thumbnail=thumbnail if thumbnail[:2] == b"\xff\xd8" else None,
        xmp=main[_XMP][1] if _XMP in main else None,
    )
