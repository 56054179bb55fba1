import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refundlens.model.network.tiles import CELLS, STRIDE, TILE, cut, plan, stitch

SIDES = st.integers(1, 1500)


@given(SIDES, SIDES)
def test_tiles_cover_the_picture_and_stay_inside(height: int, width: int) -> None:
    grid = plan(height, width)
    seen = np.zeros((grid.padded_height, grid.padded_width), bool)
    for y, x in grid.origins:
        assert 0 <= y <= grid.padded_height - TILE
        assert 0 <= x <= grid.padded_width - TILE
        seen[y : y + TILE, x : x + TILE] = True
    assert seen.all()


@given(st.integers(8, 900), st.integers(8, 900))
@settings(max_examples=30)
def test_tiling_then_stitching_is_the_identity_on_maps_that_lie_on_the_grid(height: int, width: int) -> None:
    height, width = height // STRIDE * STRIDE, width // STRIDE * STRIDE
    grid = plan(height, width)
    rows, columns = grid.padded_height // STRIDE, grid.padded_width // STRIDE
    whole = np.random.default_rng(0).normal(size=(2, rows, columns)).astype(np.float32)
    cells = [(y // STRIDE, x // STRIDE) for y, x in grid.origins]
    maps = np.stack([whole[:, y : y + CELLS, x : x + CELLS] for y, x in cells])
    back = stitch(maps, grid)
    assert back.shape == (2, -(-height // STRIDE), -(-width // STRIDE))
    np.testing.assert_allclose(back, whole[:, : back.shape[1], : back.shape[2]], rtol=1e-5, atol=1e-5)


def test_tiles_are_the_pictures_own_pixels() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (533, 400, 3), dtype=np.uint8)
    grid = plan(533, 400)
    for tile, (y, x) in zip(cut(picture, grid), grid.origins, strict=True):
        np.testing.assert_array_equal(tile, picture[y : y + TILE, x : x + TILE])


def test_a_part_of_the_tiles_is_the_part_of_all() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (700, 500, 3), dtype=np.uint8)
    grid = plan(700, 500)
    np.testing.assert_array_equal(cut(picture, grid, 2, 5), cut(picture, grid)[2:5])


def test_a_small_picture_is_continued_by_reflection() -> None:
    picture = np.arange(100 * 50 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 50, 3)
    tile = cut(picture, plan(100, 50))[0]
    np.testing.assert_array_equal(tile[:100, :50], picture)
    np.testing.assert_array_equal(tile[100:110, :50], picture[:-11:-1])


def test_impossible_sizes_and_wrong_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        plan(0, 10)
    with pytest.raises(ValueError, match="1 tile maps for"):
        stitch(np.zeros((1, 1, CELLS, CELLS), np.float32), plan(500, 500))
