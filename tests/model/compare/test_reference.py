"""A photo sent again is told from another shot, a painted defect from none and from a drawing."""

import cv2
import numpy as np
import pytest

from refundlens.datasets.defects import paint
from refundlens.model.compare.align import align
from refundlens.model.compare.difference import differ
from refundlens.model.compare.figures import FIGURES
from refundlens.model.compare.marks import forest
from refundlens.model.compare.reference import PAINTED, compare, false_accusation_bound
from refundlens.model.compare.spots import FAINT, LOOKED, PLAIN, STRONG, UNSURE, Spot, masks
from tests.support.scenes import scene, sent

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_lays_a_crop_where_it_was_cut(seed: int, mirrored: bool) -> None:
    whole = scene(seed)
    photo = sent(whole[60:420, 100:600], 60, 0.7)
    if mirrored:
        photo = np.ascontiguousarray(photo[:, ::-1])
    found = align(whole, photo)
    assert found is not None and found.mirrored is mirrored and abs(found.turn) < 0.2
    left = whole.shape[1] - 600 if mirrored else 100
    for x, y in ((250, 100), (400, 300), (300, 400)):
        there = found.matrix @ np.array([x, y, 1.0])
        expected = (
            (x + 0.5 - left) * photo.shape[1] / 500 - 0.5,
            (y + 0.5 - 60) * photo.shape[0] / 360 - 0.5,
        )
        assert np.hypot(*(there - expected)) < 1


def test_two_scenes_have_no_common_layout() -> None:
    assert align(scene(1), scene(2)) is None
    assert align(np.full((200, 200, 3), 90, np.uint8), scene(2)) is None
    assert compare(scene(1), scene(2)).kind == "other"


@pytest.mark.parametrize("seed", range(3))
def test_the_same_photo_in_another_crop_tone_and_quality_is_the_same(seed: int) -> None:
    whole = scene(seed)
    warm = np.clip(whole[30:450, 40:620] * np.array([1.12, 1.0, 0.85]) + 10, 0, 255).astype(np.uint8)
    found = compare(sent(whole, 85), sent(warm, 60, 0.8))
    assert found.kind == "same" and found.bound is None and found.difference is not None
    assert found.difference.overlap > 0.9 and found.difference.same_detail > 0.6
    assert found.difference.units.dtype == np.float32


@pytest.mark.parametrize("seed", range(3))
def test_a_painted_stain_is_found_where_it_is(seed: int) -> None:
    whole = scene(seed)
    painted = paint(whole, "stain", np.random.default_rng(seed + 3), np.ones(whole.shape[:2], np.float32))
    photo = sent(painted.pixels[20:470, 30:630], 75, 0.9)
    alignment = align(whole, photo)
    assert alignment is not None
    spots = differ(whole, photo, alignment).spots
    assert spots
    rows, columns = np.nonzero(painted.region > 0.5)
    x, y = (np.median(columns) - 30) * 0.9, (np.median(rows) - 20) * 0.9
    x0, y0, x1, y1 = spots[0].box
    assert x0 - 10 <= x <= x1 + 10 and y0 - 10 <= y <= y1 + 10


def test_a_defect_looks_more_painted_than_an_arrow() -> None:
    whole = scene(4)
    drawn = whole.copy()
    cv2.arrowedLine(drawn, (120, 90), (330, 240), (230, 30, 30), 8, cv2.LINE_AA)
    cv2.putText(drawn, "look here", (60, 400), cv2.FONT_HERSHEY_SIMPLEX, 2, (230, 30, 30), 5, cv2.LINE_AA)
    arrow = compare(whole, sent(drawn, 80))
    assert arrow.kind == "marked" and arrow.painted < PAINTED
    stained = paint(whole, "stain", np.random.default_rng(1), np.ones(whole.shape[:2], np.float32)).pixels
    stain = compare(whole, sent(stained, 80))
    assert stain.painted > arrow.painted
    if stain.kind == "changed":
        assert stain.bound == false_accusation_bound()


@pytest.mark.parametrize("seed", range(2))
def test_goods_with_hardly_any_contrast_are_laid_over_each_other(seed: int) -> None:
    pale = np.rint(235 + (scene(seed) - 128.0) * 0.2).astype(np.uint8)
    found = align(sent(pale, 92), sent(pale[20:460, 30:620], 88, 0.9))
    assert found is not None and found.agreeing >= 30 and not found.mirrored


def test_a_faint_spot_is_told_of_only_where_it_looks_painted() -> None:
    def spot(peak: float, painted: float) -> Spot:
        return Spot((0, 0, 9, 9), share=0.01, strength=2.0, peak=peak, painted=painted)

    assert spot(PLAIN, 0.0).told and spot(STRONG, FAINT).told and not spot(PLAIN - 0.1, FAINT - 0.1).told
    assert UNSURE < PAINTED, "a spot at the border of what both show accuses nobody"
    whole = scene(1)
    faint = whole.astype(np.float32)
    faint[200:240, 300:350] += 9
    found = compare(whole, sent(np.clip(faint, 0, 255).astype(np.uint8), 90))
    assert found.difference is not None and found.painted == found.difference.painted
    assert all(one.told for one in found.difference.spots)


def test_grain_everywhere_costs_no_more_than_so_many_spots() -> None:
    units = np.random.default_rng(0).exponential(1.0, (300, 300)).astype(np.float32)
    units = cv2.GaussianBlur(units, (0, 0), 3) * 3
    assert 0 < len(masks(units, units.size)) <= LOOKED


def test_the_bound_is_a_measured_one() -> None:
    assert 0 < false_accusation_bound() < 0.01


def test_the_forest_reads_the_figures_there_are() -> None:
    trees = forest()
    asked = trees.feature[trees.feature != 255]
    assert asked.max() < len(FIGURES) and len(trees.roots) >= 20
    assert ((trees.share >= 0) & (trees.share <= 1)).all()
    for row in np.random.default_rng(0).normal(0, 50, (50, len(FIGURES))).astype(np.float32):
        assert 0 <= trees.mean(row) <= 1


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 400, 3), (400, 5, 3)])
def test_pictures_too_small_to_compare_are_another_shot(shape: tuple[int, ...]) -> None:
    tiny = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert compare(tiny, scene(1)).kind == "other" and compare(scene(1), tiny).kind == "other"
