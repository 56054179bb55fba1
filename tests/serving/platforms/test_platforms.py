"""Platform adapters: what a platform says becomes a mirror, what we decide becomes its call; nothing is ever sent."""

import ast
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundlens.serving import platforms
from refundlens.serving.platforms import (
    BARRIERS,
    READERS,
    CannotAnswer,
    PlatformError,
    RefundMirror,
    UnreadableRefund,
)
from refundlens.serving.platforms.reading import china_text, china_time, fen, unix_time, yuan
from refundlens.serving.platforms.stripe_like import STATUSES as DISPUTE_STATUSES
from refundlens.serving.platforms.stripe_like import DisputeStatus, answer, read_dispute, status_of
from refundlens.serving.platforms.taobao import CS_STATUSES, STATUSES, TOPICS, read_message, read_refund
from refundlens.serving.platforms.taobao_calls import RESULT_TYPES, TIPS, identification_case, refuse
from refundlens.serving.platforms.types import MEANINGS, Barrier, Platform, Standing, guess_claim
from refundlens.serving.workflow.states import Outcome, RefundStatus, ReportState

JPEG, PNG, GIF, WEBP = b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
EVERY_STATE = pytest.mark.parametrize("state", list(ReportState))


def taobao(**changes: Any) -> dict[str, Any]:
    """A refund as `taobao.refund.get` gives it, that may be refused."""
    return {
        "refund_id": "171234567890123456", "tid": 2345678901234567890, "oid": 2345678901234567891,
        "buyer_nick": "t**8", "buyer_open_uid": "AAHx-open", "seller_nick": "shop", "refund_fee": "12.00",
        "status": "WAIT_SELLER_AGREE", "cs_status": 1, "refund_phase": "aftersale", "refund_version": 1700000000123,
        "refund_remind_timeout": {"exist_timeout": True, "timeout": "2026-11-22 18:00:00", "remind_type": 1},
        "num_iid": 610938472615, "title": "纯棉T恤", "outer_id": "TS-0117",
        "reason": "质量问题", "desc": "袖口有破洞", "has_good_return": False, "order_status": "TRADE_FINISHED",
    } | changes  # fmt: skip


def message(topic: str, **changes: Any) -> dict[str, Any]:
    content = {
        "refund_id": 17, "tid": 23, "oid": 24, "refund_fee": "8.5", "refund_phase": "onsale", "buyer_nick": "t**8",
        "bill_type": "refund_bill", "modified": "2026-11-22 18:00:00",
    }  # fmt: skip
    return {"topic": f"taobao_refund_{topic}", "content": json.dumps(content | changes)}


def dispute(**changes: Any) -> dict[str, Any]:
    details = {"due_by": 1795341600, "has_evidence": False, "past_due": False, "submission_count": 0}
    return {
        "id": "dp_1", "object": "dispute", "amount": 1200, "currency": "usd", "charge": "ch_1",
        "payment_intent": "pi_1", "status": "needs_response", "reason": "product_unacceptable",
        "evidence_details": details,
    } | changes  # fmt: skip


def test_a_taobao_refund_is_mirrored() -> None:
    assert read_refund(taobao()) == RefundMirror(
        platform="taobao", refund_id="171234567890123456", order_id="2345678901234567890",
        line_id="2345678901234567891", platform_version=1700000000123, account="shop", status=RefundStatus.OPEN,
        platform_outcome=Outcome.UNDECIDED, phase="aftersale", refund_type="refund_only", amount_minor=1200,
        currency="CNY", product_id="610938472615", product_title="纯棉T恤", buyer_reference="AAHx-open",
        claim_text="质量问题\n袖口有破洞", claim_type="hole", deadline_at=NOW,
        barriers=(), partial=False, raw_status="WAIT_SELLER_AGREE", unknown=(),
    )  # fmt: skip


