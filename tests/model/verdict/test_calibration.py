from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refundlens.model.detection import Conditions
from refundlens.model.network.pooling import FEATURES
from refundlens.model.photo.formats import Format
from refundlens.model.verdict.calibration import (
    LOSSLESS,
    Bin,
    Calibration,
    CalibrationError,
    Part,
    log_odds_of,
    logistic,
    lowest_threshold,
)

COVERED = Bin(
    long_side=(240, 640),
    jpeg_quality=(60, 80),
    sharpness=(0.1, 0.6),
    photos=400,
    threshold=0.9,
    bound=0.0075,
    cleared=0.8,
    miss_bound=0.3,
)
SILENT = Bin(long_side=(640, 1000), jpeg_quality=(60, 80), sharpness=(0.1, 0.6), photos=20)


def _calibration() -> Calibration:
    return Calibration(
        features=("mean_tile", "strongest_tile"), mean=(0.0, 1.0), scale=(1.0, 2.0), weights=(2.0, 1.0),
        offset=-1.0, clear_below=0.3, limit=0.01, confidence=0.95, bins=(COVERED, SILENT),
    )  # fmt: skip


def _features(mean_tile: float, strongest_tile: float) -> NDArray[np.float64]:
    """All pooled features; those the calibration does not name must not count."""
    values = np.full(len(FEATURES), 77.0)
    values[[FEATURES.index("mean_tile"), FEATURES.index("strongest_tile")]] = mean_tile, strongest_tile
    return values


def _conditions(long_side: int = 500, quality: int | None = 70, sharpness: float = 0.3) -> Conditions:
    return Conditions(long_side=long_side, jpeg_quality=quality, quantisations=1, sharpness=sharpness)


ENLARGED = _conditions(sharpness=0.05).model_copy(update={"enlarged": True})


def test_probability_is_the_logistic_of_standardised_features() -> None:
    logit = 2.0 * 0.5 + 1.0 * (3.0 - 1.0) / 2.0 - 1.0
    assert _calibration().probability(_features(0.5, 3.0), _conditions()) == pytest.approx(
        1 / (1 + np.exp(-logit))
    )


@pytest.mark.parametrize(
    ("probability", "verdict", "bound"),
    [
        (0.95, "fake", 0.0075),
        (0.9, "fake", 0.0075),
        (0.5, "inconclusive", 0.0075),
        (0.2, "authentic", 0.0075),
    ],
)
def test_verdicts_of_a_covered_condition(probability: float, verdict: str, bound: float) -> None:
    assert _calibration().decide(probability, _conditions()) == (verdict, bound)


@pytest.mark.parametrize(
    "conditions",
    [
        _conditions(long_side=3000),
        _conditions(quality=20),
        _conditions(quality=None),
        ENLARGED,
    ],
)
def test_nothing_outside_calibration_is_called_anything(conditions: Conditions) -> None:
    for probability in (0.0, 0.5, 1.0):
        assert _calibration().decide(probability, conditions) == ("inconclusive", None)


def test_a_condition_without_threshold_never_gives_fake() -> None:
    assert _calibration().decide(1.0, _conditions(long_side=800)) == ("inconclusive", None)


def test_files_that_are_not_jpeg_have_a_bin_of_their_own() -> None:
    lossless = COVERED.model_copy(update={"jpeg_quality": (LOSSLESS, LOSSLESS + 1)})
    assert lossless.holds(_conditions(quality=None))
    assert not lossless.holds(_conditions(quality=100))


def test_authentic_needs_a_miss_bound_under_the_share_of_photos_called_so() -> None:
    def verdict(**facts: float | None) -> str:
        one = _calibration().model_copy(update={"bins": (COVERED.model_copy(update=facts),)})
        return one.decide(0.1, _conditions())[0]

    assert verdict() == "authentic"
    assert verdict(miss_bound=0.79) == "authentic"  # however large, if it says something
    assert verdict(miss_bound=0.8) == verdict(miss_bound=None) == "inconclusive"
    assert verdict(cleared=None) == "authentic"


def test_a_thumbnail_is_never_cleared_but_may_be_accused() -> None:
    careful, thumbnail = _calibration().model_copy(update={"clear_side": 480}), _conditions(long_side=479)
    assert careful.decide(0.0, thumbnail) == ("inconclusive", 0.0075)
    assert careful.decide(0.95, thumbnail) == ("fake", 0.0075)
    assert careful.decide(0.0, _conditions(long_side=480))[0] == "authentic"


def test_a_large_photo_is_told_by_the_size_at_which_it_was_judged() -> None:
    large = _conditions(long_side=4000)
    assert _calibration().gap(large) == "too_large"
    judged = large.model_copy(update={"judged_long_side": 600})
    assert _calibration().gap(judged) is None
    assert _calibration().decide(0.95, judged) == ("fake", 0.0075)


@pytest.mark.parametrize(
    ("formats", "covered"),
    [(("jpeg",), {"jpeg"}), (("jpeg", "png"), {"jpeg", "png", "bmp", "tiff"}), (("heic",), {"heic"})],
)
def test_formats_are_covered_where_measured(formats: tuple[Format, ...], covered: set[Format]) -> None:
    one = _calibration().model_copy(update={"formats": formats})
    assert {name for name in get_args(Format) if one.measured(name)} == covered


