"""Where the tiles' maps go and with what weight, against numbers worked out by hand.

A tile's weight rises over its outermost cells by thirds (1/3, 2/3, 1, 1, ...), on both sides and in both directions:
the overlap is two cells, and the border of a tile is where the network lacks context.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refundlens.model.network.tiles import CELLS, STRIDE, TILE, Plan, plan, stitch


def _flat(grid: Plan, *values: float) -> NDArray[np.float32]:
    """Maps that say one number each."""
    return np.stack([np.full((1, CELLS, CELLS), value, np.float32) for value in values])


def test_two_cells_of_overlap_blend_by_thirds() -> None:
    grid = plan(432, 224)
    assert grid.origins == ((0, 0), (208, 0))
    column = stitch(_flat(grid, 1, 4), grid)[0, :, 5]
    # cell 26: 2/3 of the upper tile, 1/3 of the lower one: (2 * 1 + 1 * 4) / 3; cell 27 the other way round
    np.testing.assert_allclose(column, [1] * 26 + [2, 3] + [4] * 26, rtol=1e-6)


def test_a_wide_overlap_weighs_the_middle_alike_and_the_borders_less() -> None:
    grid = plan(224, 240)
    assert grid.origins == ((0, 0), (0, 16))
    row = stitch(_flat(grid, 0, 12), grid)[0, 9]
    # the right tile's weight in cells 2, 3 is 1/3, 2/3 against 1; the left one's in 26, 27 is 2/3, 1/3 against 1
    expected = [0, 0, 12 / 4, 12 * 2 / 5] + [6] * 22 + [12 * 3 / 5, 12 * 3 / 4] + [12, 12]
    np.testing.assert_allclose(row, expected, rtol=1e-6)


def test_four_tiles_meet_in_a_corner() -> None:
    grid = plan(432, 432)
    assert grid.origins == ((0, 0), (0, 208), (208, 0), (208, 208))
    corner = stitch(_flat(grid, 9, 18, 27, 36), grid)[0, 26:28, 26:28]
    # weights of the four are products of thirds: in cell (26, 26) they are 4/9, 2/9, 2/9 and 1/9
    by_hand = [
        [4 * 1 + 2 * 2 + 2 * 3 + 1 * 4, 2 * 1 + 4 * 2 + 1 * 3 + 2 * 4],
        [2 * 1 + 1 * 2 + 4 * 3 + 2 * 4, 1 * 1 + 2 * 2 + 2 * 3 + 4 * 4],
    ]
    np.testing.assert_allclose(corner, by_hand, rtol=1e-6)


@pytest.mark.parametrize(
    ("side", "cells"), [(225, 29), (230, 29), (231, 29), (235, 30), (433, 55), (533, 67)]
)
def test_a_tile_that_ends_at_the_edge_ends_in_the_maps_last_cell(side: int, cells: int) -> None:
    """Sides that are no multiple of 8: the last tile starts within a cell, and goes to the later one."""
    for height, width in ((side, TILE), (TILE, side)):
        grid = plan(height, width)
        assert grid.origins[-1] == (height - TILE, width - TILE)
        for cell in (CELLS - 1, CELLS - 2, CELLS // 2):
            maps = np.zeros((len(grid.origins), 1, CELLS, CELLS), np.float32)
            maps[-1, 0, cell if height == side else 3, cell if width == side else 3] = 1
            whole = stitch(maps, grid)[0]
            assert whole.shape == ((cells, CELLS) if height == side else (CELLS, cells))
            expected = cells - CELLS + cell
            assert np.argwhere(whole).tolist() == [[expected, 3] if height == side else [3, expected]]
            if (
                cell == CELLS - 1
            ):  # no other tile reaches the last cell, so nothing dilutes what is said there
                assert whole.max() == pytest.approx(1)


@given(st.integers(1, 900), st.integers(1, 900))
def test_every_cell_gets_what_the_tiles_over_it_say(height: int, width: int) -> None:
    """Tiles that tell where their cells lie, in pixels: the map tells the same, to less than a cell."""
    grid = plan(height, width)
    inside = np.arange(CELLS, dtype=np.float32) * STRIDE
    maps = np.stack(
        [np.stack(np.meshgrid(y + inside, x + inside, indexing="ij")) for y, x in grid.origins]
    ).astype(np.float32)
    rows, columns = stitch(maps, grid)
    places = np.meshgrid(*(np.arange(n) * STRIDE for n in rows.shape), indexing="ij")
    for said, place in zip((rows, columns), places, strict=True):
        behind = place - said
        assert behind.min() > -0.01 and behind.max() < STRIDE, (
            "a cell holds the one that begins in it or just before"
        )
