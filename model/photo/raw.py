"""Camera raw files, which look like TIFF, video or nothing at all: what is inside is no finished picture.

In: bytes. Out: a name for people, or None. A raw file's first picture is a small preview, which must not be
judged as if it were the photo. Sources: DNG 1.7 (DNGVersion), TIFF/EP (NewSubfileType, SubIFDs, CFA), makers' magics
as in libmagic.
"""

import struct

from refundlens.model.photo.exif import tag_blocks

_MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"FUJIFILMCCD-RAW", "a Fujifilm raw file (RAF)"), (b"IIRO", "an Olympus raw file (ORF)"),
    (b"IIRS", "an Olympus raw file (ORF)"), (b"MMOR", "an Olympus raw file (ORF)"),
    (b"IIU\0", "a Panasonic raw file (RW2)"), (b"FOVb", "a Sigma raw file (X3F)"),
    (b"\0MRM", "a Minolta raw file (MRW)"),
    (b"II\x1a\0\0\0HEAPCCDR", "a Canon raw file (CRW)"), (b"IIII", "a Phase One raw file (IIQ)"),
)  # fmt: skip
_SUBFILE, _COLOURS, _MAKE, _SUBIFDS, _CFA, _DNG = 0x00FE, 0x0106, 0x010F, 0x014A, 0x828E, 0xC612
_SENSOR = (32803, 34892)
"""PhotometricInterpretation of sensor data: colour filter array, linear raw."""
_PREVIEW = 1
"""Bit of NewSubfileType: the directory's picture is a smaller copy of another one in the file."""


def raw_format(data: bytes) -> str | None:
    """What kind of raw file this is; None where it is none."""
    for magic, name in _MAGICS:
        if data.startswith(magic):
            return name
    if data[4:12] == b"ftypcrx ":
        return "a Canon raw file (CR3)"
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    if data[8:10] == b"CR":
        return "a Canon raw file (CR2)"
    tags = tag_blocks(data, (_SUBFILE, _COLOURS, _MAKE, _SUBIFDS, _CFA, _DNG))
    if _DNG in tags:
        return "a raw file (DNG)"
    order = "<" if data[:2] == b"II" else ">"
    preview = _SUBIFDS in tags and bool(_number(tags.get(_SUBFILE, b""), order) & _PREVIEW)
    if preview or _CFA in tags or _number(tags.get(_COLOURS, b""), order) in _SENSOR:
        maker = tags.get(_MAKE, b"").split(b"\0")[0].decode("latin-1").strip().title()
        return f"a camera raw file ({maker})" if maker else "a camera raw file"
    return None


def _number(raw: bytes, order: str) -> int:
    if len(raw) >= 4:
        return int(struct.unpack_from(order + "I", raw)[0])
    return int(struct.unpack_from(order + "H", raw)[0]) if len(raw) >= 2 else 0
