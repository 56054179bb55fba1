"""Card disputes as Stripe words them, which others follow: a dispute → `RefundMirror`, our decision → its answer.

In: a dispute object. Out: a mirror; the status our state amounts to; the call that stages or submits the evidence.
Source: Stripe's API reference (the Dispute object, updating a dispute) and its guide to dispute evidence.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from refundlens.serving.platforms.reading import Fields, unix_time
from refundlens.serving.platforms.types import (
    MEANINGS,
    Barrier,
    Call,
    RefundMirror,
    Standing,
    UnreadableRefund,
    checked_message,
    checked_proof,
    guess_claim,
    in_order,
    must_allow_refusal,
    must_be,
)
from refundlens.serving.workflow.states import Outcome, RefundStatus, ReportState

DisputeStatus = Literal[
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "won",
    "lost",
]
"""What we may say. `prevented` is the platform's alone: a dispute that ended before it began."""

STATUSES: dict[str, tuple[RefundStatus, Outcome, Barrier | None]] = {
    "needs_response": (RefundStatus.OPEN, Outcome.UNDECIDED, None),
    "under_review": (RefundStatus.OPEN, Outcome.UNDECIDED, "already_answered"),
    "won": (RefundStatus.CLOSED, Outcome.MERCHANT_SUPPORTED, "closed"),
    "lost": (RefundStatus.CLOSED, Outcome.BUYER_SUPPORTED, "closed"),
    "prevented": (RefundStatus.CLOSED, Outcome.UNDECIDED, "closed"),
    "charge_refunded": (RefundStatus.CLOSED, Outcome.BUYER_SUPPORTED, "closed"),  # of old versions of the API
    "warning_needs_response": (RefundStatus.OPEN, Outcome.UNDECIDED, None),
    "warning_under_review": (RefundStatus.OPEN, Outcome.UNDECIDED, "already_answered"),
    "warning_closed": (RefundStatus.CLOSED, Outcome.UNDECIDED, "closed"),
}
REASONS: dict[str, None] = dict.fromkeys((
    "bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated", "debit_not_authorized",
    "duplicate", "fraudulent", "general", "incorrect_account_details", "insufficient_funds", "noncompliant",
    "product_not_received", "product_unacceptable", "subscription_canceled", "unrecognized",
))  # fmt: skip
INQUIRY = "warning_"
_UNKNOWN: tuple[RefundStatus, Outcome, Barrier] = (RefundStatus.OPEN, Outcome.UNDECIDED, "unknown_value")
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)

MESSAGE_LENGTH = (1, 20_000)
"""Characters of a text field of the evidence, by the reference."""
MAX_FILE_BYTES = 4_500_000
"""Bytes: the guide allows 4.5 MB for all files of one dispute together."""


def read_stripe_like(data: Mapping[str, Any]) -> RefundMirror:
    """A dispute, alone or in the event that tells of it. Raises UnreadableRefund."""
    told = Fields(data).inner("data") if data.get("object") == "event" else None
    dispute = told and told.inner("object")
    return read_dispute(dispute.data if dispute else data)


def read_dispute(data: Mapping[str, Any]) -> RefundMirror:
    """A dispute object. Amounts are in minor units already. Raises UnreadableRefund."""
    fields = Fields(data)
    if fields.text("object") not in (None, "dispute"):
        raise UnreadableRefund(
            "wrong_object", "object", "This is no dispute: pass the event's `data.object`."
        )
    raw_status = fields.required("status")
    status, outcome, barrier = fields.choice("status", STATUSES) or _UNKNOWN
    fields.choice("reason", REASONS)
    reason = (fields.text("reason") or "").replace("_", " ")
    evidence = fields.inner("evidence")
    deadline, late = _evidence_details(fields.inner("evidence_details"))
    barriers = {barrier, *late} - {None}
    if fields.unknown:
        barriers.add("unknown_value")
    return RefundMirror(
        platform="stripe_like",
        refund_id=fields.required("id"),
        order_id=fields.identifier("payment_intent"),
        line_id=fields.identifier("charge"),
        platform_version=None,
        account=None,
        status=status,
        platform_outcome=outcome,
        phase="inquiry" if raw_status.startswith(INQUIRY) else "dispute",
        refund_type="dispute",
        amount_minor=_amount(fields, data.get("amount")),
        currency=_currency(fields),
        product_id=None,
        product_title=evidence.text("product_description") if evidence else None,
        buyer_reference=_customer(fields, data),
        claim_text=reason,
        claim_type=guess_claim(reason),
        deadline_at=deadline,
        barriers=in_order({known for known in barriers if known is not None}),
        partial=False,
        raw_status=raw_status,
        unknown=tuple(fields.unknown),
    )


