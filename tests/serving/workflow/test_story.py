"""The whole story over HTTP against a live server, by the script that users have."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_a_dispute_from_report_to_overturned_appeal(
    live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    with story.receiving() as receiver:
        told = story.play(
            live.base,
            live.key("admin"),
            live.key("shop-1"),
            (live.key("ann"), live.key("bob")),
            photo(red=True),
            receiver,
        )
    assert told["timeline"] == [
        "report.submit",
        "report.screened_fake",
        "report.refuse",
        "report.appeal",
        "report.overturn",
    ]
    assert told["evidence_bytes"] < 130_000
    assert told["integrity"]["points"] == 0
    assert told["integrity"]["counts"]["reversed"] == 1
    assert told["integrity"]["score"] == 100
    assert told["label"]["source"] == "appeal_overturned"
