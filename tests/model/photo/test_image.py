"""Every kind of file opens right, or fails with a code and a message that says what to do."""

import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

from refundlens.model.photo.image import ImageError, Limits, probe, read_photo


def _picture(width: int = 61, height: int = 43) -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2))


def _save(image: Image.Image, fmt: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_header(width: int, height: int) -> bytes:
    body = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + body + _chunk(b"IDAT", zlib.compress(bytes(100_000))) + _chunk(b"IEND", b"")


def _code(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(ImageError) as caught:
        read_photo(data, limits)
    assert len(caught.value.message) > 20
    return caught.value.code


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_bit_identical_to_pillow(subsampling: int, progressive: bool) -> None:
    data = _save(_picture(), "JPEG", quality=80, subsampling=subsampling, progressive=progressive)
    assert np.array_equal(read_photo(data).pixels, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_grey_becomes_rgb() -> None:
    data = _save(_picture().convert("L"), "JPEG")
    pixels = read_photo(data).pixels
    assert np.array_equal(pixels, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_are_shown_upright(fmt: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if fmt == "HEIF":
        out = io.BytesIO()
        pillow_heif.from_pillow(_picture(64, 48)).save(out, exif=exif.tobytes(), quality=-1)
        plain = np.asarray(_picture(64, 48))
        shown = np.asarray(ImageOps.exif_transpose(_with_orientation(Image.fromarray(plain), orientation)))
        pixels = read_photo(out.getvalue()).pixels
        assert pixels.shape == shown.shape
        assert np.abs(pixels.astype(int) - shown).mean() < 6
        return
    data = _save(_picture(), fmt, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    assert np.array_equal(read_photo(data).pixels, np.asarray(upright))


def _with_orientation(image: Image.Image, orientation: int) -> Image.Image:
    image.getexif()[0x0112] = orientation
    return image


def test_a_known_corner_lands_where_orientation_6_puts_it() -> None:
    image = Image.new("RGB", (40, 20), (0, 0, 0))
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = read_photo(_save(image, "PNG", exif=exif))
    assert (photo.width, photo.height) == (20, 40)
    assert photo.pixels[0, 19, 0] == 255
    assert "rotated_by_exif" in photo.notes


def test_bomb_is_refused_at_once() -> None:
    start = time.perf_counter()
    assert _code(_png_header(30_000, 30_000)) == "too_many_pixels"
    assert time.perf_counter() - start < 0.5


def test_file_larger_than_the_limit() -> None:
    assert _code(_save(_picture(), "PNG"), Limits(max_bytes=100)) == "too_many_bytes"


def test_long_thin_strip() -> None:
    assert _code(_png_header(30_000, 2)) == "too_many_pixels"


@pytest.mark.parametrize(
    ("data", "named"),
    [(b"%PDF-1.7\n" * 9, "PDF"), (b"hello, this is no picture", "text"), (b"PK\3\4" + bytes(40), "ZIP"),
     (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"), (bytes(range(99)), "unknown")],
)  # fmt: skip
def test_other_files_are_named_for_what_they_look_like(data: bytes, named: str) -> None:
    with pytest.raises(ImageError, match=named) as caught:
        read_photo(data)
    assert caught.value.code == "unsupported_format"


def test_empty_file() -> None:
    assert _code(b"") == "empty_file"


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_cut_files_are_refused_and_not_filled_with_grey(fmt: str, kept: float) -> None:
    data = _save(_picture(200, 150), fmt)
    assert _code(data[: int(len(data) * kept)]) == "truncated_image"


def test_cut_heic() -> None:
    out = io.BytesIO()
    pillow_heif.from_pillow(_picture(64, 64)).save(out)
    assert _code(out.getvalue()[:-50]) == "truncated_image"


@pytest.mark.parametrize("progressive", [False, True])
def test_cut_jpeg_with_an_end_marker_put_on_is_still_refused(progressive: bool) -> None:
    data = _save(_picture(200, 150), "JPEG", progressive=progressive)
    assert _code(data[: len(data) * 2 // 3] + b"\xff\xd9") in ("truncated_image", "corrupt_image")


def test_missing_end_marker_alone_is_fine() -> None:
    data = _save(_picture(), "JPEG")
    photo = read_photo(data[:-2])
    assert np.array_equal(photo.pixels, read_photo(data).pixels)
    assert "missing_end_marker" in photo.notes


def test_bytes_after_the_picture_do_no_harm() -> None:
    data = _save(_picture(), "JPEG")
    assert np.array_equal(read_photo(data + b"SEFH" * 100 + data).pixels, read_photo(data).pixels)


def test_cmyk_has_the_right_colours() -> None:
    red = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    photo = read_photo(_save(red, "JPEG", quality=95))
    assert np.abs(photo.pixels.astype(int) - (255, 0, 0)).max() < 4
    assert "cmyk_converted" in photo.notes


@pytest.mark.parametrize("fmt", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(fmt: str) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    photo = read_photo(_save(Image.fromarray(ramp), fmt))
    assert np.array_equal(photo.pixels[..., 1], ramp >> 8)
    assert "sixteen_bit_reduced" in photo.notes


def test_float_tiff_is_refused_with_advice() -> None:
    assert _code(_save(Image.fromarray(np.ones((9, 9), np.float32)), "TIFF")) == "unsupported_format"


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA"])
def test_transparent_parts_lie_on_white(mode: str) -> None:
    image = Image.new("RGBA", (20, 10), (10, 20, 30, 255))
    image.paste((200, 0, 0, 0), (0, 0, 5, 10))
    image = image.quantize(8) if mode == "P" else image.convert(mode)
    photo = read_photo(_save(image, "PNG"))
    assert (photo.pixels[:, :5] == 255).all()
    assert (photo.pixels[:, 5:] < 60).all()
    assert "transparency_on_white" in photo.notes


def test_opaque_alpha_is_not_worth_a_note() -> None:
    image = _picture()
    image.putalpha(255)
    photo = read_photo(_save(image, "PNG"))
    assert np.array_equal(photo.pixels, np.asarray(_picture()))
    assert photo.notes == ()


@pytest.mark.parametrize("fmt", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_first_frame_of_an_animation(fmt: str) -> None:
    frames = [Image.new("RGB", (48, 32), colour) for colour in ((200, 0, 0), (0, 200, 0))]
    photo = read_photo(_save(frames[0], fmt, save_all=True, append_images=frames[1:]))
    assert photo.pixels[16, 24, 0] > 180
    assert photo.pixels[16, 24, 1] < 20
    assert "first_frame_only" in photo.notes


def test_colour_profile_is_noted_and_not_applied() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    photo = read_photo(_save(_picture(), "PNG", icc_profile=profile))
    assert np.array_equal(photo.pixels, np.asarray(_picture()))
    assert photo.notes == ("icc_profile_not_applied",)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"])
def test_probe_reads_size_from_the_header_alone(fmt: str) -> None:
    data = _save(_picture(), fmt)
    assert probe(data) == (fmt.lower(), 61, 43)


def test_too_many_scans() -> None:
    data = _save(_picture(), "JPEG", progressive=True)
    assert _code(data, Limits(max_scans=3)) == "too_many_scans"


def test_photo_keeps_bytes_and_hash(tmp_path: Path) -> None:
    data = _save(_picture(), "JPEG")
    photo = read_photo(data)
    assert photo.data == data
    assert len(photo.sha256) == 64
    assert photo.jpeg is not None
    assert photo.pixels.flags.c_contiguous


_SEEDS = [_save(_picture(32, 24), fmt) for fmt in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")]


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=100)
@given(
    st.sampled_from(_SEEDS),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 4000),
)
def test_damage_gives_pixels_or_an_image_error(seed: bytes, edits: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(seed)
    for at, value in edits:
        data[at % len(data)] = value
    try:
        photo = read_photo(bytes(data[: len(data) - cut % len(data) // 4]), Limits(max_pixels=1_000_000))
    except ImageError as error:
        assert error.code
    else:
        assert photo.pixels.dtype == np.uint8
        assert photo.pixels.ndim == 3
