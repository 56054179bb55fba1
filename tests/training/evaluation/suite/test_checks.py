"""Checks on rows already scored: the stated bound, and verdicts under one more upload."""

from typing import Any

import pytest

from refundlens.datasets.row import Row
from refundlens.model.detection import Conditions
from refundlens.model.verdict.bounds import lower_bound
from refundlens.training.evaluation.slices import Scored, slices
from refundlens.training.evaluation.suite.checks import check_all, held, loosest
from refundlens.training.evaluation.suite.flips import flips


def scored(source: str, verdict: str, delivery: str, label: int = 0, bound: float | None = 0.01) -> Scored:
    fields: dict[str, Any] = {
        "file_name": f"{source}-{label}.png", "label": label, "kind": "ai_edited" if label else "authentic",
        "split": "test", "source": source, "group": f"shop:{source}", "licence": "CC0-1.0",
        "delivery": {"name": delivery, "steps": []}, "width": 9, "height": 9, "phash": "0",
    }  # fmt: skip
    conditions = Conditions(long_side=400, jpeg_quality=80, quantisations=1, sharpness=0.5)
    return Scored(Row.model_validate(fields), 0.5, verdict, {}, None, None, conditions, bound)  # type: ignore[arg-type]


def test_a_photo_counts_once_however_often_it_is_accused() -> None:
    rows = [
        scored(str(photo), "fake" if photo == 0 else "authentic", name)
        for photo in range(5)
        for name in ("png", "q90")
    ]
    rows += [scored("9", "fake", "png", label=1)]
    checks = {(one.dimension, one.value): one for one in check_all(slices(rows))}
    overall = checks["overall", "all"]
    assert (overall.photos, overall.accused, overall.rate, overall.picture_rate) == (5, 1, 0.2, 0.2)
    assert overall.lower == pytest.approx(lower_bound(1, 5)) and overall.stated == 0.01
    assert overall.passed is (lower_bound(1, 5) <= 0.01)
    assert ("kind", "ai_edited") not in checks


def test_a_bound_is_broken_only_where_the_rate_surely_is_higher() -> None:
    assert held("a", "b", 100, 1, 0.01).passed
    assert held("a", "b", 100, 3, 0.01).passed is (lower_bound(3, 100) <= 0.01)
    assert not held("a", "b", 100, 6, 0.01).passed
    assert held("a", "b", 100, 6, 0.06).passed
    assert held("a", "b", 3, 0, None).passed and not held("a", "b", 3, 1, None).passed
    assert loosest([None, 0.01, 0.02]) == 0.02 and loosest([None]) is None


def test_flips_count_every_change_and_its_direction() -> None:
    before = ["authentic", "authentic", "fake", "inconclusive"]
    after = ["authentic", "inconclusive", "authentic", "fake"]
    rows = [scored(str(i), verdict, "q90") for i, verdict in enumerate(before)]
    rows += [scored(str(i), verdict, "q90+q85") for i, verdict in enumerate(after)]
    (found,) = flips(rows)
    assert (found.first, found.uploads, found.photos, found.pictures) == ("q90", 1, 4, 4)
    assert found.decided == found.changed == 0.75 and found.low <= 0.75 <= found.high
    assert found.to_inconclusive == found.from_inconclusive == found.opposite == 0.25
    assert found.authentic_to_fake == 0.25
    assert flips(rows[:4]) == []
