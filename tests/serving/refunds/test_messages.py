"""POST /v1/platforms/{name}/refunds: a platform's own message becomes a refund; who names the buyer."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.buyers import erasure
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.roles import SYSTEM
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Refund
from refundlens.serving.workflow.suppliers import has_known_buyer

pytestmark = pytest.mark.slow

KEYS = "platform:taobao:key-taobao,platform:stripe_like:key-stripe,merchant:shop-1:key-shop-1,adjudicator:ann:key-ann"
TAOBAO: dict[str, Any] = {
    "refund_id": "9911223344",
    "status": "WAIT_SELLER_AGREE",
    "refund_fee": "128.00",
    "refund_version": 7,
    "refund_phase": "aftersale",
    "dispute_type": "REFUND",
    "cs_status": 1,
    "num_iid": 610938472615,
    "title": "纯棉T恤",
    "seller_nick": "shop-1",
    "buyer_open_uid": "ouid-1",
    "reason": "质量问题",
    "desc": "袖口有个破洞",
    "refund_remind_timeout": {"exist_timeout": True, "timeout": "2026-11-24 16:00:00"},
}
DISPUTE: dict[str, Any] = {
    "object": "dispute",
    "id": "dp_1",
    "status": "needs_response",
    "amount": 12800,
    "currency": "usd",
    "reason": "product_unacceptable",
    "charge": {"id": "ch_1", "customer": "cus_1"},
    "evidence_details": {"due_by": 1795680000},
}


@pytest.fixture
def market(settings: Settings, detector: Detector, moving_clock: Any) -> FastAPI:
    """A marketplace: nobody's own installation."""
    given = settings.model_dump() | {"api_keys": KEYS, "single_merchant": False}
    return create_app(Settings(**given), detector, moving_clock)


@pytest.fixture
def send(market: FastAPI) -> Iterator[Callable[..., Any]]:
    """Sends a platform's message as a caller: `send("taobao", message, key=…)`."""
    counted = iter(range(1000))
    with TestClient(market) as client:

        def sent(name: str, message: Any, by: str = "taobao", key: str | None = None) -> Any:
            headers = {
                "Authorization": f"Bearer key-{by}",
                "Idempotency-Key": key or f"message-{next(counted)}",
            }
            return client.post(f"/v1/platforms/{name}/refunds", json=message, headers=headers)

        yield sent


def _added(photo: bytes, **more: Any) -> dict[str, Any]:
    images = {"refund": [{"name": "a.jpg", "data": base64.b64encode(photo).decode()}]}
    return {"refundlens": {"images": images, **more}}


def _row(app: FastAPI, refund_id: str) -> Refund:
    with app.state.database.reading() as session:
        found: Refund = session.execute(select(Refund).where(Refund.refund_id == refund_id)).scalar_one()
        return found


def test_a_refund_of_taobao_as_it_came(send: Any, photo: Any) -> None:
    made = send("taobao", TAOBAO | _added(photo()))
    assert made.status_code == 201, made.text
    said = made.json()
    assert (said["refund_id"], said["account"], said["platform"]) == ("9911223344", "shop-1", "taobao")
    assert said["amount"] == {"value": 12800, "currency": "CNY"}
    assert said["claim"] == {"type": "hole", "text": "质量问题\n袖口有个破洞"}
    assert said["product"] == {"id": "610938472615", "title": "纯棉T恤"}
    assert said["deadline_at"] == "2026-11-24T08:00:00.000Z"
    assert said["images"][0]["supplied_by"] == "platform"
    assert said["reading"] == {
        "raw_status": "WAIT_SELLER_AGREE", "partial": False, "barriers": [], "unknown": []
    }  # fmt: skip
    assert made.headers["ETag"] == '"1"'


def test_as_taobaos_own_api_answers_it(send: Any) -> None:
    assert send("taobao", {"refund_get_response": {"refund": TAOBAO}}).status_code == 201


