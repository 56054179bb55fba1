"""Splicing leaves the rest of the photo alone; windows lie in the photo and hold the region."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refundlens.datasets.editors.compositing import (
    blend,
    extent,
    pad_to_multiple,
    random_region,
    soft_mask,
    splice,
    working_window,
)

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(24, 120)


def _noise(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=40)
@given(height=sides, width=sides, seed=seeds)
def test_splice_keeps_every_pixel_outside_its_mask(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    photo, generated = _noise(height, width, seed), _noise(height, width, seed + 1)
    region = random_region(height, width, rng)
    composite = splice(photo, generated, region, rng)
    assert composite.changed.dtype == np.float32
    assert composite.changed.min() >= 0 and composite.changed.max() <= 1
    np.testing.assert_array_equal(composite.pixels[composite.changed == 0], photo[composite.changed == 0])
    np.testing.assert_array_equal(composite.pixels[composite.changed == 1], generated[composite.changed == 1])
    assert (composite.changed[region > 0.5] > 0.5).all()


def test_splice_is_repeatable_and_varies_with_the_generator() -> None:
    photo, generated = _noise(96, 96, 0), _noise(96, 96, 1)
    region = np.zeros((96, 96), np.float32)
    region[30:60, 30:60] = 1
    first, again = (splice(photo, generated, region, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    masks = {soft_mask(region, np.random.default_rng(seed))[0].tobytes() for seed in range(6)}
    assert len(masks) >= 5


def test_splice_refuses_empty_regions_and_other_sizes() -> None:
    photo = _noise(32, 32, 0)
    with pytest.raises(ValueError, match="empty"):
        splice(photo, photo, np.zeros((32, 32), np.float32), np.random.default_rng(0))
    with pytest.raises(ValueError, match="shapes"):
        splice(photo, photo[:16], np.ones((32, 32), np.float32), np.random.default_rng(0))


def test_blend_halfway() -> None:
    black, white = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 200, np.uint8)
    assert blend(black, white, np.full((1, 1), 0.25, np.float32))[0, 0, 0] == 50


@settings(max_examples=60)
@given(height=sides, width=sides, seed=seeds, least=st.integers(0, 150))
def test_window_holds_region_and_grown_mask_of_any_photo(
    height: int, width: int, seed: int, least: int
) -> None:
    rng = np.random.default_rng(seed)
    region = random_region(height, width, rng)
    window, box = working_window(region, rng, least), extent(region)
    assert 0 <= window.top <= box.top and box.bottom <= window.bottom <= height
    assert 0 <= window.left <= box.left and box.right <= window.right <= width
    assert window.bottom - window.top >= min(least, height)
    assert window.right - window.left >= min(least, width)
    mask, _ = soft_mask(region, rng)
    inside = np.zeros_like(mask)
    window.cut(inside)[:] = 1
    assert not mask[inside == 0].any(), "the composite would show pixels that were never generated"


@settings(max_examples=30)
@given(height=sides, width=sides, seed=seeds)
def test_random_region_has_the_promised_share(height: int, width: int, seed: int) -> None:
    share = random_region(height, width, np.random.default_rng(seed)).mean()
    assert 0.002 <= share <= 0.3


def test_padding_continues_the_picture() -> None:
    padded = pad_to_multiple(_noise(30, 41, 0), 8)
    assert padded.shape == (32, 48, 3)
    np.testing.assert_array_equal(padded[:30, :41], _noise(30, 41, 0))
    np.testing.assert_array_equal(padded[30], padded[29])
