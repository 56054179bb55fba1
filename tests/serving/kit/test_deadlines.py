"""One vocabulary for what is left of a deadline: its steps are the warnings', its words are there in both languages."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from refundlens.serving.kit.clock import NEVER
from refundlens.serving.kit.deadlines import STEPS, WARNINGS, Urgency, countdown, steps_in_seconds
from refundlens.serving.kit.language import Language, texts

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "urgency", "said"),
    [
        (timedelta(hours=-3), "over", "late by 3 h 0 min"),
        (timedelta(0), "over", "late by 0 min"),
        (timedelta(minutes=5), "30m", "5 min"),
        (timedelta(minutes=30), "30m", "30 min"),
        (timedelta(minutes=31), "2h", "31 min"),
        (timedelta(hours=24), "24h", "1 d 0 h"),
        (timedelta(days=2), "calm", "2 d 0 h"),
    ],
)
def test_what_is_left_in_words(left: timedelta, urgency: Urgency, said: str) -> None:
    counted = countdown(NOW + left, NOW)
    assert counted is not None
    assert (counted.urgency, counted.words(texts("frame", "en")["time"])) == (urgency, said)


def test_no_deadline_counts_nothing() -> None:
    assert countdown(None, NOW) is None and countdown(NEVER, NOW) is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_step_has_its_words(language: Language) -> None:
    assert list(STEPS) == ["over", *sorted(WARNINGS, key=lambda name: WARNINGS[name])]
    assert list(steps_in_seconds().values()) == sorted(steps_in_seconds().values())
    assert set(texts("frame", language)["urgency"]) == set(get_args(Urgency))
