"""Size, shape, format and sharpness tell collections apart, and must not tell a fake from a photo."""

import numpy as np
import pytest

from refundlens.model.detection import Conditions
from refundlens.model.network.pooling import FEATURES
from refundlens.model.verdict.calibration import CalibrationError
from refundlens.training.calibration.balance import balanced_weights, effective_photos, photo_weights
from refundlens.training.calibration.probability import fit_probability
from refundlens.training.calibration.scoring import Sample

SMALL, LARGE = 480, 1280


def sample(
    source: str, label: int, score: float, side: int, quality: int | None = 75, sharpness: float = 0.5
) -> Sample:
    features = np.zeros(len(FEATURES))
    features[FEATURES.index("mean_tile")] = score
    features[FEATURES.index("log_tiles")] = np.log((side / 160) ** 2)
    where = Conditions(long_side=side, jpeg_quality=quality, quantisations=1, sharpness=sharpness)
    return Sample(source, label, features, where)


def mixed(rng: np.random.Generator, small_fakes: float, small_photos: float) -> list[Sample]:
    """Scores that say a little, whatever the size; most fakes small, most photos large."""
    return [
        sample(
            f"{label}-{number}", label, float(rng.normal(label)), SMALL if rng.random() < share else LARGE
        )
        for label, share in ((0, small_photos), (1, small_fakes))
        for number in range(400)
    ]  # fmt: skip


def test_the_size_of_a_photo_is_no_evidence() -> None:
    fitted = fit_probability(mixed(np.random.default_rng(3), 0.9, 0.15), 0.05, 0.95)
    small, large = (sample("x", 0, 0.5, side) for side in (SMALL, LARGE))
    # by size alone the classes are 3.9 nats apart
    apart = fitted.log_odds(small.features, small.conditions) - fitted.log_odds(
        large.features, large.conditions
    )
    assert abs(apart) < 0.5
    assert "log_tiles" not in fitted.features


def test_the_softness_of_a_photo_is_no_evidence() -> None:
    rng = np.random.default_rng(8)
    samples = [
        sample(
            f"{label}-{n}",
            label,
            float(rng.normal(label)),
            SMALL,
            sharpness=float(rng.normal(0.7 - 0.1 * label, 0.1)),
        )
        for label in (0, 1)
        for n in range(400)
    ]
    fitted = fit_probability(samples, 0.05, 0.95)
    soft, crisp = (sample("x", 0, 0.5, SMALL, sharpness=value) for value in (0.55, 0.75))
    # by sharpness alone the classes are 2 nats apart between these
    apart = fitted.log_odds(soft.features, soft.conditions) - fitted.log_odds(
        crisp.features, crisp.conditions
    )
    assert abs(apart) < 0.5


def test_both_classes_have_the_same_mean_size_and_format() -> None:
    rng = np.random.default_rng(4)
    samples = [
        sample(f"{label}-{n}", label, 0.0, int(rng.integers(300, 900) * (1.5 - 0.4 * label)),
               None if rng.random() < 0.1 + 0.3 * label else 75)
        for label in (0, 1) for n in range(500)
    ]  # fmt: skip
    weights = balanced_weights(samples)
    labels = np.array([one.label for one in samples])
    sides = np.log([one.conditions.long_side for one in samples])
    plain = np.array([one.conditions.jpeg_quality is None for one in samples])

    def apart(values: np.ndarray, by: np.ndarray) -> float:
        means = [np.average(values[labels == label], weights=by[labels == label]) for label in (0, 1)]
        return float(abs(means[0] - means[1]))

    assert apart(sides, photo_weights(samples)) > 0.25
    assert apart(sides, weights) < 0.01
    assert apart(plain, photo_weights(samples)) > 0.2
    assert apart(plain, weights) < 0.01
    assert weights[labels == 1].sum() == pytest.approx(0.5)


def test_classes_without_a_common_size_are_refused() -> None:
    samples = mixed(np.random.default_rng(5), 1.0, 0.0)
    samples.append(sample("odd", 0, 0.0, SMALL))
    samples.append(sample("even", 1, 0.0, LARGE))
    with pytest.raises(CalibrationError, match="at the same sizes"):
        balanced_weights(samples)


def test_a_photo_with_nine_variants_is_one_photo() -> None:
    samples = [sample(f"photo{n}", 0, 0.0, SMALL) for n in range(10) for _ in range(9)]
    assert effective_photos(samples, np.ones(90)) == pytest.approx(10)
