from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refundlens.datasets.row import read_mask, read_rgb


def test_a_picture_comes_as_it_was_written_and_may_be_changed(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read_rgb(tmp_path / "a.png")
    np.testing.assert_array_equal(found, pixels)
    found[0, 0] = 0  # a view of Pillow's memory would refuse


def test_a_grey_picture_comes_as_rgb(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 5), 90, np.uint8)).save(tmp_path / "grey.png")
    assert read_rgb(tmp_path / "grey.png").shape == (4, 5, 3)


def test_a_mask_is_the_share_of_each_pixel(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 128, 255]], np.uint8)).save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png")
    assert mask.dtype == np.float32 and mask.tolist() == [[0.0, pytest.approx(128 / 255), 1.0]]


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"none\.png"):
        read_rgb(tmp_path / "none.png")
