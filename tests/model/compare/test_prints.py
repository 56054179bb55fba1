"""A print finds its picture again after what people do to pictures, and finds no other."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundlens.model.compare.prints import ANCHORS, INDEXED, Print, take_print, unpack_prints
from refundlens.model.compare.sameness import same_picture
from tests.support.scenes import cut, scene, sent


def strip(pixels: np.ndarray) -> np.ndarray:
    """A shop's strip and a line of text over it."""
    marked = pixels.copy()
    marked[-pixels.shape[0] // 10 :] = 30
    cv2.putText(marked, "SHOP 2026", (40, 200), cv2.FONT_HERSHEY_SIMPLEX, 2, (255, 255, 255), 4)
    return marked


def stained(pixels: np.ndarray) -> np.ndarray:
    marked = pixels.copy()
    cv2.ellipse(marked, (300, 220), (60, 40), 20, 0, 360, (40, 25, 10), -1)
    return marked


def screenshot(pixels: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(pixels, 80, 100, 0, 0, cv2.BORDER_CONSTANT, value=(240, 240, 240))


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "strip": strip,
    "stained": stained,
    "screenshot": screenshot,
    "brighter": lambda pixels: cv2.convertScaleAbs(pixels, alpha=1.2, beta=15),
    "mirrored": lambda pixels: pixels[:, ::-1],
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", range(4))
def test_finds_the_picture_after(change: str, seed: int) -> None:
    stored = take_print(scene(seed))
    asked = take_print(sent(np.ascontiguousarray(CHANGES[change](scene(seed))), 60, 0.8))
    found = same_picture(asked, stored) or same_picture(asked.mirrored, stored)
    assert found is not None and found.bits < 24


@pytest.mark.parametrize("seed", range(6))
def test_finds_the_picture_after_a_crop_to_80_percent(seed: int) -> None:
    found = same_picture(take_print(sent(cut(scene(seed), 0.8, seed), 50, 0.7)), take_print(scene(seed)))
    assert found is not None and not found.whole and found.agreeing >= 3


def test_tells_pictures_apart() -> None:
    prints = [take_print(scene(seed)) for seed in range(12)]
    for first in range(12):
        for second in range(first):
            assert same_picture(prints[first], prints[second]) is None
            assert same_picture(prints[first].mirrored, prints[second]) is None


def test_one_mark_on_two_pictures_does_not_make_them_one() -> None:
    """A watermark is the same on all of a shop's photos."""
    marked = []
    for seed in (1, 2):
        pixels = scene(seed)
        logo = scene(77, 90, 70)
        pixels[20:90, 20:110] = logo
        marked.append(take_print(pixels))
    assert same_picture(*marked) is None


def test_the_mirrored_print_is_nearly_the_mirror_image_s() -> None:
    derived = take_print(scene(3)).mirrored
    found = same_picture(derived, take_print(np.ascontiguousarray(scene(3)[:, ::-1])))
    assert found is not None and found.agreeing >= 8


def test_mirroring_twice_changes_nothing() -> None:
    taken = take_print(scene(3))
    again = taken.mirrored.mirrored
    assert np.array_equal(again.codes, taken.codes) and np.array_equal(again.pdq, taken.pdq)
    assert np.allclose(again.places, taken.places)


def test_comes_back_from_bytes_as_it_was() -> None:
    taken = take_print(scene(5))
    data = taken.pack()
    again = unpack_prints(data)
    assert again.pack() == data and len(data) < 1000
    assert np.array_equal(again.codes, taken.codes) and again.size == taken.size
    assert np.abs(again.places - taken.places).max() <= 0.125


@pytest.mark.parametrize("data", [b"", b"x" * 41, b"\x09\x00" + b"\x00" * 60])
def test_refuses_bytes_that_are_no_print(data: bytes) -> None:
    with pytest.raises(ValueError, match="print"):
        unpack_prints(data)


@given(width=st.integers(1, 70), height=st.integers(1, 2000), seed=st.integers(0, 9))
def test_takes_a_print_of_any_picture(width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    taken: Print = take_print(pixels)
    assert 1 <= len(taken.codes) == len(taken.places) + 1 <= ANCHORS + 1
    assert len(taken.indexed) <= INDEXED + 1
    assert unpack_prints(taken.pack()).pack() == taken.pack()


def test_plain_pictures_are_not_one_picture() -> None:
    """Two sheets of white paper."""
    white, grey = (take_print(np.full((300, 400, 3), level, np.uint8)) for level in (250, 180))
    assert same_picture(white, grey) is None