def test_a_dispute_is_mirrored() -> None:
    assert read_dispute(dispute()) == RefundMirror(
        platform="stripe_like", refund_id="dp_1", order_id="pi_1", line_id="ch_1", platform_version=None, account=None,
        status=RefundStatus.OPEN, platform_outcome=Outcome.UNDECIDED, phase="dispute", refund_type="dispute",
        amount_minor=1200, currency="USD", product_id=None, product_title=None, buyer_reference=None,
        claim_text="product unacceptable", claim_type=None, deadline_at=NOW,
        barriers=(), partial=False, raw_status="needs_response", unknown=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "barrier"),
    [
        ({"status": "WAIT_BUYER_RETURN_GOODS"}, "already_agreed"),
        ({"status": "WAIT_SELLER_CONFIRM_GOODS"}, "goods_returned"),
        ({"status": "SELLER_REFUSE_BUYER"}, "already_refused"),
        ({"status": "CLOSED"}, "closed"),
        ({"operation_contraint": "cannot_refuse"}, "platform_forbids"),
        ({"operation_constraint": "refund_onweb"}, "only_on_web"),
        ({"order_status": "WAIT_SELLER_SEND_GOODS"}, "not_shipped"),
        ({"reason": "7天无理由退换货"}, "no_reason_return"),
        ({"dispute_type": "TMALL_EXCHANGE"}, "not_a_refund"),
        ({"cs_status": None}, "not_fully_read"),
        ({"has_good_return": None}, "not_fully_read"),
        *(({"cs_status": number}, "platform_decides") for number in range(2, 12)),
    ],
)
def test_what_forbids_a_refusal_is_told(changes: dict[str, Any], barrier: Barrier) -> None:
    mirror = read_refund(taobao(**changes))
    assert mirror.barriers == (barrier,) and not mirror.can_refuse
    assert mirror.why_not == (BARRIERS[barrier],)


@pytest.mark.parametrize(
    ("changes", "outcome", "status"),
    [
        ({"status": "SUCCESS"}, Outcome.BUYER_SUPPORTED, RefundStatus.CLOSED),
        ({"status": "CLOSED"}, Outcome.UNDECIDED, RefundStatus.CLOSED),
        ({"cs_status": 8}, Outcome.BUYER_SUPPORTED, RefundStatus.OPEN),
        ({"status": "SUCCESS", "cs_status": "9"}, Outcome.MERCHANT_SUPPORTED, RefundStatus.CLOSED),
    ],
)
def test_what_the_platform_decided(changes: dict[str, Any], outcome: Outcome, status: RefundStatus) -> None:
    mirror = read_refund(taobao(**changes))
    assert (mirror.platform_outcome, mirror.status) == (outcome, status)


@pytest.mark.parametrize(
    "name", ["status", "cs_status", "refund_phase", "dispute_type", "operation_contraint"]
)
def test_a_new_value_of_taobao_is_kept_and_never_refusable(name: str) -> None:
    mirror = read_refund(taobao(**{name: "BRAND_NEW"}))
    assert mirror.unknown == (f"{name}=BRAND_NEW",)
    assert "unknown_value" in mirror.barriers and mirror.status is RefundStatus.OPEN


@pytest.mark.parametrize("name", ["status", "reason"])
def test_a_new_value_of_a_dispute_is_kept_and_never_refusable(name: str) -> None:
    mirror = read_dispute(dispute(**{name: "brand_new"}))
    assert mirror.unknown == (f"{name}=brand_new",)
    assert "unknown_value" in mirror.barriers and mirror.status is RefundStatus.OPEN


@given(st.text(min_size=1), st.text(min_size=1), st.integers(0, 99))
def test_only_the_one_known_good_case_is_refusable(status: str, constraint: str, service: int) -> None:
    mirror = read_refund(taobao(status=status + "!", operation_contraint=constraint + "!", cs_status=service))
    assert not mirror.can_refuse and f"status={(status + '!').strip()}"[:200] in {
        u[:200] for u in mirror.unknown
    }
    assert read_refund(taobao(cs_status=service)).can_refuse == (service == 1)


@pytest.mark.parametrize(
    ("buyer", "reference"),
    [
        ({"buyer_open_uid": "A", "buyer_nick": "whole"}, "A"),
        ({"buyer_open_uid": None, "buyer_nick": "whole"}, "whole"),
        ({"buyer_open_uid": "", "buyer_nick": "t**8"}, None),
    ],
)
def test_a_masked_nickname_names_nobody(buyer: dict[str, Any], reference: str | None) -> None:
    assert read_refund(taobao(**buyer)).buyer_reference == reference


