"""What people ran into, each played in a browser: a phone with real taps and a desktop, in both languages.

Debian's Chromium, driven by Playwright. A tap fails where something covers what is tapped.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from refundlens.serving.kit.clock import utc_now
from tests.support.browser import NEEDED, Person, expect

pytestmark = NEEDED


def _report(live: Any, story: ModuleType, number: str, photo: bytes) -> str:
    shop = story.Caller(live.base, live.key("shop-1"))
    image = shop.put(f"/v1/refunds/{number}", story.refund(photo))["images"][0]["id"]
    report = shop.post("/v1/reports", {"refund_id": number, "image": image}, Prefer="wait=20")["id"]
    return str(report)


def test_a_buyer_appeals_on_a_phone(
    people: Callable[[str], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    platform = story.Caller(live.base, live.key("ann"))
    report = _report(live, story, "people-1", photo("PNG", red=True))
    story.until("verdict", lambda: platform.get(f"/v1/reports/{report}")["state"] == "established")
    buyer = people("zh, phone")
    kinds: dict[str, str] = {}
    buyer.page.on(
        "response",
        lambda answer: kinds.update({answer.url.rpartition("/")[2]: answer.headers.get("content-type", "")}),
    )
    buyer.open(platform.get(f"/v1/reports/{report}")["track_urls"]["buyer"])
    buyer.says("举报成立")
    assert kinds["view.jpg"] == "image/jpeg" and kinds["heat.png"] == "image/png"
    heading, picture = (buyer.page.locator(one).first.bounding_box() for one in ("h1", "figure"))
    assert heading["y"] < picture["y"], "what was decided comes before the picture that it is about"
    expect(buyer.page.locator("label[for=grounds]")).to_have_text(buyer.words("track")["appeal_note_machine"])
    times = buyer.page.locator("time").all_text_contents()
    assert times and not any("UTC" in time for time in times), "in the reader's own time"
    buyer.page.locator("a.switch").tap()
    buyer.says("The photo was found to be fake")
    buyer.page.locator("a.switch").tap()
    buyer.says("举报成立")
    buyer.page.locator("textarea[name=grounds]").tap()
    buyer.page.keyboard.type("线头是断的。")
    buyer.page.set_input_files(
        "form[action$='/appeal'] input[name=image]",
        [{"name": "near.jpg", "mimeType": "image/jpeg", "buffer": photo("JPEG", size=(500, 400))}],
    )
    buyer.page.set_input_files(
        "form[action$='/appeal'] input[name=file]",
        [{"name": "发票.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 a receipt"}],
    )
    buyer.press("form[action$='/appeal'] button")
    buyer.says("申诉处理中")
    buyer.says("发票.pdf")
    (appeal,) = platform.get("/v1/appeals")["items"]
    assert appeal["grounds"] == "线头是断的。"
    photos = platform.get("/v1/refunds/people-1")["images"]
    assert sorted(one["source"] for one in photos) == ["chat", "refund"]
    assert buyer.troubles == []


@pytest.mark.parametrize("way", ["en, phone", "zh, desktop"])
def test_an_ended_login_loses_nothing(
    people: Callable[[str], Person],
    live: Any,
    story: ModuleType,
    photo: Callable[..., bytes],
    way: str,
) -> None:
    report = _report(live, story, "people-2", photo("GIF"))
    judge = people(way)
    judge.log_in(live.key("ann"), f"/queue/{report}")
    judge.page.locator("input[name=reason_code][value=edit_visible]").check()
    judge.page.fill("textarea[name=reason]", "The rim is drawn.")
    judge.page.context.clear_cookies()
    judge.press("button[name=decision][value=established]")
    assert judge.page.locator("input[name=key][type=password]").is_visible()
    judge.page.fill("input[name=key]", live.key("ann"))
    judge.press("form:has([name=key]) button")
    assert judge.page.url.endswith(f"/queue/{report}"), "back where they were"
    assert judge.page.input_value("textarea[name=reason]") == "The rim is drawn."
    assert judge.page.locator("input[name=reason_code][value=edit_visible]").is_checked()
    judge.press("button[name=decision][value=established]")
    assert "held=" in judge.page.url
    judge.open(f"/queue/{report}")
    drafts = judge.page.evaluate("Object.keys(sessionStorage).filter((one) => one.startsWith('draft '))")
    assert drafts == [], "what was done is no draft"


def test_a_lost_network_loses_nothing(
    people: Callable[[str], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    report = _report(live, story, "people-6", photo("GIF"))
    judge = people("zh, phone")
    judge.log_in(live.key("ann"), f"/queue/{report}")
    judge.page.locator("input[name=reason_code][value=other]").check()
    judge.page.fill("textarea[name=reason]", "看不清。")
    judge.page.context.set_offline(True)
    judge.page.locator("button[name=decision][value=established]").tap()
    judge.says("网络已断开")
    judge.page.context.set_offline(False)
    judge.open(f"/queue/{report}")
    judge.says("已恢复您填写的内容")
    assert judge.page.input_value("textarea[name=reason]") == "看不清。"
    judge.page.context.set_offline(True)
    judge.page.locator("button[name=decision][value=established]").tap()
    judge.says("网络已断开")
    judge.page.context.set_offline(False)
    judge.press("button[name=decision][value=established]")
    assert "held=" in judge.page.url


def test_without_scripts_an_ended_login_loses_nothing_either(
    people: Callable[[str], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    report = _report(live, story, "people-3", photo("GIF"))
    judge = people("en, no scripts")
    judge.log_in(live.key("ann"), f"/queue/{report}")
    judge.page.locator("input[name=reason_code][value=edit_visible]").check()
    judge.page.fill("textarea[name=reason]", "The rim is drawn.")
    judge.page.context.clear_cookies()
    judge.press("button[name=decision][value=established]")
    judge.page.fill("input[name=key]", live.key("bob"))
    judge.press("form:has([name=key]) button")
    judge.says("The rim is drawn.")
    judge.says("default/ann")
    judge.says("default/bob")
    judge.press("form[action$='/decision'] button")
    judge.says("Somebody else is at this case now.")  # ann took it; what was written stays on the page
    judge.says("The rim is drawn.")


def test_a_decision_is_undone_by_a_tap(
    people: Callable[[str], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    report = _report(live, story, "people-4", photo("GIF"))
    shop = story.Caller(live.base, live.key("shop-1"))
    judge = people("zh, phone")
    judge.log_in(live.key("ann"), f"/queue/{report}")
    judge.page.locator("input[name=reason_code][value=no_trace]").check()
    judge.press("button[name=decision][value=established]")
    judge.says("所选理由与您的判定相反")
    judge.page.locator("input[name=reason_code][value=edit_visible]").check()
    live.clock.now = utc_now() + timedelta(minutes=5)  # it stands; the browser's goes on, and here slowly
    judge.press("button[name=decision][value=established]")
    judge.says("十秒后生效")
    judge.press(".undo button")
    judge.says("已撤销")
    assert shop.get(f"/v1/reports/{report}")["state"] == "needs_review"
    judge.press("button[name=decision][value=established]")
    assert shop.get(f"/v1/reports/{report}")["state"] == "needs_review"


def test_a_machines_no_says_what_it_rests_on_and_goes_to_a_person(
    people: Callable[[str], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    report = _report(live, story, "people-5", photo())
    shop = story.Caller(live.base, live.key("shop-1"))
    story.until("verdict", lambda: shop.get(f"/v1/reports/{report}")["state"] == "not_established")
    merchant = people("zh, phone")
    merchant.log_in(live.key("shop-1"), f"/reports/{report}")
    merchant.says("漏判上限")
    merchant.page.locator("a.go[href='#appeal']").tap()
    merchant.press("#appeal button")
    assert shop.get(f"/v1/reports/{report}")["state"] == "appealed"
    merchant.says("由另一位审核员重新判定")
    link = merchant.page.locator("#track-link")
    assert link.is_visible() and "/track/" in str(link.get_attribute("href"))
    button = merchant.page.locator("[data-copy=track-link]")
    button.tap()
    expect(button).to_have_text("已复制")


@pytest.mark.parametrize("way", ["zh, phone", "en, desktop"])
def test_errors_are_pages_with_a_way_on(people: Callable[[str], Person], live: Any, way: str) -> None:
    said = {
        "zh": ("没有这个页面", "您无权执行此操作"),
        "en": ("There is no such page", "You may not do this"),
    }
    visitor = people(way)
    visitor.open("/no/such/page")
    visitor.says(said[visitor.language][0])
    visitor.open("/track/not-a-link")
    visitor.says({"zh": "链接可能未复制完整", "en": "Copy it whole"}[visitor.language])
    visitor.log_in(live.key("shop-1"), "/queue")
    visitor.says(said[visitor.language][1])
    visitor.press("nav a[href='/refunds']")
    assert re.search(r"/refunds$", visitor.page.url)
