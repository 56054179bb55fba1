"""What people do less often, played in a browser: the company's login, notices and their test messages, a decision for
several photos, a complaint and its answer, an appeal and its words, the erasure of a buyer.
"""

import re
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from refundlens.serving.identity import keys, passwords
from refundlens.serving.identity.keys import NewKeyRequest
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.clock import utc_now
from refundlens.serving.kit.roles import SYSTEM, Role
from refundlens.serving.reports.held import UNDO
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Report
from tests.support.browser import NEEDED, Person, expect
from tests.support.openid import openid_provider
from tests.support.receivers import MailServer, Robot

pytestmark = [*NEEDED, pytest.mark.parametrize("way", ["zh, phone", "en, desktop"])]
ADDRESS = "ann@shop.example.com"
OTHER_WAY = {"zh, phone": "en, desktop", "en, desktop": "zh, phone"}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    pytest.importorskip("oidc_provider_mock")
    with openid_provider(
        {"sub": "ann", "email": ADDRESS, "email_verified": True},
        {"sub": "who", "email": "who@shop.example.com", "email_verified": True},
    ) as issuer:
        yield issuer


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.controller.stop()


@pytest.fixture
def robot() -> Iterator[Robot]:
    chat = Robot()
    yield chat
    chat.server.shutdown()


@pytest.fixture
def live_settings(live_settings: Settings, provider: str, mail: MailServer) -> Settings:
    more = {"oidc_issuer": provider, "oidc_client_id": "lens", "oidc_client_secret": "s",
            "smtp_url": mail.url, "mail_from": "lens@shop.example.com"}  # fmt: skip
    return Settings(**live_settings.model_dump() | more)


def _report(shop: Any, story: ModuleType, number: str, *photos: bytes) -> list[str]:
    """Ids of the reports of a refund's photos."""
    pictures = [story.refund(photo)["images"]["refund"][0] for photo in photos]
    made = shop.put(f"/v1/refunds/{number}", story.refund(photos[0]) | {"images": {"refund": pictures}})
    asked = {"refund_id": number, "image": [one["id"] for one in made["images"]]}
    return [one["id"] for one in shop.post("/v1/reports", asked, Prefer="wait=20")["items"]]


def _decide(judge: Person, code: str, decision: str) -> None:
    judge.page.locator(f"[name=reason_code][value={code}]").check()
    judge.press(f"button[name=decision][value={decision}]")


def _take_effect(live: Any, story: ModuleType, shop: Any, report: str, state: str) -> None:
    live.clock.now += UNDO
    story.until("effect", lambda: shop.get(f"/v1/reports/{report}")["state"] == state)


def test_the_company_s_login_leads_back_to_where_one_was(person: Callable[[], Person], live: Any) -> None:
    with live.app.state.database.transaction() as session:
        made = keys.create_key(session, DEFAULT, utc_now(), SYSTEM, NewKeyRequest(Role.ADJUDICATOR, "ann2"))
        passwords.set_login(session, made.row.id, ADDRESS, utc_now(), SYSTEM, DEFAULT)
    someone = person()
    page, words = someone.page, someone.words("page")
    someone.open("/login?next=/queue/mine")
    for sub, told in (("", words["openid_failed"]), ("who", words["openid_nobody"])):
        page.locator("a.go").click()
        live.clock.now = utc_now()
        if sub:
            page.fill("input[name=sub]", sub)
        page.get_by_role("button", name="Authorize" if sub else "Deny").click()
        expect(page.locator("[role=alert]")).to_have_text(told)
        assert page.locator("[name=next]").first.input_value() == "/queue/mine"
    page.locator("a.go").click()
    live.clock.now = utc_now()
    page.fill("input[name=sub]", "ann")
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url("**/queue/mine")
    expect(page.locator("header")).to_contain_text("ann2")
    assert someone.troubles == []