def test_a_product_is_named_by_its_number_and_its_title() -> None:
    for changes, told in (
        ({}, ("610938472615", "纯棉T恤")),
        ({"num_iid": None}, ("TS-0117", "纯棉T恤")),
        ({"num_iid": "  ", "outer_id": "", "title": None}, (None, None)),
    ):
        mirror = read_refund(taobao(**changes))
        assert (mirror.product_id, mirror.product_title) == told
    for told_of in (None, {}, {"product_description": None}):
        assert read_dispute(dispute(evidence=told_of)).product_title is None
    described = read_dispute(dispute(evidence={"product_description": " Cotton T-shirt\n100 % cotton "}))
    assert (described.product_id, described.product_title) == (None, "Cotton T-shirt\n100 % cotton")
    with pytest.raises(UnreadableRefund) as caught:
        read_refund(taobao(title=["x"]))
    assert caught.value.field == "title"


def test_no_timeout_is_no_deadline() -> None:
    for timeout in (None, {}, {"exist_timeout": False, "timeout": "2026-11-22 18:00:00"}):
        assert read_refund(taobao(refund_remind_timeout=timeout)).deadline_at is None
    kept = {"exist_timeout": "true", "timeout": "2026-11-22 18:00:00"}
    assert read_refund(taobao(refund_remind_timeout=kept)).deadline_at == NOW


@pytest.mark.parametrize("event", sorted(TOPICS))
def test_a_message_tells_what_happened_and_never_enough_to_refuse(event: str) -> None:
    mirror = read_message(message(event))
    assert mirror.partial and "not_fully_read" in mirror.barriers
    assert (mirror.refund_id, mirror.amount_minor, mirror.raw_status) == ("17", 850, f"taobao_refund_{event}")
    assert mirror.status is (
        RefundStatus.CLOSED if event in ("RefundClosed", "RefundSuccess") else RefundStatus.OPEN
    )


def test_a_message_of_a_new_kind_closes_nothing() -> None:
    mirror = read_message(message("RefundTransformed", bill_type="dream_bill"))
    assert mirror.status is RefundStatus.OPEN and "unknown_value" in mirror.barriers
    assert mirror.unknown == ("topic=taobao_refund_RefundTransformed", "bill_type=dream_bill")


def test_a_message_about_anything_else_is_sent_back() -> None:
    with pytest.raises(UnreadableRefund, match="not about a refund") as caught:
        read_message({"topic": "taobao_trade_TradeClose", "content": "{}"})
    assert (caught.value.code, caught.value.field) == ("wrong_object", "topic")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"refund_fee": 12.0}, "malformed_field"), ({"refund_fee": "12.005"}, "malformed_field"),
        ({"refund_fee": "-1"}, "malformed_field"), ({"refund_fee": "１２"}, "malformed_field"),
        ({"refund_fee": 1200}, "malformed_field"), ({"refund_fee": None}, "missing_field"),
        ({"refund_id": None}, "missing_field"), ({"refund_id": "R1"}, "malformed_field"),
        ({"status": None}, "missing_field"), ({"status": ["OPEN"]}, "malformed_field"),
        ({"refund_version": "9" * 19}, "malformed_field"), ({"has_good_return": "yes"}, "malformed_field"),
        ({"refund_remind_timeout": {"timeout": "tomorrow"}}, "malformed_field"),
        ({"refund_remind_timeout": "soon"}, "malformed_field"),
    ],
)  # fmt: skip
def test_a_malformed_refund_says_which_field(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(UnreadableRefund) as caught:
        read_refund(taobao(**changes))
    assert caught.value.code == code
    assert caught.value.field in {*changes, "timeout"} and repr(caught.value.field) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "1200"}, "malformed_field"), ({"amount": True}, "malformed_field"),
        ({"amount": -1}, "malformed_field"), ({"amount": None}, "missing_field"),
        ({"currency": "dollars"}, "malformed_field"), ({"object": "charge"}, "wrong_object"),
        ({"evidence_details": {"due_by": 10**15}}, "malformed_field"), ({"id": ""}, "missing_field"),
    ],
)  # fmt: skip
def test_a_malformed_dispute_says_which_field(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(UnreadableRefund) as caught:
        read_dispute(dispute(**changes))
    assert caught.value.code == code


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(st.data())
def test_hostile_objects_raise_nothing_but_our_own_error(data: st.DataObject) -> None:
    for sample, read in (
        (taobao(), read_refund),
        (dispute(), read_dispute),
        (message("RefundClosed"), read_message),
    ):
        name = data.draw(st.sampled_from(sorted(sample)))
        for value in (sample | {name: data.draw(JSON)}, data.draw(JSON)):
            try:
                mirror = read(value)
            except UnreadableRefund:
                continue
            assert mirror.deadline_at is None or mirror.deadline_at.tzinfo is UTC


@given(st.integers(0, 10**14 - 1))
def test_amounts_make_the_round_trip(amount: int) -> None:
    assert fen(yuan(amount)) == amount == Decimal(yuan(amount)) * 100


@given(st.decimals(0, 10**9, places=1))
def test_one_decimal_is_tenths(amount: Decimal) -> None:
    assert fen(str(amount)) == amount * 100


@given(st.datetimes(datetime(1992, 1, 1), datetime(9990, 1, 1), timezones=st.just(UTC)))
def test_times_make_the_round_trip(moment: datetime) -> None:
    second = moment.replace(microsecond=0)
    assert china_time(china_text(moment)) == second == unix_time(int(second.timestamp()), "due_by")
    assert china_text(moment) == (second + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("衣服有个破洞", "hole"), ("there is a HOLE in the sleeve", "hole"), ("the whole parcel is missing", None),
        ("收到就发霉了，还有污渍", "mould"), ("污渍很大，也发霉", "stain"), ("moldy bread", "mould"), ("倒霉", None),
        ("质量问题：破洞", "hole"), ("屏幕碎了", "other"),
        ("arrived broken", "other"), ("七天无理由", None), ("", None),
        ("oil stains\non the front", "stain"), ("outstanding", None), ("steering", None),
    ],
)  # fmt: skip
def test_the_claim_is_guessed_from_the_words(text: str, kind: str | None) -> None:
    assert guess_claim(text) == kind


