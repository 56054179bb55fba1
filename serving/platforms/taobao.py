"""Taobao and Tmall: a refund (`taobao.refund.get`) or a message (TMC) → `RefundMirror`.

In: the JSON object under `refund_get_response.refund`, or one message of `taobao.tmc.messages.consume`. Out: a mirror.
Sources: the Taobao Open Platform's descriptions of the Refund structure and of the topics `taobao_refund_*`, as
published in client libraries. What is new to us leaves the refund open, since closing one would end the merchant's
reports for good, and never refusable.
"""

import json
from collections.abc import Mapping
from typing import Any

from refundlens.serving.platforms.reading import Fields
from refundlens.serving.platforms.types import (
    Barrier,
    Phase,
    RefundMirror,
    RefundType,
    UnreadableRefund,
    guess_claim,
    in_order,
)
from refundlens.serving.workflow.states import Outcome, RefundStatus

STATUSES: dict[str, tuple[RefundStatus, Barrier | None]] = {
    "WAIT_SELLER_AGREE": (RefundStatus.OPEN, None),
    "WAIT_BUYER_RETURN_GOODS": (RefundStatus.OPEN, "already_agreed"),
    "WAIT_SELLER_CONFIRM_GOODS": (RefundStatus.OPEN, "goods_returned"),
    "SELLER_REFUSE_BUYER": (RefundStatus.OPEN, "already_refused"),
    "CLOSED": (RefundStatus.CLOSED, "closed"),
    "SUCCESS": (RefundStatus.CLOSED, "closed"),
}
"""Only the first may be refused by `taobao.refund.refuse`. A refused refund stays open: the buyer may change it."""

CS_STATUSES: dict[str, tuple[Outcome, Barrier | None]] = {
    "1": (Outcome.UNDECIDED, None),  # no service needed
    "2": (Outcome.UNDECIDED, "platform_decides"),  # service asked for
    "3": (Outcome.UNDECIDED, "platform_decides"),  # service stepped in
    "4": (Outcome.UNDECIDED, "platform_decides"),  # first look done
    "5": (Outcome.UNDECIDED, "platform_decides"),  # a supervisor sent it back
    "6": (Outcome.UNDECIDED, "platform_decides"),  # service done, without saying for whom
    "7": (
        Outcome.UNDECIDED,
        "platform_decides",
    ),  # case withdrawn; whether it may be refused again is not documented
    "8": (Outcome.BUYER_SUPPORTED, "platform_decides"),
    "9": (Outcome.MERCHANT_SUPPORTED, "platform_decides"),
    "10": (Outcome.UNDECIDED, "platform_decides"),  # both sides give evidence
    "11": (Outcome.UNDECIDED, "platform_decides"),  # open for appeal
}

CONSTRAINTS: dict[str, Barrier] = {"cannot_refuse": "platform_forbids", "refund_onweb": "only_on_web"}
PHASES: dict[str, Phase] = {"onsale": "onsale", "aftersale": "aftersale"}
TYPES: dict[str, RefundType] = {
    "REFUND": "refund_only",
    "REFUND_AND_RETURN": "return_and_refund",
    "TMALL_EXCHANGE": "exchange",
    "TAOBAO_EXCHANGE": "exchange",
    "REPAIR": "repair",
    "RESHIPPING": "reshipping",
    "OTHERS": "other",
}
REFUSABLE_TYPES: set[RefundType | None] = {"refund_only", "return_and_refund"}
NOT_SHIPPED = "WAIT_SELLER_SEND_GOODS"
NO_REASON = ("七天无理由", "7天无理由", "7 天无理由")
"""Returns without a reason, with unsent orders and online games, are what the platform does not let be refused."""

TOPIC = "taobao_refund_"
TOPICS: dict[str, tuple[RefundStatus, Barrier | None]] = {
    "RefundCreated": (RefundStatus.OPEN, None),
    "RefundBuyerModifyAgreement": (RefundStatus.OPEN, None),
    "RefundCreateMessage": (RefundStatus.OPEN, None),
    "RefundSellerAgreeAgreement": (RefundStatus.OPEN, "already_agreed"),
    "RefundSellerRefuseAgreement": (RefundStatus.OPEN, "already_refused"),
    "RefundBuyerReturnGoods": (RefundStatus.OPEN, "goods_returned"),
    "TaobaoInterApplied": (RefundStatus.OPEN, "platform_decides"),
    "TaobaoIntervened": (RefundStatus.OPEN, "platform_decides"),
    "RefundClosed": (RefundStatus.CLOSED, "closed"),
    "RefundSuccess": (RefundStatus.CLOSED, "closed"),
}
"""Messages carry no status: the topic is all that tells. None may be refused upon; see `partial`."""
BILL_TYPES: dict[str, RefundType | None] = {
    "refund_bill": None,  # a refund with or without a return: the message does not say which
    "return_bill": "return_and_refund",
    "replace_bill": "exchange",
}
_UNKNOWN: tuple[RefundStatus, Barrier] = (RefundStatus.OPEN, "unknown_value")


def read_taobao(data: Mapping[str, Any]) -> RefundMirror:
    """Whatever Taobao sends of a refund: a message (`topic`), or a refund, alone or as `taobao.refund.get` answers it.
    Raises UnreadableRefund."""
    if "topic" in data:
        return read_message(data)
    answer = Fields(data).inner("refund_get_response")
    refund = answer and answer.inner("refund")
    return read_refund(refund.data if refund else data)


