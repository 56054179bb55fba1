"""Measured conditions follow what was done to a picture. Pictures are made here, with a camera's kind of detail."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.photo.compression import double_quantisation
from refundlens.model.photo.conditions import measure
from refundlens.model.photo.image import Photo, read_photo
from refundlens.model.photo.windows import PER_AXIS, SIDE, luma_windows

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    """560 x 480 RGB with detail in all octaves, falling with frequency and uneven over the picture, as in photos."""
    rng = np.random.default_rng(11)
    frequency = np.hypot(np.fft.fftfreq(480)[:, None], np.fft.fftfreq(560)[None]) + 1 / 560

    def layer(fall: float) -> NDArray[np.float64]:
        waves = rng.standard_normal((480, 560)) + 1j * rng.standard_normal((480, 560))
        values = np.fft.ifft2(waves / frequency**fall).real
        return values / values.std()

    contrast = np.exp(0.8 * layer(1.5))[..., None]
    picture = 0.7 * layer(1.1)[..., None] + 0.3 * np.stack([layer(1.1) for _ in range(3)], axis=-1)
    noisy = 128 + 40 * contrast * picture + rng.normal(0, 1.5, picture.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _jpeg(image: Image.Image, quality: int, **options: object) -> Image.Image:
    """The picture after one save, with its bytes kept beside it."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, **options)
    saved = Image.open(io.BytesIO(out.getvalue())).convert("RGB")
    saved.info["bytes"] = out.getvalue()
    return saved


def _file(image: Image.Image, fmt: str, **options: object) -> Photo:
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return read_photo(out.getvalue())


def _counted(image: Image.Image) -> int:
    return measure(read_photo(image.info["bytes"])).quantisations


def test_size_and_quality(scene: Image.Image) -> None:
    conditions = measure(read_photo(_jpeg(scene, 83).info["bytes"]))
    assert (conditions.long_side, conditions.jpeg_quality, conditions.supported) == (560, 83, True)
    assert measure(_file(scene, "PNG")).jpeg_quality is None


@pytest.mark.parametrize("quality", [50, 65, 75, 85, 95])
def test_one_save_is_one(scene: Image.Image, quality: int) -> None:
    assert _counted(_jpeg(scene, quality)) == 1


@pytest.mark.parametrize(("first", "second"), [(50, 75), (60, 85), (70, 90), (75, 95), (80, 90)])
def test_a_coarser_save_before_the_last_is_seen(scene: Image.Image, first: int, second: int) -> None:
    assert _counted(_jpeg(_jpeg(scene, first), second)) == 2


def test_the_first_quality_is_estimated(scene: Image.Image) -> None:
    photo = read_photo(_jpeg(_jpeg(scene, 60), 90).info["bytes"])
    assert photo.jpeg is not None
    _, _, quality = double_quantisation(luma_windows(photo.pixels), photo.jpeg.tables[0])
    assert quality is not None
    assert abs(quality - 60) <= 3


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_rotation_by_exif_does_not_hide_the_grid(scene: Image.Image, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    odd = scene.crop((0, 0, 555, 477))
    assert _counted(_jpeg(_jpeg(odd, 60), 90, exif=exif)) == 2


def test_a_resize_between_saves_hides_the_first(scene: Image.Image) -> None:
    between = _jpeg(scene, 60).resize((480, 411), Image.Resampling.LANCZOS)
    assert _counted(_jpeg(between, 90)) == 1


def test_lossless_files(scene: Image.Image) -> None:
    assert measure(_file(scene, "PNG")).quantisations == 0
    assert measure(_file(scene, "WEBP", lossless=True)).quantisations == 0
    assert measure(_file(scene, "WEBP", quality=80)).quantisations == 1


@pytest.mark.parametrize("quality", [60, 75, 85])
def test_a_lossless_copy_of_a_jpeg_shows_its_grid_even_cropped(scene: Image.Image, quality: int) -> None:
    copy = _jpeg(scene, quality).crop((5, 3, 560, 480))
    assert measure(_file(copy, "PNG")).quantisations == 1


def test_a_woven_pattern_is_no_grid() -> None:
    y, x = np.mgrid[:400, :400]
    weave = 128 + 60 * np.sin(x * 2 * np.pi / 4) * np.sin(y * 2 * np.pi / 4)
    noise = np.random.default_rng(0).normal(0, 3, (400, 400))
    cloth = np.repeat((weave + noise).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    assert measure(_file(Image.fromarray(cloth), "PNG")).quantisations == 0


@pytest.mark.slow
def test_a_large_photo_says_at_which_size_it_was_judged(scene: Image.Image) -> None:
    assert measure(_file(scene, "PNG")).judged_long_side == 560
    conditions = measure(_file(scene.resize((2240, 1920)), "PNG"))
    assert (conditions.long_side, conditions.judged_long_side, conditions.scored_side) == (2240, 1600, 1600)


def test_compression_is_read_on_the_file_s_own_grid_though_the_photo_is_judged_smaller(
    scene: Image.Image,
) -> None:
    large = scene.resize((2240, 1920), Image.Resampling.BICUBIC)
    noisy = np.array(large) + np.random.default_rng(0).normal(0, 6, (1920, 2240, 1))
    large = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    assert _counted(_jpeg(_jpeg(large, 60), 90)) == 2


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (8, 8), (17, 15), (129, 130)])
@pytest.mark.parametrize("fmt", ["PNG", "JPEG"])
def test_small_pictures_are_measured_without_error(size: tuple[int, int], fmt: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    conditions = measure(_file(Image.fromarray(noise), fmt))
    assert 0 <= conditions.sharpness <= 1
    assert conditions.quantisations in (0, 1)


def test_windows_lie_on_the_grid_and_their_number_is_bounded() -> None:
    ramp = np.zeros((1000, 1403, 3), np.uint8)
    windows = luma_windows(ramp)
    assert len(windows) == PER_AXIS**2
    assert {window.shape for window in windows} == {(SIDE, SIDE)}