def test_notices_are_tested_before_they_are_needed(
    person: Callable[[], Person], live: Any, mail: MailServer, robot: Robot
) -> None:
    merchant = person()
    page, words = merchant.page, merchant.words("notifications")
    merchant.log_in(live.key("shop-1"), "/notifications")
    targets = {"email": ADDRESS} | dict.fromkeys(("dingtalk", "feishu", "wecom", "slack"), robot.url)
    for kind, address in targets.items():
        page.select_option("#kind", kind)
        page.fill("#address", f"{address}&of={kind}" if kind != "email" else address)
        merchant.press("form[action='/notifications/new'] > button")
    tags = page.locator("h2 .tag")
    expect(tags).to_have_text([words["untried"]] * len(targets))
    assert page.locator("h2 .tag.authentic").count() == 0, "green is what works"
    robot.answer = '{"errcode":0,"code":0}'
    for number in range(len(targets)):
        merchant.press(f"form[action$='/test'] button >> nth={number}")
        merchant.says(words["tried"])
    for _ in range(200):
        if len(robot.got) == len(targets) - 1 and mail.got:
            break
        time.sleep(0.1)
    expected = "测试" if merchant.language == "zh" else "Test"
    assert all(expected in str(body) for _, body in robot.got) and expected in mail.got[0]["Subject"]
    assert {path.rpartition("=")[2] if "sign" not in path else path for path, _ in robot.got} >= {
        "slack",
        "wecom",
    }
    for _ in range(100):
        page.reload()
        if tags.all_inner_texts() == [words["works"]] * len(targets):
            break
        time.sleep(0.2)
    expect(tags).to_have_text([words["works"]] * len(targets))

    page.select_option("#kind", "slack")
    page.fill("#address", "no address")
    merchant.press("form[action='/notifications/new'] > button")
    expect(page.locator("#failure")).to_have_text(words["problems"]["webhook_url_refused"])
    merchant.open("/notifications")  # what was typed is a draft now, with what was chosen
    assert page.input_value("#address") == "no address" and page.input_value("#kind") == "slack"
    assert merchant.troubles == []


