"""What the templates show: rows in the order and the words that people read.

In: rows and the time. Out: plain values: cards of photos, the colour of a state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from refundlens.serving.storage.tables import Image, Refund, Report
from refundlens.serving.workflow.states import RefundStatus, ReportState, Source

Tone = Literal["fake", "authentic", "inconclusive", "quiet"]


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
    buyers: Sequence[Card]
    listing: Sequence[Image]


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
    return RefundCard(refund, buyers, listing)


def tone(report: Report) -> Tone:
    """The colour of a state; what was decided keeps its own while it is appealed."""
    state = ReportState(report.was or report.state) if report.state == ReportState.APPEALED else report.state
    if state in ReportState.for_merchant():
        return "fake"
    if state in ReportState.for_buyer():
        return "authentic"
    return "inconclusive" if state == ReportState.NEEDS_REVIEW else "quiet"
