"""Perceptual hashes: stable under delivery, apart for other scenes, joined in groups."""

import io
from collections.abc import Callable

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets.phash import NEAR, crossings, merge_groups, near_pairs, phash, phash_distance

Scene = Callable[..., NDArray[np.uint8]]


def test_a_resized_recompressed_brighter_copy_is_near(scene: Scene) -> None:
    for seed in range(5):
        original = scene(seed)
        smaller = cv2.resize(original, (90, 120), interpolation=cv2.INTER_AREA)
        brighter = np.clip(smaller * 1.1 + 5, 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(brighter).save(buffer, "JPEG", quality=50)
        copy = np.asarray(Image.open(buffer))
        assert phash_distance(phash(original), phash(copy)) <= NEAR


def test_other_scenes_are_far(scene: Scene) -> None:
    hashes = [phash(scene(seed)) for seed in range(40)]
    assert near_pairs(hashes) == []
    assert len(hashes[0]) == 16


@given(st.lists(st.integers(0, 2**64 - 1), max_size=12))
def test_pairs_are_those_within_the_distance(codes: list[int]) -> None:
    hashes = [f"{code:016x}" for code in codes]
    expected = [
        (i, j)
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if phash_distance(hashes[i], hashes[j]) <= 30
    ]
    assert sorted(near_pairs(hashes, near=30)) == expected


def test_linked_groups_become_one_whatever_the_order() -> None:
    groups = ["d", "b", "c", "a", "b"]
    assert merge_groups(groups, [(0, 1), (2, 4)]) == ["b", "b", "b", "a", "b"]
    assert merge_groups(groups, [(2, 4), (0, 1)]) == ["b", "b", "b", "a", "b"]


def test_crossings_name_only_pairs_in_two_splits() -> None:
    hashes = ["0" * 16, "0" * 15 + "1", "f" * 16]
    assert crossings(hashes, ["train", "test", "test"]) == [(0, 1)]
    assert crossings(hashes, ["test", "test", "train"]) == []
