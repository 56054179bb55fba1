"""The forest that tells copied parts from like ones: fitted by examples, its threshold by what honest photos allow."""

import numpy as np
import pytest

from refundlens.model.forest import Forest
from refundlens.model.photo.copy_move import FIGURES
from refundlens.model.verdict.bounds import upper_bound
from refundlens.training.copy_move import CONFIDENCE, LIMIT, Example, fit_forest, least_score


@pytest.mark.slow
def test_the_lowest_score_that_accuses_few_enough() -> None:
    honest = np.linspace(0, 1, 1000)
    threshold = least_score(honest)
    accused = int((honest >= threshold).sum())
    assert upper_bound(accused, 1000, CONFIDENCE) <= LIMIT < upper_bound(accused + 1, 1000, CONFIDENCE)


@pytest.mark.slow
def test_equal_scores_are_accused_together_or_not_at_all() -> None:
    assert least_score(np.full(1000, 0.4)) > 0.4


def test_too_few_honest_photos_give_no_bound() -> None:
    with pytest.raises(ValueError, match="too few"):
        least_score(np.zeros(200))


@pytest.mark.slow
def test_fitted_and_read_back() -> None:
    rng = np.random.default_rng(0)
    examples = []
    for number in range(1200):
        copied = number % 3 != 0
        figures = rng.normal(size=len(FIGURES)).astype(np.float32)
        figures[FIGURES.index("detail")] += 6 * copied
        seen = copied or number % 2 == 0
        examples.append(Example(figures if seen else None, copied, f"shop/{number % 7}"))
    stored, words = fit_forest(examples)
    trees = Forest.read(stored)
    detail = np.zeros(len(FIGURES), np.float32)
    detail[FIGURES.index("detail")] = 6
    assert trees.mean(detail) > float(stored["least"]) > trees.mean(np.zeros(len(FIGURES), np.float32))
    assert float(stored["ratio"]) > 1
    assert "400 honest photos accused" in words
