"""Opens a picture safely: bytes in, RGB pixels as a viewer shows them out, or an error that says what to do.

The header is read first; a file that claims too much is refused before any pixel is decoded. The pixels are exactly
the decoder's: no DCT scaling, no fast modes, no colour management (an ICC profile is noted and not applied, because
resampling colours would touch the traces that the detector reads).

>>> read_photo(b"")
Traceback (most recent call last):
    ...
model.photo.image.ImageError: the file is empty: upload it again
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from refundlens.model.photo.decode import DecodeError, decode
from refundlens.model.photo.formats import Format, describe, is_cut, is_picture, sniff, stored_size
from refundlens.model.photo.jpeg import JpegFacts, parse_jpeg
from refundlens.model.photo.live_photo import is_archive, still_of
from refundlens.model.photo.resizing import to_judged

_READ = "JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF"


class ImageError(Exception):
    """A file that cannot be judged. `code` is stable; `message` says what to do about it.

    Codes: empty_file, too_many_bytes, unsupported_format, too_many_pixels, too_many_scans, truncated_image,
    corrupt_image.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type["ImageError"], tuple[str, str]]:
        return type(self), (self.code, self.message)  # it goes from one process to another


@dataclass(frozen=True)
class Limits:
    """The largest file that is read. Each bounds memory or time before anything is decoded.

    max_bytes: a 12-megapixel phone JPEG has 2 to 8 MB, a screenshot as PNG up to 20.
    max_pixels: 64-megapixel phone modes (9,248 x 6,936) pass; 65 million pixels are 195 MB of RGB.
    max_side: pixels; long screenshots pass, degenerate strips do not.
    max_scans: an encoder writes about 10 scans of a progressive JPEG; hundreds exist only to burn the decoder's time.
    """

    max_bytes: int = 32 * 1024 * 1024
    max_pixels: int = 65_000_000
    max_side: int = 20_000
    max_scans: int = 100


@dataclass(frozen=True)
class Photo:
    """One picture, opened.

    pixels: RGB uint8 [H,W,3] as displayed, that is after EXIF orientation. sha256: of the file as it came, hexadecimal.
    format: by magic bytes, never by name. data: the picture's bytes: the file's, or of a live photo its still's. jpeg:
    header facts of a JPEG, None for the rest. notes: what was done on the way: live_photo_still, first_frame_only,
    transparency_on_white, cmyk_converted, sixteen_bit_reduced, rotated_by_exif, icc_profile_not_applied,
    missing_end_marker, stray_bytes (bytes of no pixel were skipped).
    hidden: the text that a generator hid in the pixels (`model.photo.hidden_text`), None where there is none.
    """

    pixels: NDArray[np.uint8]
    sha256: str
    format: Format
    data: bytes
    jpeg: JpegFacts | None
    notes: tuple[str, ...]
    hidden: str | None = None

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @cached_property
    def judged(self) -> NDArray[np.uint8]:
        """The pixels that are scored: `pixels` itself, or a large photo's shrunk copy (`model.photo.resizing`)."""
        return to_judged(self.pixels)


def probe(data: bytes, limits: Limits | None = None) -> tuple[Format, int, int]:
    """Format, width and height as the header states them (before rotation), of a live photo its still's. Raises
    ImageError; decodes nothing."""
    limits = limits or Limits()
    return _probe(_picture(data, limits), limits)


def type_as_sent(data: bytes, fmt: Format) -> str:
    """The media type of the file as it came: a live photo is an archive, whatever `probe` says that its still is."""
    return "application/zip" if is_archive(data) else f"image/{fmt}"


def _picture(data: bytes, limits: Limits) -> bytes:
    """The bytes that are opened: the file's, or a live photo's still. Raises ImageError."""
    if not data:
        raise ImageError("empty_file", "the file is empty: upload it again")
    _check_bytes(data, limits)
    still = still_of(data, limits.max_bytes) if is_archive(data) else None
    if still is not None:
        _check_bytes(still, limits)
    return data if still is None else still


def _todo(found: str) -> str:
    if "cut off" in found:
        return "upload it again, or the photo in it as a"
    if "damaged" in found:
        return "upload the original again, a"
    if "WeChat" in found:
        return "save it from the chat and upload that, a"
    packed = "archive" in found and "empty" not in found
    return "unpack it and upload the photo in it, a" if packed else "upload a"


def _check_bytes(data: bytes, limits: Limits) -> None:
    if len(data) > limits.max_bytes:
        raise ImageError(
            "too_many_bytes",
            f"the file has {len(data) / 2**20:.1f} MiB and the limit is {limits.max_bytes / 2**20:.0f} MiB: "
            "save it as JPEG or make it smaller",
        )


def _probe(data: bytes, limits: Limits) -> tuple[Format, int, int]:
    fmt = sniff(data)
    if fmt is None:
        found = describe(data)
        what = (
            f"looks like {found}, not a picture"
            if not is_picture(found)
            else f"is {found}"
            if "damaged" in found
            else f"is {found}, a format that is not read here"
        )
        raise ImageError("unsupported_format", f"the file {what}: {_todo(found)} {_READ} file")
    size = stored_size(fmt, data)
    if size is None:
        raise ImageError("truncated_image", f"the {fmt.upper()} file ends inside its header: upload it again")
    width, height = size
    if fmt == "jpeg" and width and not height:
        raise ImageError(
            "corrupt_image",
            "the JPEG's header leaves the height open (0, to be given after the picture), which viewers refuse too: "
            "open it in the program that wrote it and export it again",
        )
    if width < 1 or height < 1:
        raise ImageError(
            "corrupt_image", f"the header says {width} x {height} pixels: export the picture again"
        )
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise ImageError(
            "too_many_pixels",
            f"the picture is {width} x {height} pixels; the limit is {limits.max_pixels / 1e6:.0f} megapixels and "
            f"{limits.max_side} pixels a side: make it smaller",
        )
    # 0xFF is escaped inside compressed data, so this counts start-of-scan markers (and a few in metadata).
    if fmt == "jpeg" and data.count(b"\xff\xda") > limits.max_scans:
        raise ImageError(
            "too_many_scans", "the JPEG is cut into too many scans to decode: save it again as baseline"
        )
    return fmt, width, height


def read_photo(data: bytes, limits: Limits | None = None) -> Photo:
    """Open a picture of any supported format. Raises ImageError, and nothing else, on bad input."""
    limits = limits or Limits()
    came, data = data, _picture(data, limits)
    fmt, width, height = _probe(data, limits)
    if is_cut(fmt, data):
        raise _truncated(fmt)
    facts = parse_jpeg(data) if fmt == "jpeg" else None
    try:
        decoded = decode(data, fmt, facts, expected=(width, height))
    except DecodeError as error:
        if error.truncated:
            raise _truncated(fmt) from error
        if error.unsupported:
            raise ImageError(
                "unsupported_format", f"{error}: save the picture as 8-bit JPEG or PNG"
            ) from error
        raise ImageError(
            "corrupt_image", f"the {fmt.upper()} data is damaged ({error}): upload it again"
        ) from error
    notes = decoded.notes if data is came else ("live_photo_still", *decoded.notes)
    return Photo(decoded.pixels, hashlib.sha256(came).hexdigest(), fmt, data, facts, notes, decoded.hidden)


def _truncated(fmt: Format) -> ImageError:
    what = f"the {fmt.upper()} file is cut off: part of the picture is missing"
    return ImageError("truncated_image", f"{what}; upload it again")
