"""What a selling platform says, in our words, and our decisions in its words: pure mapping, nothing is ever called.

In: a refund, message or dispute as the platform's JSON gives it. Out: a `RefundMirror`, or a `Call`: the name and
parameters of the platform's call, for the merchant's own program to make with its own credentials.

    platform's JSON → READERS: taobao.read_taobao, stripe_like.read_stripe_like → RefundMirror
    report's state + RefundMirror → taobao_calls.refuse, taobao_calls.identification_case, stripe_like.answer → Call

What either side cannot carry is told in docs/platforms.md.
"""

from refundlens.serving.platforms.stripe_like import read_stripe_like
from refundlens.serving.platforms.taobao import read_taobao
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

READERS: dict[Platform, Reader] = {"taobao": read_taobao, "stripe_like": read_stripe_like}
"""Which function reads what a platform sends of a refund."""

__all__ = [
    "BARRIERS", "READERS", "Barrier", "CannotAnswer", "Platform", "PlatformError", "Reader", "RefundMirror",
    "UnreadableRefund",
]  # fmt: skip
