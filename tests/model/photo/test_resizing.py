"""Large pictures are judged shrunk, always in the same way, and what was found there is told in displayed pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from refundlens.model.photo.resizing import (
    BAND,
    JUDGED,
    KERNEL,
    LARGEST,
    box_to_shown,
    judged_size,
    to_judged,
)

SIDES = st.integers(1, 20_000)


@given(SIDES, SIDES)
def test_no_picture_is_judged_larger_than_it_is_nor_larger_than_conditions_reach(
    height: int, width: int
) -> None:
    rows, columns = judged_size(height, width)
    assert 1 <= rows <= height and 1 <= columns <= width
    assert max(rows, columns) <= LARGEST
    if max(height, width) > LARGEST:
        assert max(rows, columns) == JUDGED
        assert abs(rows / JUDGED - height / max(height, width)) <= 1 / JUDGED
    else:
        assert (rows, columns) == (height, width)


def test_what_is_small_enough_stays_the_very_same_array() -> None:
    pixels = np.zeros((LARGEST, 40, 3), np.uint8)
    assert to_judged(pixels) is pixels


@pytest.mark.parametrize(("height", "width"), [(2000, 1501), (1701, 1700), (500, 5000), (3111, 900)])
def test_bands_give_what_pillow_gives_at_once(height: int, width: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    rows, columns = judged_size(height, width)
    assert rows > BAND or height == 500
    once = np.asarray(Image.fromarray(pixels).resize((columns, rows), KERNEL))
    assert np.abs(to_judged(pixels).astype(int) - once).max() <= 1


@given(st.integers(1701, 9000), st.integers(200, 9000), st.data())
def test_a_box_keeps_its_place_and_stays_in_the_picture(height: int, width: int, data: st.DataObject) -> None:
    judged = judged_size(height, width)
    x0 = data.draw(st.integers(0, judged[1] - 1))
    y0 = data.draw(st.integers(0, judged[0] - 1))
    box = (x0, y0, data.draw(st.integers(x0 + 1, judged[1])), data.draw(st.integers(y0 + 1, judged[0])))
    shown = box_to_shown(box, judged, (height, width))
    assert 0 <= shown[0] < shown[2] <= width and 0 <= shown[1] < shown[3] <= height
    for place, told, scale in zip(box, shown, (width / judged[1], height / judged[0]) * 2, strict=True):
        assert abs(place * scale - told) <= 1 + 1e-6
    assert box_to_shown(box, judged, judged) == box
