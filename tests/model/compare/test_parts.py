"""A part of the scene that lies elsewhere is told from what was painted or copied into a photo."""

import cv2
import numpy as np
import pytest

from refundlens.datasets.defects import paint
from refundlens.model.compare.align import Pixels, align
from refundlens.model.compare.parts import AGREEING, moved_places
from refundlens.model.compare.reference import PERSPECTIVE, compare
from tests.support.scenes import scene, sent

pytestmark = pytest.mark.slow


def _with_card(ground: Pixels, x: int, y: int, turn: float) -> Pixels:
    """A card of 130 by 90 pixels, full of small things, laid on the ground."""
    card = cv2.resize(scene(11), (130, 90), interpolation=cv2.INTER_AREA)
    matrix = cv2.getRotationMatrix2D((64.5, 44.5), turn, 1.0)
    matrix[:, 2] += [x - 64.5, y - 44.5]
    size = (ground.shape[1], ground.shape[0])
    cover = cv2.warpAffine(np.ones((90, 130), np.float32), matrix, size)[..., None]
    laid = cv2.warpAffine(card.astype(np.float32), matrix, size)
    return np.rint(ground * (1 - cover) + laid * cover).astype(np.uint8)


def _units(before: Pixels, after: Pixels) -> np.ndarray:
    off = np.abs(after.astype(np.float32) - before).mean(2)
    return np.asarray(cv2.GaussianBlur(off, (0, 0), 1.2) / 4, np.float32)


def _moved(before: Pixels, after: Pixels) -> int:
    return moved_places(_units(before, after), before.astype(np.float32), after.astype(np.float32))


@pytest.mark.parametrize("there", [(420, 330, 0.0), (420, 150, 70.0), (215, 170, 25.0)])
def test_a_card_that_was_pushed_and_turned_lies_elsewhere(there: tuple[int, int, float]) -> None:
    ground = scene(1)
    before, after = _with_card(ground, 190, 160, 0.0), _with_card(ground, *there)
    assert _moved(before, after) >= AGREEING
    found = compare(sent(before, 85), sent(after[10:460, 20:620], 75, 0.9))
    assert found.kind == "parts_moved" and found.bound is None
    assert found.difference is not None and found.difference.spots


def test_what_was_copied_within_the_picture_still_is_where_it_was() -> None:
    whole = _with_card(scene(1), 190, 160, 0.0)
    copied = whole.copy()
    copied[300:390, 400:530] = whole[115:205, 125:255]
    assert _moved(whole, copied) == 0


@pytest.mark.parametrize("defect", ["hole", "stain", "mould", "other"])
def test_a_painted_defect_moved_nothing(defect: str) -> None:
    whole = scene(2)
    painted = paint(whole, defect, np.random.default_rng(3), np.ones(whole.shape[:2], np.float32)).pixels  # type: ignore[arg-type]
    assert _moved(whole, painted) == 0


def test_where_nothing_differs_nothing_moved() -> None:
    assert _moved(scene(1), scene(1)) == 0
    plain = np.full((200, 300, 3), 90, np.uint8)
    assert _moved(plain, np.roll(plain, 5, 1)) == 0


def test_a_camera_that_stood_elsewhere_is_told_by_a_perspective_that_no_copy_has() -> None:
    for seed in range(4):
        whole = scene(seed)
        copied = align(sent(whole, 85), sent(whole[20:450, 30:600], 60, 0.7))
        assert copied is not None and copied.perspective == 0
    whole = scene(1)
    height, width = whole.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    stood = corners + np.array([[3, 1], [-1, 2], [2, -2], [0, 1]], np.float32)
    seen = cv2.warpPerspective(whole, cv2.getPerspectiveTransform(corners, stood), (width, height))
    stained = paint(seen, "stain", np.random.default_rng(3), np.ones(seen.shape[:2], np.float32)).pixels
    found = compare(sent(whole, 85), sent(stained[10:470, 10:630], 75))
    assert found.alignment is not None and found.alignment.perspective >= PERSPECTIVE
    assert found.kind == "camera_moved", "what another shot shows may be real"
