"""Painters: only the region changes, sizes are kept, the defect is on the product, everything repeats
itself."""

import json

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from refundlens.datasets.defects import find_foreground, paint
from refundlens.model.names import DEFECTS, Defect


def _garment(
    height: int = 200, width: int = 150, cloth: tuple[int, int, int] = (60, 90, 170)
) -> NDArray[np.uint8]:
    """A woven rectangle of cloth on a pale table."""
    rng = np.random.default_rng(7)
    picture = np.full((height, width, 3), (222, 214, 200), np.float32)
    picture[height // 6 : -height // 6, width // 5 : -width // 5] = cloth
    picture += rng.normal(0, 4, (height, width, 1)) + 6 * np.sin(np.arange(width) / 3)[None, :, None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def _on_cloth(height: int = 200, width: int = 150) -> NDArray[np.float32]:
    mask = np.zeros((height, width), np.float32)
    mask[height // 6 : -height // 6, width // 5 : -width // 5] = 1
    return mask


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("seed", range(12))
def test_only_the_region_changes(defect: Defect, seed: int) -> None:
    photo = _garment()
    painted = paint(photo, defect, np.random.default_rng(seed), _on_cloth())
    assert painted.pixels.dtype == np.uint8 and painted.region.dtype == np.float32
    assert painted.region.shape == photo.shape[:2] and painted.region.min() >= 0 and painted.region.max() <= 1
    assert np.array_equal(painted.pixels[painted.region == 0], photo[painted.region == 0])
    changed = np.abs(painted.pixels.astype(int) - photo).max(axis=-1) > 12
    assert changed.sum() >= 0.3 * (painted.region > 0.5).sum() > 0
    json.dumps(painted.parameters)


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_defect_is_on_the_product(defect: Defect) -> None:
    product = _on_cloth()
    for seed in range(8):
        region = paint(_garment(), defect, np.random.default_rng(seed), product).region
        assert region[product == 0].max() == 0


@pytest.mark.parametrize("defect", ["hole", "stain", "mould"])
def test_sizes_cover_the_range_and_are_recorded(defect: Defect) -> None:
    shares = []
    for seed in range(60):
        painted = paint(_garment(), defect, np.random.default_rng(seed), _on_cloth())
        share = float((painted.region > 0.5).mean())
        assert painted.parameters["area_share"] == pytest.approx(share, abs=1e-5)
        assert 0.5 <= share / painted.parameters["asked_share"] <= 2.0
        shares.append(share)
    assert 0.002 < min(shares) < 0.008 and 0.06 < max(shares) < 0.25


@pytest.mark.parametrize("defect", DEFECTS)
def test_same_generator_state_same_painting(defect: Defect) -> None:
    first, second, other = (paint(_garment(), defect, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first.pixels, second.pixels) and np.array_equal(first.region, second.region)
    assert first.parameters == second.parameters
    assert not np.array_equal(first.pixels, other.pixels)


def test_a_stain_keeps_the_weave_and_a_hole_does_not() -> None:
    photo = _garment(cloth=(200, 190, 180))

    def grain(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        light = np.log(pixels[..., 0].astype(np.float32) + 4)
        return np.asarray(light - cv2.GaussianBlur(light, (0, 0), 2), np.float32)

    def likeness(defect: Defect, seed: int) -> float:
        painted = paint(photo, defect, np.random.default_rng(seed), _on_cloth())
        core = cv2.erode((painted.region > 0.9).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        if core.sum() < 100:
            return float("nan")
        return float(np.corrcoef(grain(photo)[core], grain(painted.pixels)[core])[0, 1])

    stains = [likeness("stain", seed) for seed in range(20)]
    holes = [likeness("hole", seed) for seed in range(20)]
    assert np.nanmedian(stains) > 0.7 and np.nanmedian(holes) < 0.3


def test_dark_cloth_gets_a_stain_that_shows() -> None:
    photo = _garment(cloth=(18, 18, 20))
    for seed in range(10):
        painted = paint(photo, "stain", np.random.default_rng(seed), _on_cloth())
        core = painted.region > 0.9
        assert painted.pixels[core].mean() > photo[core].mean() + 10


def test_foreground_finds_the_cloth() -> None:
    found, truth = find_foreground(_garment()) > 0.5, _on_cloth() > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.85


def test_foreground_is_the_same_whatever_ran_before() -> None:
    photo = _garment()
    first = find_foreground(photo)
    cv2.setRNGSeed(99)
    find_foreground(photo[::-1].copy())
    assert np.array_equal(first, find_foreground(photo))


@pytest.mark.parametrize("shape", [(90, 70), (300, 60), (64, 640)])
def test_foreground_falls_back_to_the_middle(shape: tuple[int, int]) -> None:
    """Nothing stands out on a flat picture."""
    found = find_foreground(np.full((*shape, 3), 120, np.uint8))
    assert found.shape == shape and 0.2 < (found > 0.5).mean() < 0.5
    assert found[shape[0] // 2, shape[1] // 2] == 1 and found[0, 0] == 0


def test_what_cannot_be_painted_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="48 px"):
        paint(np.zeros((20, 90, 3), np.uint8), "hole", rng)
    with pytest.raises(ValueError, match="foreground"):
        paint(_garment(), "hole", rng, np.ones((5, 5), np.float32))


def test_an_empty_foreground_still_gets_a_defect() -> None:
    painted = paint(_garment(), "stain", np.random.default_rng(1), np.zeros((200, 150), np.float32))
    assert (painted.region > 0.5).any()
