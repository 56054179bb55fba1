"""A part of a photo that is in it twice is found, wherever delivery has taken it; what merely looks alike is not."""

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.detect import Detector
from refundlens.model.photo import copy_move
from refundlens.model.photo.copy_move import FIGURES, Box, copy_forest, find_copy, look
from tests.model.photo import build

Pixels = NDArray[np.uint8]
MakeBundle = Callable[..., Path]


def _scene(seed: int, height: int = 900, width: int = 1200) -> Pixels:
    """A ground with things and grain on all scales, as photos have (their power falls with the square of frequency)."""
    rng = np.random.default_rng(seed)
    layers = []
    for channel in range(3):
        plane = np.zeros((height, width), np.float32)
        for step in (1, 2, 4, 8, 16, 32, 64):
            noise = rng.standard_normal((height // step + 2, width // step + 2)).astype(np.float32)
            grown = cv2.resize(noise, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
            plane += grown[:height, :width] * (2 + 1.2 * step**0.7)
        layers.append(plane if channel == 0 else 0.7 * layers[0] + 0.3 * plane)
    return np.clip(np.stack(layers, axis=2) + 120, 0, 255).astype(np.uint8)


def _copied(pixels: Pixels, turn: float = 0.0, scale: float = 1.0) -> tuple[Pixels, Box, Box]:
    """A part at (150, 200) laid at (700, 500), and both boxes."""
    side, half = 220, 110
    matrix = cv2.getRotationMatrix2D((150 + half, 200 + half), turn, scale)
    matrix[:, 2] += (550, 300)
    moved = cv2.warpAffine(pixels, matrix, pixels.shape[1::-1], flags=cv2.INTER_CUBIC)
    made = pixels.copy()
    made[500 : 500 + side, 700 : 700 + side] = moved[500 : 500 + side, 700 : 700 + side]
    return made, (150, 200, 150 + side, 200 + side), (700, 500, 700 + side, 500 + side)


def _delivered(pixels: Pixels, side: int = 720, quality: int = 75) -> Pixels:
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side))
    told = io.BytesIO()
    picture.save(told, "JPEG", quality=quality)
    return np.asarray(Image.open(io.BytesIO(told.getvalue())).convert("RGB"))


def _overlap(one: Box, two: Box, scale: float) -> float:
    """Intersection over union; `two` is scaled first."""
    two = tuple(round(side * scale) for side in two)  # type: ignore[assignment]
    wide, tall = (min(one[2 + i], two[2 + i]) - max(one[i], two[i]) for i in (0, 1))
    shared = max(0, wide) * max(0, tall)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, two))
    return shared / (areas - shared)


@pytest.mark.parametrize(("turn", "scale"), [(0.0, 1.0), (12.0, 0.9)])
def test_a_copied_part_is_found_after_a_chat_app(turn: float, scale: float) -> None:
    made, source, target = _copied(_scene(1), turn, scale)
    found = find_copy(_delivered(made))
    assert found is not None
    pairs = [(source, target), (target, source)]
    best = max(min(_overlap(found.first, a, 0.6), _overlap(found.second, b, 0.6)) for a, b in pairs)
    assert best > 0.6, (found.first, found.second)
    assert found.mask.shape == (540, 720)
    assert 0.5 < found.score <= 1


@pytest.mark.parametrize("seed", range(4))
def test_an_untouched_photo_has_no_part_twice(seed: int) -> None:
    assert find_copy(_delivered(_scene(seed))) is None


def test_equal_goods_in_a_row_are_not_copies() -> None:
    """Twelve like keys under light that falls off, each with its own grain: the finest details differ."""
    rng = np.random.default_rng(5)
    key = cv2.GaussianBlur(rng.uniform(60, 200, (180, 180, 3)).astype(np.float32), (0, 0), 4)
    key[20:160, 20:160] += 60 * (
        cv2.GaussianBlur(rng.standard_normal((140, 140, 1)), (0, 0), 3)[..., None] > 0
    )
    board = np.tile(key, (4, 6, 1))
    light = (
        np.linspace(0.6, 1.1, board.shape[1])[None, :, None]
        * np.linspace(1, 0.8, board.shape[0])[:, None, None]
    )
    grain = rng.normal(0, 6, board.shape)
    assert find_copy(_delivered(np.clip(board * light + grain, 0, 255).astype(np.uint8))) is None


