"""A platform's refund in our own words, the same for every platform.

In: nothing; these are types and two tables. Out: `RefundMirror`, and the barriers that stand before a refusal.

What can go wrong between a platform's words and ours. Every message says what to do; programs read `code`.

| error | code | when |
| --- | --- | --- |
| `UnreadableRefund` | `missing_field` | the platform's object lacks something that we cannot do without |
| | `malformed_field` | an amount, time, number or text that is not written as the platform writes it |
| | `wrong_object` | not a refund, refund message or dispute at all |
| `CannotAnswer` | `not_established` | only an established report can refuse a refund |
| | `not_refusable` | the platform does not let this refund be refused now; the text lists its barriers |
| | `wrong_platform` | a refund of another platform |
| | `message_length`, `proof_missing`, `proof_size`, `proof_format` | text or picture that the platform would reject |
| | `version_missing`, `phase_missing` | Tmall takes no refusal without them |
| | `identifier` | an id or time that the platform's call has no room for |

What goes out to any platform: a call described but not made, and what must hold before one is described.

In: a report's state, a mirror, a text, a picture. Out: `Call`; `CannotAnswer` where the platform would reject it.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, get_args

from refundlens.model.names import Defect
from refundlens.model.photo.formats import Format, sniff
from refundlens.serving.workflow.states import Outcome, RefundStatus, ReportState

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
    product_id: Taobao's num_iid, else the shop's own code, outer_id. product_title: as the platform writes it; of a
    dispute, what the shop told the bank was sold. Of any length, on any number of lines.
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
    product_id: str | None
    product_title: str | None
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


ReadCode = Literal["missing_field", "malformed_field", "wrong_object"]
AnswerCode = Literal[
    "not_established", "not_refusable", "wrong_platform", "message_length", "proof_missing",
    "proof_size", "proof_format", "version_missing", "phase_missing", "identifier",
]  # fmt: skip


class PlatformError(ValueError):
    """Base of both. `code` is stable; the text is for people and names the remedy."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class UnreadableRefund(PlatformError):
    """What the platform sent cannot be mirrored. Nothing was changed; `field` names the culprit."""

    def __init__(self, code: ReadCode, field: str, text: str) -> None:
        super().__init__(code, text)
        self.field = field


class CannotAnswer(PlatformError):
    """What we were asked to say cannot be said on this platform, or not now."""

    def __init__(self, code: AnswerCode, text: str) -> None:
        super().__init__(code, text)


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


KEYWORDS: dict[Defect, tuple[str, ...]] = {
    "hole": (
        "破洞", "破了洞", "破个洞", "个洞", "有洞", "小洞", "大洞", "虫蛀", "撕裂", "撕破", "开线", "脱线", "勾丝",
        r"\bholes?\b", r"\btorn\b", r"\btears?\b", r"\bripp?ed\b", r"\brips?\b", r"\bmoth-eaten\b",
    ),
    "stain": (
        "污渍", "污迹", "污点", "污垢", "脏污", "弄脏", "很脏", "脏了", "脏的", "有脏", "油渍", "油污", "水渍", "血渍",
        "血迹", "黄渍", "黄斑", "染色", "串色",
        r"\bstain(s|ed|ing)?\b", r"\bdirty\b", r"\bsoiled\b", r"\bsmudge[ds]?\b",
    ),
    # not 霉 alone: 倒霉 is bad luck
    "mould": (
        "发霉", "霉变", "霉点", "霉斑", "霉味", "霉菌", "长霉", "生霉", "起霉", "有霉", "长毛", r"\bmou?ld(s|y|ed)?\b",
        r"\bmildew(ed|y)?\b",
    ),
    "other": (
        "破损", "损坏", "坏了", "坏的", "坏果", "烂", "碎", "裂", "划痕", "刮花", "变形", "掉漆", "变质", "腐", "瑕疵",
        "质量问题", "漏液", "漏水", "磕", "凹", r"\bdamag(e|es|ed)\b", r"\bbroken\b", r"\bcrack(s|ed)?\b",
        r"\bscratch(es|ed)?\b", r"\bdefect(s|ive)?\b", r"\brotten\b", r"\bshattered\b", r"\bdent(s|ed)?\b",
        r"\bfaulty\b", r"\bspoil(ed|t)\b", r"\bleak(s|ed|ing)?\b",
    ),
}  # fmt: skip
"""Chinese words by their characters, English ones by whole words ("whole" is no hole). In order of precedence: a named
defect before `other`, which takes all damage that the detector has no name of its own for."""
_PATTERNS = {kind: re.compile("|".join(words), re.IGNORECASE | re.ASCII) for kind, words in KEYWORDS.items()}
NAMED: tuple[Defect, ...] = ("hole", "stain", "mould")


def guess_claim(text: str) -> Defect | None:
    """The named defect that the text mentions first; else `other` if it speaks of damage at all; else None.

    >>> guess_claim("质量问题：袖口有个破洞，旁边还有污渍")
    'hole'
    """
    found = [(match.start(), kind) for kind in NAMED if (match := _PATTERNS[kind].search(text))]
    if found:
        return min(found)[1]
    return "other" if _PATTERNS["other"].search(text) else None
