"""A platform's refund in our own words, the same for every platform.

In: nothing; these are types and two tables. Out: `RefundMirror`, and the barriers that stand before a refusal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from model.names import Defect
from serving.workflow.states import Outcome, RefundStatus

Platform = Literal["taobao", "stripe_like"]
RefundType = Literal[
    "refund_only", "return_and_refund", "exchange", "repair", "reshipping", "other", "dispute"
]
Phase = Literal["onsale", "aftersale", "inquiry", "dispute"]
"""onsale, aftersale: before and after the buyer confirmed the trade. inquiry: a bank asks, no money has moved yet."""

Barrier = Literal[
    "closed", "already_agreed", "goods_returned", "already_refused", "already_answered", "deadline_passed",
    "platform_decides", "platform_forbids", "only_on_web", "not_shipped", "no_reason_return", "not_a_refund",
    "not_fully_read", "unknown_value",
]  # fmt: skip
BARRIERS: dict[Barrier, str] = {
    "closed": "The refund is closed on the platform.",
    "already_agreed": "The refund was already agreed to.",
    "goods_returned": "The goods are on their way back: accept or refuse the return on the platform instead.",
    "already_refused": "The refund was already refused; the buyer may change it or ask the platform to step in.",
    "already_answered": "Evidence was already sent; the bank decides now.",
    "deadline_passed": "The platform's time to answer has passed.",
    "platform_decides": "The platform's own service handles this refund: give it the evidence there.",
    "platform_forbids": "The platform does not let this refund be refused.",
    "only_on_web": "The platform lets this refund be refused on its web pages only.",
    "not_shipped": "The order was not sent yet; the platform does not let such refunds be refused.",
    "no_reason_return": "A return within seven days needs no reason; the platform does not let it be refused.",
    "not_a_refund": "An exchange, repair or other service is not refused as a refund is.",
    "not_fully_read": "What was read leaves open whether it may be refused: fetch the whole refund first.",
    "unknown_value": "The platform said something this version does not know; look at `unknown` and at the platform.",
}
"""Why a refund cannot be refused, and what to do, in a sentence for the merchant."""


@dataclass(frozen=True, kw_only=True)
class RefundMirror:
    """One refund as a platform last told it. Immutable; times are aware and in UTC.

    refund_id: the platform's. order_id, line_id: Taobao's tid and oid; a dispute's payment intent and charge.
    platform_version: to compare and swap by (Taobao's refund_version), None where the platform has none.
    account: the shop as the platform names it (Taobao's seller_nick), None where it does not.
    amount_minor: fen, cents; None only where a message left it out. currency: ISO 4217, upper case.
    buyer_reference: as the platform gives it, to be hashed before it is stored; None if it tells buyers not apart.
    claim_text: the buyer's words, reason first. claim_type: our guess from them, None where no damage is spoken of.
    deadline_at: when the platform stops waiting for an answer. platform_outcome: what the platform itself decided.
    barriers: everything that stands before a refusal; empty means that it may be refused.
    partial: a message said only what changed; read the refund itself before acting on it.
    raw_status: the status exactly as sent. unknown: every "field=value" that no table of ours has.
    """

    platform: Platform
    refund_id: str
    order_id: str | None
    line_id: str | None
    platform_version: int | None
    account: str | None
    status: RefundStatus
    platform_outcome: Outcome
    phase: Phase | None
    refund_type: RefundType | None
    amount_minor: int | None
    currency: str
    buyer_reference: str | None
    claim_text: str
    claim_type: Defect | None
    deadline_at: datetime | None
    barriers: tuple[Barrier, ...]
    partial: bool
    raw_status: str
    unknown: tuple[str, ...]

    @property
    def can_refuse(self) -> bool:
        """Whether the platform lets the merchant refuse it now, as far as what was read tells."""
        return not self.barriers

    @property
    def why_not(self) -> tuple[str, ...]:
        """A sentence for each barrier, in a fixed order."""
        return tuple(BARRIERS[barrier] for barrier in self.barriers)


Reader = Callable[[Mapping[str, Any]], RefundMirror]
"""Reads a platform's refund object. Raises `UnreadableRefund`."""


def in_order(barriers: set[Barrier]) -> tuple[Barrier, ...]:
    """The barriers in the order of the table, so that equal refunds give equal mirrors."""
    return tuple(barrier for barrier in get_args(Barrier) if barrier in barriers)
