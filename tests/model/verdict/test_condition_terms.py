import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundlens.model.detection import Conditions
from refundlens.model.verdict.condition_terms import LEAST_SLOPE, READINGS, ConditionTerms


def terms(slopes: tuple[float, ...] = (0.0,) * 5, offsets: tuple[float, ...] = (0.0,) * 5) -> ConditionTerms:
    return ConditionTerms(
        readings=READINGS, mean=(6.5, 70.0, 0.2, 1.0, 0.5), scale=(0.5, 15.0, 0.4, 0.5, 0.2), low=(-2.0,) * 5,
        high=(2.0,) * 5, slope=1.0, offset=0.0, slopes=slopes, offsets=offsets,
    )  # fmt: skip


def condition(long_side: int = 800, quality: int | None = 70, sharpness: float = 0.5) -> Conditions:
    return Conditions(long_side=long_side, jpeg_quality=quality, quantisations=1, sharpness=sharpness)


def test_terms_of_nothing_change_nothing() -> None:
    assert terms().apply(1.7, condition()) == pytest.approx(1.7)


def test_condition_moves_and_stretches() -> None:
    crisp = condition(sharpness=0.7)  # one scale above the mean
    assert terms(offsets=(0, 0, 0, 0, 0.3)).apply(2.0, crisp) == pytest.approx(2.3)
    assert terms(slopes=(0, 0, 0, 0, 0.25)).apply(2.0, crisp) == pytest.approx(2.5)


def test_beyond_what_calibration_saw_the_curve_stays_as_at_its_edge() -> None:
    tilted = terms(slopes=(0.2, 0, 0, 0, 0), offsets=(0.5, 0, 0, 0, 0))
    edge = condition(long_side=round(float(np.exp(6.5 + 2.0 * 0.5))) + 1)
    assert tilted.apply(1.0, condition(long_side=100_000)) == pytest.approx(tilted.apply(1.0, edge))


def test_a_file_without_quality_is_judged_by_being_no_jpeg() -> None:
    tilted = terms(offsets=(0, 9.0, 0.4, 0, 0))
    assert tilted.apply(0.0, condition(quality=None)) == pytest.approx(0.4 * 2)
    assert tilted.apply(0.0, condition(quality=70)) == pytest.approx(-0.4 * 0.5)


@given(st.floats(-12, 12), st.floats(-12, 12), st.integers(200, 5000), st.floats(0, 1))
def test_more_evidence_never_counts_for_less(one: float, other: float, side: int, sharpness: float) -> None:
    steep = terms(slopes=(-0.6, 0.1, 0.0, 0.0, -0.5), offsets=(0.2, 0, 0, 0, 0.1))
    low, high = sorted((one, other))
    where = condition(side, sharpness=sharpness)
    assert steep.apply(high, where) - steep.apply(low, where) >= LEAST_SLOPE * (high - low) - 1e-9
