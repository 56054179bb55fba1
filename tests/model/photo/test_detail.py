"""Detail is told from what compression adds: enlarged thumbnails are seen for what they are, whatever saved them."""

import io
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from refundlens.model.photo import detail
from refundlens.model.photo.detail import Detail
from refundlens.model.photo.image import read_photo
from refundlens.model.photo.windows import luma_windows

KERNELS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}
SAVED: dict[str, dict[str, object]] = {
    "png": {"format": "PNG"}, "q95": {"format": "JPEG", "quality": 95}, "q85": {"format": "JPEG", "quality": 85},
    "q70": {"format": "JPEG", "quality": 70}, "webp": {"format": "WEBP", "quality": 80},
}  # fmt: skip


@cache
def scene(height: int = 960, width: int = 1280, seed: int = 3) -> Image.Image:
    """Detail in all octaves, as photos have: amplitudes fall with frequency, contrast differs from place to place."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]) + 1 / width

    def layer(fall: float) -> NDArray[np.float64]:
        waves = rng.standard_normal((height, width)) + 1j * rng.standard_normal((height, width))
        values = np.fft.ifft2(waves / frequency**fall).real
        return np.asarray(values / values.std(), np.float64)

    picture = 128 + 40 * np.exp(0.6 * layer(1.6)) * layer(1.2) + rng.normal(0, 1, (height, width))
    return Image.fromarray(np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2))


def measured(picture: Image.Image, how: str = "png") -> Detail:
    file = io.BytesIO()
    picture.save(file, **SAVED[how])  # type: ignore[arg-type]
    return detail.measure(luma_windows(read_photo(file.getvalue()).judged))


@pytest.mark.parametrize("how", SAVED)
@pytest.mark.parametrize(("small", "factor"), [(64, 10), (100, 8), (160, 6)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_an_enlarged_thumbnail_is_seen_whatever_enlarged_and_saved_it(
    kernel: str, small: int, factor: int, how: str
) -> None:
    thumb = scene().resize((small, small * 3 // 4), Image.Resampling.BICUBIC)
    large = thumb.resize((thumb.width * factor, thumb.height * factor), KERNELS[kernel])
    assert measured(large, how).enlarged


@pytest.mark.parametrize("how", SAVED)
@pytest.mark.parametrize("side", [480, 720, 1280])
def test_a_shrunk_photo_is_never_taken_for_an_enlarged_one(side: int, how: str) -> None:
    photo = scene().resize((side, side * 3 // 4), Image.Resampling.BICUBIC)
    found = measured(photo, how)
    assert not found.enlarged and found.sharpness > 0.5


@pytest.mark.parametrize("how", SAVED)
def test_a_photo_with_a_blurred_background_is_no_enlarged_one(how: str) -> None:
    sharp = scene(720, 960)
    bokeh = sharp.filter(ImageFilter.GaussianBlur(9))
    bokeh.paste(sharp.crop((320, 200, 640, 520)), (320, 200))
    assert not measured(bokeh, how).enlarged


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.slow
def test_the_same_pixels_have_nearly_the_same_sharpness_however_saved(factor: int) -> None:
    small = scene().resize((960 // factor, 720 // factor), Image.Resampling.BICUBIC)
    large = small.resize((960, 720), Image.Resampling.BICUBIC)
    values = [measured(large, how).sharpness for how in SAVED]
    assert max(values) - min(values) < 0.06


@pytest.mark.slow
def test_what_is_enlarged_more_is_less_sharp() -> None:
    values = []
    for side in (960, 480, 320, 240, 160, 96):
        small = scene().resize((side, side * 3 // 4), Image.Resampling.BICUBIC)
        values.append(measured(small.resize((960, 720), Image.Resampling.BICUBIC)).sharpness)
    assert values[2:] == sorted(values[2:], reverse=True) and values[0] > 2 * values[-1]


def test_ruled_paper_is_no_enlargement() -> None:
    page = np.array(scene(720, 960))
    page[:, ::12] = 20
    assert not measured(Image.fromarray(page)).enlarged


def test_nothing_has_no_detail() -> None:
    assert detail.measure([]) == Detail(0.0, True)
    flat = [np.full((128, 128), 7.0, np.float32)]
    assert detail.measure(flat) == Detail(0.0, True)
