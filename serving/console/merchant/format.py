"""What the templates show: rows in the order and the words that people read.

In: rows and the time. Out: plain values: a countdown, cards of photos.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.format import span
from refundlens.serving.storage.tables import Image, Refund, Report
from refundlens.serving.workflow.states import RefundStatus, ReportState, Source

Urgency = Literal["over", "30m", "2h", "24h", "calm"]
URGENCIES: tuple[tuple[timedelta, Urgency], ...] = (
    (timedelta(0), "over"),
    (timedelta(minutes=30), "30m"),
    (timedelta(hours=2), "2h"),
    (timedelta(hours=24), "24h"),
)
"""The three warnings of `workflow.timers`, and the end."""

Tone = Literal["fake", "authentic", "inconclusive", "quiet"]


@dataclass(frozen=True)
class Countdown:
    """How long there is until `at`."""

    at: datetime
    left: timedelta

    @property
    def iso(self) -> str:
        return rfc3339(self.at)

    @property
    def urgency(self) -> Urgency:
        return next((name for most, name in URGENCIES if self.left <= most), "calm")

    def words(self, texts: Mapping[str, str]) -> str:
        """texts: `days`, `hours`, `minutes`, `over`, with the places that each has."""
        return texts["over"] if self.urgency == "over" else span(self.left, texts)


@dataclass(frozen=True)
class Card:
    """A photo of a refund with its newest report. reportable: whether one click may report it now."""

    image: Image
    report: Report | None
    reportable: bool


@dataclass(frozen=True)
class RefundCard:
    """A refund as the pages show it."""

    refund: Refund
    countdown: Countdown | None
    buyers: Sequence[Card]
    listing: Sequence[Image]


def countdown(at: datetime | None, now: datetime) -> Countdown | None:
    return None if at is None else Countdown(at, at - now)


def refund_card(
    refund: Refund,
    photos: Sequence[tuple[Image, str | None]],
    reports: Mapping[str, Report],
    now: datetime,
) -> RefundCard:
    """photos: each with its newest report's id. reports: by id."""
    open_ = refund.status == RefundStatus.OPEN and (refund.deadline_at is None or refund.deadline_at > now)
    buyers = []
    for image, identifier in photos:
        if image.source in Source.by_buyer():
            report = None if identifier is None else reports[identifier]
            free = report is None or report.state in (ReportState.WITHDRAWN, ReportState.EXPIRED)
            buyers.append(Card(image, report, open_ and free and image.erased_at is None))
    listing = [image for image, _ in photos if image.source == Source.LISTING]
    return RefundCard(refund, countdown(refund.deadline_at, now), buyers, listing)


def tone(report: Report) -> Tone:
    """The colour of a state; what was decided keeps its own while it is appealed."""
    state = ReportState(report.was or report.state) if report.state == ReportState.APPEALED else report.state
    if state in ReportState.for_merchant():
        return "fake"
    if state in ReportState.for_buyer():
        return "authentic"
    return "inconclusive" if state == ReportState.NEEDS_REVIEW else "quiet"
