"""JPEG through simplejpeg: bit for bit what Pillow gives, at odd sizes too, and from many threads at once."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from refundlens.model.photo.image import read_photo


def _jpeg(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    """A picture with soft colours and hard edges, which subsampling and rounding both show in."""
    rng = np.random.default_rng(width * height)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3)).astype(np.uint8))
    pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).copy()
    pixels[height // 3 : height // 2, width // 4 :] = (250, 10, 40)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def _by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (64, 48), (251, 97)])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("options", [{"quality": 30}, {"quality": 95, "progressive": True}])
def test_colour_is_bit_identical(size: tuple[int, int], subsampling: str, options: dict[str, object]) -> None:
    data = _jpeg(*size, subsampling=subsampling, **options)
    assert np.array_equal(read_photo(data).pixels, _by_pillow(data))


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (251, 97)])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_are_what_pillow_gives(size: tuple[int, int], progressive: bool, mode: str) -> None:
    data = _jpeg(*size, mode=mode, quality=75, progressive=progressive)
    assert np.array_equal(read_photo(data).pixels, _by_pillow(data))


def test_restart_markers_and_optimised_tables_change_nothing() -> None:
    data = _jpeg(251, 97, quality=75, optimize=True, restart_marker_rows=1)
    assert b"\xff\xd0" in data
    assert np.array_equal(read_photo(data).pixels, _by_pillow(data))


def test_threads_do_not_get_in_each_others_way() -> None:
    files = [_jpeg(120 + 7 * n, 90 + 3 * n, quality=60 + n, progressive=n % 2 == 0) for n in range(12)]
    expected = [_by_pillow(data) for data in files]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for photo, pixels in zip(pool.map(read_photo, files), expected, strict=True):
                assert np.array_equal(photo.pixels, pixels)
