"""What `authentic` misses: whose pictures count, what is stated, and whether the bound holds over many draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundlens.model.detection import Conditions, MissedOn
from refundlens.model.names import Kind
from refundlens.model.network.pooling import FEATURES
from refundlens.model.verdict import bounds
from refundlens.model.verdict.calibration import Bin, Calibration, logistic
from refundlens.training.calibration.misses import CLEAR_SIDE, LEAST_PICTURES, with_miss_bounds
from refundlens.training.calibration.scoring import Sample
from refundlens.training.calibration.thresholds import with_thresholds

SMALL = Bin(
    long_side=(240, 640), jpeg_quality=(60, 80), sharpness=(0.0, 1.0), photos=400, threshold=0.9, bound=0.01
)
MIDDLE = SMALL.model_copy(update={"long_side": (640, 1000)})


def plain(*bins: Bin) -> Calibration:
    """The log odds are the first feature; authentic up to 0.3, which is -0.85."""
    return Calibration(
        features=FEATURES[:1], mean=(0.0,), scale=(1.0,), weights=(1.0,), offset=0.0, clear_below=0.3, limit=0.01,
        confidence=0.95, bins=bins or (SMALL, MIDDLE),
    )  # fmt: skip


def sample(
    source: str, score: float, kind: Kind = "ai_edited", editor: str | None = "one", side: int = 500
) -> Sample:
    features = np.zeros(len(FEATURES))
    features[0] = score
    where = Conditions(long_side=side, jpeg_quality=70, quantisations=1, sharpness=0.5)
    label = int(kind != "authentic")
    return Sample(source, label, features, where, kind=kind, editor=editor if label else None)


def first(result: Calibration) -> Bin:
    return result.bins[0]


def test_a_picture_is_missed_if_one_of_its_deliveries_is_called_authentic() -> None:
    pictures = [sample(f"p{i}", 2.0) for i in range(100) for _ in range(3)]
    once = [sample("p0", -2.0), sample("p1", -2.0), sample("p1", -3.0)]
    one = first(with_miss_bounds(plain(), [*pictures, *once]))
    assert one.miss_bound_of == MissedOn(kinds={"ai_edited": 100}, editors=1, pictures=100, missed=2)
    assert one.miss_bound == bounds.upper_bound(2, 100) and one.miss_counted_on is None


def test_no_smaller_picture_is_cleared_than_misses_were_counted_on() -> None:
    result = with_miss_bounds(plain(), [sample(f"p{i}", 2.0) for i in range(100)])
    where = sample("x", 0.0).conditions
    assert result.decide(0.1, where)[0] == "authentic"
    assert result.decide(0.1, where.model_copy(update={"long_side": CLEAR_SIDE - 1}))[0] == "inconclusive"


def test_only_real_editors_pictures_count_and_are_told_by_kind() -> None:
    mine = [sample(f"m{i}", -5.0, editor=None) for i in range(200)]
    theirs = [sample(f"a{i}", 2.0, "ai_generated", f"e{i % 4}") for i in range(40)]
    theirs += [sample(f"b{i}", 2.0, "photoshopped", "unnamed, o/r") for i in range(20)]
    one = first(with_miss_bounds(plain(), [*mine, *theirs]))
    kinds: dict[Kind, int] = {"ai_generated": 40, "photoshopped": 20}
    assert one.miss_bound_of == MissedOn(kinds=kinds, editors=5, pictures=60, missed=0)
    silent = first(with_miss_bounds(plain(), mine))
    assert silent.miss_bound is None and not silent.clears


def test_too_few_pictures_speak_with_those_of_the_wider_condition() -> None:
    few = [sample(f"s{i}", -2.0) for i in range(LEAST_PICTURES - 1)]
    more = [sample(f"m{i}", 2.0, side=800) for i in range(60)]
    one = first(with_miss_bounds(plain(), [*few, *more]))
    assert one.miss_counted_on is not None and one.miss_bound_of is not None
    assert (one.miss_bound_of.missed, one.miss_bound_of.pictures) == (LEAST_PICTURES - 1, LEAST_PICTURES + 59)


def test_a_word_that_fakes_get_as_easily_is_not_said() -> None:
    photos = [sample(f"a{i}", -2.0 if i < 70 else 0.0, "authentic") for i in range(100)]
    alike = [sample(f"f{i}", -2.0 if i < 70 else 0.0) for i in range(100)]
    blind = with_miss_bounds(plain(), [*photos, *alike])
    assert first(blind).cleared == 0.7 and not first(blind).clears
    assert blind.decide(0.1, alike[0].conditions)[0] == "inconclusive"
    seeing = with_miss_bounds(plain(), [*photos, *alike[40:]])  # half of them are seen
    assert first(seeing).clears and seeing.decide(0.1, alike[0].conditions)[0] == "authentic"


def test_new_thresholds_keep_the_miss_bounds_of_the_same_probabilities() -> None:
    known = with_miss_bounds(plain(), [sample(f"p{i}", 2.0) for i in range(60)])
    again = with_thresholds(known, [sample(f"a{i}", -3.0, "authentic") for i in range(300)], 0.01, 0.95)
    assert first(again).miss_bound == first(known).miss_bound is not None
    assert first(again).miss_bound_of == first(known).miss_bound_of


@given(st.lists(st.floats(-4, 4), min_size=LEAST_PICTURES, max_size=80))
def test_the_bound_is_over_the_share_and_more_misses_never_lower_it(scores: list[float]) -> None:
    one = first(with_miss_bounds(plain(), [sample(f"p{i}", score) for i, score in enumerate(scores)]))
    assert one.miss_bound is not None and one.miss_bound_of is not None
    assert one.miss_bound_of.missed == sum(logistic(score) <= 0.3 for score in scores)
    assert one.miss_bound > one.miss_bound_of.missed / one.miss_bound_of.pictures or one.miss_bound == 1.0
    worse = first(
        with_miss_bounds(plain(), [sample(f"p{i}", min(score, -1.0)) for i, score in enumerate(scores)])
    )
    assert worse.miss_bound is not None and worse.miss_bound >= one.miss_bound


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_over_many_draws_the_bound_fails_no_oftener_than_stated(share: float) -> None:
    rng = np.random.default_rng(7)
    draws, fails = 400, 0
    for _ in range(draws):
        missed = rng.random(80) < share
        pictures = [sample(f"p{i}", -2.0 if one else 2.0) for i, one in enumerate(missed)]
        bound = first(with_miss_bounds(plain(), pictures)).miss_bound
        fails += bound is not None and bound < share
    assert fails / draws <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
