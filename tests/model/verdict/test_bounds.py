"""Exact binomial bounds, held against SciPy's beta distribution."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from refundlens.model.verdict.bounds import errors_allowed, interval, lower_bound, trials_needed, upper_bound


@st.composite
def samples(draw: st.DrawFn) -> tuple[int, int]:
    trials = draw(st.integers(1, 20_000))
    return draw(st.integers(0, trials)), trials


@settings(max_examples=60)
@given(samples(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_upper_bound_is_scipys(sample: tuple[int, int], confidence: float) -> None:
    errors, trials = sample
    expected = 1.0 if errors == trials else beta.ppf(confidence, errors + 1, trials - errors)
    assert upper_bound(errors, trials, confidence) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40)
@given(samples(), st.sampled_from([0.5, 0.95]))
def test_lower_bound_is_scipys(sample: tuple[int, int], confidence: float) -> None:
    errors, trials = sample
    expected = 0.0 if errors == 0 else beta.ppf(1 - confidence, errors, trials - errors + 1)
    assert lower_bound(errors, trials, confidence) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40)
@given(samples())
def test_interval_is_scipys(sample: tuple[int, int]) -> None:
    errors, trials = sample
    low, high = interval(errors, trials)
    assert low == pytest.approx(
        0.0 if errors == 0 else beta.ppf(0.025, errors, trials - errors + 1), abs=1e-9
    )
    assert high == pytest.approx(
        1.0 if errors == trials else beta.ppf(0.975, errors + 1, trials - errors), abs=1e-9
    )


def test_known_sample_sizes() -> None:
    assert trials_needed(0.01) == 299
    assert trials_needed(0.05) == 59
    assert trials_needed(0.01, errors=1) == 473
    assert trials_needed(0.01, confidence=0.99) == 459


@settings(max_examples=40)
@given(st.floats(0.002, 0.6), st.integers(0, 30))
def test_trials_needed_is_the_fewest(limit: float, errors: int) -> None:
    trials = trials_needed(limit, errors)
    assert upper_bound(errors, trials) <= limit + 1e-12
    assert upper_bound(errors, trials - 1) > limit - 1e-12


@settings(max_examples=40)
@given(st.floats(0.002, 0.6), st.integers(0, 3000))
def test_errors_allowed_is_the_most(limit: float, trials: int) -> None:
    allowed = errors_allowed(limit, trials)
    assert -1 <= allowed < max(trials, 1)
    if allowed >= 0:
        assert upper_bound(allowed, trials) <= limit + 1e-12
    assert upper_bound(allowed + 1, trials) > limit - 1e-12 if trials else allowed == -1


def test_edges() -> None:
    assert upper_bound(0, 0) == 1.0
    assert interval(0, 0) == (0.0, 1.0)
    assert lower_bound(0, 0) == 0.0
    assert errors_allowed(0.01, 298) == -1
    assert errors_allowed(0.01, 299) == 0
    assert upper_bound(0, 1_000_000) == pytest.approx(2.9957e-6, rel=1e-4)
    assert upper_bound(10_000, 1_000_000) == pytest.approx(beta.ppf(0.95, 10_001, 990_000), rel=1e-6)


@pytest.mark.parametrize("errors, trials, confidence", [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0)])
def test_nonsense_is_refused(errors: int, trials: int, confidence: float) -> None:
    with pytest.raises(ValueError):
        upper_bound(errors, trials, confidence)


@pytest.mark.parametrize("limit", [0.0, 1.0, -0.1])
def test_an_impossible_limit_is_refused(limit: float) -> None:
    with pytest.raises(ValueError):
        trials_needed(limit)
    with pytest.raises(ValueError):
        errors_allowed(limit, 100)
