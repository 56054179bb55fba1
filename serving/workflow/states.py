"""The words of the workflow. Enums own their groupings; values are what the API and the database say."""

from enum import StrEnum


class ReportState(StrEnum):
    SUBMITTED = "submitted"
    NEEDS_REVIEW = "needs_review"
    ESTABLISHED = "established"
    NOT_ESTABLISHED = "not_established"
    APPEALED = "appealed"
    FINAL_ESTABLISHED = "final_established"
    FINAL_NOT_ESTABLISHED = "final_not_established"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"

    @classmethod
    def undecided(cls) -> frozenset["ReportState"]:
        """Nobody has said yes or no: the refund's own deadline still threatens."""
        return frozenset({cls.SUBMITTED, cls.NEEDS_REVIEW})

    @classmethod
    def terminal(cls) -> frozenset["ReportState"]:
        """Nothing leads out."""
        return frozenset({cls.FINAL_ESTABLISHED, cls.FINAL_NOT_ESTABLISHED, cls.WITHDRAWN, cls.EXPIRED})

    @classmethod
    def live(cls) -> frozenset["ReportState"]:
        """Under way: a photo of a refund has at most one report in these."""
        return frozenset(cls) - cls.terminal()

    @classmethod
    def for_merchant(cls) -> frozenset["ReportState"]:
        """The photo counts as fake."""
        return frozenset({cls.ESTABLISHED, cls.FINAL_ESTABLISHED})

    @classmethod
    def for_buyer(cls) -> frozenset["ReportState"]:
        """The photo does not count as fake."""
        return frozenset({cls.NOT_ESTABLISHED, cls.FINAL_NOT_ESTABLISHED})


class Event(StrEnum):
    """What can happen to a report."""

    SUBMIT = "submit"
    SCREENED_FAKE = "screened_fake"
    SCREENED_AUTHENTIC = "screened_authentic"
    SCREENED_UNSURE = "screened_unsure"
    DECIDE_ESTABLISHED = "decide_established"
    DECIDE_NOT_ESTABLISHED = "decide_not_established"
    REQUEST_PHOTO = "request_photo"
    APPEAL = "appeal"
    UPHOLD = "uphold"
    OVERTURN = "overturn"
    FINALISE = "finalise"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    CLOSE_REFUND = "close_refund"
    PASS_DEADLINE = "pass_deadline"


class RefundStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class Outcome(StrEnum):
    """What the reports of a refund mean for its dispute."""

    UNDECIDED = "undecided"
    MERCHANT_SUPPORTED = "merchant_supported"
    BUYER_SUPPORTED = "buyer_supported"


class Source(StrEnum):
    """Where a photo of a refund came from."""

    REFUND = "refund"
    CHAT = "chat"
    REVIEW = "review"
    LISTING = "listing"

    @classmethod
    def by_buyer(cls) -> frozenset["Source"]:
        """Photos that can be reported: the listing's are the merchant's own."""
        return frozenset(cls) - {cls.LISTING}


class Supplier(StrEnum):
    """Who supplied a photo: the platform, the buyer through the status link, or the merchant, who accuses."""

    PLATFORM = "platform"
    BUYER = "buyer"
    MERCHANT = "merchant"


class AppealState(StrEnum):
    OPEN = "open"
    UPHELD = "upheld"
    OVERTURNED = "overturned"


class PhotoWish(StrEnum):
    """Which photo an adjudicator asks the buyer for."""

    ANOTHER_ANGLE = "another_angle"
    CLOSE_UP = "close_up"
    WHOLE_ITEM = "whole_item"
    LIVE_CAPTURE = "live_capture"


class PhotoRequestState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    LAPSED = "lapsed"
    CANCELLED = "cancelled"


class EntryKind(StrEnum):
    """A line of a buyer's integrity record. `pending` never counts; `reversed` takes another line back."""

    PENDING = "pending"
    FINAL = "final"
    REVERSED = "reversed"


class ComplaintState(StrEnum):
    OPEN = "open"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