def test_the_same_again_changes_nothing_and_a_replay_is_told(send: Any) -> None:
    first = send("taobao", TAOBAO, key="once")
    again = send("taobao", TAOBAO)
    assert (again.status_code, again.json()["version"]) == (200, 1)
    replay = send("taobao", TAOBAO, key="once")
    assert (replay.status_code, replay.json()) == (201, first.json())
    assert replay.headers["Idempotent-Replayed"] == "true"
    assert send("taobao", TAOBAO | {"desc": "x"}, key="once").json()["code"] == "idempotency_mismatch"


def test_a_key_is_needed(market: FastAPI) -> None:
    client = TestClient(market, headers={"Authorization": "Bearer key-taobao"})
    answer = client.post("/v1/platforms/taobao/refunds", json=TAOBAO)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


def test_a_message_that_says_what_changed_leaves_the_rest(send: Any) -> None:
    closed = {"topic": "taobao_refund_RefundClosed", "content": '{"refund_id": 9911223344}'}
    unknown = send("taobao", closed)
    assert (unknown.status_code, unknown.json()["code"]) == (409, "refund_unknown")
    before = send("taobao", TAOBAO).json()
    after = send("taobao", closed)
    assert after.status_code == 200, after.text
    kept = {
        name: before[name]
        for name in ("amount", "product", "buyer", "claim", "deadline_at", "platform_version")
    }
    assert {name: after.json()[name] for name in kept} == kept
    assert after.json()["status"] == "closed" and after.json()["reading"]["partial"]


def test_an_event_of_stripes(send: Any) -> None:
    event = {"object": "event", "type": "charge.dispute.created", "data": {"object": DISPUTE}}
    nobody = send("stripe_like", event, by="stripe")
    assert (nobody.status_code, nobody.json()["code"]) == (422, "account_missing")
    made = send("stripe_like", event | {"refundlens": {"account": "shop-1"}}, by="stripe")
    assert made.status_code == 201, made.text
    assert (made.json()["refund_id"], made.json()["platform"]) == ("dp_1", "stripe_like")


def test_a_title_is_kept_as_far_as_it_can_be(send: Any) -> None:
    """It is no reason to refuse a platform's refund."""
    long = TAOBAO | {"title": f"纯棉\tT恤\r\n{'x' * 300}\x07", "num_iid": "9" * 120}
    said = send("taobao", long).json()["product"]
    assert said == {"id": "9" * 100, "title": f"纯棉 T恤 {'x' * 300}"[:255]}


def test_a_refund_from_before_gets_its_product_from_the_same_message(send: Any) -> None:
    """What an older version mirrored is known in this version of the platform's, without a product."""
    before = {name: value for name, value in TAOBAO.items() if name not in ("num_iid", "title")}
    assert send("taobao", before).json()["product"] is None
    named = send("taobao", TAOBAO)
    assert (named.status_code, named.json()["product"]) == (200, {"id": "610938472615", "title": "纯棉T恤"})
    other = send("taobao", TAOBAO | {"title": "another"})
    assert (other.status_code, other.json()["code"]) == (409, "version_reused")


def test_a_number_alone_takes_its_name_not_away(send: Any) -> None:
    send("taobao", TAOBAO)
    short = {name: value for name, value in TAOBAO.items() if name != "title"} | {"refund_version": 8}
    assert send("taobao", short).json()["product"] == {"id": "610938472615", "title": "纯棉T恤"}
    other = short | {"refund_version": 9, "num_iid": 7}
    assert send("taobao", other).json()["product"] == {"id": "7", "title": None}


def test_a_description_alone_takes_no_number_away(send: Any) -> None:
    described = DISPUTE | {"evidence": {"product_description": "Cotton T-shirt"}}
    added: dict[str, Any] = {"account": "shop-1"}
    assert send("stripe_like", described | {"refundlens": added}, by="stripe").json()["product"] == {
        "id": None, "title": "Cotton T-shirt",
    }  # fmt: skip
    coded = added | {"product": {"id": "TS-0117"}}
    told = send("stripe_like", described | {"refundlens": coded}, by="stripe").json()["product"]
    assert told == {"id": "TS-0117", "title": None}
    assert send("stripe_like", described | {"refundlens": added}, by="stripe").json()["product"] == told


