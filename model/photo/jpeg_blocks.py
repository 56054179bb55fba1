"""A JPEG's metadata blocks: application segments, comment, and what follows the picture.

In: the file's bytes. Out: `Block`s. Sources: Adobe XMP part 3, 1.1.3 (standard and extended XMP); ISO/IEC 19566-5,
annex D (JUMBF in APP11); CIPA DC-008 4.7 (EXIF); Adobe's image resources (APP13).
"""

from collections.abc import Iterator

from refundlens.model.photo import photoshop
from refundlens.model.photo.blocks import Block, block, trailer
from refundlens.model.photo.jpeg import end_of_image, segments

_EXIF = b"Exif\0\0"
_ADOBE = (b"Photoshop 3.0\0", b"Adobe_Photoshop2.5:")
_BARE = (*photoshop.SIGNATURES, b"\x1c\x01", b"\x1c\x02")
"""How resources and records begin where a writer left out the name before them."""
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"
_TIFF = (b"II*\0", b"MM\0*")
_END = b"\xff\xd9"
_SILENT = {
    0xE0: (b"JFIF", b"JFXX", b"CIFF", b"AVI1"), 0xE2: (b"ICC_PROFILE", b"MPF", b"FPXR", b"urn:iso:std:iso:ts:21496"),
    0xE4: (b"SCALADO",), 0xE6: (b"MMIMETA",), 0xEA: (b"AROT",),
    0xED: (b"Adobe_CM",), 0xEC: (b"Ducky", b"PictureInfo", b"[picture info]"), 0xEE: (b"Adobe",), 0xEB: (b"HDR_RI",),
}  # fmt: skip
"""Segments that hold colours, previews and encoder settings, and no word about where the picture comes from."""


def jpeg_blocks(data: bytes) -> Iterator[Block]:
    """Every metadata block of a JPEG, joined where it is cut into segments."""
    exif: list[bytes] = []
    extensions: list[bytes] = []
    boxes: list[bytes] = []
    adobe: list[bytes] = []
    for marker, payload in segments(data):
        if marker == 0xE1 and payload.startswith(_EXIF):
            exif.append(payload[len(_EXIF) :])
        elif marker == 0xE1 and payload.startswith(_XMP):
            yield block("jpeg", "APP1 XMP", payload[len(_XMP) :])
        elif marker == 0xE1 and payload.startswith(_XMP_MORE):
            extensions.append(payload[len(_XMP_MORE) :])
        elif marker == 0xEB and payload[:2] == b"JP":
            boxes.append(payload)
        elif marker == 0xED and payload.startswith(_ADOBE):
            adobe.append(payload.removeprefix(next(name for name in _ADOBE if payload.startswith(name))))
        elif marker == 0xED and payload.startswith(_BARE):
            adobe.append(payload)
        elif marker == 0xFE:
            yield block("jpeg", "COM", payload, "comment")
        elif 0xE0 <= marker <= 0xEF and not payload.startswith(_SILENT.get(marker, ())):
            yield Block("unknown", f"APP{marker - 0xE0}", payload)
    for joined in _continued(exif, _TIFF):
        yield block("jpeg", "APP1 Exif", joined)
    for joined in _continued(adobe, _BARE):
        yield from _resources(joined)
    yield from _extended_xmp(extensions)
    for joined in _joined_boxes(boxes):
        yield block("jpeg", "APP11 JUMBF", joined)
    end = end_of_image(data)
    if end is not None:
        while data.startswith(_END, end):  # some writers end a picture twice
            end += len(_END)
        yield from trailer("jpeg", data, end)


def _continued(parts: list[bytes], starts: tuple[bytes, ...]) -> list[bytes]:
    """A block over 64 KiB goes on in the next segment, which does not begin as a block does."""
    whole: list[bytes] = []
    for part in parts:
        if whole and not part.startswith(starts):
            whole[-1] += part
        else:
            whole.append(part)
    return whole


def _resources(data: bytes) -> Iterator[Block]:
    """What Photoshop's resources hold; records that stand there without them, too."""
    if data[:1] == b"\x1c":
        yield block("jpeg", "APP13 IPTC", data)
        return
    found = [*photoshop.resources(data)]
    if not found and data.strip(b"\0"):
        yield Block("unknown", "APP13", data)
    for number, content in found:
        if number == photoshop.IPTC:
            yield block("jpeg", "APP13 IPTC", content)
        elif number == photoshop.XMP:
            yield block("jpeg", "APP13 XMP", content)


def _extended_xmp(parts: list[bytes]) -> Iterator[Block]:
    """Each part: GUID (32), whole length (4), offset (4), text. Parts of one GUID are one packet."""
    for guid in dict.fromkeys(part[:32] for part in parts):
        mine = sorted((part for part in parts if part[:32] == guid), key=lambda part: part[36:40])
        content = b"".join(part[40:] for part in mine)
        whole = len(content) == int.from_bytes(mine[0][32:36], "big")
        yield block("jpeg", "APP1 XMP extension", content, whole=whole)


def _joined_boxes(parts: list[bytes]) -> Iterator[bytes]:
    """Parts: `JP`, box instance (2), sequence number (4), box header (8), content. From the second part of a box on,
    the header repeats the first one's; writers number from 1, some from 0."""
    instances: dict[bytes, list[bytes]] = {}
    for part in parts:
        if len(part) > 16:
            instances.setdefault(part[2:4], []).append(part)
    for written in instances.values():
        once = dict.fromkeys(written)  # some uploaders write segments twice
        mine = sorted(once, key=lambda part: part[4:8])
        header = mine[0][8:16]
        yield mine[0][8:] + b"".join(part[16:] if part[8:16] == header else part[8:] for part in mine[1:])