@pytest.mark.parametrize(("status", "row"), DISPUTE_STATUSES.items())
def test_only_what_waits_for_us_may_be_answered(
    status: str, row: tuple[RefundStatus, Outcome, Barrier]
) -> None:
    mirror = read_dispute(dispute(status=status))
    assert (mirror.status, mirror.platform_outcome) == row[:2]
    assert mirror.can_refuse == (status in ("needs_response", "warning_needs_response"))
    assert mirror.phase == ("inquiry" if status.startswith("warning_") else "dispute")


@pytest.mark.parametrize(
    ("details", "barrier"),
    [
        (None, "not_fully_read"),
        ({"past_due": True}, "deadline_passed"),
        ({"submission_count": 1}, "already_answered"),
    ],
)
def test_what_stands_against_an_answer(details: dict[str, Any] | None, barrier: Barrier) -> None:
    assert read_dispute(dispute(evidence_details=details)).barriers == (barrier,)


def test_expanded_objects_are_read_by_their_ids() -> None:
    mirror = read_dispute(dispute(charge={"id": "ch_2", "customer": "cus_3"}, payment_intent={"id": "pi_4"}))
    assert (mirror.line_id, mirror.order_id, mirror.buyer_reference) == ("ch_2", "pi_4", "cus_3")


def test_a_refusal_carries_everything_tmall_asks_for() -> None:
    call = refuse(ReportState.ESTABLISHED, read_refund(taobao()), " 图片为AI伪造 ", JPEG, reason_id=5)
    assert call.name == "taobao.refund.refuse"
    assert call.parameters == {
        "refund_id": 171234567890123456, "refuse_message": "图片为AI伪造", "refund_phase": "aftersale",
        "refund_version": 1700000000123, "refuse_reason_id": 5,
    }  # fmt: skip
    proof = call.files["refuse_proof"]
    assert (proof.filename, proof.media_type, proof.data) == (
        "refund-171234567890123456.jpg",
        "image/jpeg",
        JPEG,
    )


def test_taobao_asks_for_less_than_tmall() -> None:
    refund = read_refund(taobao(refund_version=None, refund_phase=None))
    call = refuse(ReportState.FINAL_ESTABLISHED, refund, "ok", None, shop="taobao")
    assert call.parameters == {"refund_id": 171234567890123456, "refuse_message": "ok"} and not call.files