def _evidence_details(details: Fields | None) -> tuple[datetime | None, set[Barrier | None]]:
    """When an answer is due, and what already stands against one."""
    if details is None:
        return None, {"not_fully_read"}
    found: set[Barrier | None] = set()
    if details.flag("past_due"):
        found.add("deadline_passed")
    if details.whole("submission_count"):
        found.add("already_answered")  # evidence may be submitted once
    due = details.whole("due_by")
    return (unix_time(due, "due_by") if due else None), found


def _amount(fields: Fields, value: object) -> int:
    """Minor units as a JSON number; text or a fraction may be another unit, and is not guessed at."""
    fields.required("amount")
    if isinstance(value, bool) or not isinstance(value, int):
        advice = "'amount' should be a whole number of minor units. Pass the platform's JSON on as it came."
        raise UnreadableRefund("malformed_field", "amount", advice)
    return fields.whole("amount") or 0


def _currency(fields: Fields) -> str:
    value = fields.required("currency")
    if not _CURRENCY.fullmatch(value):
        raise UnreadableRefund(
            "malformed_field", "currency", f"{value[:20]!r} is no currency: send its three letters."
        )
    return value.upper()


def _customer(fields: Fields, data: Mapping[str, Any]) -> str | None:
    """Told only where the charge was expanded. A name or e-mail in the evidence is the merchant's own word."""
    charge = fields.inner("charge") if isinstance(data.get("charge"), Mapping) else None
    return charge.identifier("customer") if charge else None


def status_of(state: ReportState, refund: RefundMirror) -> DisputeStatus:
    """What our state amounts to, for programs that know disputes only. refund: of any platform.

    Pending is under_review. Decided but open to appeal: needs_response while the merchant can still act on the
    platform, else under_review. Final: won or lost, for an inquiry warning_closed. Over without a decision: what the
    platform decided itself, else needs_response or warning_closed, the only closed status that takes no side.
    """
    standing, outcome = MEANINGS[state]
    if standing is Standing.DROPPED:
        outcome = refund.platform_outcome
    ended = standing is Standing.FINAL or (
        standing is Standing.DROPPED
        and (refund.status is RefundStatus.CLOSED or outcome is not Outcome.UNDECIDED)
    )
    inquiry = refund.phase == "inquiry"
    if ended:
        if inquiry or outcome is Outcome.UNDECIDED:
            return "warning_closed"
        return "won" if outcome is Outcome.MERCHANT_SUPPORTED else "lost"
    if standing is not Standing.PENDING and refund.can_refuse:
        return "warning_needs_response" if inquiry else "needs_response"
    return "warning_under_review" if inquiry else "under_review"


def answer(
    state: ReportState, refund: RefundMirror, message: str, proof: bytes, *, submit: bool = False
) -> Call:
    """The call that gives the bank the evidence. The file is uploaded first (POST /v1/files, purpose
    dispute_evidence); its id then goes where `files` names it.

    message: up to 20,000 characters. proof: JPEG or PNG. submit: evidence can be submitted only once, so it is staged
    unless the caller says otherwise.
    Raises CannotAnswer: wrong_platform, not_established, not_refusable, message_length, proof_*.
    """
    must_be("stripe_like", refund)
    must_allow_refusal(state, refund)
    text = checked_message(message, *MESSAGE_LENGTH)
    picture = checked_proof(proof, f"dispute-{refund.refund_id}", MAX_FILE_BYTES, ("jpeg", "png"))
    parameters = {"evidence": {"uncategorized_text": text}, "submit": submit}
    return Call(
        f"POST /v1/disputes/{quote(refund.refund_id, safe='')}",
        parameters,
        {"evidence.uncategorized_file": picture},
    )
