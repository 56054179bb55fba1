"""The rule for several photos: its bound under the worst dependence there is, and what more photos may change."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.optimize import linprog
from scipy.stats import norm

from refundlens.model.verdict.claim import LIMIT, ClaimRule, PhotoFinding, judge_claim, rule_for
from refundlens.model.verdict.texts import LANGUAGES

A, B = 0.01, 0.016
"""Bounds of a calibration at 1 %."""


def photo(level: int = 0, fake: float | None = A, suspect: float | None = B) -> PhotoFinding:
    """level: 0 authentic, 1 suspect, 2 fake. fake, suspect: its condition's bounds."""
    return PhotoFinding(
        verdict=("authentic", "inconclusive", "fake")[level],
        false_accusation_bound=fake,
        suspect=level > 0 and suspect is not None,
        suspect_bound=suspect,
    )


CLEAN, SUSPECT, FAKE = photo(0), photo(1), photo(2)
OUTSIDE = PhotoFinding(verdict="inconclusive")
Bounds = tuple[float | None, float | None]
rates = st.one_of(
    st.just((A, B)),
    st.tuples(st.floats(0.001, 0.03), st.floats(0.001, 0.05)).map(lambda pair: (min(pair), max(pair))),
)
conditions: st.SearchStrategy[Bounds] = st.one_of(
    rates, rates.map(lambda pair: (pair[0], None)), rates.map(lambda pair: (None, pair[1])), st.just((None, None))
)  # fmt: skip


def at(level: int, where: Bounds) -> PhotoFinding:
    """A photo as high as its condition lets it be called, `level` at most."""
    fake, suspect = where
    reached = 2 if level == 2 and fake is not None else 1 if level and suspect is not None else 0
    return photo(reached, fake, suspect)


@given(st.lists(conditions, min_size=1, max_size=5), st.sampled_from([0.01, 0.03, LIMIT, 0.2]))
def test_no_dependence_between_authentic_photos_breaks_the_bound(wheres: list[Bounds], limit: float) -> None:
    """The most that any joint distribution could accuse whose single photos keep their bounds: a linear programme."""
    worst = most_accused(wheres, limit)
    rule = rule_for([at(0, where) for where in wheres], limit)
    assert worst <= (0.0 if rule is None else rule.bound) + 1e-9
    alone = sum(where != (None, None) for where in wheres) == 1
    assert rule is None or alone or rule.bound <= limit + 1e-9


def test_for_two_photos_no_smaller_bound_could_be_stated() -> None:
    assert most_accused([(A, B), (A, B)], LIMIT) == pytest.approx(judge_claim([CLEAN, CLEAN]).bound)


def most_accused(wheres: list[Bounds], limit: float) -> float:
    """Over all joint distributions of the photos' levels with P(fake) <= a and P(fake or suspect) <= b for each."""
    reachable = [
        [0, *([1] if suspect is not None else []), *([2] if fake is not None else [])]
        for fake, suspect in wheres
    ]
    states = list(product(*reachable))
    accused = [
        judge_claim([at(level, where) for level, where in zip(state, wheres, strict=True)], limit).verdict
        == "fake"
        for state in states
    ]
    rows, most = [], []
    for place, (fake, suspect) in enumerate(wheres):
        for least, bound in ((2, fake), (1, suspect)):
            if bound is not None:
                rows.append([float(state[place] >= least) for state in states])
                most.append(bound)
    found = linprog(
        -np.array(accused, float),
        A_ub=rows or None,
        b_ub=most or None,
        A_eq=[[1.0] * len(states)],
        b_eq=[1.0],
    )
    return float(-found.fun)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 9])
@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9, 1.0])
def test_claims_of_authentic_photos_from_one_sender_stay_within_the_bound(count: int, shared: float) -> None:
    """Gaussian copula: each sender shifts all of his photos by the same amount; each photo alone just keeps a and b."""
    draws = 100_000
    rng = np.random.default_rng(count)
    noise = np.sqrt(1 - shared) * rng.normal(size=(draws, count))
    scores = np.sqrt(shared) * rng.normal(size=(draws, 1)) + noise
    rule = rule_for([CLEAN] * count)
    assert rule is not None
    rate = accused_share(rule, scores)
    assert rate <= rule.bound + 3 * np.sqrt(rule.bound / draws)
    assert rate > 0.0  # it was possible to fail


def accused_share(rule: ClaimRule, scores: NDArray[np.float64]) -> float:
    fakes = (scores >= norm.isf(A)).sum(axis=1)
    suspects = (scores >= norm.isf(B)).sum(axis=1) - fakes
    seen, claims = np.unique(np.stack([fakes, suspects]), axis=1, return_counts=True)
    fired = [rule.reached(int(fake), int(suspect)) for fake, suspect in seen.T]
    return float(claims[fired].sum() / claims.sum())


def test_two_weak_fakes_are_enough_where_either_alone_is_not() -> None:
    assert judge_claim([SUSPECT]).verdict == "inconclusive"
    both = judge_claim([CLEAN, SUSPECT, SUSPECT])
    assert (both.verdict, both.rule, both.carried_by) == ("fake", "several_suspects", (1, 2))
    assert both.bound == pytest.approx(3 * A + 3 * (B - A) / 2)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_one_strong_fake_is_enough_in_claims_of_up_to_four_photos(count: int) -> None:
    found = judge_claim([CLEAN] * (count - 1) + [FAKE])
    assert (found.verdict, found.rule, found.carried_by) == ("fake", "one_fake", (count - 1,))
    assert found.bound is not None and found.bound <= LIMIT