@pytest.mark.parametrize(
    ("changes", "message", "proof", "code"),
    [
        ({}, "x", JPEG, "message_length"), ({}, " x ", JPEG, "message_length"),
        ({}, "x" * 201, JPEG, "message_length"), ({}, "😀" * 101, JPEG, "message_length"),
        ({}, "ok", None, "proof_missing"), ({}, "ok", b"", "proof_missing"), ({}, "ok", WEBP, "proof_format"),
        ({}, "ok", b"%PDF-1.7", "proof_format"), ({}, "ok", JPEG.ljust(130_001, b"\0"), "proof_size"),
        ({"refund_version": None}, "ok", JPEG, "version_missing"),
        ({"refund_phase": None}, "ok", JPEG, "phase_missing"),
        ({"status": "SELLER_REFUSE_BUYER"}, "ok", JPEG, "not_refusable"),
    ],
)  # fmt: skip
def test_a_refusal_the_platform_would_reject_is_not_made(
    changes: dict[str, Any], message: str, proof: bytes | None, code: str
) -> None:
    with pytest.raises(CannotAnswer) as caught:
        refuse(ReportState.ESTABLISHED, read_refund(taobao(**changes)), message, proof)
    assert caught.value.code == code and len(str(caught.value)) > 30


@pytest.mark.parametrize(("start", "length"), [(JPEG, 2), (PNG, 200), (GIF, 100)])
def test_the_bounds_themselves_are_allowed(start: bytes, length: int) -> None:
    proof = start.ljust(130_000, b"\0")
    call = refuse(ReportState.ESTABLISHED, read_refund(taobao()), "破" * length, proof)
    assert (
        len(call.files["refuse_proof"].data) == 130_000 and len(call.parameters["refuse_message"]) == length
    )


@EVERY_STATE
def test_only_established_reports_refuse(state: ReportState) -> None:
    if state in ReportState.for_merchant():
        assert refuse(state, read_refund(taobao()), "ok", JPEG) and answer(
            state, read_dispute(dispute()), "ok", JPEG
        )
        return
    with pytest.raises(CannotAnswer, match="Wait for the decision") as caught:
        refuse(state, read_refund(taobao()), "ok", JPEG)
    assert caught.value.code == "not_established"
    with pytest.raises(CannotAnswer, match="Wait for the decision"):
        answer(state, read_dispute(dispute()), "ok", JPEG)


@EVERY_STATE
def test_every_state_means_something_to_a_platform(state: ReportState) -> None:
    standing, outcome = MEANINGS[state]
    assert (outcome is Outcome.MERCHANT_SUPPORTED) == (state in ReportState.for_merchant())
    assert (outcome is Outcome.BUYER_SUPPORTED) == (state in ReportState.for_buyer())
    assert (standing in (Standing.FINAL, Standing.DROPPED)) == (state in ReportState.terminal())


@EVERY_STATE
def test_every_state_has_its_case_at_taobao(state: ReportState) -> None:
    case = identification_case(state, read_refund(taobao()), "rpt_1", NOW)
    update = json.loads(case.update.parameters["param"])
    assert update == {
        "refund_id": 171234567890123456, "detail_order_id": 2345678901234567891, "outer_case_id": "rpt_1",
        "occur_time": 1795341600, "operate_type": 2 if state in ReportState.terminal() else 1,
        "operate_tips": TIPS[state],
    }  # fmt: skip
    outcome = MEANINGS[state][1]
    assert (case.result is None) == (outcome is Outcome.UNDECIDED)
    assert case.pending == (state in ReportState.undecided() | {ReportState.APPEALED})
    assert case.provisional == (state in (ReportState.ESTABLISHED, ReportState.NOT_ESTABLISHED))
    if case.result is not None:
        result = json.loads(case.result.parameters["param"])
        assert (
            result["result_type"]
            == (3 if outcome is Outcome.MERCHANT_SUPPORTED else 1)
            == RESULT_TYPES[outcome]
        )
        assert result["result_tips"] == TIPS[state] and "operate_type" not in result


@pytest.mark.parametrize(
    ("changes", "case_id", "at"),
    [({"oid": None}, "rpt_1", NOW), ({}, " ", NOW), ({}, "rpt_1", NOW.replace(tzinfo=None))],
)
def test_a_case_needs_its_ids_and_a_zone(changes: dict[str, Any], case_id: str, at: datetime) -> None:
    with pytest.raises(CannotAnswer) as caught:
        identification_case(ReportState.SUBMITTED, read_refund(taobao(**changes)), case_id, at)
    assert caught.value.code == "identifier"


OPEN_STATUSES = {
    ReportState.SUBMITTED: "under_review", ReportState.NEEDS_REVIEW: "under_review",
    ReportState.APPEALED: "under_review", ReportState.ESTABLISHED: "needs_response",
    ReportState.NOT_ESTABLISHED: "needs_response", ReportState.FINAL_ESTABLISHED: "won",
    ReportState.FINAL_NOT_ESTABLISHED: "lost", ReportState.WITHDRAWN: "needs_response",
    ReportState.EXPIRED: "needs_response",
}  # fmt: skip


