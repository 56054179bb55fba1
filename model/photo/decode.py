"""File bytes -> RGB pixels as displayed, through simplejpeg (JPEG), pillow-heif (HEIC) and Pillow (the rest).

Callers use `model.photo.image`, which checks the header and the limits first. simplejpeg gives bit for bit what Pillow
gives (same libjpeg-turbo, slow DCT, smooth upsampling) in a third of the time; CMYK and odd sampling go through Pillow.
"""

import io
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pillow_heif
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from refundlens.model.photo.exif import read_exif
from refundlens.model.photo.formats import Format, brands, lacks_end, riff_end
from refundlens.model.photo.hidden_text import hidden_text
from refundlens.model.photo.jpeg import JpegFacts
from refundlens.model.photo.repair import STRAY, sound_chunks, with_end, without_stray_bytes

Pixel = TypeVar("Pixel", bound=np.generic)

BAND = 256
"""Rows converted at a time: keeps the extra memory of a 12-megapixel picture at some 4 MB."""

_CUT_WORDS = ("truncat", "premature", "end of file", "end-of-file", "incomplete", "not enough data")
_AVIF_BRANDS = (b"avif", b"avis", b"mif1")
"""Main brands that Pillow's reader goes by; others name `avif` beside theirs."""
_NO_LENGTH = "ogus marker length"
"""What libjpeg says of a segment of less than two bytes."""
_WIDE_MODES = ("I;16", "I;16B", "I;16L", "I;16N")
_FROM_INFO = ("png", "webp", "avif")
"""Formats whose EXIF orientation is ours to apply; libheif and Pillow's TIFF reader turn the picture themselves."""
_UNREAD_CODING = frozenset({"C3", "C5", "C6", "C7", "CB", "CD", "CE", "CF"})
"""Frame markers of lossless and hierarchical JPEG, which libjpeg-turbo does not decode to 8 bits."""
_NEEDED = frozenset({b"tRNS", b"acTL", b"fcTL", b"fdAT", b"eXIf"})
"""PNG's ancillary chunks that matter here: transparency, animation, orientation. All others change no pixel (texts, and
profiles, which are not applied), and Pillow refuses a whole picture for one of them that is large or damaged."""


class DecodeError(Exception):
    """The pixels cannot be had. `truncated`: bytes are missing. `unsupported`: valid, but of a kind we do not read."""

    def __init__(self, message: str, truncated: bool = False, unsupported: bool = False) -> None:
        super().__init__(message)
        self.truncated = truncated
        self.unsupported = unsupported


@dataclass(frozen=True)
class Decoded:
    """RGB uint8 [H,W,3] as displayed, notes on what was done to get there, and the text hidden in the file's own pixels
    (see model.photo.image.Photo)."""

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...]
    hidden: str | None


def decode(data: bytes, fmt: Format, facts: JpegFacts | None, expected: tuple[int, int]) -> Decoded:
    """Decode a picture whose header has been checked. Raises DecodeError."""
    notes: list[str] = []
    hidden: str | None = None
    if facts is not None:
        pixels, orientation = _decode_jpeg(data, facts, notes), facts.exif.orientation
        if facts.has_icc:
            notes.append("icc_profile_not_applied")
    else:
        pixels, orientation, hidden = _decode_with_pillow(data, fmt, expected, notes)
    if orientation != 1:
        pixels = turn(pixels, orientation)
        notes.append("rotated_by_exif")
    return Decoded(np.ascontiguousarray(pixels), tuple(notes), hidden)


def turn(pixels: NDArray[Pixel], orientation: int) -> NDArray[Pixel]:
    """A view of [H,W,...] pixels as EXIF orientation 1 to 8 wants them displayed."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def turn_back(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The inverse of `turn`: displayed pixels as they lie in the file, where the JPEG grid starts at (0, 0)."""
    return turn(pixels, {6: 8, 8: 6}.get(orientation, orientation))


def _decode_jpeg(data: bytes, facts: JpegFacts, notes: list[str]) -> NDArray[np.uint8]:
    if facts.precision != 8:
        raise DecodeError(f"the JPEG has {facts.precision} bits a channel, 8 are read", unsupported=True)
    if _UNREAD_CODING & set(facts.markers):
        raise DecodeError("the JPEG is of the lossless or hierarchical kind", unsupported=True)
    if facts.components not in (1, 3) or facts.subsampling == "other":
        return _decode_with_pillow(data, "jpeg", (facts.width, facts.height), notes)[0]
    try:
        return _turbo(data)
    except ValueError as error:
        message = str(error)
    if "premature end of jpeg" in message.lower():
        # All pixels may be there and only the end marker gone; strict mode tells: it complains again if not.
        try:
            pixels = _turbo(data + b"\xff\xd9")
        except ValueError as error:
            raise DecodeError(str(error), truncated=True) from error
        notes.append("missing_end_marker")
        return pixels
    if STRAY.search(message) or _NO_LENGTH in message or data[2:4] == b"\xff\xd8":
        whole = without_stray_bytes(data, _complaint)
        if whole is not None:
            notes.append("stray_bytes")
            return _turbo(whole)
    if "subsampling" in message or "nsupported" in message:
        return _decode_with_pillow(data, "jpeg", (facts.width, facts.height), notes)[0]
    raise DecodeError(message, truncated=_means_cut(message))


