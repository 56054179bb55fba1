"""How near a deadline is: the steps at which merchants are warned, and the words for what is left.

In: a moment and the time. Out: a `Countdown`, drawn by the macros of `console/deadline.html` and, while the page is
open, by its script, which has steps and words from the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from refundlens.serving.kit.clock import NEVER, rfc3339
from refundlens.serving.kit.format import span

WarningName = Literal["24h", "2h", "30m"]
Urgency = Literal["over", "30m", "2h", "24h", "calm"]
WARNINGS: dict[WarningName, timedelta] = {
    "24h": timedelta(hours=24),
    "2h": timedelta(hours=2),
    "30m": timedelta(minutes=30),
}
"""How long before the refund's own deadline a merchant is warned, by the contract."""
STEPS: dict[Urgency, timedelta] = {
    "over": timedelta(0),
    **dict(sorted(WARNINGS.items(), key=lambda one: one[1])),
}
"""The most that is left, of each urgency but `calm`, the nearest first."""


@dataclass(frozen=True)
class Countdown:
    """How long there is until `at`; negative where it is over."""

    at: datetime
    left: timedelta

    @property
    def iso(self) -> str:
        return rfc3339(self.at)

    @property
    def urgency(self) -> Urgency:
        return next((name for name, most in STEPS.items() if self.left <= most), "calm")

    def words(self, time: Mapping[str, str]) -> str:
        """time: the table `time` of the texts `frame`."""
        said = span(abs(self.left), time)
        return time["over"].format(span=said) if self.urgency == "over" else said


def countdown(at: datetime | None, now: datetime) -> Countdown | None:
    """None where there is no deadline."""
    return None if at is None or at >= NEVER else Countdown(at, at - now)


def steps_in_seconds() -> dict[Urgency, int]:
    """For the page's script."""
    return {name: int(most.total_seconds()) for name, most in STEPS.items()}
