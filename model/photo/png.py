"""A PNG's metadata blocks: text chunks, EXIF, XMP, Content Credentials, and the raw profiles of ImageMagick.

Source: PNG 3rd ed. (chunks 11.3); "Raw profile type NAME" is a text: a newline, the name, the length in decimal and
the bytes in hexadecimal (ImageMagick's coders/png.c, read by exiftool and libavif alike).
"""

import re
from collections.abc import Iterator

from refundlens.model.photo.blocks import Block, block, trailer, unpack
from refundlens.model.photo.formats import png_chunks
from refundlens.model.photo.photoshop import iptc_blocks

XMP_KEYWORD = "XML:com.adobe.xmp"
_RAW_PROFILE = re.compile(r"Raw profile type (\w{1,16})", re.IGNORECASE)
_HEAD = re.compile(rb"\s*[^\n]{1,40}\n\s*(\d{1,9})\s")
_NO_HEX = re.compile(rb"[^0-9A-Fa-f]+")
_KNOWN = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI bKGD hIST pHYs sBIT sPLT tIME acTL fcTL fdAT oFFs "
    b"pCAL sCAL sTER gIFg gIFx gIFt dSIG iDOT vpAg orNT CgBI npTc npOl npLb meTa mkBF mkBS mkBT mkTS prVW caNv".split()
)
"""Chunks that hold pixels, colours or screen data and no word about where the picture comes from."""


def png_blocks(data: bytes) -> Iterator[Block]:
    """Every metadata block of a PNG, in file order."""
    end = 8
    for kind, content in png_chunks(data):
        end += 12 + len(content)
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            yield from _text(kind, content)
        elif kind in (b"eXIf", b"caBX"):
            yield block("png", kind.decode(), content)
        elif kind == b"IEND":
            yield from trailer("png", data, end)
            return
        elif kind not in _KNOWN:
            yield Block("unknown", kind.decode("latin-1"), content)


def _text(kind: bytes, content: bytes) -> Iterator[Block]:
    keyword, _, rest = content.partition(b"\0")
    name, whole = keyword[:79].decode("latin-1"), True
    if kind == b"zTXt":
        rest, whole = unpack(rest[1:])
    elif kind == b"iTXt":
        packed, after = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
        rest = after[2] if len(after) == 3 else b""
        if packed:
            rest, whole = unpack(rest)
    profile = _RAW_PROFILE.fullmatch(name)
    if name.lower() == XMP_KEYWORD.lower():
        yield block("png", "iTXt XMP", rest, whole=whole)
    elif profile:
        yield from _raw_profile(profile[1].lower(), rest, whole)
    else:
        yield block("png", kind.decode(), rest, name, whole)


def _raw_profile(name: str, text: bytes, whole: bool) -> Iterator[Block]:
    head = _HEAD.match(text)
    digits = _NO_HEX.sub(b"", text[head.end() :] if head else b"")
    content = bytes.fromhex(digits[: len(digits) // 2 * 2].decode())
    if head is not None:
        whole = whole and len(content) >= int(head[1])
        content = content[: int(head[1])]
    else:
        whole = False
    if name in ("exif", "xmp"):
        yield block("png", f"raw profile {name}", content, whole=whole)
    elif name == "app1":
        # the APP1 segment as it lay in a JPEG: EXIF or XMP, by its own prefix
        place = "raw profile xmp" if content.startswith(b"http:") else "raw profile app1"
        yield block("png", place, content, whole=whole)
    elif name in ("iptc", "8bim"):
        found = [*iptc_blocks(content)]
        for one in found:
            yield block("png", f"raw profile {name}", one, whole=whole)
        if not found:
            yield block("png", f"raw profile {name}", content, whole=False)
    elif name not in ("icc", "icm"):
        yield Block("unknown", f"raw profile {name}", content)
