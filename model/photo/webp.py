"""A WebP's metadata chunks. Source: RFC 9649, 2.7; C2PA 2.2, A.3.4 (chunk `C2PA`)."""

from collections.abc import Iterator

from refundlens.model.photo.blocks import Block, block, trailer
from refundlens.model.photo.formats import MAX_CHUNKS, riff_end

_PLACES = {b"EXIF": "EXIF", b"XMP ": "XMP", b"C2PA": "C2PA"}
_SILENT = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP")


def webp_blocks(data: bytes) -> Iterator[Block]:
    """Every metadata block of a WebP, in file order."""
    at, end = 12, riff_end(data)
    yield from trailer("webp", data, end)
    for _ in range(MAX_CHUNKS):
        if at + 8 > min(end, len(data)):
            return
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        content = data[at + 8 : at + 8 + length]
        if kind in _PLACES:
            yield block("webp", _PLACES[kind], content, whole=len(content) == length)
        elif kind not in _SILENT:
            yield Block("unknown", kind.decode("latin-1").strip(), content)
        at += 8 + length + length % 2
