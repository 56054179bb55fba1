"""A refund's number belongs to a shop and its platform; a platform's signature makes a photo the platform's; a mirror
can be taken back."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from sqlalchemy import select

from refundlens.serving.buyers import integrity
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.clock import utc_now
from refundlens.serving.refunds.signed_photos import SETTING, statement
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import AuditEvent, IntegrityEntry, Refund, Report, Tenant
from refundlens.serving.workflow.states import ReportState
from tests.support.desk import Desk

pytestmark = pytest.mark.slow


@pytest.fixture
def signing(workflow_app: FastAPI) -> Ed25519PrivateKey:
    """Taobao's key, known to the tenant."""
    key = Ed25519PrivateKey.generate()
    with workflow_app.state.database.transaction() as session:
        public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
        session.get_one(Tenant, DEFAULT).settings = {SETTING: {"taobao": public}}
    return key


def _signed(key: Ed25519PrivateKey, photo: bytes, **changed: str) -> dict[str, str]:
    said = {"platform": "taobao", "account": "shop-1", "refund_id": "r1", "buyer": "buyer-1"}
    said |= {"sha256": hashlib.sha256(photo).hexdigest()} | changed
    signature = key.sign(statement(**said))
    return {"data": base64.b64encode(photo).decode(), "signature": base64.b64encode(signature).decode()}


def _body(story: Any, photo: bytes, **more: Any) -> dict[str, Any]:
    return dict(story.refund(photo, **more))


def test_two_shops_have_the_same_number_and_neither_takes_it(as_caller: Any, story: Any, photo: Any) -> None:
    one, two = as_caller("shop-1"), as_caller("shop-2")
    assert two.put("/v1/refunds/r1", json=_body(story, photo(), buyer="x")).status_code == 201
    mine = one.put("/v1/refunds/r1", json=_body(story, photo()))
    assert (mine.status_code, mine.json()["account"]) == (201, "shop-1")
    assert two.get("/v1/refunds/r1").json()["account"] == "shop-2"
    which = as_caller("ann").get("/v1/refunds/r1")
    assert (which.status_code, which.json()["code"]) == (409, "ambiguous_refund")
    assert as_caller("ann").get("/v1/refunds/r1?account=shop-1").json()["account"] == "shop-1"


def test_one_shop_sells_on_two_platforms(as_caller: Any, story: Any, photo: Any) -> None:
    shop = as_caller("shop-1")
    for platform in ("taobao", "elsewhere"):
        made = shop.put("/v1/refunds/r1", json=_body(story, photo(), platform=platform))
        assert (made.status_code, made.json()["platform"]) == (201, platform)
    assert shop.get("/v1/refunds/r1").json()["code"] == "ambiguous_refund"
    here = shop.get("/v1/refunds/r1?platform=taobao").json()
    asked = {"refund_id": "r1", "image": here["images"][0]["id"]}
    assert shop.post("/v1/reports", json=asked).status_code == 409
    assert shop.post("/v1/reports", json=asked | {"platform": "taobao"}).status_code == 201


def test_whatever_takes_a_number_says_when_it_means_several(as_caller: Any, story: Any, photo: Any) -> None:
    """The API: 409, until shop and platform are named; the console asks which one."""
    shop = as_caller("shop-1")
    first, second = (
        shop.put("/v1/refunds/r1", json=_body(story, photo(red=red), platform=name)).json()["images"][0]["id"]
        for name, red in (("taobao", False), ("elsewhere", True))
    )
    for image, name in ((first, "taobao"), (second, "elsewhere")):
        asked = {"refund_id": "r1", "image": image, "platform": name}
        assert shop.post("/v1/reports", json=asked).status_code == 201
    listed = shop.get("/v1/reports?refund_id=r1")
    assert (listed.status_code, listed.json()["code"]) == (409, "ambiguous_refund")
    [only] = shop.get("/v1/reports?refund_id=r1&platform=taobao").json()["items"]
    assert only["image"]["id"] == first
    complaint = {"refund_id": "r1", "kind": "abuse", "text": "Again."}
    assert shop.post("/v1/complaints", json=complaint).json()["code"] == "ambiguous_refund"
    assert shop.post("/v1/complaints", json=complaint | {"platform": "elsewhere"}).status_code == 201
    root = as_caller("root")
    assert root.post("/v1/refunds/r1/void", json={"reason": "x"}).json()["code"] == "ambiguous_refund"


