import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundlens.model.verdict.calibration import with_prior

shares = st.floats(0.001, 0.999)
probabilities = st.floats(0.0, 1.0)


@given(probabilities)
def test_equal_odds_change_nothing(probability: float) -> None:
    assert with_prior(probability, 0.5) == pytest.approx(probability)


@given(st.floats(0.001, 0.999), shares)
def test_odds_are_multiplied_by_the_shares_odds(probability: float, share: float) -> None:
    said = with_prior(probability, share)
    assert said / (1 - said) == pytest.approx(probability / (1 - probability) * share / (1 - share))


@given(probabilities, shares, shares)
def test_more_fakes_make_every_answer_likelier(probability: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert with_prior(probability, low) <= with_prior(probability, high) + 1e-12


def test_counting_confirms_it() -> None:
    """Of 1000 photos 20 are fake; a sign that 90 % of fakes and 10 % of the others carry means 0.9 at equal odds."""
    assert with_prior(0.9, 0.02) == pytest.approx(0.9 * 20 / (0.9 * 20 + 0.1 * 980))


@pytest.mark.parametrize(("probability", "share"), [(-0.1, 0.5), (1.1, 0.5), (0.5, 0.0), (0.5, 1.0)])
def test_what_is_no_probability_is_refused(probability: float, share: float) -> None:
    with pytest.raises(ValueError):
        with_prior(probability, share)