def test_from_five_photos_on_one_fake_needs_company() -> None:
    assert judge_claim([FAKE] + [CLEAN] * 4).verdict == "inconclusive"
    mixed = judge_claim([FAKE, CLEAN, SUSPECT, SUSPECT, CLEAN])
    assert (mixed.verdict, mixed.rule, mixed.carried_by) == ("fake", "fake_and_suspects", (0, 2, 3))
    fakes = judge_claim([FAKE, CLEAN, FAKE, SUSPECT, CLEAN])
    assert (fakes.verdict, fakes.rule, fakes.carried_by) == ("fake", "several_fake", (0, 2))


@given(st.integers(0, 2), rates, st.floats(0.001, 0.5))
def test_a_single_photo_keeps_its_own_verdict_and_bound(level: int, where: Bounds, limit: float) -> None:
    one = at(level, where)
    found = judge_claim([one], limit)
    assert (found.verdict, found.bound) == (one.verdict, one.false_accusation_bound)


@given(
    st.lists(st.tuples(st.integers(0, 2), conditions), min_size=1, max_size=9),
    conditions,
    st.integers(0, 9),
    st.sampled_from([0.01, LIMIT, 0.2]),
)
def test_another_authentic_photo_never_makes_a_claim_fake(
    known: list[tuple[int, Bounds]], where: Bounds, place: int, limit: float
) -> None:
    photos = [at(*one) for one in known]
    if judge_claim(photos, limit).verdict != "fake":
        assert judge_claim([*photos[:place], at(0, where), *photos[place:]], limit).verdict != "fake"


@given(st.lists(st.tuples(st.integers(0, 2), conditions), min_size=1, max_size=7), st.integers(0, 6))
def test_more_evidence_in_a_photo_never_clears_a_claim(known: list[tuple[int, Bounds]], place: int) -> None:
    place %= len(known)
    before = judge_claim([at(*one) for one in known])
    level, where = known[place]
    after = judge_claim(
        [at(*one) for one in [*known[:place], (min(level + 1, 2), where), *known[place + 1 :]]]
    )
    assert before.verdict != "fake" or after.verdict == "fake"
    assert (before.bound, before.fakes_needed, before.suspects_needed) == (
        after.bound, after.fakes_needed, after.suspects_needed,
    )  # fmt: skip


def test_photos_outside_the_conditions_covered_neither_count_nor_cost() -> None:
    assert judge_claim([CLEAN, OUTSIDE]).verdict == "inconclusive"
    found = judge_claim([FAKE, *[OUTSIDE] * 8])
    assert (found.verdict, found.bound) == ("fake", A)
    nothing = judge_claim([OUTSIDE, OUTSIDE])
    assert (nothing.verdict, nothing.bound, nothing.fakes_needed) == ("inconclusive", None, None)


def test_authentic_needs_every_photo() -> None:
    assert judge_claim([CLEAN, CLEAN]).verdict == "authentic"
    assert judge_claim([CLEAN, photo(1, suspect=None)]).verdict == "inconclusive"


def test_a_finding_is_read_from_a_stored_line_of_any_version() -> None:
    line = {"file": "a.jpg", "verdict": "inconclusive", "probability": 0.8, "false_accusation_bound": A}
    assert PhotoFinding.model_validate(line) == photo(1, suspect=None)
    assert PhotoFinding.model_validate(line | {"suspect": True, "suspect_bound": B}) == SUSPECT


@pytest.mark.parametrize("wrong", [{"verdict": "fake"}, {"verdict": "inconclusive", "suspect": True}])
def test_nothing_counts_against_a_claim_without_a_bound(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="without a"):
        PhotoFinding.model_validate(wrong)


def test_a_claim_without_photos_or_with_a_senseless_limit_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        judge_claim([])
    with pytest.raises(ValueError, match="between 0 and 1"):
        judge_claim([CLEAN], limit=1.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_names_photos_from_one_and_never_understates_the_bound(language: str) -> None:
    text = judge_claim([CLEAN, SUSPECT, SUSPECT], language=language).text  # type: ignore[arg-type]
    assert {"en": "2, 3", "zh": "2、3"}[language] in text and "3.9%" in text
    odd = judge_claim([photo(2, 0.01001, None), CLEAN]).text
    assert "2.1%" in odd  # 2.001 % rounded up
    for photos in ([CLEAN], [OUTSIDE], [FAKE], [FAKE, FAKE], [FAKE, *[SUSPECT] * 3, CLEAN]):
        assert "{" not in judge_claim(photos, language=language).text  # type: ignore[arg-type]


def test_an_authentic_claim_is_worth_what_its_weakest_photo_is() -> None:
    def clear(miss_bound: float | None) -> PhotoFinding:
        return PhotoFinding(verdict="authentic", miss_bound=miss_bound)

    assert judge_claim([clear(0.1), clear(0.3)]).miss_bound == 0.3
    assert judge_claim([clear(0.1), clear(None)]).miss_bound is None
    assert judge_claim([clear(0.1), PhotoFinding(verdict="inconclusive", miss_bound=0.1)]).miss_bound is None
