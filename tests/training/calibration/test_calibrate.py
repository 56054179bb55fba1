"""Calibration on made-up scores: what is counted, on which photos, and what a verdict may then say."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from refundlens.model.detection import Conditions
from refundlens.model.network.pooling import FEATURES
from refundlens.model.verdict import bounds
from refundlens.model.verdict.calibration import LOSSLESS, Calibration, CalibrationError
from refundlens.training.calibration import calibrate as fitting
from refundlens.training.calibration.calibrate import calibrate, with_thresholds
from refundlens.training.calibration.probability import FOLDS, fit_probability, group_folds
from refundlens.training.calibration.scoring import Sample, run_all

pytestmark = pytest.mark.slow


def condition(long_side: int = 800, quality: int | None = 70, sharpness: float = 0.4) -> Conditions:
    return Conditions(long_side=long_side, jpeg_quality=quality, quantisations=1, sharpness=sharpness)


def sample(source: str, score: float, label: int = 0, where: Conditions | None = None) -> Sample:
    features = np.full(len(FEATURES), 0.0)
    features[:3] = score  # of the strongest tile, the strong ones, the average one
    return Sample(source, label, features, where or condition())


def crowd(count: int, scores: Iterable[float], label: int, name: str) -> list[Sample]:
    return [
        sample(f"{name}{index}", score, label) for index, score in zip(range(count), scores, strict=False)
    ]


def logistic(offset: float = 0.0) -> Calibration:
    """The probability is the logistic of the first feature."""
    count = len(FEATURES)
    return Calibration(
        features=FEATURES, mean=(0.0,) * count, scale=(1.0,) * count, weights=(1.0,) + (0.0,) * (count - 1),
        offset=offset, clear_below=0.3, limit=0.05, confidence=0.95, bins=(),
    )  # fmt: skip


def covering(result: Calibration, where: Conditions) -> tuple[int, int, float | None]:
    found = result.bin(where)
    assert found is not None
    return found.photos, found.accused, found.threshold


def test_a_photo_counts_once_however_often_it_was_delivered() -> None:
    variants = [sample(f"photo{index}", -5.0) for index in range(100) for _ in range(9)]
    photos, accused, threshold = covering(with_thresholds(logistic(), variants, 0.05, 0.95), condition())
    assert (photos, accused, threshold) == (100, 0, 0.5)


def test_nine_deliveries_do_not_make_one_photo_enough() -> None:
    needed = bounds.trials_needed(0.05)
    few = [sample(f"photo{index}", -5.0) for index in range(needed - 1) for _ in range(9)]
    with pytest.raises(CalibrationError, match=f"at least {needed} .* the fullest has {needed - 1}"):
        with_thresholds(logistic(), few, 0.05, 0.95)
    assert with_thresholds(logistic(), [*few, sample("one more", -5.0)], 0.05, 0.95).bins[0].threshold == 0.5


def test_one_accused_delivery_of_nine_accuses_the_photo() -> None:
    innocent = [sample(f"photo{index}", -5.0) for index in range(93) for _ in range(9)]
    assert bounds.errors_allowed(0.05, 94) == 1
    once = [*innocent, *(sample("unlucky", score) for score in (*[-5.0] * 8, 3.0))]
    assert covering(with_thresholds(logistic(), once, 0.05, 0.95), condition()) == (94, 1, 0.5)
    twice = [*once, sample("photo0", 2.04)]
    photos, accused, threshold = covering(with_thresholds(logistic(), twice, 0.05, 0.95), condition())
    # two photos lie over one half: the threshold has to climb over the lower one's probability, 0.885
    assert (photos, accused) == (94, 1) and threshold == pytest.approx(0.891, abs=1e-3)


def test_the_bound_stated_is_the_limit_and_holds_for_the_count() -> None:
    found = with_thresholds(logistic(), crowd(100, [-5.0] * 100, 0, "p"), 0.05, 0.95).bins[0]
    assert found.bound == 0.05 and bounds.upper_bound(found.accused, found.photos) <= 0.05


def test_conditions_are_counted_apart() -> None:
    small = [sample(f"p{i}", 4.0 if i < 3 else -5.0, where=condition(500)) for i in range(100)]
    large = [sample(f"p{i}", -5.0, where=condition(1200)) for i in range(100)]
    raised = with_thresholds(logistic(), [*small, *large], 0.05, 0.95)
    assert covering(raised, condition(1200))[2] == 0.5
    assert covering(raised, condition(500))[2] == pytest.approx(0.985, abs=0.006)
    assert raised.bin(condition(1800)) is None and raised.bin(condition(1200, quality=20)) is None


def test_files_that_are_not_jpeg_have_a_condition_of_their_own() -> None:
    jpeg = [sample(f"p{i}", -5.0, where=condition(quality=100)) for i in range(100)]
    other = [sample(f"p{i}", 6.0, where=condition(quality=None)) for i in range(100)]
    result = with_thresholds(logistic(), [*jpeg, *other], 0.05, 0.95)
    found = result.bin(condition(quality=None))
    assert found is not None and found.jpeg_quality == (LOSSLESS, LOSSLESS + 1)
    assert found.threshold is None or found.threshold > 1 / (1 + np.exp(-6.0))
    assert covering(result, condition(quality=100)) == (100, 0, 0.5)


def test_manipulated_pictures_count_no_accusation() -> None:
    fakes = [sample(f"p{i}", 9.0, label=1) for i in range(100)]
    result = with_thresholds(logistic(), [*crowd(100, [-5.0] * 100, 0, "p"), *fakes], 0.05, 0.95)
    assert covering(result, condition()) == (100, 0, 0.5)


def test_no_photo_both_fits_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    authentic = crowd(400, rng.normal(-2, 1, 400), 0, "p")
    fakes = crowd(400, rng.normal(2, 1, 400), 1, "p")  # an edit of each photo, under the photo's name
    watched = [*crowd(40, rng.normal(-2, 1, 40), 0, "v"), *crowd(40, rng.normal(2, 1, 40), 1, "v")]
    fitted: list[str] = []
    counted: list[str] = []
    fit, count = fitting.fit_probability, fitting.with_thresholds

    def fits(samples: list[Sample], *given: float) -> Calibration:
        fitted.extend(one.source for one in samples)
        return fit(samples, *given)

    def counts(
        known: Calibration, samples: list[Sample], limit: float, confidence: float, moved: list[Sample]
    ) -> Calibration:
        counted.extend(one.source for one in samples)
        return count(known, samples, limit, confidence, moved)

    monkeypatch.setattr(fitting, "fit_probability", fits)
    monkeypatch.setattr(fitting, "with_thresholds", counts)
    calibrate([*authentic, *fakes], 0.05, 0.95, fit_only=watched)
    assert not set(fitted) & set(counted)
    assert {one.source for one in watched} <= set(fitted)
    share = len({name for name in fitted if name.startswith("p")}) / 400
    assert share == pytest.approx(1 / fitting.FIT_SHARE, abs=0.06)


def test_probabilities_mean_what_they_say() -> None:
    """Scores with known odds: log p(score | fake) / p(score | authentic) = 4 x score for these two bells."""
    rng = np.random.default_rng(1)
    known = [*crowd(1500, rng.normal(-2, 1, 1500), 0, "a"), *crowd(1500, rng.normal(2, 1, 1500), 1, "f")]
    fitted = fit_probability(known, 0.01, 0.95)
    for score in (-1.0, 0.0, 0.5):
        said = fitted.probability(sample("x", score).features, condition())
        assert said == pytest.approx(1 / (1 + np.exp(-4 * score)), abs=0.05)


def test_neither_many_fakes_nor_many_variants_tilt_the_probability() -> None:
    rng = np.random.default_rng(2)
    authentic = crowd(200, rng.normal(-1, 1, 200), 0, "a")
    fakes = crowd(200, rng.normal(1, 1, 200), 1, "f")
    even = fit_probability([*authentic, *fakes], 0.01, 0.95)
    tilted = fit_probability([*authentic, *fakes * 9], 0.01, 0.95)
    assert tilted.weights == pytest.approx(even.weights, abs=1e-3)
    assert tilted.offset == pytest.approx(even.offset, abs=1e-3)


def test_what_is_more_likely_fake_than_not_is_never_cleared() -> None:
    known = [*crowd(50, [-3.0] * 50, 0, "a"), *crowd(50, [9.0] * 50, 1, "f")]
    assert fit_probability(known, 0.01, 0.95).clear_below <= 0.5


def test_one_class_alone_says_what_is_missing() -> None:
    with pytest.raises(CalibrationError, match="data stats"):
        calibrate(crowd(200, [0.0] * 200, 0, "a"))


def test_work_on_threads_keeps_its_order_and_its_errors() -> None:
    assert run_all(lambda value: value * 2, list(range(50)), "test") == list(range(0, 100, 2))

    def fails(value: int) -> int:
        raise ValueError(f"bad {value}")

    with pytest.raises(ValueError, match="bad 1"):
        run_all(fails, [1], "test")


def test_a_repository_is_never_on_both_sides_of_cross_validation() -> None:
    names = [f"repository{number % 7}" for number in range(100)]
    folds = group_folds(names)
    assert all(
        len({fold for fold, name in zip(folds, names, strict=True) if name == one}) == 1 for one in names
    )
    assert len(set(folds)) == FOLDS


def test_what_tells_one_repository_from_the_next_is_not_trusted() -> None:
    """Strong tiles tell the fakes of three repositories alone; the average tile tells all a little."""
    rng = np.random.default_rng(2)

    def drawn(label: int, number: int) -> Sample:
        repository = f"{label}-{number % 8}"
        features = np.zeros(len(FEATURES))
        features[FEATURES.index("mean_tile")] = rng.normal(1.0 * label)
        look = 2.0 if repository in ("0-1", "1-2", "1-3") else -2.0
        features[FEATURES.index("strong_tiles")] = rng.normal(look)
        return Sample(f"{label} {number}", label, features, condition(), repository=repository)

    samples = [drawn(label, number) for label in (0, 1) for number in range(240)]
    careful = fit_probability(samples, 0.05, 0.95)
    careless = fit_probability([replace(one, repository=None) for one in samples], 0.05, 0.95)
    at = careful.features.index("strong_tiles")
    assert abs(careful.weights[at]) < abs(careless.weights[at])