def _turbo(data: bytes) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace="RGB", strict=True)
    return pixels


def _complaint(data: bytes) -> str:
    """The strict decoder's message about these bytes, "" where it has none."""
    try:
        _turbo(data)
    except ValueError as error:
        return str(error)
    return ""


def _means_cut(message: str) -> bool:
    return any(word in message.lower() for word in _CUT_WORDS)


def _decode_with_pillow(
    data: bytes, fmt: Format, expected: tuple[int, int], notes: list[str]
) -> tuple[NDArray[np.uint8], int, str | None]:
    """Pixels, the orientation that is still to be applied, and the text hidden in them."""
    try:
        if fmt == "png" and lacks_end(fmt, data):
            whole = with_end(data)
            if whole is None:
                raise DecodeError("the end is missing", truncated=True)
            notes.append("missing_end_marker")
            data = whole
        image = _open(data, fmt)
        if image.size[0] * image.size[1] > expected[0] * expected[1]:
            raise DecodeError("the picture is larger than its header says")
        if getattr(image, "is_animated", False):
            notes.append("first_frame_only")
            image.seek(0)
        image.load()
        hidden = hidden_text(image)
        pixels = _to_rgb(image, notes)
    except DecodeError:
        raise
    except Exception as error:
        # On damaged files the readers raise whatever they stumble over: OSError, SyntaxError, struct.error, KeyError...
        unknown = isinstance(error, UnidentifiedImageError)
        message = "no picture can be read from it" if unknown else str(error)
        if unknown and fmt == "tiff":
            raise DecodeError("the TIFF's pixels are of a kind that is not read", unsupported=True) from error
        cut = _means_cut(message) or lacks_end(fmt, data)
        raise DecodeError(message or type(error).__name__, truncated=cut) from error
    profile = image.info.get("icc_profile") or (fmt == "png" and b"iCCP" in data[:4096])
    if profile and fmt != "jpeg":
        notes.append("icc_profile_not_applied")
    orientation = read_exif(image.info.get("exif")).orientation if fmt in _FROM_INFO else 1
    return pixels, orientation, hidden


def _open(data: bytes, fmt: Format) -> Image.Image:
    if fmt == "png":
        data = sound_chunks(data, _NEEDED)
    if fmt == "webp":
        end = riff_end(data)
        end += end % 2
        data += b"\0" * (end - len(data))  # the padding that some writers leave out
        length = (end - 8).to_bytes(4, "little")
        data = data if data[4:8] == length else data[:4] + length + data[8:]
    if fmt == "avif" and data[8:12] not in _AVIF_BRANDS and b"avif" in brands(data):
        data = data[:8] + b"avif" + data[12:]
    if fmt == "heic":
        heif: Image.Image = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True).to_pillow()
        return heif
    return Image.open(io.BytesIO(data), formats=[fmt.upper()])


def _to_rgb(image: Image.Image, notes: list[str]) -> NDArray[np.uint8]:
    """Any Pillow mode -> RGB, band by band. Transparent parts lie on white, as web pages show them."""
    width, height = image.size
    mode = image.mode
    if mode == "F" or (mode == "I" and image.format != "PNG"):
        raise DecodeError(f"the picture has 32 bits a channel (mode {mode})", unsupported=True)
    clear = mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    if mode in (*_WIDE_MODES, "I"):
        notes.append("sixteen_bit_reduced")
    if mode == "CMYK":
        notes.append("cmyk_converted")
    pixels = np.empty((height, width, 3), np.uint8)
    seen_through = False
    for top in range(0, height, BAND):
        band = image.crop((0, top, width, min(top + BAND, height)))
        target = pixels[top : top + BAND]
        if mode in (*_WIDE_MODES, "I"):
            # Pillow's own conversion clips at 255; the high byte is what it takes of 16-bit colour.
            target[:] = (np.asarray(band).astype(np.int32) >> 8).clip(0, 255).astype(np.uint8)[..., None]
        elif clear:
            rgba = band.convert("RGBA")
            alpha = rgba.getchannel("A")
            seen_through = seen_through or alpha.getextrema()[0] != 255
            paper = Image.new("RGB", rgba.size, (255, 255, 255))
            paper.paste(rgba.convert("RGB"), mask=alpha)
            target[:] = np.asarray(paper)
        else:
            target[:] = np.asarray(band.convert("RGB"))
    if seen_through:
        notes.append("transparency_on_white")
    return pixels
