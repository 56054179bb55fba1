"""Thresholds on made-up scores: which photos count, what is borrowed, and whether the bounds hold over many draws."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from refundlens.model.detection import Conditions
from refundlens.model.network.pooling import FEATURES
from refundlens.model.verdict import bounds
from refundlens.model.verdict.calibration import Bin, Calibration, CalibrationError, log_odds_of
from refundlens.training.calibration.scoring import Sample
from refundlens.training.calibration.thresholds import (
    DESIGN_EFFECT,
    LEAST_PAIRS,
    LEAST_PHOTOS,
    SUSPECT_FACTOR,
    with_suspects,
    with_thresholds,
)

pytestmark = pytest.mark.slow

LIMIT, CONFIDENCE = 0.02, 0.95
NEEDED = bounds.trials_needed(LIMIT)
"""149 photos."""


def condition(quality: int | None = 90, side: int = 800, sharpness: float = 0.5, seen: int = 1) -> Conditions:
    return Conditions(long_side=side, jpeg_quality=quality, quantisations=seen, sharpness=sharpness)


def vector(score: float) -> NDArray[np.float64]:
    values = np.zeros(len(FEATURES))
    values[0] = score
    return values


def sample(source: str, score: float, where: Conditions | None = None, copy: float | None = None) -> Sample:
    return Sample(source, 0, vector(score), where or condition(), None if copy is None else vector(copy))


def plain(*bins: Bin) -> Calibration:
    """The log odds are the first feature."""
    return Calibration(
        features=FEATURES[:1], mean=(0.0,), scale=(1.0,), weights=(1.0,), offset=0.0, clear_below=0.3, limit=LIMIT,
        confidence=CONFIDENCE, bins=bins,
    )  # fmt: skip


def found(result: Calibration, where: Conditions) -> Bin:
    one = result.bin(where)
    assert one is not None
    return one


def test_too_few_photos_borrow_the_nearest_wider_condition_s_threshold() -> None:
    careful = [sample(f"a{i}", 1.0, condition(90)) for i in range(NEEDED)]
    usual = [sample(f"b{i}", -3.0, condition(70)) for i in range(LEAST_PHOTOS)]
    result = with_thresholds(plain(), [*careful, *usual], LIMIT, CONFIDENCE)
    own, borrowed = found(result, condition(90)), found(result, condition(70))
    assert own.counted_on is None and own.threshold is not None
    assert log_odds_of(own.threshold) == pytest.approx(1.0, abs=0.11)
    assert (borrowed.threshold, borrowed.bound) == (own.threshold, LIMIT)
    assert borrowed.counted_on == ((640, 1000), (30, 101))


def test_what_scores_higher_than_what_it_borrows_from_gets_a_higher_threshold() -> None:
    careful = [sample(f"a{i}", -3.0, condition(90)) for i in range(500)]
    usual = [sample(f"b{i}", 2.0 if i < 9 else 0.0, condition(70)) for i in range(LEAST_PHOTOS)]
    result = with_thresholds(plain(), [*careful, *usual], LIMIT, CONFIDENCE)
    borrowed, whole = found(result, condition(70)), [*careful, *usual]
    assert borrowed.threshold is not None and borrowed.counted_on is not None
    allowed = bounds.errors_allowed(LIMIT, len(whole))
    scores = sorted((one.features[0] for one in whole), reverse=True)
    # the wider condition's own threshold lies just above the first photo too many
    assert log_odds_of(borrowed.threshold) > scores[allowed] + 1.0


def test_a_handful_of_photos_borrows_nothing() -> None:
    careful = [sample(f"a{i}", -3.0, condition(90)) for i in range(NEEDED)]
    usual = [sample(f"b{i}", -3.0, condition(70)) for i in range(LEAST_PHOTOS - 1)]
    result = with_thresholds(plain(), [*careful, *usual], LIMIT, CONFIDENCE)
    assert result.bin(condition(70)) is None and result.gap(condition(70)) == "quality"


def test_enlarged_photos_count_nowhere() -> None:
    photos = [sample(f"a{i}", -3.0) for i in range(NEEDED)]
    large = condition().model_copy(update={"enlarged": True})
    result = with_thresholds(plain(), [*photos, sample("thumbnail", 9.0, large)], LIMIT, CONFIDENCE)
    assert (found(result, condition()).photos, found(result, condition()).threshold) == (NEEDED, 0.5)
    assert result.gap(large) == "enlarged"


def test_the_ends_of_sharpness_are_open() -> None:
    photos = [sample(f"a{i}", -3.0, condition(sharpness=0.4 + i / 10_000)) for i in range(NEEDED)]
    result = with_thresholds(plain(), photos, LIMIT, CONFIDENCE)
    assert all(result.gap(condition(sharpness=value)) is None for value in (0.0, 0.4, 1.0))


def test_a_sender_s_photos_are_counted_as_photos_and_as_one_sender() -> None:
    photos = [
        dataclasses.replace(sample(f"a{i}", 2.5 if i < 2 else -3.0), sender=f"s{i // 4}") for i in range(600)
    ]
    one = found(with_thresholds(plain(), photos, LIMIT, CONFIDENCE), condition())
    assert (one.photos, one.senders, one.accused, one.accused_senders) == (600, 150, 2, 1)


def test_photos_of_a_series_are_no_independent_witnesses() -> None:
    strangers = [sample(f"a{i}", -3.0) for i in range(NEEDED)]
    series = [dataclasses.replace(one, sender=f"s{i // 4}") for i, one in enumerate(strangers)]
    assert found(with_thresholds(plain(), strangers, LIMIT, CONFIDENCE), condition()).threshold is not None
    with pytest.raises(CalibrationError, match=f"at least {math.ceil(DESIGN_EFFECT * NEEDED)} "):
        with_thresholds(plain(), series, LIMIT, CONFIDENCE)
    more = [
        dataclasses.replace(sample(f"a{i}", -3.0), sender=f"s{i // 4}")
        for i in range(math.ceil(DESIGN_EFFECT * NEEDED))
    ]
    assert found(with_thresholds(plain(), more, LIMIT, CONFIDENCE), condition()).threshold is not None


def test_formats_are_those_that_enough_photos_came_in() -> None:
    where = condition(None, seen=1)
    jpeg = [sample(f"a{i}", -3.0) for i in range(NEEDED)]
    heic = [dataclasses.replace(sample(f"b{i}", -3.0, where), format="heic") for i in range(LEAST_PHOTOS)]
    gif = [dataclasses.replace(sample(f"c{i}", -3.0, where), format="gif") for i in range(LEAST_PHOTOS - 1)]
    result = with_thresholds(plain(), [*jpeg, *heic, *gif], LIMIT, CONFIDENCE)
    assert result.measured("heic") and result.measured("png") and not result.measured("gif")


def test_a_condition_that_accuses_too_many_does_not_hide_in_a_wider_one() -> None:
    careful = [sample(f"a{i}", -3.0, condition(90)) for i in range(5000)]
    usual = [sample(f"b{i}", 20.0, condition(70)) for i in range(NEEDED)]
    result = with_thresholds(plain(), [*careful, *usual], LIMIT, CONFIDENCE)
    assert found(result, condition(70)).threshold is None


def test_jpeg_says_nothing_of_other_files() -> None:
    jpeg = [sample(f"a{i}", -3.0, condition(90)) for i in range(NEEDED)]
    other = [sample(f"b{i}", -3.0, condition(None, seen=0)) for i in range(NEEDED - 1)]
    result = with_thresholds(plain(), [*jpeg, *other], LIMIT, CONFIDENCE)
    assert found(result, condition(None)).threshold is None
    with pytest.raises(CalibrationError, match=f"the fullest has {NEEDED - 1}"):
        with_thresholds(plain(), other, LIMIT, CONFIDENCE)


def test_the_crisp_third_that_scores_higher_gets_a_higher_threshold_and_none_a_lower() -> None:
    rng = np.random.default_rng(0)
    sharpness = rng.uniform(0.2, 0.8, 240)
    photos = [
        sample(f"p{i}", float(rng.normal(4 * value - 2, 0.2)), condition(sharpness=value))
        for i, value in enumerate(sharpness)
    ]
    one = found(with_thresholds(plain(), photos, LIMIT, CONFIDENCE), condition())
    assert one.threshold is not None and [part.photos for part in one.parts] == [80, 80, 80]
    soft, middle, crisp = (part.threshold for part in one.parts)
    assert soft == middle == one.threshold and crisp is not None and crisp > one.threshold
    assert not any(part.own for part in one.parts)


def test_with_photos_enough_each_part_counts_for_itself() -> None:
    once = [sample(f"a{i}", -2.0, condition(seen=1)) for i in range(NEEDED)]
    twice = [sample(f"b{i}", 1.0, condition(seen=2)) for i in range(NEEDED)]
    one = found(with_thresholds(plain(), [*once, *twice], LIMIT, CONFIDENCE), condition())
    low, high = one.threshold_for(condition(seen=1)), one.threshold_for(condition(seen=2))
    assert all(part.own for part in one.parts) and low == 0.5
    assert high is not None and log_odds_of(high) == pytest.approx(1.0, abs=0.11)


def test_the_shift_is_what_95_of_100_moves_stay_under() -> None:
    photos = [sample(f"p{i}", -3.0, copy=-3.0 + i / 100) for i in range(NEEDED)]
    one = found(with_thresholds(plain(), photos, LIMIT, CONFIDENCE), condition())
    moves = np.arange(NEEDED) / 100
    assert one.shift is not None and np.mean(moves <= one.shift + 1e-9) == pytest.approx(0.95, abs=0.01)


def test_few_moves_speak_at_their_quality_or_over_all_and_none_keep_what_was_known() -> None:
    small = [sample(f"a{i}", -3.0, condition(side=500), copy=-2.5) for i in range(NEEDED)]
    large = [sample(f"b{i}", -3.0, condition(side=1200)) for i in range(NEEDED)]
    harsh = [
        sample(f"c{i}", -3.0, condition(40, 500), copy=-2.0 if i < LEAST_PAIRS - 1 else None)
        for i in range(LEAST_PHOTOS)
    ]
    result = with_thresholds(plain(), [*small, *large, *harsh], LIMIT, CONFIDENCE)
    assert found(result, condition(side=1200)).shift == pytest.approx(0.5)
    assert found(result, condition(40, 500)).shift == pytest.approx(1.0)
    again = with_thresholds(result, large, LIMIT, CONFIDENCE)
    assert found(again, condition(side=1200)).shift == pytest.approx(0.5)


def test_where_fakes_need_that_none_is_accused_suspects_may_be_one() -> None:
    for limit in (0.005, LIMIT, 0.05):
        assert bounds.errors_allowed(SUSPECT_FACTOR * limit, bounds.trials_needed(limit)) == 1
    photos = [sample("strange", 4.0), *(sample(f"p{i}", 1.0) for i in range(NEEDED - 1))]
    result = with_thresholds(plain(), photos, LIMIT, CONFIDENCE)
    fake, [suspect] = found(result, condition()), result.suspect
    assert (fake.accused, suspect.accused) == (0, 1)
    assert (fake.bound, suspect.bound) == (LIMIT, SUSPECT_FACTOR * LIMIT)
    assert fake.threshold is not None and suspect.threshold is not None
    assert log_odds_of(fake.threshold) == pytest.approx(4.0, abs=0.11)
    assert log_odds_of(suspect.threshold) == pytest.approx(1.0, abs=0.11)


def test_suspects_added_later_are_those_counted_with_the_thresholds_and_change_nothing_else() -> None:
    rng = np.random.default_rng(1)
    photos = [
        sample(f"p{i}", float(score), condition(quality))
        for i, score in enumerate(rng.normal(-2, 1.5, 300))
        for quality in (70, 90)
    ]
    at_once = with_thresholds(plain(), photos, LIMIT, CONFIDENCE)
    before = at_once.model_copy(update={"suspect": ()})
    later = with_suspects(before, photos)
    assert later == at_once and len(later.suspect) == 2
    assert later.model_copy(update={"suspect": ()}) == before


def test_over_many_draws_the_bounds_fail_no_oftener_than_stated() -> None:
    """Photos of two qualities; the rarer one borrows. Sharper ones score higher, so parts are lifted.

    Per draw: does the true rate exceed the limit in the condition that was counted on? At 95 % confidence that may
    happen in 5 of 100 draws; three standard deviations of 100 draws make it 11.5.
    """
    rng = np.random.default_rng(4)
    draws, count, rare = 100, 260, 0.3
    truth_rare = rng.random(20_000) < rare
    truth_sharp = rng.uniform(0.2, 0.8, 20_000)
    truth = score(truth_rare, truth_sharp, rng)
    own_fails = borrowed_fails = borrowed_seen = 0
    for _ in range(draws):
        is_rare, sharpness = rng.random(count) < rare, rng.uniform(0.2, 0.8, count)
        scores = score(is_rare, sharpness, rng)
        photos = [
            sample(f"p{i}", float(scores[i]), condition(70 if is_rare[i] else 90, sharpness=sharpness[i]))
            for i in range(count)
        ]
        result = with_thresholds(plain(), photos, LIMIT, CONFIDENCE)
        accused = called_fake(result, 90, truth, truth_sharp)
        own_fails += bool(accused[~truth_rare].mean() > LIMIT)
        covered = result.bin(condition(70))
        if covered is not None and covered.threshold is not None:
            borrowed_seen += 1
            # the borrowed threshold's statement is on photos of any quality
            borrowed_fails += bool(called_fake(result, 70, truth, truth_sharp).mean() > LIMIT)
    assert borrowed_seen > draws / 2
    assert own_fails / draws <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
    assert borrowed_fails / borrowed_seen <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / borrowed_seen)


def score(
    rare: NDArray[np.bool_], sharp: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    return np.asarray(rng.normal(-2.0, 1.5, len(rare)) + 0.5 * rare + sharp, np.float64)


def called_fake(
    result: Calibration, quality: int, scores: NDArray[np.float64], sharp: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which photos would be called fake by one condition's thresholds, whatever their own condition."""
    one = found(result, condition(quality))
    edges = [(-1.0, 2.0, one.threshold), *((*part.sharpness, part.threshold) for part in one.parts)]
    limits = np.full(len(scores), np.inf)
    for low, high, threshold in edges:
        limits[(low <= sharp) & (sharp < high)] = np.inf if threshold is None else log_odds_of(threshold)
    return scores >= limits
