"""The metadata items of a HEIF or AVIF file, found through its item tables.

In: the file's bytes. Out: `Block`s. Sources: ISO/IEC 14496-12, 8.11 (`iinf`, `iloc`, `idat`), ISO/IEC 23008-12, annex
A (Exif items start with the offset of their TIFF header), C2PA 2.2, A.5 (uuid box).
"""

from collections.abc import Iterator

from refundlens.model.photo.blocks import MAX_BLOCK, PLACES, Block, block
from refundlens.model.photo.formats import boxes

MAX_ITEMS = 10_000
"""Items read: a 12-megapixel picture in tiles of 512 has some 50."""
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_SILENT = (
    b"ftyp",
    b"mdat",
    b"free",
    b"skip",
    b"wide",
    b"moov",
    b"moof",
    b"mfra",
    b"sidx",
    b"styp",
    b"pict",
    b"mpvd",
)
"""Boxes of pixels, of video and of their tables."""
_TIFF = (b"II*\0", b"MM\0*")
Span = tuple[int, int]


def heif_blocks(data: bytes, fmt: str) -> Iterator[Block]:
    """Every metadata block of a HEIF file; fmt: "heic" or "avif"."""
    for kind, start, end in boxes(data, 0, len(data)):
        name = data[start : start + 16]
        if kind == b"uuid" and name == _XMP:
            yield block(fmt, "uuid XMP", data[start + 16 : end])
        elif kind == b"uuid" and name == _C2PA:
            yield from _credentials(data[start + 16 : end], fmt)
        elif kind == b"sefd":
            yield Block(PLACES[fmt]["sefd"], "sefd", data[start:end])
        elif kind == b"meta":
            yield from _items(data, start + 4, end, fmt)
        elif end > len(data) and kind not in _SILENT:
            yield block(fmt, "trailer", data[start - 8 :])
        elif kind not in _SILENT:
            yield Block("unknown", f"box {kind.decode('latin-1')}", data[start:end])


def _credentials(content: bytes, fmt: str) -> Iterator[Block]:
    """Version and flags (4), a purpose, the offset of Merkle boxes (8), then the store; other purposes hold hashes."""
    purpose, _, rest = content[4:].partition(b"\0")
    if purpose == b"manifest":
        yield block(fmt, "uuid C2PA", rest[8:])


def _items(data: bytes, start: int, end: int, fmt: str) -> Iterator[Block]:
    kinds: dict[int, tuple[bytes, bytes]] = {}
    spans: dict[int, tuple[int, list[Span]]] = {}
    inside = (0, 0)
    for kind, at, after in boxes(data, start, min(end, len(data))):
        if kind == b"iinf":
            kinds = dict(_item_kinds(data, at, after))
        elif kind == b"iloc":
            spans = dict(_item_places(data[at:after]))
        elif kind == b"idat":
            inside = (at, after)
    for number, (kind, mime) in kinds.items():
        content, whole = _content(data, spans.get(number), inside)
        if kind == b"Exif":
            yield block(fmt, "item Exif", _exif(content), whole=whole)
        elif kind == b"mime" and b"rdf+xml" in mime:
            yield block(fmt, "item XMP", content, whole=whole)
        elif kind in (b"mime", b"uri "):
            yield Block(
                "unknown", f"item {mime[:40].decode('latin-1') or kind.decode()}", content, whole=whole
            )


def _exif(content: bytes) -> bytes:
    """The TIFF block of an Exif item: four bytes say where it starts; some writers leave them out."""
    at = 4 + int.from_bytes(content[:4], "big")
    if content[at : at + 4] in _TIFF:
        return content[at:]
    found = min((at for at in (content.find(magic, 0, 64) for magic in _TIFF) if at >= 0), default=0)
    return content[found:]


def _item_kinds(data: bytes, at: int, end: int) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    """(item number, (type, MIME type)) of an `iinf` box."""
    first = at + (6 if data[at : at + 1] == b"\0" else 8)
    for kind, start, after in boxes(data, first, min(end, len(data))):
        version = data[start] if start < len(data) else 0
        if kind != b"infe" or version < 2:
            continue
        size = 2 if version == 2 else 4
        number = int.from_bytes(data[start + 4 : start + 4 + size], "big")
        name = start + 6 + size
        texts = data[name + 4 : after].split(b"\0")
        yield number, (data[name : name + 4], texts[1] if len(texts) > 1 else b"")


def _item_places(box: bytes) -> Iterator[tuple[int, tuple[int, list[Span]]]]:
    """(item number, (method, [(offset, length)])) of an `iloc` box. method 0: in the file, 1: in `idat`."""
    if len(box) < 8:
        return
    version, sizes = box[0], (box[4] >> 4, box[4] & 15, box[5] >> 4, box[5] & 15 if box[0] else 0)
    at = 6

    def take(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(box[at - size : at], "big")

    for _ in range(min(take(2 if version < 2 else 4), MAX_ITEMS)):
        number = take(2 if version < 2 else 4)
        method = take(2) & 15 if version else 0
        take(2)
        base, spans = take(sizes[2]), []
        for _ in range(min(take(2), MAX_ITEMS)):
            take(sizes[3])
            offset = take(sizes[0])
            spans.append((base + offset, take(sizes[1])))
        if at > len(box):
            return
        yield number, (method, spans)


def _content(data: bytes, place: tuple[int, list[Span]] | None, inside: Span) -> tuple[bytes, bool]:
    """An item's bytes and whether all of them are there."""
    if place is None or place[0] > 1:
        return b"", False
    shift, limit = inside if place[0] == 1 else (0, len(data))
    parts, left, whole = [], MAX_BLOCK, True
    for offset, length in place[1]:
        stop = shift + offset + length if length else limit
        part = data[shift + offset : min(stop, limit, shift + offset + left)]
        whole = whole and len(part) == stop - shift - offset
        left -= len(part)
        parts.append(part)
    return b"".join(parts), whole
