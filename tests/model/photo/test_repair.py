"""Valid but odd files are judged; what is missing or broken in the pixels is still refused."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from refundlens.model.photo.image import ImageError, Limits, probe, read_photo
from tests.model.photo import build


def _with_restarts() -> bytes:
    out = io.BytesIO()
    build.picture().save(out, "JPEG", quality=90, restart_marker_blocks=8)
    return out.getvalue()


def _before_markers(data: bytes, stray: bytes, which: slice = slice(None)) -> bytes:
    """stray bytes before the chosen restart and end markers."""
    start = data.index(b"\xff\xda")
    places = [at for at in range(start, len(data) - 1) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD9]
    for at in reversed(places[which]):
        data = data[:at] + stray + data[at:]
    return data


@pytest.mark.parametrize(
    ("stray", "which"),
    [
        (bytes(6), slice(None)),
        (b"\x55" * 9, slice(None)),
        (b"\x12\x34\x56", slice(2, 3)),
        (bytes(400), slice(-1, None)),
        (b"left behind by an uploader", slice(-1, None)),
    ],
)
@pytest.mark.parametrize("whole", [_with_restarts(), build.saved("JPEG")])
def test_bytes_that_touch_no_pixel_are_skipped(whole: bytes, stray: bytes, which: slice) -> None:
    photo = read_photo(_before_markers(whole, stray, which))
    assert np.array_equal(photo.pixels, read_photo(whole).pixels)
    # libjpeg itself passes over a few zeros before the end marker
    assert (
        "stray_bytes" in photo.notes
        or (stray == bytes(6) and b"\xff\xd1" not in whole)
        or which == slice(2, 3)
    )


@pytest.mark.parametrize("stray", [b"abc", b"\x12" * 40, bytes(5000)])
@pytest.mark.parametrize(
    ("progressive", "marker"),
    [(kind, number) for kind, frame in ((False, 0xC0), (True, 0xC2)) for number in (0xDB, frame, 0xC4, 0xDA)],
)  # fmt: skip
def test_bytes_between_segments_are_skipped(progressive: bool, marker: int, stray: bytes) -> None:
    whole = build.saved("JPEG", progressive=progressive)
    at = whole.rfind(
        bytes((0xFF, marker))
    )  # of a progressive one's tables and scans the last, behind other scans
    photo = read_photo(whole[:at] + stray + whole[at:])
    assert np.array_equal(photo.pixels, read_photo(whole).pixels)
    assert "stray_bytes" in photo.notes


def test_a_start_marker_written_twice_is_skipped() -> None:
    whole = build.saved("JPEG")
    assert np.array_equal(read_photo(b"\xff\xd8" + whole).pixels, read_photo(whole).pixels)


def test_missing_data_are_still_refused() -> None:
    data = _with_restarts()
    start = data.index(b"\xff\xda") + 60
    with pytest.raises(ImageError):
        read_photo(data[:start] + data[start + 40 :])


def _chunk(kind: bytes, content: bytes, checksum: int | None = None) -> bytes:
    check = zlib.crc32(kind + content) if checksum is None else checksum
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


@pytest.mark.parametrize(
    "chunk",
    [
        _chunk(b"iCCP", b"Big\0\0" + zlib.compress(bytes(3 << 20))),
        _chunk(b"iCCP", b"broken"),
        _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 << 20))),
        _chunk(b"gAMA", struct.pack(">I", 45455), 12345),
        _chunk(b"tEXt", b"Comment\0x", 12345),
        _chunk(b"eXIf", build.exif(), 12345),
    ],
)
def test_an_ancillary_chunk_never_spoils_a_png(chunk: bytes) -> None:
    plain = build.png()
    photo = read_photo(plain[:33] + chunk + plain[33:])
    assert np.array_equal(photo.pixels, np.asarray(build.picture()))


def test_a_broken_critical_chunk_does() -> None:
    data = bytearray(build.png())
    data[data.index(b"IDAT") + 60] ^= 0xFF
    with pytest.raises(ImageError):
        read_photo(bytes(data))


def test_64_megapixels_of_a_phone_pass_and_more_do_not() -> None:
    for size, refused in (
        ((9280, 6944), False),
        ((8192, 6144), False),
        ((8160, 6144), False),
        ((12000, 9000), True),
    ):
        head = struct.pack(">II", *size) + b"\x08\2\0\0\0"
        data = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head)
        if refused:
            with pytest.raises(ImageError, match="megapixels"):
                probe(data)
        else:
            assert probe(data)[1:] == size


def _frame(marker: int, precision: int) -> bytes:
    data = build.saved("JPEG")
    at = data.index(b"\xff\xc0")
    return data[: at + 1] + bytes((marker,)) + data[at + 2 : at + 4] + bytes((precision,)) + data[at + 5 :]


def _as(kind: str, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    build.picture().convert(mode).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (_frame(0xC1, 12), "unsupported_format", "12 bits"),
        (_frame(0xC3, 8), "unsupported_format", "lossless"),
        (b"II*\0\x08\0\0\0" + build.tiff_block({0xC612: (1, b"\1\4\0\0"), 0x010F: (2, b"X\0")})[8:],
        "unsupported_format", "DNG"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "unsupported_format", "CR2"),
        (b"FUJIFILMCCD-RAW " + bytes(80), "unsupported_format", "RAF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(80), "unsupported_format", "CR3"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), "unsupported_format", "is a JPEG 2000 picture"),
        (b"\0\0\1\0\1\0" + bytes(40), "unsupported_format", "is an icon file"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(40), "unsupported_format", "macOS"),
        (b"%PDF-1.7" + bytes(40), "unsupported_format", "PDF document, not a picture"),
        (b"\0\0\2\0\1\0\x20\x20\0\0\7\0\7\0" + bytes(40), "unsupported_format", "is a cursor icon .CUR."),
        (b"RIFF\x24\0\0\0ACONanih" + bytes(40), "unsupported_format", "is a moving cursor icon .ANI."),
        (b"\1\0\0\0\x6c\0\0\0" + bytes(32) + b" EMF" + bytes(64), "unsupported_format", ".EMF., which is a drawing"),
        (b"\1\0\x09\0\0\3" + bytes(40), "unsupported_format", ".WMF., which is a drawing"),
        (_as("PCX"), "unsupported_format", "is a PCX picture"),
        (_as("SGI"), "unsupported_format", "is an SGI picture"),
        (_as("TGA"), "unsupported_format", "is a Targa picture"),
        (_as("TGA")[:-26], "unsupported_format", "is a Targa picture"),
        (_as("TGA", "L"), "unsupported_format", "is a Targa picture"),
        (_as("TGA", "P")[:-26], "unsupported_format", "is a Targa picture"),
        (_as("ICO"), "unsupported_format", "is an icon file"),
        (_as("PPM"), "unsupported_format", "is a Netpbm picture"),
        (build.saved("JPEG").replace(struct.pack(">HH", 144, 192), struct.pack(">HH", 0, 192)), "corrupt_image",
        "height"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_named_in_plain_words(data: bytes, code: str, words: str) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        read_photo(data, Limits())
    assert caught.value.code == code
    assert "picture, not a picture" not in caught.value.message


def test_a_preview_in_the_first_directory_is_no_photo() -> None:
    tags = {0x00FE: (4, b"\1\0\0\0"), 0x014A: (4, b"\x08\0\0\0"), 0x010F: (2, b"NIKON CORPORATION\0")}
    with pytest.raises(ImageError, match="camera raw file"):
        read_photo(build.tiff_block(tags))


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.slow
def test_pixels_that_unpack_to_a_thousand_times_what_the_header_says_are_not_unpacked(header: bool) -> None:
    start = build.saved("PNG")
    start = start[: start.index(b"IDAT") - 4]
    bomb = (start if header else start[:29] + bytes(4)) + _chunk(b"IDAT", zlib.compress(bytes(1 << 28)))
    began = time.process_time()
    with pytest.raises(ImageError):
        read_photo(bomb if header else bomb + _chunk(b"IEND", b""))
    assert time.process_time() - began < 0.2


def test_an_ordinary_tiff_is_one() -> None:
    assert read_photo(build.saved("TIFF", Image.new("RGB", (40, 30)))).format == "tiff"
