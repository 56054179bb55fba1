"""Two photos of one thing know each other, and a spot is looked for in both."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from refundlens.model.compare.views import Seen, look, match, view_of
from refundlens.training.references.views import from_another_side
from tests.support.scenes import scene

pytestmark = pytest.mark.slow

Pixels = NDArray[np.uint8]
SPOT = (300, 220, 344, 264)


def _goods(seed: int) -> Pixels:
    """A scene with a fine print everywhere, as fabric has."""
    pixels = scene(seed, 800, 600).astype(np.float32)
    print_ = np.random.default_rng(seed).normal(0, 60, (600, 800)).astype(np.float32)
    return np.clip(pixels + cv2.GaussianBlur(print_, (0, 0), 2)[..., None] * 3, 0, 255).astype(np.uint8)


def _stained(pixels: Pixels) -> Pixels:
    """An uneven dark blot at SPOT."""
    made = pixels.copy()
    cv2.ellipse(made, (322, 242), (20, 18), 30, 0, 360, (60, 30, 15), -1, cv2.LINE_AA)
    cv2.ellipse(made, (316, 238), (6, 8), 10, 0, 360, (150, 110, 60), -1, cv2.LINE_AA)
    return made


def _seen(one: Pixels, other: Pixels) -> Seen:
    views = view_of(one), view_of(other)
    return look(*views, match(*views), SPOT)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_spot_is_found_in_both_or_in_one_photo_only(seed: int) -> None:
    plain, rng = _goods(seed), np.random.default_rng(seed)
    stained = _stained(plain)
    assert _seen(stained, from_another_side(stained, rng)).kind == "both"
    found = _seen(stained, from_another_side(plain, rng))
    assert found.kind == "one" and found.place is not None
    assert _seen(plain, from_another_side(plain, rng)).kind != "one"


def test_the_place_in_the_other_photo_is_told_in_its_pixels() -> None:
    plain = _goods(4)
    matrix = np.array([[1.5, 0, 40], [0, 1.5, 20], [0, 0, 1]])
    moved = cv2.warpPerspective(plain, matrix, (1300, 1000), borderMode=cv2.BORDER_REFLECT)
    place = _seen(plain, np.asarray(moved, np.uint8)).place
    assert place == pytest.approx((490, 350, 556, 416), abs=3)


def test_nothing_is_said_of_another_thing_or_of_a_place_that_is_not_seen() -> None:
    plain = _goods(5)
    views = view_of(plain), view_of(_goods(6))
    assert not match(*views).same_thing
    assert _seen(plain, _goods(6)) == Seen("unsaid")
    assert _seen(plain, np.ascontiguousarray(plain[:, 420:])) == Seen("unsaid")
    assert look(*[view_of(plain)] * 2, match(*[view_of(plain)] * 2), (5, 5, 5, 9)) == Seen("unsaid")
    assert _seen(plain, np.full((600, 800, 3), 128, np.uint8)) == Seen("unsaid")


def test_two_views_of_one_thing_have_places_in_common() -> None:
    plain = _goods(7)
    assert match(view_of(plain), view_of(from_another_side(plain, np.random.default_rng(1)))).same_thing
