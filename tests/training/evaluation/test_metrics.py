"""Metrics held against scikit-learn, and the properties a report rests on."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from refundlens.training.evaluation.metrics import (
    PixelCounts,
    balanced_accuracy,
    balancing_weights,
    best_threshold_f1,
    bootstrap_interval,
    brier,
    expected_calibration_error,
    pixel_f1,
    reliability,
    roc_auc,
    roc_curve,
    threshold_at_fpr,
    tpr_at_fpr,
)


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels of both classes and scores with many ties."""
    size = draw(st.integers(4, 120))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.integers(0, 2, size)
    labels[:2] = 0, 1
    return labels, np.round(np.clip(0.3 * labels + 0.7 * rng.random(size), 0, 1), draw(st.integers(1, 3)))


@settings(max_examples=60)
@given(scored())
def test_roc_is_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = pair
    assert roc_auc(labels, scores) == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-9)
    assert brier(labels, scores) == pytest.approx(oracle.brier_score_loss(labels, scores), abs=1e-9)
    ours, theirs = roc_curve(labels, scores), oracle.roc_curve(labels, scores, drop_intermediate=False)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-9)
    for limit in (0.0, 0.01, 0.05, 0.3, 1.0):
        reachable = theirs[1][theirs[0] <= limit + 1e-12].max()
        assert tpr_at_fpr(labels, scores, limit) == pytest.approx(reachable)


@settings(max_examples=30)
@given(scored())
def test_calibration_error_with_equal_width_is_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    labels, said = pair
    said = np.clip(said + 1e-4, 0, 1)  # off the edges, where the two conventions for a tie differ
    true, mean = calibration_curve(labels, said, n_bins=10, strategy="uniform")
    bins = reliability(labels, said, 10, "equal_width")
    np.testing.assert_allclose([part.true for part in bins], true)
    np.testing.assert_allclose([part.said for part in bins], mean)
    expected = sum(part.count * abs(t - m) for part, t, m in zip(bins, true, mean, strict=True)) / labels.size
    assert expected_calibration_error(labels, said, 10, "equal_width") == pytest.approx(expected)