def test_json_round_trip_and_clear_error() -> None:
    assert Calibration.from_json(_calibration().to_json()) == _calibration()
    with pytest.raises(CalibrationError, match="refundlens calibrate"):
        Calibration.from_json('{"features": 3}')


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(0, 5))
def test_threshold_accuses_no_more_photos_than_allowed(scores: list[float], allowed: int) -> None:
    candidates = [0.5, 0.6, 0.7, 0.8, 0.9, 0.99]
    highest = {str(index): score for index, score in enumerate(scores)}
    found = lowest_threshold(highest, candidates, allowed)
    over = {t: sum(score >= t for score in scores) for t in candidates}
    if found is None:
        assert over[0.99] > allowed
    else:
        threshold, accused = found
        assert accused == over[threshold] <= allowed
        lower = [t for t in candidates if t < threshold]
        assert not lower or over[max(lower)] > allowed


OLD = """{"features": ["strongest_tile"], "mean": [0.0], "scale": [1.0], "weights": [1.0], "offset": 0.5,
"clear_below": 0.2, "limit": 0.01, "confidence": 0.95, "bins": [{"long_side": [240, 640], "jpeg_quality": [60, 80],
"sharpness": [0.1, 0.6], "photos": 334, "accused": 0, "threshold": 0.9, "bound": 0.01}]}"""
"""As version 0.1.0 wrote it: no terms, no parts, no shift."""


def test_an_old_calibration_still_judges_as_it_did() -> None:
    old = Calibration.from_json(OLD)
    values = np.full(len(FEATURES), 77.0)
    values[FEATURES.index("strongest_tile")] = 1.5
    assert old.log_odds(values, _conditions()) == pytest.approx(2.0)
    assert old.decide(0.95, _conditions()) == ("fake", 0.01)
    assert old.shift(_conditions()) is None and old.terms is None
    assert old.suspicion(0.99, _conditions()) == (False, None)


def test_lists_of_unequal_length_are_no_calibration() -> None:
    with pytest.raises(CalibrationError, match="refundlens calibrate"):
        Calibration.from_json(OLD.replace('"mean": [0.0]', '"mean": [0.0, 1.0]'))


def test_a_part_has_its_own_threshold() -> None:
    crisp = Part(sharpness=(0.4, 2.0), quantisations=(0, 2), photos=80, threshold=0.97, own=False)
    silent = Part(sharpness=(-1.0, 0.2), quantisations=(0, 2), photos=400, threshold=None, own=True)
    split = _calibration().model_copy(
        update={"bins": (COVERED.model_copy(update={"parts": (crisp, silent)}),)}
    )
    assert split.decide(0.95, _conditions(sharpness=0.3)) == ("fake", 0.0075)
    assert split.decide(0.95, _conditions(sharpness=0.5)) == ("inconclusive", 0.0075)
    assert split.decide(1.0, _conditions(sharpness=0.15))[0] == "inconclusive"
    assert split.edges(_conditions(sharpness=0.5)) == pytest.approx((log_odds_of(0.3), log_odds_of(0.97)))
    assert split.edges(_conditions(sharpness=0.15)) == pytest.approx((log_odds_of(0.3),))
    assert Calibration.from_json(split.to_json()) == split


def test_suspects_come_from_the_lower_threshold_and_change_no_verdict() -> None:
    lower = COVERED.model_copy(update={"threshold": 0.7, "bound": 0.016})
    with_suspects = _calibration().model_copy(update={"suspect": (lower, SILENT)})
    for probability in (0.1, 0.69, 0.7, 0.95):
        assert with_suspects.suspicion(probability, _conditions()) == (probability >= 0.7, 0.016)
        assert with_suspects.decide(probability, _conditions()) == _calibration().decide(
            probability, _conditions()
        )
    for unknown in (ENLARGED, _conditions(long_side=800), _conditions(long_side=3000)):
        assert with_suspects.suspicion(1.0, unknown) == (False, None)
    assert _calibration().suspicion(1.0, _conditions()) == (False, None)
    assert Calibration.from_json(with_suspects.to_json()) == with_suspects


def test_a_photo_above_the_fake_threshold_is_suspect_though_the_lower_one_was_counted_higher() -> None:
    higher = COVERED.model_copy(update={"threshold": 0.99, "bound": 0.016})
    crossed = _calibration().model_copy(update={"suspect": (higher,)})
    assert crossed.suspicion(0.9, _conditions()) == (True, 0.016)
    assert crossed.suspicion(0.89, _conditions()) == (False, 0.016)


@pytest.mark.parametrize(
    ("conditions", "gap"),
    [
        (_conditions(), None),
        (_conditions(long_side=3000), "too_large"),
        (_conditions(long_side=200), "too_small"),
        (_conditions(quality=20), "quality"),
        (_conditions(quality=None), "not_jpeg"),
        (ENLARGED, "enlarged"),
        (_conditions(sharpness=0.0), None),
        (_conditions(sharpness=1.0), None),
    ],
)
def test_what_is_out_of_range_is_named(conditions: Conditions, gap: str | None) -> None:
    assert _calibration().gap(conditions) == gap


@given(st.floats(-30, 30))
def test_log_odds_and_probability_are_each_others_inverse(value: float) -> None:
    assert log_odds_of(logistic(value)) == pytest.approx(value, abs=1e-2 if value > 25 else 1e-4)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_likelier_fake_is_never_judged_more_kindly(one: float, other: float, sharpness: float) -> None:
    order = ("authentic", "inconclusive", "fake")
    low, high = sorted((one, other))
    where = _conditions(sharpness=sharpness)
    verdicts = [order.index(_calibration().decide(value, where)[0]) for value in (low, high)]
    assert verdicts[0] <= verdicts[1]