def test_the_console_asks_which_refund_is_meant(
    workflow_app: FastAPI, as_caller: Any, story: Any, photo: Any
) -> None:
    shop = as_caller("shop-1")
    for name in ("taobao", "elsewhere"):
        shop.put("/v1/refunds/r1", json=_body(story, photo(), platform=name, buyer=name))
    desk = Desk(workflow_app, "shop-1")
    asked = desk.get("/refunds/r1")
    assert asked.status_code == 200 and "Which one do you mean?" in asked.text
    address = "/refunds/r1?account=shop-1&platform=taobao"
    assert address.replace("&", "&amp;") in asked.text
    page = desk.get(address)
    sent = desk.send(page, "/refunds/r1/complaints", kind="abuse", text="Again.")
    assert sent.status_code == 303 and "platform=taobao" in sent.headers["location"]
    assert desk.send(page, "/refunds/reports").headers["location"].startswith("/reports/rpt_")
    office = Desk(workflow_app, "root")
    found = office.send(office.get("/admin/buyers"), "/admin/buyers/find", reference="r1")
    assert found.status_code == 409, "whose record is opened, or erased, is not left to chance"


def test_a_refund_whose_platform_is_named_later_stays_one(as_caller: Any, story: Any, photo: Any) -> None:
    shop = as_caller("shop-1")
    shop.put("/v1/refunds/r1", json=_body(story, photo()))
    named = shop.put("/v1/refunds/r1", json=_body(story, photo(), platform="taobao"))
    assert (named.status_code, named.json()["platform"]) == (200, "taobao")
    assert shop.put("/v1/refunds/r1", json=_body(story, photo())).json()["platform"] == "taobao"


