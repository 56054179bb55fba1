"""What goes out to any platform: a call described but not made, and what must hold before one is described.

In: a report's state, a mirror, a text, a picture. Out: `Call`; `CannotAnswer` where the platform would reject it.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from model.formats import Format, sniff
from serving.platforms.errors import CannotAnswer
from serving.platforms.mirror import Platform, RefundMirror
from serving.workflow.states import Outcome, ReportState

MEDIA_TYPES: dict[Format, str] = {"jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif"}
EXTENSIONS: dict[Format, str] = {"jpeg": "jpg", "png": "png", "gif": "gif"}
MAX_NAME = 64
"""Characters of a file's name: the ids that go into it have about 30."""


@dataclass(frozen=True)
class Proof:
    """A picture to be sent along."""

    filename: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Call:
    """One call to a platform, for the merchant's own program to make. parameters: as the platform names and types
    them. files: by the parameter that takes the picture."""

    name: str
    parameters: Mapping[str, Any]
    files: Mapping[str, Proof] = field(default_factory=dict)


class Standing(StrEnum):
    """How firm a report's state is, which is all that platforms ask beside its outcome."""

    PENDING = "pending"  # nobody has decided, or the decision is under appeal
    PROVISIONAL = "provisional"  # decided; may still be appealed
    FINAL = "final"
    DROPPED = "dropped"  # over without a decision


MEANINGS: dict[ReportState, tuple[Standing, Outcome]] = {
    ReportState.SUBMITTED: (Standing.PENDING, Outcome.UNDECIDED),
    ReportState.NEEDS_REVIEW: (Standing.PENDING, Outcome.UNDECIDED),
    ReportState.APPEALED: (Standing.PENDING, Outcome.UNDECIDED),
    ReportState.ESTABLISHED: (Standing.PROVISIONAL, Outcome.MERCHANT_SUPPORTED),
    ReportState.NOT_ESTABLISHED: (Standing.PROVISIONAL, Outcome.BUYER_SUPPORTED),
    ReportState.FINAL_ESTABLISHED: (Standing.FINAL, Outcome.MERCHANT_SUPPORTED),
    ReportState.FINAL_NOT_ESTABLISHED: (Standing.FINAL, Outcome.BUYER_SUPPORTED),
    ReportState.WITHDRAWN: (Standing.DROPPED, Outcome.UNDECIDED),
    ReportState.EXPIRED: (Standing.DROPPED, Outcome.UNDECIDED),
}
"""What every state of ours means to a platform."""


def must_be(platform: Platform, refund: RefundMirror) -> None:
    """Raises CannotAnswer for a refund of another platform."""
    if refund.platform != platform:
        text = f"Refund {refund.refund_id} is of {refund.platform}; use that platform's adapter."
        raise CannotAnswer("wrong_platform", text)


def must_allow_refusal(state: ReportState, refund: RefundMirror) -> None:
    """Raises CannotAnswer unless the photo counts as fake and the platform lets the refund be refused."""
    if state not in ReportState.for_merchant():
        text = f"The report is {state.value}; a refund is refused upon an established one only. Wait for the decision."
        raise CannotAnswer("not_established", text)
    if not refund.can_refuse:
        raise CannotAnswer("not_refusable", " ".join(refund.why_not))


def checked_message(message: str, shortest: int, longest: int) -> str:
    """The text without blanks around it. Lengths as platforms in Java and JavaScript count: an emoji is two.

    Raises CannotAnswer outside the bounds, which are inclusive.
    """
    text = message.strip()
    length = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if not shortest <= length <= longest:
        advice = f"The message has {length} characters; the platform takes {shortest} to {longest}."
        raise CannotAnswer("message_length", f"{advice} {'Shorten' if length > longest else 'Lengthen'} it.")
    return text


def checked_proof(data: bytes, name: str, largest: int, formats: Collection[Format]) -> Proof:
    """The picture with its media type, told by its first bytes. name: becomes the file's name, letters and digits kept.

    Raises CannotAnswer for an empty or too large file (largest: bytes, inclusive) or another format.
    """
    allowed = ", ".join(sorted(EXTENSIONS[known].upper() for known in formats))
    if not data:
        raise CannotAnswer("proof_missing", f"The evidence is empty; attach a picture ({allowed}).")
    found = sniff(data)
    if found is None or found not in formats:
        advice = (
            f"The evidence is {found or 'no picture'}; the platform takes {allowed}. Attach evidence.jpg."
        )
        raise CannotAnswer("proof_format", advice)
    if len(data) > largest:
        advice = f"The evidence has {len(data)} bytes; the platform takes {largest}. Attach evidence.jpg, which fits."
        raise CannotAnswer("proof_size", advice)
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:MAX_NAME]
    return Proof(f"{stem}.{EXTENSIONS[found]}", MEDIA_TYPES[found], data)
