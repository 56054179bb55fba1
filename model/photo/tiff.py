"""A TIFF file's metadata: its own tags, and the blocks that tags hold. Source: TIFF 6.0, Adobe XMP part 3, C2PA 2.2."""

from collections.abc import Iterator

from refundlens.model.photo import photoshop
from refundlens.model.photo.blocks import PLACES, Block, block
from refundlens.model.photo.exif import tag_blocks

_XMP, _IPTC, _PHOTOSHOP, _C2PA = 0x02BC, 0x83BB, 0x8649, 0xCD41


def tiff_blocks(data: bytes) -> Iterator[Block]:
    """Every metadata block of a TIFF."""
    # the whole file, however large: directories may lie at its end
    yield Block(PLACES["tiff"]["tags"], "tags", data)
    yield from inner_blocks(data)


def inner_blocks(data: bytes) -> Iterator[Block]:
    """Blocks that tags of a first directory hold: in a TIFF, and in the EXIF of any other format, too."""
    data = data[6:] if data[:6] == b"Exif\0\0" else data
    found = tag_blocks(data, (_XMP, _IPTC, _PHOTOSHOP, _C2PA))
    if _XMP in found:
        yield block("tiff", "0x02BC XMP", found[_XMP])
    if _IPTC in found:
        yield block("tiff", "0x83BB IPTC", found[_IPTC])
    for number, content in photoshop.resources(found.get(_PHOTOSHOP, b"")):
        if number == photoshop.IPTC:
            yield block("tiff", "0x8649 IPTC", content)
    if _C2PA in found:
        yield block("tiff", "0xCD41 C2PA", found[_C2PA])