def test_a_signed_photo_is_the_platforms(as_caller: Any, story: Any, photo: Any, signing: Any) -> None:
    body = _body(story, photo(), platform="taobao") | {"images": {"refund": [_signed(signing, photo())]}}
    made = as_caller("shop-1").put("/v1/refunds/r1", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["images"][0]["supplied_by"] == "platform"


@pytest.mark.parametrize(
    "changed",
    [
        {"account": "shop-2"},
        {"refund_id": "r2"},
        {"buyer": "guilty"},
        {"platform": "other"},
        {"sha256": "0" * 64},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_signature_for_anything_else_is_refused(
    as_caller: Any, story: Any, photo: Any, signing: Any, changed: dict[str, str]
) -> None:
    images = {"refund": [_signed(signing, photo(), **changed)]}
    answer = as_caller("shop-1").put(
        "/v1/refunds/r1", json=_body(story, photo(), platform="taobao") | {"images": images}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_signature")
    assert as_caller("shop-1").get("/v1/refunds/r1").status_code == 404, "nothing was mirrored"


def test_a_signature_of_nobodys_is_refused(as_caller: Any, story: Any, photo: Any, signing: Any) -> None:
    own = {"refund": [_signed(Ed25519PrivateKey.generate(), photo())]}
    body = _body(story, photo(), platform="taobao") | {"images": own}
    assert as_caller("shop-1").put("/v1/refunds/r1", json=body).json()["code"] == "wrong_signature"
    unknown = as_caller("shop-1").put("/v1/refunds/r1", json=body | {"platform": "elsewhere"})
    assert unknown.json()["code"] == "platform_key_missing"


def test_an_administrator_takes_a_mirror_back(
    as_caller: Any, story: Any, photo: Any, workflow_app: FastAPI, moving_clock: Any
) -> None:
    """The number was squatted under the wrong buyer, and a report had already reached the record."""
    shop, root = as_caller("shop-1"), as_caller("root")
    wrong = shop.put("/v1/refunds/r1", json=_body(story, photo(), buyer="victim")).json()
    report = shop.post("/v1/reports", json={"refund_id": "r1", "image": wrong["images"][0]["id"]}).json()[
        "id"
    ]
    state = workflow_app.state
    with state.database.transaction() as session:
        row = session.get_one(Report, report)
        refund = session.get_one(Refund, row.refund_id)
        integrity.enter_final(session, row, refund, moving_clock(), Settings())
        row.state, row.live = ReportState.FINAL_ESTABLISHED.value, None
    assert shop.post("/v1/refunds/r1/void", json={"reason": "mine"}).status_code == 403
    voided = root.post("/v1/refunds/r1/void", json={"reason": "squatted"})
    assert (voided.status_code, voided.json()["voided"], voided.json()["status"]) == (200, True, "closed")
    assert root.post("/v1/refunds/r1/void", json={"reason": "again"}).status_code == 404
    record = as_caller("ann").get("/v1/buyers/victim/integrity").json()
    assert record["score"] == 100
    again = shop.put("/v1/refunds/r1", json=_body(story, photo(), buyer="real"))
    assert again.status_code == 201, "its number is free"
    with state.database.reading() as session:
        [line] = session.execute(select(AuditEvent).where(AuditEvent.action == "refund.voided")).scalars()
        assert (line.actor, line.role) == ("root", "admin")
        kinds = session.execute(select(IntegrityEntry.kind).order_by(IntegrityEntry.id)).scalars().all()
        assert sorted(kinds) == ["final", "reversed"], "compensated, not deleted"


def test_a_voided_mirror_expires_what_is_undecided_and_says_so_to_nobody_else(
    as_caller: Any, story: Any, photo: Any
) -> None:
    shop, root = as_caller("shop-1"), as_caller("root")
    image = shop.put("/v1/refunds/r1", json=_body(story, photo())).json()["images"][0]["id"]
    report = shop.post("/v1/reports", json={"refund_id": "r1", "image": image}).json()["id"]
    assert root.post("/v1/refunds/r1/void", json={"reason": "wrong shop"}).status_code == 200
    assert shop.get(f"/v1/reports/{report}").json()["state"] == "expired"


def test_a_platforms_key_speaks_for_its_platform_only(
    settings: Settings, detector: Any, story: Any, photo: Callable[..., bytes]
) -> None:
    from starlette.testclient import TestClient

    from refundlens.serving.app import create_app

    keys = "platform:taobao:key-taobao,platform:other:key-other"
    app = create_app(Settings(**(settings.model_dump() | {"api_keys": keys})), detector, utc_now)
    body = _body(story, photo(), account="shop-1")
    taobao, other = (
        TestClient(app, headers={"Authorization": f"Bearer key-{name}"}) for name in ("taobao", "other")
    )
    made = taobao.put("/v1/refunds/r1", json=body)
    assert (made.status_code, made.json()["platform"]) == (201, "taobao")
    assert taobao.put("/v1/refunds/r1", json=body | {"platform": "other"}).status_code == 403
    assert other.get("/v1/refunds/r1").status_code == 404
    assert other.get(f"/v1/images/{made.json()['images'][0]['id']}").status_code == 404
    assert other.put("/v1/refunds/r1", json=body).status_code == 201, "a number of its own"


NOT_A_PLATFORMS = (
    ("GET", "/v1/reports"), ("POST", "/v1/reports"), ("POST", "/v1/reports/{report}/decision"),
    ("POST", "/v1/reports/{report}/withdraw"), ("POST", "/v1/reports/{report}/appeals"),
    ("POST", "/v1/reports/{report}/refusal"), ("POST", "/v1/refunds/r1/void"), ("POST", "/v1/detect"),
    ("GET", "/v1/buyers/buyer-1/integrity"), ("GET", "/v1/models"), ("POST", "/v1/labels"),
    ("GET", "/v1/webhook-endpoints"), ("POST", "/v1/webhook-endpoints"), ("GET", "/v1/reports/{report}/evidence.json"),
)  # fmt: skip


def test_a_platforms_key_mirrors_and_does_nothing_else(
    settings: Settings, detector: Any, story: Any, photo: Callable[..., bytes]
) -> None:
    """Who can say whose photo it is neither accuses anybody with it nor judges it."""
    from starlette.testclient import TestClient

    from refundlens.serving.app import create_app

    keys = "platform:taobao:key-taobao,merchant:shop-1:key-shop-1"
    app = create_app(Settings(**(settings.model_dump() | {"api_keys": keys})), detector, utc_now)
    with TestClient(app) as client:
        taobao, shop = ({"Authorization": f"Bearer key-{name}"} for name in ("taobao", "shop-1"))
        body = _body(story, photo(), account="shop-1")
        [image] = client.put("/v1/refunds/r1", json=body, headers=taobao).json()["images"]
        asked = {"refund_id": "r1", "image": image["id"]}
        report = client.post("/v1/reports", json=asked, headers=shop | {"Idempotency-Key": "1"}).json()["id"]
        for number, (method, path) in enumerate(NOT_A_PLATFORMS):
            headers = taobao | {"Idempotency-Key": f"k{number}", "If-Match": "*"}
            sent = asked | {
                "decision": "established",
                "reason_code": "edit_visible",
                "reason": "x",
                "url": "https://a.b",
            }
            answer = client.request(
                method, path.format(report=report), json=sent if method == "POST" else None, headers=headers
            )
            assert answer.status_code in (403, 404), (method, path, answer.status_code, answer.text)


def test_a_signature_that_comes_again_changes_nothing(
    as_caller: Any, story: Any, photo: Any, signing: Any
) -> None:
    """Neither does it lend its word to another photo, refund, buyer, shop or place in the refund."""
    shop, signed = as_caller("shop-1"), _signed(signing, photo())
    body = _body(story, photo(), platform="taobao") | {"images": {"refund": [signed]}}
    [first] = shop.put("/v1/refunds/r1", json=body).json()["images"]
    [again] = shop.put("/v1/refunds/r1", json=body).json()["images"]
    assert again == first, "one photo, however often it is signed"
    other = signed | {"data": base64.b64encode(photo(quality=50)).decode()}
    for path, changed in (
        ("/v1/refunds/r1", {"images": {"refund": [other]}}),
        ("/v1/refunds/r2", {}),
        ("/v1/refunds/r1", {"buyer": "guilty"}),
    ):
        refused = shop.put(path, json=body | changed)
        assert (refused.status_code, refused.json()["code"]) == (422, "wrong_signature"), (path, changed)
    moved = as_caller("shop-2").put("/v1/refunds/r1", json=body)
    assert moved.json()["code"] == "wrong_signature"
    shown = shop.get("/v1/refunds/r1").json()
    assert shown["images"] == [first]
