"""What a selling platform says, in our words, and our decisions in its words: pure mapping, nothing is ever called.

In: a refund, message or dispute as the platform's JSON gives it. Out: a `RefundMirror`, or a `Call`: the name and
parameters of the platform's call, for the merchant's own program to make with its own credentials.

    platform's JSON → taobao.read_refund, taobao.read_message, stripe_like.read_dispute → RefundMirror
    report's state + RefundMirror → taobao_calls.refuse, taobao_calls.identification_case, stripe_like.answer → Call

What either side cannot carry is told in docs/platforms.md.
"""

from refundlens.serving.platforms.stripe_like import read_dispute
from refundlens.serving.platforms.taobao import read_refund
from refundlens.serving.platforms.types import (
    BARRIERS,
    Barrier,
    CannotAnswer,
    Platform,
    PlatformError,
    Reader,
    RefundMirror,
    UnreadableRefund,
)

READERS: dict[Platform, Reader] = {"taobao": read_refund, "stripe_like": read_dispute}
"""Which function reads a platform's refund object."""

__all__ = [
    "BARRIERS", "READERS", "Barrier", "CannotAnswer", "Platform", "PlatformError", "Reader", "RefundMirror",
    "UnreadableRefund",
]  # fmt: skip
