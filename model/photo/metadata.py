"""Takes the metadata blocks out of a picture's container: EXIF, XMP, text chunks, C2PA, what follows the picture.

In: a `Photo`. Out: `Metadata`, raw. Never raises: a broken block is an absent one.
Sources: PNG 3rd ed. (tEXt, zTXt, iTXt, eXIf), RFC 9649 (WebP), C2PA 2.2 annex A (caBX, C2PA, APP11, uuid box).
"""

import html
import re
import zlib
from dataclasses import dataclass, field

from refundlens.model.photo.exif import Exif, read_exif
from refundlens.model.photo.formats import MAX_CHUNKS, boxes, png_chunks
from refundlens.model.photo.image import Photo
from refundlens.model.photo.jpeg import end_of_image

MAX_XMP = 1 << 18
"""Bytes of XMP that are searched: packets have 2 to 60 KiB, and the search must stay quick on hostile ones."""
MAX_BLOCK = 1 << 20
"""Bytes of one block that are read or unpacked: real blocks are far smaller, compressed bombs far larger."""

_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP_KEYWORD = "XML:com.adobe.xmp"
_EXIF_START = re.compile(rb"Exif\0\0(?:II\*\0|MM\0\*)")


@dataclass(frozen=True)
class Metadata:
    """exif: parsed. xmp: the packet as text. texts: PNG text chunks and comments by keyword. c2pa: the JUMBF bytes.
    trailer: bytes after a JPEG's end marker."""

    exif: Exif = field(default_factory=Exif)
    xmp: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    c2pa: bytes = b""
    trailer: bytes = b""

    def xmp_values(self, name: str) -> list[str]:
        """All values of an XMP property by its local name, written as attribute, element or list item."""
        values = re.findall(rf':{name}\s{{0,9}}=\s{{0,9}}"([^"]{{0,65536}})"', self.xmp)
        values += re.findall(rf":{name}(?:\s[^<>]{{0,400}})?>([^<]{{0,65536}})", self.xmp)
        lists = rf"<[\w-]{{1,40}}:{name}>\s{{0,99}}<rdf:(?:Bag|Seq|Alt)>(.{{0,1024}}?)</rdf:"
        for part in re.findall(lists, self.xmp, re.DOTALL):
            values.extend(re.findall(r"<rdf:li[^<>]{0,200}>([^<]{0,4096})", part))
        return [html.unescape(value).strip() for value in values if value.strip()]


def read_metadata(photo: Photo) -> Metadata:
    """Whatever metadata the photo's file holds."""
    if photo.jpeg is not None:
        return _from_jpeg(photo)
    if photo.format == "png":
        return _from_png(photo.data)
    if photo.format == "webp":
        return _from_webp(photo.data)
    if photo.format in ("heic", "avif"):
        return _from_heif(photo.data)
    if photo.format == "tiff":
        exif = read_exif(photo.data)
        return Metadata(exif=exif, xmp=_decode(exif.xmp, MAX_XMP))
    return Metadata()


def _decode(block: bytes | None, limit: int = MAX_BLOCK) -> str:
    return (block or b"")[:limit].decode("utf-8", "replace").replace("\0", "")


def _from_jpeg(photo: Photo) -> Metadata:
    facts = photo.jpeg
    if facts is None:
        return Metadata()
    end = end_of_image(photo.data)
    return Metadata(
        exif=facts.exif,
        xmp=_decode(facts.xmp, MAX_XMP),
        texts={"comment": _decode(facts.comment)} if facts.comment else {},
        c2pa=facts.jumbf or b"",
        trailer=photo.data[end:] if end is not None else b"",
    )


def _unpack(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, MAX_BLOCK)
    except zlib.error:
        return b""


def _png_text(kind: bytes, chunk: bytes) -> tuple[str, str]:
    """Keyword and text of a tEXt, zTXt or iTXt chunk."""
    keyword, _, rest = chunk.partition(b"\0")
    name = keyword[:79].decode("latin-1")
    if kind == b"tEXt":
        body = rest[:MAX_BLOCK]
        try:
            return name, body.decode("utf-8")
        except UnicodeDecodeError:
            return name, body.decode("latin-1")
    if kind == b"zTXt":
        return name, _decode(_unpack(rest[1:]))
    packed, after = rest[:1] == b"\1", rest[2:]
    body = after.split(b"\0", 2)[2] if after.count(b"\0") >= 2 else b""
    return name, _decode(_unpack(body) if packed else body)


def _from_png(data: bytes) -> Metadata:
    texts: dict[str, str] = {}
    exif, c2pa = b"", b""
    for kind, chunk in png_chunks(data):
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            name, text = _png_text(kind, chunk)
            texts.setdefault(name, text)
        elif kind == b"eXIf":
            exif = chunk
        elif kind == b"caBX":
            c2pa = chunk
    return Metadata(exif=read_exif(exif), xmp=texts.pop(_XMP_KEYWORD, "")[:MAX_XMP], texts=texts, c2pa=c2pa)


def _from_webp(data: bytes) -> Metadata:
    found: dict[bytes, bytes] = {}
    at = 12
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            break
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        found.setdefault(data[at : at + 4], data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return Metadata(
        exif=read_exif(found.get(b"EXIF")),
        xmp=_decode(found.get(b"XMP "), MAX_XMP),
        c2pa=found.get(b"C2PA", b""),
    )


def _from_heif(data: bytes) -> Metadata:
    """Found by their own magic instead of through the item tables: EXIF and XMP items are stored whole and plain."""
    c2pa = b""
    for kind, start, end in boxes(data, 0, len(data)):
        if kind == b"uuid" and data[start : start + 16] == _C2PA_UUID:
            c2pa = data[start + 16 : end]
    exif = _EXIF_START.search(data)
    packet = data.find(b"<x:xmpmeta")
    packet_end = data.find(b"</x:xmpmeta>", packet, packet + MAX_XMP) if packet >= 0 else -1
    return Metadata(
        exif=read_exif(data[exif.start() : exif.start() + MAX_BLOCK] if exif else None),
        xmp=_decode(data[packet:packet_end], MAX_XMP) if packet_end >= 0 else "",
        c2pa=c2pa,
    )
