"""Benign operations: repeatable, recorded, and masks that follow the picture."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from refundlens.datasets.degradations.benign import OPERATIONS, benign

OVERLAYS = ("arrow", "circle", "text", "sticker", "date_stamp")
FILTERS = (
    "brighten",
    "contrast",
    "gamma",
    "white_balance",
    "local_tone",
    "denoise",
    "sharpen",
    "blur",
    "noise",
)


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:120, :90].astype(np.float32)
    waves = np.stack([120 + 60 * np.sin(x / (7 + k)) * np.cos(y / 13) for k in range(3)], axis=-1)
    return np.clip(waves + rng.normal(0, 6, waves.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_repeats_itself_and_is_recorded(operation: str, photo: NDArray[np.uint8]) -> None:
    mask = np.ones(photo.shape[:2], np.float32)
    first, second = (benign(photo, [mask], np.random.default_rng(4), operation) for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels) and first.record == second.record
    assert first.record["operation"] == operation and json.loads(json.dumps(first.record)) == first.record
    assert first.pixels.dtype == np.uint8 and not np.array_equal(first.pixels, photo)
    assert first.masks[0].shape == first.pixels.shape[:2] and first.masks[0].dtype == np.float32
    assert first.masks[0].min() >= 0 and first.masks[0].max() <= 1
    assert mask.min() == 1, "the caller's mask is left alone"


@pytest.mark.parametrize("operation", (*FILTERS, "watermark"))
def test_filters_leave_masks_alone(operation: str, photo: NDArray[np.uint8]) -> None:
    mask = np.random.default_rng(1).random(photo.shape[:2], dtype=np.float32)
    for seed in range(6):
        result = benign(photo, [mask], np.random.default_rng(seed), operation)
        assert result.pixels.shape == photo.shape and np.array_equal(result.masks[0], mask)


@pytest.mark.parametrize("operation", OVERLAYS)
def test_what_is_drawn_over_is_no_longer_marked(operation: str, photo: NDArray[np.uint8]) -> None:
    mask = np.ones(photo.shape[:2], np.float32)
    for seed in range(6):
        result = benign(photo, [mask], np.random.default_rng(seed), operation)
        changed = np.any(result.pixels != photo, axis=-1)
        assert changed.any() and np.all(result.masks[0][changed] < 1)
        assert (result.masks[0] < 0.5).any() and (result.masks[0] == 1).mean() > 0.3


def test_mosaic_hides_its_rectangle(photo: NDArray[np.uint8]) -> None:
    result = benign(photo, [np.ones(photo.shape[:2], np.float32)], np.random.default_rng(8), "mosaic")
    left, top, right, bottom = result.record["box"]
    inside = np.zeros(photo.shape[:2], bool)
    inside[top:bottom, left:right] = True
    assert np.array_equal(result.masks[0] == 0, inside)
    assert np.array_equal(result.pixels[~inside], photo[~inside])


def test_strip_is_added_below(photo: NDArray[np.uint8]) -> None:
    result = benign(photo, [np.ones(photo.shape[:2], np.float32)], np.random.default_rng(3), "camera_strip")
    assert result.pixels.shape[0] == 120 + result.record["height"]
    assert np.array_equal(result.pixels[:120], photo)
    assert result.masks[0][:120].min() == 1 and result.masks[0][120:].max() == 0


@pytest.mark.parametrize("seed", range(12))
def test_collage_shows_the_marked_part_twice_with_its_mask(seed: int) -> None:
    marker = np.zeros((120, 90, 3), np.uint8)
    marker[40:80, 30:60] = (0, 200, 0)
    result = benign(marker, [(marker[..., 1] > 0).astype(np.float32)], np.random.default_rng(seed), "collage")
    assert result.pixels.size > 1.9 * marker.size
    assert np.array_equal(result.pixels[:120, :90], marker)
    green = (result.pixels[..., 1] > 100) & (result.pixels[..., 0] < 100)
    assert (green != (result.masks[0] > 0.5)).mean() < 0.01


def test_all_operations_are_drawn(photo: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(0)
    drawn = {benign(photo[:40, :40], [], rng).record["operation"] for _ in range(150)}
    assert drawn == set(OPERATIONS)


def test_wrong_use_is_refused(photo: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="unknown operation"):
        benign(photo, [], rng, "repaint")
    with pytest.raises(ValueError, match="every mask"):
        benign(photo, [np.zeros((3, 3), np.float32)], rng, "blur")