def test_a_decision_for_several_photos_names_what_changed_and_is_undone_with_its_ticks(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shop = story.Caller(live.base, live.key("shop-1"))
    contents = (photo("GIF", size=(320, 200 + number)) for number in range(3))
    first, ticked, changed = _report(shop, story, "several-1", *contents)
    judge = person()
    page, words = judge.page, judge.words("queue")
    judge.log_in(live.key("ann"), f"/queue/{first}")
    boxes = {one: page.locator(f"[name=also][value={one}]") for one in (ticked, changed)}
    for box in boxes.values():
        box.check()
        frame, picture = box.bounding_box(), box.locator("+ img").bounding_box()
        assert frame["x"] + frame["width"] <= picture["x"], "the box covers no photo"
    page.fill("#reason", "Both are drawn.")
    with live.app.state.database.transaction() as session:
        session.get_one(Report, changed).version += 1
    _decide(judge, "edit_visible", "established")
    failure = page.locator("#failure")
    expect(failure).to_contain_text(words["problems"]["not_together"])
    expect(failure.locator("li")).to_have_count(1)
    expect(failure.locator("li")).to_contain_text(words["refused"]["changed_meanwhile"])
    assert (
        all(box.is_checked() for box in boxes.values()) and page.input_value("#reason") == "Both are drawn."
    )
    live.clock.now = utc_now() + 30 * UNDO  # the browser's goes on, and here slowly
    judge.press("button[name=decision][value=established]")
    judge.press(".undo button")
    judge.says(words["problems"]["undone"])
    assert (
        all(box.is_checked() for box in boxes.values()) and page.input_value("#reason") == "Both are drawn."
    )
    judge.press("button[name=decision][value=established]")
    for one in (first, ticked, changed):
        _take_effect(live, story, shop, one, "established")
    assert judge.troubles == []


def test_words_of_a_decision_are_in_the_reader_s_language_and_apart_from_the_detector_s(
    people: Callable[[str], Person], live: Any, story: ModuleType, photo: Callable[..., bytes], way: str
) -> None:
    shop, ann = story.Caller(live.base, live.key("shop-1")), story.Caller(live.base, live.key("ann"))
    (report,) = _report(shop, story, "words-1", photo("GIF"))
    judge, buyer, merchant = people(OTHER_WAY[way]), people(way), people(way)
    page, words = buyer.page, buyer.words("track")
    judge.log_in(live.key("ann"), f"/queue/{report}")
    hints = judge.page.locator(".by-keyboard")
    expect(hints).to_be_hidden() if "phone" in judge.way else expect(hints).to_be_visible()
    _decide(judge, "edit_visible", "established")
    _take_effect(live, story, shop, report, "established")
    buyer.open(ann.get(f"/v1/reports/{report}")["track_urls"]["buyer"])
    standard = buyer.words("queue")["sentences"]["edit_visible"]
    expect(page.locator(".quoted")).to_have_text([standard])
    buyer.says(words["why_person"])
    buyer.says(words["waiting_until"]["established"])
    bound = re.escape(words["bound"]).replace(r"\{bound\}", ".*")
    expect(page.locator("main")).not_to_contain_text(re.compile(bound))  # a person decided, not the detector
    page.fill("textarea[name=grounds]", "It is a real hole.")
    buyer.press("form[action$='/appeal'] button")
    appeal = ann.get("/v1/appeals")["items"][0]["id"]
    other = people(OTHER_WAY[way])
    other.log_in(live.key("bob"), f"/appeals/{appeal}")
    _decide(other, "real_damage_shown", "overturn")
    _take_effect(live, story, shop, report, "final_not_established")
    page.reload()
    merchant.log_in(live.key("shop-1"), f"/reports/{report}")
    turn, decided = buyer.words("page")["decided_in_turn"], buyer.words("page")["decided_as"]
    said = [turn["at_first"].format(what=decided["established"]),
            turn["after_appeal"].format(what=decided["not_established"])]  # fmt: skip
    for reader in (page, merchant.page):
        lines = reader.locator("ul > li.quoted").all_inner_texts()
        assert [line[: len(words)] for line, words in zip(lines, said, strict=True)] == said
    assert judge.troubles == buyer.troubles == merchant.troubles == []


def test_a_complaint_is_answered_and_the_merchant_reads_it(
    people: Callable[[str], Person], live: Any, story: ModuleType, photo: Callable[..., bytes], way: str
) -> None:
    shop = story.Caller(live.base, live.key("shop-1"))
    shop.put("/v1/refunds/complaint-1", story.refund(photo()))
    merchant, admin = people(way), people(OTHER_WAY[way])
    merchant.log_in(live.key("shop-1"), "/refunds/complaint-1")
    merchant.press("details:has(form[action$='/complaints']) > summary", away=False)
    merchant.page.select_option("#kind", "empty_return")
    merchant.page.fill("#text", "退回的包裹是空的。")
    merchant.press("form[action$='/complaints'] button")
    admin.log_in(live.key("admin"), "/complaints")
    admin.press("main a[href^='/complaints/cmp_']")
    admin.press("main a[href^='/refunds/complaint-1']")  # to look at it before it is answered
    admin.says("complaint-1")
    admin.page.go_back()
    admin.page.fill("#answer", "The parcel was weighed: 20 g.")
    admin.page.check("[name=sure]")
    admin.press("button[name=outcome][value=confirmed]")
    merchant.open("/refunds/complaint-1")
    merchant.says("The parcel was weighed: 20 g.")
    assert merchant.troubles == admin.troubles == []


def test_a_buyer_is_erased_once_all_is_over(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shop = story.Caller(live.base, live.key("shop-1"))
    refund = story.refund(photo(), buyer="tb-erased")
    shop.put("/v1/refunds/erased-1", refund)
    admin = person()
    page, words = admin.page, admin.words("admin_buyers")
    admin.log_in(live.key("admin"), "/admin/buyers")
    page.fill("[name=reference]", "tb-erased")
    admin.press("form[action$='/find'] button")
    admin.says(words["undecided"])
    admin.press(".notice a[href='/refunds/erased-1']")
    shop.put("/v1/refunds/erased-1", refund | {"status": "closed"})
    page.go_back()
    page.reload()
    admin.press("details.sure:has(form[action$='/erase']) > summary", away=False)
    form = page.locator("form[action$='/erase']")
    form.locator("[name=mark]").fill(page.url.rpartition("/")[2][:8])
    form.locator("[name=sure]").check()
    admin.press("form[action$='/erase'] button")
    assert page.locator("[name=reference]").is_visible()
    assert shop.get("/v1/refunds/erased-1")["claim"]["text"] == ""
    assert admin.troubles == []
