"""Splits keep groups whole, keep to the fractions, and depend on the seed alone."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refundlens.datasets.splits import DEFAULT_FRACTIONS, Member, assign, photo_split


def members(sizes: list[int], stratum: str = "product") -> list[Member]:
    return [Member(f"{stratum}{index}", stratum) for index, size in enumerate(sizes) for _ in range(size)]


def test_fractions_are_met_within_a_few_per_cent_despite_large_groups() -> None:
    everyone = members([170, 120, 70, 60, 40] + [3] * 350)
    chosen = assign(everyone, DEFAULT_FRACTIONS, seed=0)
    found = Counter(chosen[member.group] for member in everyone)
    for split, share in DEFAULT_FRACTIONS.items():
        assert found[split] / len(everyone) == pytest.approx(share, abs=0.02)


def test_small_strata_are_spread_and_the_largest_makes_up_for_them() -> None:
    everyone = members([1] * 60, "camera") + members([42, 42], "defect") + members([2] * 500)
    chosen = assign(everyone, DEFAULT_FRACTIONS, seed=3)
    cameras = Counter(chosen[member.group] for member in everyone if member.stratum == "camera")
    assert cameras["calibration"] == pytest.approx(0.32 * 60, abs=2)
    assert {chosen["defect0"], chosen["defect1"]} == {"train", "calibration"}
    found = Counter(chosen[member.group] for member in everyone)
    assert found["calibration"] / len(everyone) == pytest.approx(0.32, abs=0.02)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(0, 5), st.randoms())
def test_order_does_not_matter(sizes: list[int], seed: int, random: object) -> None:
    everyone = members(sizes)
    shuffled = list(everyone)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert assign(everyone, DEFAULT_FRACTIONS, seed) == assign(shuffled, DEFAULT_FRACTIONS, seed)


def test_another_seed_gives_another_split() -> None:
    everyone = members([1] * 100)
    assert assign(everyone, DEFAULT_FRACTIONS, 0) != assign(everyone, DEFAULT_FRACTIONS, 1)


def test_a_split_without_share_gets_nothing_and_wrong_sums_are_refused() -> None:
    chosen = assign(members([1] * 20), {"train": 0.5, "test": 0.5}, 0)
    assert set(chosen.values()) == {"train", "test"}
    with pytest.raises(ValueError, match="sum to"):
        assign(members([1]), {"train": 0.5}, 0)


def test_a_repository_keeps_its_split_and_the_shares_are_half_a_tenth_and_two_fifths() -> None:
    assert photo_split("Anduin2017/HowToCook") == "calibration"
    shares = Counter(photo_split(f"owner{index}/name{index}") for index in range(5000))
    assert {name: round(count / 5000, 1) for name, count in shares.items()} == {
        "train": 0.5, "watch": 0.1, "calibration": 0.2, "test": 0.2,
    }  # fmt: skip