@EVERY_STATE
def test_every_state_is_some_status_of_a_dispute(state: ReportState) -> None:
    assert status_of(state, read_dispute(dispute())) == OPEN_STATUSES[state]
    assert status_of(state, read_refund(taobao())) == OPEN_STATUSES[state]
    inquiry = status_of(state, read_dispute(dispute(status="warning_needs_response")))
    final = {"won": "warning_closed", "lost": "warning_closed"}
    assert inquiry == final.get(OPEN_STATUSES[state], f"warning_{OPEN_STATUSES[state]}")
    for status in (*DISPUTE_STATUSES, "brand_new"):
        said = status_of(state, read_dispute(dispute(status=status)))
        assert said in get_args(DisputeStatus)
        may_act = status in ("needs_response", "warning_needs_response")
        assert may_act or "needs_response" not in said


@pytest.mark.parametrize(
    ("status", "said"),
    [("won", "won"), ("lost", "lost"), ("prevented", "warning_closed"), ("under_review", "under_review")],
)
def test_a_report_that_came_to_nothing_leaves_the_platforms_word(status: str, said: str) -> None:
    assert status_of(ReportState.EXPIRED, read_dispute(dispute(status=status))) == said


def test_the_evidence_of_a_dispute_is_staged_unless_told_otherwise() -> None:
    refund = replace(read_dispute(dispute()), refund_id="dp_1/../x")
    call = answer(ReportState.ESTABLISHED, refund, "Edited by AI.", JPEG)
    assert call.name == "POST /v1/disputes/dp_1%2F..%2Fx"
    assert call.parameters == {"evidence": {"uncategorized_text": "Edited by AI."}, "submit": False}
    assert call.files["evidence.uncategorized_file"].filename == "dispute-dp_1____x.jpg"
    assert answer(ReportState.ESTABLISHED, refund, "Edited.", PNG, submit=True).parameters["submit"] is True
    for text, proof, code in (("x" * 20_001, JPEG, "message_length"), ("ok", GIF, "proof_format")):
        with pytest.raises(CannotAnswer) as caught:
            answer(ReportState.ESTABLISHED, refund, text, proof)
        assert caught.value.code == code


def test_refunds_do_not_stray_between_platforms() -> None:
    for call in (
        lambda: refuse(ReportState.ESTABLISHED, read_dispute(dispute()), "ok", JPEG),
        lambda: identification_case(ReportState.SUBMITTED, read_dispute(dispute()), "rpt_1", NOW),
        lambda: answer(ReportState.ESTABLISHED, read_refund(taobao()), "ok", JPEG),
    ):
        with pytest.raises(CannotAnswer, match="use that platform's adapter") as caught:
            call()
        assert caught.value.code == "wrong_platform"


def test_every_platform_and_barrier_is_listed() -> None:
    assert set(READERS) == set(get_args(Platform)) and set(BARRIERS) == set(get_args(Barrier))
    assert issubclass(PlatformError, ValueError)


def test_adapters_can_reach_nothing_outside() -> None:
    """Neither the network nor files nor the clock: they import only what maps."""
    allowed = {
        "__future__", "collections", "dataclasses", "datetime", "enum", "json", "re", "refundlens", "types",
        "typing", "urllib",
    }  # fmt: skip
    inner = (
        "refundlens.serving.platforms",
        "refundlens.serving.workflow.states",
        "refundlens.model.names",
        "refundlens.model.photo.formats",
        "urllib.parse",
    )
    for path in Path(platforms.__path__[0]).glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                root = name.split(".")[0]
                assert root in allowed and (root not in ("refundlens", "urllib") or name.startswith(inner)), (
                    name
                )
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert called not in ("open", "datetime.now", "Path", "print") and "utcnow" not in called, path


DOCS = Path(__file__).parents[3] / "docs" / "platforms.md"


@pytest.mark.parametrize(
    "words",
    [
        [*STATUSES], [*(f"`{number}`" for number in CS_STATUSES)], [*TOPICS], [*DISPUTE_STATUSES], [*BARRIERS],
        [*ReportState], [*RefundMirror.__dataclass_fields__],
    ],
)  # fmt: skip
def test_the_page_speaks_of_every_word(words: list[str]) -> None:
    page = DOCS.read_text(encoding="utf-8")
    assert [word for word in words if word not in page] == []