def test_what_somebody_set_is_kept_and_a_guess_is_not(send: Any) -> None:
    assert send("taobao", TAOBAO).json()["claim"]["type"] == "hole"
    stained = TAOBAO | {"desc": "有污渍", "refund_version": 8}
    assert send("taobao", stained).json()["claim"]["type"] == "stain"
    set_by_hand = stained | {"refund_version": 9, "refundlens": {"claim_type": "mould"}}
    assert send("taobao", set_by_hand).json()["claim"]["type"] == "mould"
    assert send("taobao", stained | {"refund_version": 10}).json()["claim"]["type"] == "mould"


@pytest.mark.parametrize(
    ("name", "message", "by", "status", "code"),
    [
        ("nobody", TAOBAO, "shop-1", 404, "not_found"),
        ("stripe_like", DISPUTE, "taobao", 403, "forbidden"),
        ("taobao", TAOBAO, "ann", 403, "forbidden"),
        ("taobao", {"status": "CLOSED"}, "taobao", 422, "missing_field"),
        ("taobao", TAOBAO | {"refund_fee": 128.0}, "taobao", 422, "malformed_field"),
        ("taobao", {"topic": "taobao_trade_TradeCreate", "content": "{}"}, "taobao", 422, "wrong_object"),
        ("taobao", {"refund_id": {"$gt": ""}}, "taobao", 422, "missing_field"),
        ("taobao", [], "taobao", 422, "invalid_request"),
        ("stripe_like", DISPUTE | {"id": "a/b"}, "shop-1", 422, "malformed_field"),
        ("taobao", TAOBAO | {"refundlens": {"colour": 1}}, "taobao", 422, "invalid_request"),
    ],
)
def test_what_cannot_be_mirrored_is_refused(
    send: Any, name: str, message: Any, by: str, status: int, code: str
) -> None:
    answer = send(name, message, by=by)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_a_merchants_message_is_of_its_shop_and_its_photo_its_own(send: Any, photo: Any) -> None:
    made = send("taobao", TAOBAO | {"seller_nick": "shop-2"} | _added(photo()), by="shop-1").json()
    assert (made["account"], made["images"][0]["supplied_by"]) == ("shop-1", "merchant")


def test_a_masked_name_is_nobody_until_the_platform_names_somebody(send: Any, market: FastAPI) -> None:
    masked = {name: value for name, value in TAOBAO.items() if name != "buyer_open_uid"} | {
        "buyer_nick": "t**8"
    }
    assert send("taobao", masked).json()["buyer"] is None
    assert not has_known_buyer(market.state.settings, _row(market, "9911223344"))
    by_shop = send("taobao", masked | {"refundlens": {"buyer": "victim"}}, by="shop-1")
    assert (by_shop.status_code, by_shop.json()["code"]) == (409, "buyer_differs"), "not for the shop to say"
    named = send("taobao", TAOBAO)
    assert named.status_code == 200 and named.json()["buyer"].startswith("buyer:")
    assert has_known_buyer(market.state.settings, _row(market, "9911223344"))
    assert send("taobao", masked).json()["buyer"] == named.json()["buyer"], "silence takes nobody's name away"


def test_the_platforms_word_for_the_buyer_stands_above_the_shops(send: Any, market: FastAPI) -> None:
    """Who squats a number under a victim's name gains nothing: the platform's next message puts it right."""
    framed = send("taobao", TAOBAO | {"buyer_open_uid": "victim"}, by="shop-1").json()
    assert not has_known_buyer(market.state.settings, _row(market, "9911223344"))
    righted = send("taobao", TAOBAO)
    assert righted.status_code == 200 and righted.json()["buyer"] != framed["buyer"]
    assert (
        send("taobao", TAOBAO | {"buyer_open_uid": "victim"}, by="shop-1").json()["code"] == "buyer_differs"
    )


def test_an_erased_buyer_is_named_by_nobody_again(send: Any, market: FastAPI, moving_clock: Any) -> None:
    closed = TAOBAO | {"status": "CLOSED"}
    hashed = send("taobao", closed).json()["buyer"].removeprefix("buyer:")
    state = market.state
    with state.database.transaction() as session:
        erasure.erase(session, state.files, DEFAULT, hashed, SYSTEM, moving_clock())
    assert send("taobao", closed).json()["code"] == "buyer_differs"
