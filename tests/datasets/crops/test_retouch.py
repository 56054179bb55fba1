"""Retouching: twins are treated alike, every operation shows, pictures stay pictures."""

import numpy as np
import pytest

from refundlens.datasets.crops import retouch as module
from refundlens.datasets.crops.retouch import OFTEN, retouch
from tests.datasets.collections import photo


def test_twins_that_are_alike_stay_alike() -> None:
    for seed in range(12):
        first, second = retouch(np.random.default_rng(seed), [photo(1), photo(1)], scale=0.5)
        assert (first == second).all() and first.dtype == np.uint8 and first.shape == photo(1).shape


@pytest.mark.parametrize("operation", OFTEN)
def test_every_operation_changes_the_picture_and_keeps_what_it_shows(
    operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OFTEN", {operation: 1.0})
    base = photo(2)
    (made,) = retouch(np.random.default_rng(5), [base])
    assert (made != base).any()
    assert np.corrcoef(made.ravel(), base.ravel())[0, 1] > 0.7


def test_nothing_drawn_is_nothing_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OFTEN", dict.fromkeys(OFTEN, 0.0))
    assert retouch(np.random.default_rng(1), [photo(3)])[0] is not None
    assert (retouch(np.random.default_rng(1), [photo(3)])[0] == photo(3)).all()