@pytest.mark.parametrize("shape", [(1, 1), (8, 900), (40, 30), (240, 240)])
def test_pictures_with_nothing_to_match(shape: tuple[int, int]) -> None:
    for value in (0, 200):
        assert find_copy(np.full((*shape, 3), value, np.uint8)) is None
    assert look(np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)) is None


def test_the_bundled_forest_reads_these_figures() -> None:
    trees, least, ratio = copy_forest()
    assert 0 < least < 1 < ratio
    asked = trees.feature[trees.feature != 255]
    assert asked.max() < len(FIGURES)
    with np.load(copy_move.FILE, allow_pickle=False) as stored:
        assert stored["seen"].tolist() == [copy_move.SIDE, copy_move.POINTS], (
            "fitted to other figures: fit anew"
        )
        assert tuple(stored["figures"]) == FIGURES


def test_the_answer_says_so_and_a_person_looks(make_bundle: MakeBundle) -> None:
    detector = Detector(make_bundle(), threads=1)
    made, _, _ = _copied(_scene(1))
    told = io.BytesIO()
    Image.fromarray(made).save(told, "JPEG", quality=90)
    answer = detector.detect(told.getvalue(), language="zh")
    said = [
        reason for reason in (*answer.reasons, *answer.details.reasons) if reason.code == "pixel.copied_part"
    ]
    assert len(said) == 1
    marks = [int(mark) for mark in said[0].details["marks"]]  # type: ignore[union-attr]
    assert marks == [len(answer.regions) - 1, len(answer.regions)]
    assert answer.verdict != "authentic"
    assert "pixel.no_trace" not in [reason.code for reason in (*answer.reasons, *answer.details.reasons)]
    boxes = [answer.regions[mark - 1].box for mark in marks]
    assert {_nearest(box) for box in boxes} == {(150, 200), (700, 500)}
    assert answer.probability > 0.8
    assert max(answer.kind, key=lambda kind: answer.kind[kind]) == "photoshopped"
    assert sum(answer.kind.values()) == pytest.approx(1)
    assert answer.heatmap[310 // 8, 260 // 8] > 0.8 and answer.heatmap[610 // 8, 810 // 8] > 0.8


def test_nothing_but_the_copy_is_called_made_by_it(make_bundle: MakeBundle) -> None:
    """A hole in both places: which of them is the copy is not known."""
    scene = _scene(1)
    scene[290:330, 240:280] = (0, 0, 255)
    answer = Detector(make_bundle(), threads=1).detect(
        build.saved("JPEG", Image.fromarray(_copied(scene)[0]))
    )
    assert {"hole"} == {one.type for one in answer.defects} and answer.probability > 0.8
    assert max(one.fake_probability for one in answer.defects) < 0.5
    said = {reason.code for reason in (*answer.reasons, *answer.details.reasons)}
    assert {code for code in said if code.startswith("pixel.")} == {"pixel.copied_part"}


@pytest.mark.slow
def test_what_is_twice_in_a_photo_that_a_camera_signed_was_there_twice(make_bundle: MakeBundle) -> None:
    made, _, _ = _copied(_scene(1))
    signed = build.signed(
        build.saved("JPEG", Image.fromarray(made), quality=90), "image/jpeg", "computationalCapture"
    )
    answers = [
        Detector(make_bundle(), threads=1, trust_list=trusted).detect(signed)
        for trusted in (build.trust_list(), "")
    ]
    assert [answer.verdict for answer in answers] == ["authentic", "inconclusive"]
    assert answers[0].probability < 0.5 < 0.8 < answers[1].probability
    for answer in answers:
        assert 0 < max(region.probability for region in answer.regions) <= answer.probability


def _nearest(box: Box) -> tuple[int, int]:
    return min([(150, 200), (700, 500)], key=lambda at: abs(at[0] - box[0]) + abs(at[1] - box[1]))
