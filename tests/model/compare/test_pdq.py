"""PDQ is the one that others compute."""

import numpy as np
import pytest

from refundlens.model.compare.pdq import BITS, NEAR, distance, pdq_hash
from tests.support.scenes import cut, scene, sent

GOLDEN = "008d555a28ad555a002d555a02ad555aaaad555aa8ad555afff00007fff4fffc"


def smooth(width: int, height: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width] / 64
    waves = np.sin(columns * 1.3) * np.cos(rows * 0.9) + 0.5 * np.sin(columns * 2.1 + rows * 3.3)
    red = 127 + 60 * waves
    return np.dstack([red, 255 - red, 0.5 * red + 40]).astype(np.uint8)


def test_agrees_with_the_reference_program() -> None:
    """The hash of a picture of known pixels, as pdqhash 0.2.8 (the reference program in a package) computes it."""
    assert pdq_hash(smooth(384, 288)).hex == GOLDEN
    pdqhash = pytest.importorskip("pdqhash")
    for seed in range(3):
        pixels = scene(seed, 500, 375)
        bits, quality = pdqhash.compute(pixels)
        ours = pdq_hash(pixels)
        assert (
            distance(np.packbits(bits.astype(bool)), ours.bits) <= 2
        )  # rounding, where a value is the median
        assert ours.quality == quality


def test_survives_delivery_and_tells_pictures_apart() -> None:
    first, second = scene(1), scene(2)
    hashed = pdq_hash(first).bits
    assert distance(hashed, pdq_hash(sent(first, 40, 0.6)).bits) <= NEAR
    assert distance(hashed, pdq_hash(second).bits) > 2 * NEAR


def test_does_not_survive_a_crop_which_is_why_prints_exist() -> None:
    assert distance(pdq_hash(scene(1)).bits, pdq_hash(cut(scene(1), 0.8)).bits) > NEAR


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 900, 3), (3000, 2, 3), (64, 64), (65, 63, 3)])
def test_hashes_pictures_of_any_shape(shape: tuple[int, ...]) -> None:
    found = pdq_hash(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    assert found.bits.shape == (BITS // 8,) and 0 <= found.quality <= 100


def test_a_plain_picture_has_no_quality() -> None:
    assert pdq_hash(np.full((100, 100, 3), 200, np.uint8)).quality == 0
