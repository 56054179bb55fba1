"""The waits between attempts."""

from datetime import UTC, datetime, timedelta

import pytest

from refundlens.serving.webhooks import queue

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def test_ten_attempts_over_three_days() -> None:
    assert len(queue.WAITS) == 10 and queue.WAITS[0] == timedelta(0)
    assert timedelta(days=3) < sum(queue.WAITS, timedelta(0)) < timedelta(days=4)
    assert queue.wait(10, 500, None, NOW) is None


def test_chance_spreads_the_waits() -> None:
    waits = {queue.wait(3, 500, None, NOW) for _ in range(20)}
    assert len(waits) > 10


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("9" * 400, 86_400),
        ("Sun, 22 Nov 2026 08:01:00 GMT", 60),
        ("Sun, 22 Nov 2026 08:01:00 -0000", 60),
        ("Sat, 22 Nov 2036 08:01:00 GMT", 86_400),
    ],
)
def test_what_retry_after_asks_for_is_bounded(text: str, seconds: int) -> None:
    assert queue.asked_wait(text, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", [None, "", "-5", "soon", "1.5", "²", "Sun, 22 Nov 2026 07:59:00 GMT", "Sun, 99 Foo"]
)
def test_what_asks_for_nothing_changes_nothing(text: str | None) -> None:
    assert queue.asked_wait(text, NOW) is None


def test_retry_after_lengthens_a_wait_and_never_shortens_it() -> None:
    assert queue.wait(1, 429, "900", NOW) == timedelta(seconds=900)
    unasked = queue.wait(1, 500, "900", NOW)  # it means something with 429 and 503 only
    assert unasked is not None and unasked < timedelta(seconds=7)
    longest = queue.wait(4, 503, "1", NOW)
    assert longest is not None and longest >= timedelta(hours=2)


def test_an_endpoint_is_dead_after_five_days_and_three_tries() -> None:
    assert not queue.is_dead(None, 9, NOW)
    assert not queue.is_dead(NOW - timedelta(days=4, hours=23), 9, NOW)
    assert not queue.is_dead(NOW - timedelta(days=6), 2, NOW)
    assert queue.is_dead(NOW - timedelta(days=5), 3, NOW)
