"""A second look: what it may change, what it never may, and what is said where none was had."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundlens.model.detection import Conditions
from refundlens.model.network.pooling import FEATURES
from refundlens.model.verdict.calibration import LOSSLESS, Bin, Calibration
from refundlens.model.verdict.stability import Look, compare, look, look_at_copy, of_copy, reencode, settle

VERDICTS = ("fake", "inconclusive", "authentic")
JPEG = Bin(
    long_side=(240, 1000), jpeg_quality=(30, LOSSLESS), sharpness=(0.0, 1.0), photos=400, threshold=0.9,
    bound=0.01, shift=0.5, miss_bound=0.2,
)  # fmt: skip


def calibration(*bins: Bin) -> Calibration:
    """The log odds are the strongest tile's."""
    return Calibration(
        features=("strongest_tile",), mean=(0.0,), scale=(1.0,), weights=(1.0,), offset=0.0, clear_below=0.3,
        limit=0.01, confidence=0.95, bins=bins or (JPEG,),
    )  # fmt: skip


def features(log_odds: float) -> np.ndarray:
    values = np.zeros(len(FEATURES))
    values[FEATURES.index("strongest_tile")] = log_odds
    return values


def conditions(quality: int | None = 70, supported: bool = True, long_side: int = 500) -> Conditions:
    return Conditions(
        long_side=long_side, jpeg_quality=quality, quantisations=1, sharpness=0.5, supported=supported
    )


def seen(verdict: str, supported: bool = True) -> Look:
    return Look(0.0, 0.5, verdict, 0.01, conditions(supported=supported))  # type: ignore[arg-type]


def test_the_copy_is_a_jpeg_of_quality_85_and_always_the_same() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (90, 70, 3)).astype(np.uint8)
    before = picture.copy()
    copy = reencode(picture)
    assert copy.shape == picture.shape and copy.dtype == np.uint8
    assert np.array_equal(copy, reencode(picture)) and np.array_equal(picture, before)
    assert 1 < np.abs(copy.astype(int) - picture).mean() < 60
    again = reencode(copy)
    # the same grid and the same steps: a copy of the copy hardly changes, which is why its verdict lasts
    assert np.abs(again.astype(int) - copy).mean() < np.abs(copy.astype(int) - picture).mean() / 3


def test_the_copys_condition_is_that_of_one_more_upload() -> None:
    copy = of_copy(conditions(quality=None))
    assert (copy.jpeg_quality, copy.quantisations, copy.long_side) == (85, 2, 500)
    assert of_copy(copy).quantisations == 2


@pytest.mark.parametrize("first", VERDICTS)
@pytest.mark.parametrize("second", VERDICTS)
def test_a_second_look_takes_accusations_back_and_makes_none(first: str, second: str) -> None:
    verdict = settle(seen(first), seen(second))
    assert (verdict == "fake") == (first == second == "fake")
    if "fake" in (first, second) and first != second:
        assert verdict == "inconclusive"
    assert settle(seen(first), None) == first
    if "fake" not in (first, second):
        assert verdict == second


def test_a_photo_outside_the_conditions_stays_with_a_person_whatever_its_copy_says() -> None:
    assert settle(seen("inconclusive", supported=False), seen("authentic")) == "inconclusive"


def test_a_copy_is_judged_by_the_thresholds_of_copies_where_there_are_any() -> None:
    png = JPEG.model_copy(update={"jpeg_quality": (LOSSLESS, LOSSLESS + 1), "threshold": 0.6})
    both, only = calibration(JPEG, png), calibration(png)
    given_ = features(1.0)  # 0.73
    assert look(both, given_, conditions(None)).verdict == "fake"
    assert look_at_copy(both, given_, conditions(None)).verdict == "inconclusive"
    assert look_at_copy(only, given_, conditions(None)).verdict == "fake"


@given(st.floats(-9, 9), st.floats(-9, 9))
def test_measured_stability_is_agreement(first: float, second: float) -> None:
    known = calibration()
    before = look(known, features(first), conditions())
    copy = look_at_copy(known, features(second), conditions())
    found = compare(known, before, copy)
    assert found.measured and found.stable == (before.verdict == copy.verdict)
    assert found.probability_reencoded == copy.probability
    assert found.shift == pytest.approx(abs(first - second), abs=1e-9)


@pytest.mark.parametrize(("log_odds", "stable"), [(-4.0, True), (-1.2, False), (0.5, True), (2.0, False)])
def test_without_a_second_look_the_distance_to_the_thresholds_decides(log_odds: float, stable: bool) -> None:
    """Thresholds at log odds -0.85 and 2.2, moves up to 0.5."""
    known = calibration()
    found = compare(known, look(known, features(log_odds), conditions()), None)
    assert (found.measured, found.probability_reencoded, found.shift) == (False, None, 0.5)
    assert found.stable == stable


def test_nothing_is_called_stable_that_nobody_measured() -> None:
    old = calibration(JPEG.model_copy(update={"shift": None}))
    found = compare(old, look(old, features(-9.0), conditions()), None)
    assert (found.stable, found.shift) == (False, None)
    outside = look(calibration(), features(-9.0), conditions(long_side=4000, supported=False))
    assert not compare(calibration(), outside, None).stable
    assert not compare(calibration(), outside, outside).stable


def test_a_verdict_that_the_copys_condition_would_change_is_not_stable() -> None:
    """A PNG needs more for `fake` than the JPEG that it becomes in the next upload."""
    png = JPEG.model_copy(update={"jpeg_quality": (LOSSLESS, LOSSLESS + 1), "threshold": 0.98})
    known = calibration(JPEG, png)
    first = look(known, features(3.0), conditions(quality=None))
    assert first.verdict == "inconclusive"
    assert not compare(known, first, None).stable
    alike = calibration(JPEG.model_copy(update={"threshold": 0.98}), png)
    assert compare(alike, look(alike, features(3.0), conditions(quality=None)), None).stable
