"""Our decisions in Taobao's words: refusing a refund, and the case of an outside appraisal (鉴定工单).

In: a report's state and the refund's mirror. Out: the parameters of `taobao.refund.refuse`, of
`taobao.rdc.aligenius.identification.case.update` and of `…case.result.update`. Nothing is sent.
Source: the platform's API metadata (ids 10480 and 46785), as published in client libraries.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from refundlens.serving.platforms.reading import MAX_INT64
from refundlens.serving.platforms.types import (
    MEANINGS,
    Call,
    CannotAnswer,
    RefundMirror,
    Standing,
    checked_message,
    checked_proof,
    must_allow_refusal,
    must_be,
)
from refundlens.serving.workflow.states import Outcome, ReportState

Shop = Literal["taobao", "tmall"]

REFUSE = "taobao.refund.refuse"
CASE = "taobao.rdc.aligenius.identification.case.update"
CASE_RESULT = "taobao.rdc.aligenius.identification.case.result.update"

MESSAGE_LENGTH = (2, 200)
"""Characters of refuse_message, by the platform's description."""
MAX_PROOF_BYTES = 130_000
"""Bytes of refuse_proof, by the platform's description."""
OPEN, FINISH = 1, 2
"""operate_type of a case."""
RESULT_TYPES: dict[Outcome, int] = {Outcome.BUYER_SUPPORTED: 1, Outcome.MERCHANT_SUPPORTED: 3}
"""1 可退, may be refunded; 3 不通过, does not pass. 2 可换, may be exchanged, is not for a look at a photo to say."""

TIPS: dict[ReportState, str] = {
    ReportState.SUBMITTED: "图片真伪鉴定已受理",
    ReportState.NEEDS_REVIEW: "图片真伪鉴定转人工判定",
    ReportState.ESTABLISHED: "举报成立：图片判定为假图，买家可申诉",
    ReportState.NOT_ESTABLISHED: "举报不成立：图片未判定为假图，商家可申诉",
    ReportState.APPEALED: "申诉处理中，尚未判定",
    ReportState.FINAL_ESTABLISHED: "终审举报成立：图片判定为假图",
    ReportState.FINAL_NOT_ESTABLISHED: "终审举报不成立：图片未判定为假图",
    ReportState.WITHDRAWN: "商家已撤回举报，未作判定",
    ReportState.EXPIRED: "退款已先行关闭，未作判定",
}
"""operate_tips and result_tips, which both sides may read: what was found, and whether it can be appealed."""


@dataclass(frozen=True)
class IdentificationCase:
    """The calls that bring the platform's case up to a report's state.

    update: opens or finishes the case. result: None while nothing is decided, and where nothing ever will be.
    pending: undecided or under appeal; a result sent before must then not be relied on, and the platform has no way to
    take one back: the tips say so, and the final result replaces it. provisional: the result may still be appealed.
    """

    update: Call
    result: Call | None
    pending: bool
    provisional: bool


def refuse(
    state: ReportState,
    refund: RefundMirror,
    message: str,
    proof: bytes | None,
    *,
    shop: Shop = "tmall",
    reason_id: int | None = None,
) -> Call:
    """The call that refuses a refund with the evidence.

    message: 2 to 200 characters. proof: GIF, JPEG or PNG of at most 130,000 bytes. shop: a refund does not tell; Tmall
    demands proof, phase and version, Taobao does not. reason_id: one of `taobao.refund.refusereason.get`.
    Raises CannotAnswer: wrong_platform, not_established, not_refusable, message_length, proof_*, version_missing,
    phase_missing, identifier.
    """
    must_be("taobao", refund)
    must_allow_refusal(state, refund)
    parameters = {
        "refund_id": _number(refund.refund_id, "refund id"),
        "refuse_message": checked_message(message, *MESSAGE_LENGTH),
        "refund_phase": refund.phase,
        "refund_version": refund.platform_version,
        "refuse_reason_id": reason_id,
    }
    if shop == "tmall":
        _must_have_all(refund, proof)
    files = {}
    if proof is not None:
        name = f"refund-{refund.refund_id}"
        files["refuse_proof"] = checked_proof(proof, name, MAX_PROOF_BYTES, ("jpeg", "png", "gif"))
    return Call(REFUSE, {name: value for name, value in parameters.items() if value is not None}, files)


def _must_have_all(refund: RefundMirror, proof: bytes | None) -> None:
    """What only Tmall demands."""
    if proof is None:
        raise CannotAnswer("proof_missing", "Tmall takes no refusal without a picture: attach evidence.jpg.")
    if refund.platform_version is None:
        advice = "Tmall takes no refusal without refund_version: fetch the refund with that field and mirror it again."
        raise CannotAnswer("version_missing", advice)
    if refund.phase is None:
        advice = "Tmall takes no refusal without refund_phase: fetch the refund with that field and mirror it again."
        raise CannotAnswer("phase_missing", advice)


def identification_case(
    state: ReportState, refund: RefundMirror, case_id: str, at: datetime
) -> IdentificationCase:
    """The case of one report. case_id: ours, such as the report's id. at: when the report came into this state, aware.

    Raises CannotAnswer: wrong_platform, identifier (no order line, an empty case_id, a time without a zone).
    """
    must_be("taobao", refund)
    if at.tzinfo is None:
        raise CannotAnswer("identifier", "The time needs a zone; take it from the service's clock.")
    if not case_id.strip():
        raise CannotAnswer("identifier", "The case needs an id; pass the report's.")
    standing, outcome = MEANINGS[state]
    common: dict[str, int | str] = {
        "refund_id": _number(refund.refund_id, "refund id"),
        "detail_order_id": _number(refund.line_id or "", "order line (oid)"),
        "outer_case_id": case_id.strip(),
        "occur_time": int(at.timestamp()),
    }
    over = standing in (Standing.FINAL, Standing.DROPPED)
    update: dict[str, int | str] = {
        **common,
        "operate_type": FINISH if over else OPEN,
        "operate_tips": TIPS[state],
    }
    result = None
    if outcome in RESULT_TYPES:
        result = _call(
            CASE_RESULT, {**common, "result_type": RESULT_TYPES[outcome], "result_tips": TIPS[state]}
        )
    return IdentificationCase(
        _call(CASE, update), result, standing is Standing.PENDING, standing is Standing.PROVISIONAL
    )


def _call(name: str, content: dict[str, int | str]) -> Call:
    """The platform takes structured parameters as JSON in one text."""
    return Call(name, {"param": json.dumps(content, ensure_ascii=False)})


def _number(text: str, what: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= MAX_INT64:
        return int(text)
    advice = (
        f"The platform's call needs the {what} as a whole number, not {text[:40]!r}; mirror the refund again."
    )
    raise CannotAnswer("identifier", advice)
