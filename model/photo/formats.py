"""Which format a file is, by its first bytes, and how large its picture says it is: no pixel is decoded.

In: bytes. Out: a format's name; (width, height) as stored; a plain name for files that are no supported picture.
Sources: PNG 3rd ed. (IHDR), RFC 9649 (WebP), GIF89a, BITMAPINFOHEADER, TIFF 6.0, ISO/IEC 23008-12 (`ispe`).
"""

import codecs
import re
import struct
from collections.abc import Callable, Iterator
from typing import Literal

from refundlens.model.photo.jpeg import parse_jpeg
from refundlens.model.photo.raw import raw_format

Format = Literal["jpeg", "png", "webp", "heic", "avif", "gif", "bmp", "tiff"]
Size = tuple[int, int]

MAX_BOXES = 10_000
"""Boxes walked on one level of an ISO base media file: pictures have under 20."""
MAX_CHUNKS = 100_000
"""Chunks of a PNG or WebP that are walked: 32 MiB in the common 8 KiB pieces are 4,096."""
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2"}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BOXES = (b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid", b"mpvd", b"sefd", b"mini")
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_JPEG_LS, _APPLE_ONLY = b"\xf7", b"CgBI"
_ZIP, _ZIP_END = b"PK\x03\x04", b"PK\x05\x06"
_ZIP_END_BYTES, _ZIP_COMMENT = 22, 0xFFFF
"""Of a ZIP archive's last record, and at most of the comment behind it."""
_LOOKS_LIKE: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (_ZIP, "a ZIP archive or Office document"),
    (b"8BPS", "a Photoshop document (PSD)"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\0\0\1\0", "an icon file"),
    (b"\x59\xa6\x6a\x95", "a Sun raster picture"),
    (b"SIMPLE  =", "a FITS picture"),
    (b"\x97JB2\r\n\x1a\n", "a JBIG2 picture"),
    (b"\1\0\x09\0\0\3", "a Windows metafile (WMF), which is a drawing"),
    (b"\2\0\x09\0\0\3", "a Windows metafile (WMF), which is a drawing"),
    (b"icns", "an icon file of macOS"),
    (b"\xff\xd8\xff\xf7", "a JPEG-LS picture"),
    (b"II\xbc\x01", "a JPEG XR picture"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture of Apple's own kind (from inside an iPhone app)"),
    (b"\x89PNG", "a damaged PNG picture (its line ends were changed, as a transfer as text does)"),
    (b"II+\0", "a BigTIFF picture"),
    (b"MM\0+", "a BigTIFF picture"),
    (b"qoif", "a QOI picture"),
    (b"FLIF", "a FLIF picture"),
    (b"BPG\xfb", "a BPG picture"),
    (b"#?RADIANCE", "an HDR picture (Radiance)"),
    (b"#?RGBE", "an HDR picture (Radiance)"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"DDS ", "a DDS picture (texture)"),
    (b"gimp xcf", "a picture as GIMP's working file (XCF)"),
    (b"%!PS", "a PostScript drawing (EPS)"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript drawing (EPS)"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile (WMF), which is a drawing"),
    (b"\x8aMNG", "an MNG picture"),
    (b"\x8bJNG", "a JNG picture"),
    (b"wxgf", "a picture of WeChat's own kind (WXGF)"),
    (b"\x07\x08V1\x08\x07", "a picture as WeChat for computers keeps it, encrypted (.dat)"),
    (b"\x07\x08V2\x08\x07", "a picture as WeChat for computers keeps it, encrypted (.dat)"),
    (b"\xcf\x84\x01", "a JPEG picture packed with Lepton"),
    (_ZIP_END, "an empty ZIP archive"),
    (b"ID3", "a sound file (MP3)"),
    (b"MZ", "a program for Windows"),
    (b"\x7fELF", "a program for Linux"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"\0\5\x16\0", "a file of macOS (AppleSingle)"),
    (b"\0\5\x16\7", "a side file of macOS (AppleDouble)"),
)
_SHAPES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple((re.compile(shape, re.DOTALL), name) for shape, name in (
    (rb"\x01\x00\x00\x00.{36} EMF", "a Windows metafile (EMF), which is a drawing"),
    (rb"\x00\x00\x02\x00(?!\x00\x00).{5}\x00", "a cursor icon (CUR)"),
    (rb"\x0a[\x00\x02-\x05][\x00\x01][\x01\x02\x04\x08].{60}\x00", "a PCX picture"),
    (rb"\x01\xda[\x00\x01][\x01\x02]\x00[\x01-\x03]", "an SGI picture"),
    (rb".(?:\x00[\x02\x03\x0a\x0b]\x00{5}|\x01[\x01\x09].{4}[\x18\x20]).{8}[\x08\x10\x18\x20][\x00-\x3f]",
     "a Targa picture (TGA)"),
))  # fmt: skip
"""Headers that are told by several of their fields: by their first bytes alone they would be many things. PCX: byte 64
is always 0. Targa has no mark of its own: a map of colours of 3 or 4 bytes or none, 8 to 32 bits a pixel."""


def brands(data: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO base media file; empty for anything else."""
    if data[4:8] != b"ftyp":
        return set()
    size = min(int.from_bytes(data[:4], "big"), len(data), 256)
    return {data[8:12], *(data[i : i + 4] for i in range(16, size - 3, 4))}


def sniff(data: bytes) -> Format | None:
    """The format by its magic bytes, whatever the file is called; None where it is none that we read."""
    if data[:3] == b"\xff\xd8\xff":
        return "jpeg" if data[3:4] != _JPEG_LS else None
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] != _APPLE_ONLY:
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS and len(data) >= 26:
        return "bmp"
    if data[:4] in (b"II*\0", b"MM\0*"):
        return None if raw_format(data) else "tiff"
    names = brands(data)
    if names & _AVIF_BRANDS:
        return "avif"
    return "heic" if names & _HEIF_BRANDS else None


def describe(data: bytes) -> str:
    """What a file that we cannot read looks like, for the message: "a PDF document", "text", "an unknown format"."""
    raw = raw_format(data)
    if raw is not None:
        return raw
    if data.startswith(_ZIP) and zip_end(data) is None:
        return "a ZIP archive that is cut off"
    for magic, name in _LOOKS_LIKE:
        if data.startswith(magic):
            return name
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "a video (MP4 or MOV)"
    if data[:4] == b"RIFF":
        riff = {
            b"AVI ": "a video (AVI)",
            b"WAVE": "a sound file (WAV)",
            b"ACON": "a moving cursor icon (ANI)",
        }
        return riff.get(data[8:12], "an unknown format")
    for shape, name in _SHAPES:
        if shape.match(data):
            return name
    if data[-18:-2] == b"TRUEVISION-XFILE":
        return "a Targa picture (TGA)"
    if data[128:132] == b"DICM":
        return "a DICOM picture"
    if re.match(rb"P[1-7]\s+[\d#]", data[:16]):
        return "a Netpbm picture (PNM)"
    if _is_of_wechat(data):
        return "a picture as WeChat for computers keeps it, encrypted (.dat)"
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if b"<svg" in head:
        return "an SVG drawing"
    if b"<key>adjustmentdata</key>" in head:
        return "a side file of Apple's Photos (AAE), which holds edits and no pixels"
    if head.startswith(b"%pdf"):
        return "a PDF document"
    if _is_text(data[:512]):
        packed = re.match(
            rb"(?:data:image/[\w+.-]+;base64,)?(?:/9j/|iVBORw0KGgo|UklGR|R0lGOD)", data[:64].lstrip()
        )
        return "a picture written as Base64 text, which has to be decoded first" if packed else "text"
    for magic, name in ((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG")):
        if (behind := data.find(magic, 1, 512)) > 0:
            return f"a damaged {name} picture ({behind} other bytes stand before it)"
    return "an unknown format"


def _is_of_wechat(data: bytes) -> bool:
    """WeChat's older files: every byte of a picture changed by one key, which the first byte gives."""
    jpegs = (b"\xff\xd8\xff\xdb", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1", b"\xff\xd8\xff\xe2")
    heads = (*jpegs, b"\x89PNG\r\n\x1a\n", b"GIF89a", b"GIF87a")
    return any(bytes(byte ^ data[0] ^ head[0] for byte in data[: len(head)]) == head for head in heads)


def _is_text(head: bytes) -> bool:
    """Whether a file's first bytes are text: UTF-8, UTF-16 with its mark, or Chinese in GB18030."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    for encoding in ("utf-8", "gb18030"):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        return bool(text.strip()) and all(
            letter.isprintable() or letter in "\t\r\n\f\ufeff" for letter in text
        )
    return False


def zip_end(data: bytes) -> int | None:
    """Offset of the record that ends a ZIP archive; None where it is not there or not whole."""
    at = data.rfind(_ZIP_END, max(0, len(data) - _ZIP_END_BYTES - _ZIP_COMMENT))
    return at if 0 <= at <= len(data) - _ZIP_END_BYTES else None


def is_picture(description: str) -> bool:
    """Whether what `describe` says is a picture after all, only of a format that is not read."""
    return any(word in description for word in ("picture", "raw file", "icon", "drawing", "(PSD)"))


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, first byte of content, end) of the boxes of an ISO base media file between two offsets."""
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        body = start + 8
        if size == 1:
            size, body = int.from_bytes(data[start + 8 : start + 16], "big"), start + 16
        elif size == 0:
            size = end - start
        if size < body - start:
            return
        yield kind, body, start + size
        start += size


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, content) of a PNG's chunks, until the bytes end; checksums are not looked at."""
    at = 8
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            return
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 8 + length > len(data):
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def riff_end(data: bytes) -> int:
    """Offset at which a WebP says that it ends. Writers that stream leave 0 or all ones, some count their own header:
    then it is where the bytes end."""
    said = int.from_bytes(data[4:8], "little")
    return len(data) if said in (0, 0xFFFFFFFF, len(data)) else said + 8


def is_cut(fmt: Format, data: bytes) -> bool:
    """Whether the container itself says that it should be longer than the bytes at hand."""
    if fmt == "webp":
        return riff_end(data) > len(data) + 1  # the last chunk's padding may be missing
    if fmt in ("heic", "avif"):
        # other bytes that follow a picture are no box, whatever length they seem to give
        return any(kind in _HEIF_BOXES and end > len(data) for kind, _, end in boxes(data, 0, len(data)))
    return False


def lacks_end(fmt: Format, data: bytes) -> bool:
    """Whether the mark is missing that ends a PNG or GIF: if pixels are missing, too, then the file was cut."""
    if fmt == "png":
        return b"IEND" not in data[-4096:] and b"IEND" not in data
    return fmt == "gif" and not data.rstrip(b"\0\r\n").endswith(b";")


def _png(data: bytes) -> Size | None:
    return struct.unpack_from(">II", data, 16) if len(data) >= 24 and data[12:16] == b"IHDR" else None


def _gif(data: bytes) -> Size | None:
    return struct.unpack_from("<HH", data, 6) if len(data) >= 10 else None


def _bmp(data: bytes) -> Size | None:
    if int.from_bytes(data[14:18], "little") == 12:
        return struct.unpack_from("<HH", data, 18)
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _webp(data: bytes) -> Size | None:
    kind = data[12:16]
    if len(data) < 30:
        return None
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff(data: bytes) -> Size | None:
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < 10:
        return None
    (at,) = struct.unpack_from(order + "I", data, 4)
    found: dict[int, int] = {}
    if at + 2 > len(data):
        return None
    (count,) = struct.unpack_from(order + "H", data, at)
    if at + 2 + 12 * count > len(data):
        return None
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag in (256, 257):
            found[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, entry + 8)[0]
    return (found[256], found[257]) if len(found) == 2 else None


def _heif(data: bytes) -> Size | None:
    """The largest `ispe` of the meta box: a grid's own size, beside the sizes of its tiles and thumbnail."""
    sizes: list[Size] = []
    for kind, start, end in boxes(data, 0, len(data)):
        if kind != b"meta":
            continue
        at = data.find(b"ispe", start, end)
        while at >= 0 and at + 16 <= len(data) and len(sizes) < MAX_BOXES:
            sizes.append(struct.unpack_from(">II", data, at + 8))
            at = data.find(b"ispe", at + 4, end)
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _jpeg(data: bytes) -> Size | None:
    facts = parse_jpeg(data)
    return (facts.width, facts.height) if facts else None


_READERS: dict[Format, Callable[[bytes], Size | None]] = {
    "jpeg": _jpeg, "png": _png, "webp": _webp, "heic": _heif, "avif": _heif, "gif": _gif, "bmp": _bmp, "tiff": _tiff,
}  # fmt: skip


def stored_size(fmt: Format, data: bytes) -> Size | None:
    """Width and height that the header states, before any rotation; None where the header is broken or cut off."""
    return _READERS[fmt](data)
