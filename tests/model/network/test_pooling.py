import numpy as np
import pytest

from refundlens.model.network.pooling import FEATURES, LIMIT, Scores, enlarge, fake_shares, features, margins


def _scores(kinds: list[list[float]], cell: float = -3.0) -> Scores:
    return Scores(np.array(kinds, np.float32), np.full((5, 40, 40), cell, np.float32))


AUTHENTIC = [4.0, 0.0, 0.0, 0.0]
EDITED = [0.0, 0.0, 5.0, 0.0]


def test_margins_are_the_log_odds_of_any_manipulation() -> None:
    logits = np.array([[1.0, 0.5, -0.2, 2.0]], np.float32)
    odds = np.exp(logits[0, 1:]).sum() / np.exp(logits[0, 0])
    assert margins(logits)[0] == pytest.approx(np.log(odds), abs=1e-5)


def test_margins_stay_finite_for_wild_logits() -> None:
    assert margins(np.array([[-1e4, 1e4, 0, 0], [1e4, 0, 0, 0]], np.float32)).tolist() == [LIMIT, -LIMIT]


def test_one_edited_tile_among_many_shows_in_the_strongest_but_not_in_the_mean() -> None:
    values = dict(zip(FEATURES, features(_scores([AUTHENTIC] * 39 + [EDITED])), strict=True))
    clean = dict(zip(FEATURES, features(_scores([AUTHENTIC] * 40)), strict=True))
    assert values["strongest_tile"] > clean["strongest_tile"] + 5
    assert values["mean_tile"] < clean["mean_tile"] + 0.5
    assert values["log_tiles"] == pytest.approx(np.log(40))


def test_a_small_hot_spot_lifts_the_peak() -> None:
    scores = _scores([AUTHENTIC] * 4)
    scores.maps[0, 10:13, 10:13] = 6.0
    values = dict(zip(FEATURES, features(scores), strict=True))
    assert values["map_peak"] > 5
    assert values["map_mean"] < -2.5


def test_fake_shares_follow_the_manipulated_tiles() -> None:
    shares = fake_shares(_scores([AUTHENTIC] * 5 + [EDITED]))
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["ai_edited"] > 0.8


def test_enlarge_keeps_constants_and_places_cells() -> None:
    np.testing.assert_allclose(enlarge(np.full((5, 7), 0.3, np.float32), 37, 50), 0.3, rtol=1e-6)
    grid = np.zeros((10, 10), np.float32)
    grid[2, 3] = 1.0
    large = enlarge(grid, 80, 80)
    assert np.unravel_index(large.argmax(), large.shape)[0] in range(16, 24)
    assert np.unravel_index(large.argmax(), large.shape)[1] in range(24, 32)