def read_refund(data: Mapping[str, Any]) -> RefundMirror:
    """A whole refund. Raises UnreadableRefund where the id, status or amount is missing, or anything is malformed."""
    fields = Fields(data)
    raw_status = fields.required("status")
    fields.required("refund_fee")
    status, barrier = fields.choice("status", STATUSES) or _UNKNOWN
    outcome, service = fields.choice("cs_status", CS_STATUSES) or (Outcome.UNDECIDED, "not_fully_read")
    if raw_status == "SUCCESS" and outcome is Outcome.UNDECIDED:
        outcome = Outcome.BUYER_SUPPORTED  # the buyer was paid; a mere CLOSED does not tell who was right
    kind = _refund_type(fields)
    timeout = fields.inner("refund_remind_timeout")
    may_expire = timeout is not None and timeout.flag("exist_timeout") is not False
    text = "\n".join(filter(None, (fields.text("reason"), fields.text("desc"))))
    barriers = {barrier, service, *_constraints(fields), *_rules(fields, kind)}
    return _mirror(
        fields,
        barriers,
        status=status,
        platform_outcome=outcome,
        refund_type=kind,
        claim_text=text,
        deadline_at=timeout.china_time("timeout") if timeout and may_expire else None,
        partial=False,
        raw_status=raw_status,
    )


def read_message(data: Mapping[str, Any]) -> RefundMirror:
    """A TMC message {"topic": "taobao_refund_…", "content": "{…}"}: who, how much, what happened; fetch the rest.

    The amount may be None, the version and deadline always are: keep what was read before from the refund itself.
    Raises UnreadableRefund for topics of anything else, which are to be left to whom they concern.
    """
    envelope = Fields(data)
    topic = envelope.required("topic")
    if not topic.startswith(TOPIC):
        raise UnreadableRefund(
            "wrong_object", "topic", f"{topic[:80]!r} is not about a refund: do not send it here."
        )
    fields = Fields(_content(data.get("content")))
    event = topic.removeprefix(TOPIC)
    if event not in TOPICS:
        fields.note("topic", topic)
    status, barrier = TOPICS.get(event, _UNKNOWN)
    kind = fields.choice("bill_type", BILL_TYPES)
    return _mirror(
        fields,
        {barrier, "not_fully_read", *_wrong_type(kind)},
        status=status,
        platform_outcome=Outcome.BUYER_SUPPORTED if event == "RefundSuccess" else Outcome.UNDECIDED,
        refund_type=kind,
        claim_text="",
        deadline_at=None,
        partial=True,
        raw_status=topic,
    )


def _mirror(fields: Fields, barriers: set[Barrier | None], **known: Any) -> RefundMirror:
    """What refunds and messages have in common, and the barriers that any unknown value adds."""
    phase = fields.choice("refund_phase", PHASES)
    if fields.unknown:
        barriers.add("unknown_value")
    return RefundMirror(
        platform="taobao",
        refund_id=_refund_id(fields),
        order_id=fields.text("tid"),
        line_id=fields.text("oid"),
        platform_version=fields.whole("refund_version"),
        account=fields.text("seller_nick"),
        phase=phase,
        amount_minor=fields.fen("refund_fee"),
        currency="CNY",
        product_id=fields.text("num_iid", "outer_id"),
        product_title=fields.text("title"),
        buyer_reference=_buyer(fields),
        claim_type=guess_claim(known["claim_text"]),
        barriers=in_order({barrier for barrier in barriers if barrier is not None}),
        unknown=tuple(fields.unknown),
        **known,
    )


def _refund_id(fields: Fields) -> str:
    fields.required("refund_id")
    return str(fields.whole("refund_id"))


def _refund_type(fields: Fields) -> RefundType | None:
    """`dispute_type` (in older descriptions `refund_type`); where neither is given, whether goods are to come back."""
    for name in ("dispute_type", "refund_type"):
        if fields.text(name) is not None:
            return fields.choice(name, TYPES)
    returns = fields.flag("has_good_return")
    return None if returns is None else "return_and_refund" if returns else "refund_only"


def _constraints(fields: Fields) -> set[Barrier | None]:
    """The platform spells the field without its s; the right spelling is read too, should it ever be mended."""
    found: set[Barrier | None] = set()
    for name in ("operation_contraint", "operation_constraint"):
        for word in (fields.text(name) or "").split(","):
            if word := word.strip():
                found.add(CONSTRAINTS.get(word, "unknown_value"))
                if word not in CONSTRAINTS:
                    fields.note(name, word)
    return found


def _rules(fields: Fields, kind: RefundType | None) -> set[Barrier | None]:
    """The platform's own rules for refusals, as far as a refund tells."""
    found = _wrong_type(kind)
    if kind is None:
        found.add("not_fully_read")
    if fields.text("order_status") == NOT_SHIPPED:
        found.add("not_shipped")
    if any(words in (fields.text("reason") or "") for words in NO_REASON):
        found.add("no_reason_return")
    return found


def _wrong_type(kind: RefundType | None) -> set[Barrier | None]:
    return set() if kind is None or kind in REFUSABLE_TYPES else {"not_a_refund"}


def _buyer(fields: Fields) -> str | None:
    """The open id where given; a nickname only if it is whole: "t**8" is shared by many buyers, and one would be
    blamed for another's record."""
    open_id = fields.text("buyer_open_uid", "ouid", "openid")
    nick = fields.text("buyer_nick")
    return open_id or (nick if nick and "*" not in nick else None)


def _content(content: object) -> Any:
    """A message's content comes as JSON in a text, from some gateways as an object."""
    if not isinstance(content, str):
        return content
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise UnreadableRefund(
            "malformed_field", "content", "The message's content is no JSON; ask for it again."
        ) from None
