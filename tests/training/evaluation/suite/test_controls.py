"""Controls of the suite: each catches the cheat it was made for, and leaves an honest detector alone."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from refundlens.datasets.degradations.benign import OPERATIONS
from refundlens.datasets.editors.base import Edit, EditRequest
from refundlens.training.evaluation.suite.harmless import CUT_OUT_FILES, harmless
from refundlens.training.evaluation.suite.reading import Reader
from refundlens.training.evaluation.suite.regions import Photo, region_control, region_controls

Make = Callable[..., NDArray[Any]]
MakeReader = Callable[[Callable[[NDArray[np.float32]], NDArray[np.float32]]], Reader]


class Reddener:
    """An editor whose trace is red."""

    name = "reddener"

    def edit(self, request: EditRequest, rng: np.random.Generator) -> Edit:
        red = np.array([220, 40, 40], np.float32)
        share = request.region[..., None]
        pixels = np.rint(request.photo * (1 - share) + red * share).astype(np.uint8)
        return Edit(pixels, request.region, "ai_edited", self.name)


def product_lover(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Marks what is dark: the product, wherever the edit is."""
    return (pixels[..., 1] < 130).astype(np.float32) * np.float32(0.9)


def size_hater(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Calls fake what is narrower than the photos are."""
    return np.full(pixels.shape[:2], 0.9 if pixels.shape[1] < 130 else 0.1, np.float32)


@pytest.fixture
def photos(make_picture: Make) -> list[Photo]:
    return [Photo(hashlib.sha256(bytes([seed])).hexdigest(), make_picture(seed)) for seed in range(3)]


def test_a_map_must_follow_the_edit(reader: Reader, photos: list[Photo]) -> None:
    control = region_control(reader, photos, "reddener", Reddener)
    assert control.passed is True and control.values["auc"] == 1.0
    assert control.values["map_auc_edit"] > 0.9 > control.values["map_auc_object"]
    assert control.values["map_inside_edit"] > 10 * control.values["map_outside_edit"]


def test_a_map_of_the_product_is_caught(make_reader: MakeReader, photos: list[Photo]) -> None:
    control = region_control(make_reader(product_lover), photos, "reddener", Reddener)
    assert control.passed is False
    assert control.values["map_auc_object"] > 0.9


def test_random_regions_need_no_folder(reader: Reader, photos: list[Photo]) -> None:
    first, second = (region_controls(reader, photos, None, None) for _ in range(2))
    assert [one.name for one in first] == ["random regions, classical"]
    assert repr(first) == repr(second)


def test_every_harmless_operation_is_tried(reader: Reader, photos: list[Photo], detector: Any) -> None:
    found = harmless(reader, photos)
    names = {one.name for one in found}
    assert names >= set(OPERATIONS) | {"crop", "recompress", "resize"}
    assert {one.name for one in found if one.group == "catalogue"} == {
        f"cut-out on {ground}, {file}" for ground in ("white", "grey") for file in CUT_OUT_FILES
    }
    assert all(one.photos == 3 and one.stated == 0.01 for one in found)
    calls = detector.calls
    assert repr(harmless(reader, photos)) == repr(found) and detector.calls == calls


def test_who_calls_small_pictures_fake_is_caught(make_reader: MakeReader, photos: list[Photo]) -> None:
    by_name = {one.name: one for one in harmless(make_reader(size_hater), photos)}
    small, bright = by_name["resize"], by_name["brighten"]
    assert small.fake == small.turned_fake == 3 and small.auc == 1.0
    assert bright.fake == bright.turned_fake == 0 and bright.auc == 0.5
