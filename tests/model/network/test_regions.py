"""Boxes and heat maps lie where the map says, in the picture's own pixels."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.network.regions import MIN_CELLS, find_regions, heatmap_png, label


def _flood(mask: NDArray[np.bool_]) -> list[set[tuple[int, int]]]:
    """Connected parts the slow way."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}
    parts = []
    while left:
        part, front = set(), [left.pop()]
        while front:
            y, x = front.pop()
            part.add((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            front.extend(near)
        parts.append(part)
    return parts


@settings(max_examples=150)
@given(st.integers(1, 14), st.integers(1, 14), st.floats(0.05, 0.95), st.integers(0, 10_000))
def test_labels_are_the_connected_parts(height: int, width: int, density: float, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < density
    labels, count = label(mask)
    found = [
        {(int(y), int(x)) for y, x in zip(*np.nonzero(labels == n), strict=True)} for n in range(1, count + 1)
    ]
    assert sorted(map(sorted, found)) == sorted(map(sorted, _flood(mask)))
    assert ((labels > 0) == mask).all()


def test_a_spiral_is_one_part() -> None:
    mask = np.zeros((41, 41), bool)
    for ring in range(0, 20, 4):
        mask[ring, ring : 41 - ring] = mask[ring : 41 - ring, 40 - ring] = True
        mask[40 - ring, ring : 41 - ring] = mask[ring + 4 : 41 - ring, ring] = True
        mask[ring + 4, ring : ring + 5] = True
    assert label(mask)[1] == 1


def test_box_covers_the_cells_and_is_clipped_to_the_picture() -> None:
    heat = np.zeros((10, 12), np.float32)
    heat[8:10, 9:12] = 0.8
    (region,) = find_regions(heat, 8, width=91, height=77, threshold=0.5)
    assert region.box == (72, 64, 91, 77)
    assert abs(region.probability - 0.8) < 1e-6


def test_order_is_probability_times_area_and_specks_are_dropped() -> None:
    heat = np.zeros((30, 30), np.float32)
    heat[2:4, 2:4] = 0.99
    heat[10:20, 10:20] = 0.7
    heat[25, 25 : 25 + MIN_CELLS - 1] = 1.0
    regions = find_regions(heat, 8, 240, 240, 0.5)
    assert [region.box for region in regions] == [(80, 80, 160, 160), (16, 16, 32, 32)]
    assert len(find_regions(heat, 8, 240, 240, 0.5, limit=1)) == 1


def test_probability_is_a_high_quantile_and_not_the_peak() -> None:
    heat = np.zeros((20, 20), np.float32)
    heat[5:15, 5:15] = 0.6
    heat[9, 9] = 1.0
    (region,) = find_regions(heat, 8, 160, 160, 0.5)
    assert abs(region.probability - 0.6) < 1e-6


def test_nothing_over_the_threshold() -> None:
    assert find_regions(np.full((5, 5), 0.4, np.float32), 8, 40, 40, 0.5) == []


def test_a_picture_of_one_cell_can_still_be_a_region() -> None:
    (region,) = find_regions(np.ones((1, 1), np.float32), 8, 5, 6, 0.5)
    assert region.box == (0, 0, 5, 6)


def test_heat_map_is_grey_of_the_pictures_size_and_in_place() -> None:
    heat = np.zeros((10, 13), np.float32)
    heat[4, 6] = 1.0
    image = Image.open(io.BytesIO(heatmap_png(heat, 101, 77)))
    pixels = np.asarray(image)
    assert (image.mode, image.format, image.size) == ("L", "PNG", (101, 77))
    y, x = np.unravel_index(pixels.argmax(), pixels.shape)
    assert 4 * 8 <= y < 5 * 8
    assert 6 * 8 <= x < 7 * 8
    assert pixels[:16].max() == 0


def test_heat_map_levels() -> None:
    pixels = np.asarray(Image.open(io.BytesIO(heatmap_png(np.full((4, 4), 0.5, np.float32), 32, 32))))
    assert set(np.unique(pixels)) <= {127, 128}
    assert (
        np.asarray(Image.open(io.BytesIO(heatmap_png(np.full((2, 2), 7.0, np.float32), 16, 16)))).min() == 255
    )