@settings(max_examples=30)
@given(scored(), st.integers(0, 1000))
def test_calibration_error_does_not_hang_on_the_order_of_rows(
    pair: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    labels, said = pair
    shuffled = np.random.default_rng(seed).permutation(labels.size)
    assert expected_calibration_error(labels[shuffled], said[shuffled]) == pytest.approx(
        expected_calibration_error(labels, said)
    )


def test_calibration_error_tells_honest_from_boastful() -> None:
    rng = np.random.default_rng(0)
    said = rng.random(20_000)
    labels = rng.random(20_000) < said
    boastful = np.clip(0.5 + 3 * (said - 0.5), 0, 1)
    assert expected_calibration_error(labels, said) < 0.02
    assert expected_calibration_error(labels, boastful) > 0.12
    sizes = [part.count for part in reliability(labels, said, 15)]
    assert len(sizes) == 15 and max(sizes) - min(sizes) <= 1
    with pytest.raises(ValueError, match="between 0 and 1"):
        expected_calibration_error([0, 1], [0.2, 1.2])


def test_pixel_scores_are_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    mask, heat = rng.random((40, 30)) < 0.2, rng.random((40, 30))
    counts, truth, marked = pixel_f1(mask, heat), mask.ravel(), heat.ravel() >= 0.5
    assert counts.f1 == pytest.approx(oracle.f1_score(truth, marked))
    assert counts.precision == pytest.approx(oracle.precision_score(truth, marked))
    assert counts.recall == pytest.approx(oracle.recall_score(truth, marked))
    assert counts.iou == pytest.approx(oracle.jaccard_score(truth, marked))
    assert pixel_f1(mask.astype(np.uint8) * 255, heat) == pixel_f1(mask.astype(np.float32), heat) == counts
    assert (counts + counts).f1 == pytest.approx(counts.f1)


def test_best_threshold_is_the_best_of_all() -> None:
    rng = np.random.default_rng(2)
    mask = rng.random((20, 20)) < 0.3
    heat = np.round(0.4 * mask + 0.6 * rng.random((20, 20)), 2)
    best, threshold = best_threshold_f1(mask, heat)
    assert best == pytest.approx(max(pixel_f1(mask, heat, cut).f1 for cut in np.unique(heat)))
    assert pixel_f1(mask, heat, threshold).f1 == pytest.approx(best)


def test_what_is_undefined_is_nan() -> None:
    empty = np.zeros((4, 4), bool)
    assert math.isnan(roc_auc([1, 1], [0.1, 0.2]))
    assert math.isnan(tpr_at_fpr([0, 0], [0.1, 0.2], 0.05))
    assert math.isnan(tpr_at_fpr([], [], 0.05))
    assert math.isnan(expected_calibration_error([], []))
    assert math.isnan(brier([], []))
    assert math.isnan(balanced_accuracy([1, 1], [1, 0]))
    assert math.isnan(best_threshold_f1(empty, np.zeros((4, 4)))[0])
    assert math.isnan(pixel_f1(empty, np.zeros((4, 4))).f1)
    assert pixel_f1(empty, np.ones((4, 4))) == PixelCounts(0, 16, 0)
    assert pixel_f1(empty, np.ones((4, 4))).f1 == 0.0


def test_balanced_accuracy_is_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    labels, called = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    assert balanced_accuracy(labels, called) == pytest.approx(oracle.balanced_accuracy_score(labels, called))


def test_with_equal_classes_the_share_of_fakes_does_not_matter() -> None:
    rng = np.random.default_rng(6)
    said = rng.random(4000)
    labels = (rng.random(4000) < said).astype(int)  # honest under equal odds
    many = np.concatenate([np.flatnonzero(labels), np.flatnonzero(labels), np.flatnonzero(labels == 0)])
    plain = expected_calibration_error(labels[many], said[many])
    balanced = expected_calibration_error(labels[many], said[many], weights=balancing_weights(labels[many]))
    assert plain > 0.1 and balanced < 0.03
    assert expected_calibration_error(labels, said, weights=np.full(4000, 7.0)) == pytest.approx(
        expected_calibration_error(labels, said)
    )
    assert math.isnan(expected_calibration_error([1, 1], [0.5, 0.6], weights=balancing_weights([1, 1])))
    weights = balancing_weights([0, 1, 1])
    assert weights.tolist() == [0.5, 0.25, 0.25]


@settings(max_examples=40)
@given(scored(), st.sampled_from([0.0, 0.037, 0.2, 1.0]))
def test_the_threshold_keeps_its_rate_and_finds_as_many(
    pair: tuple[np.ndarray, np.ndarray], fpr: float
) -> None:
    labels, scores = pair
    flagged = scores >= threshold_at_fpr(labels, scores, fpr)
    assert flagged[labels == 0].mean() <= fpr + 1e-12
    assert flagged[labels == 1].mean() == pytest.approx(tpr_at_fpr(labels, scores, fpr))
    assert math.isnan(threshold_at_fpr([1, 1], [0.1, 0.2], fpr))


def test_bootstrap_resamples_photos_not_variants() -> None:
    rng = np.random.default_rng(4)
    photos = rng.normal(size=50)
    mean = lambda values: float(values.mean())  # noqa: E731
    low, high = bootstrap_interval(mean, np.arange(50), photos)
    assert high - low == pytest.approx(2 * 1.96 * photos.std() / math.sqrt(50), rel=0.2)
    repeated = bootstrap_interval(mean, np.repeat(np.arange(50), 20), np.repeat(photos, 20))
    assert repeated == pytest.approx((low, high))
    assert bootstrap_interval(mean, np.arange(50), photos, seed=9) != (low, high)


def test_bootstrap_survives_a_missing_class() -> None:
    labels, scores = np.array([0, 0, 0, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.35])
    low, high = bootstrap_interval(roc_auc, np.arange(5), labels, scores)
    assert 0.0 <= low <= high <= 1.0
    assert all(math.isnan(end) for end in bootstrap_interval(roc_auc, np.arange(5), np.zeros(5), scores))
    assert all(math.isnan(end) for end in bootstrap_interval(roc_auc, np.zeros(5), labels, scores))


def test_mismatched_input_is_refused() -> None:
    with pytest.raises(ValueError, match="2 labels for 3 scores"):
        roc_auc([0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="finite"):
        roc_auc([0, 1], [0.1, math.nan])
    with pytest.raises(ValueError, match="differ in size"):
        pixel_f1(np.zeros((4, 4), bool), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="one entry"):
        bootstrap_interval(roc_auc, [1, 2], [0, 1, 1], [0.1, 0.2, 0.3])
