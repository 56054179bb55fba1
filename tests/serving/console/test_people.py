"""What people ran into, each played in a browser: a phone with real taps and a desktop, in both languages.

Debian's Chromium, driven by Playwright. A tap fails where something covers what is tapped.
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from refundlens.serving.kit.clock import utc_now
from tests.serving.console.test_browser import (  # noqa: F401 - `browser` is a fixture
    Person,
    a_context,
    browser,
    playwright,
    pytestmark,
)

expect = playwright.expect
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PLACES = {"phone": PHONE, "desktop": DESKTOP}
SHANGHAI = {"timezone_id": "Asia/Shanghai"}


@pytest.fixture
def people(browser: Any, live: Any) -> Iterator[Callable[..., Person]]:  # noqa: F811
    """Opens browsers that share nothing."""
    contexts = []

    def open_one(place: str, locale: str, **more: Any) -> Person:
        context = a_context(browser, **PLACES[place], locale=locale, **SHANGHAI, **more)
        contexts.append(context)
        way = "zh, desktop" if locale == "zh-CN" else "en, phone"
        opened = Person(context.new_page(), live.base, way)
        opened.page.on("pageerror", lambda error: opened.troubles.append(str(error)))
        return opened

    yield open_one
    for context in contexts:
        context.close()


def _press(person: Person, selector: str) -> None:
    """A tap where there is a touch screen, else a click."""
    target = person.page.locator(selector).first
    touch = person.page.evaluate("navigator.maxTouchPoints > 0")
    with person.page.expect_navigation():
        target.tap() if touch else target.click()
    person.look(selector)


def _report(live: Any, story: ModuleType, number: str, photo: bytes) -> str:
    shop = story.Caller(live.base, live.key("shop-1"))
    image = shop.put(f"/v1/refunds/{number}", story.refund(photo))["images"][0]["id"]
    report = shop.post("/v1/reports", {"refund_id": number, "image": image}, Prefer="wait=20")["id"]
    return str(report)


def test_a_buyer_appeals_on_a_phone(
    people: Callable[..., Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    platform = story.Caller(live.base, live.key("ann"))
    report = _report(live, story, "people-1", photo("PNG", red=True))
    story.until("verdict", lambda: platform.get(f"/v1/reports/{report}")["state"] == "established")
    buyer = people("phone", "zh-CN")
    kinds: dict[str, str] = {}
    buyer.page.on(
        "response",
        lambda answer: kinds.update({answer.url.rpartition("/")[2]: answer.headers.get("content-type", "")}),
    )
    buyer.open(platform.get(f"/v1/reports/{report}")["track_urls"]["buyer"])
    buyer.says("举报成立")
    assert kinds["view.jpg"] == "image/jpeg" and kinds["heat.png"] == "image/png"
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
    _press(buyer, "form[action$='/appeal'] button")
    buyer.says("申诉处理中")
    buyer.says("发票.pdf")
    (appeal,) = platform.get("/v1/appeals")["items"]
    assert appeal["grounds"] == "线头是断的。"
    photos = platform.get("/v1/refunds/people-1")["images"]
    assert sorted(one["source"] for one in photos) == ["chat", "refund"]
    assert buyer.troubles == []


@pytest.mark.parametrize(("place", "locale"), [("phone", "en-GB"), ("desktop", "zh-CN")])
def test_an_ended_login_loses_nothing(
    people: Callable[..., Person],
    live: Any,
    story: ModuleType,
    photo: Callable[..., bytes],
    place: str,
    locale: str,
) -> None:
    report = _report(live, story, "people-2", photo("GIF"))
    judge = people(place, locale)
    judge.log_in(live.key("ann"), f"/queue/{report}")
    judge.page.locator("input[name=reason_code][value=edit_visible]").check()
    judge.page.fill("textarea[name=reason]", "The rim is drawn.")
    judge.page.context.clear_cookies()
    _press(judge, "button[name=decision][value=established]")
    assert judge.page.locator("input[name=key][type=password]").is_visible()
    judge.page.fill("input[name=key]", live.key("ann"))
    _press(judge, "form:has([name=key]) button")
    assert judge.page.url.endswith(f"/queue/{report}"), "back where they were"
    assert judge.page.input_value("textarea[name=reason]") == "The rim is drawn."
    assert judge.page.locator("input[name=reason_code][value=edit_visible]").is_checked()
    _press(judge, "button[name=decision][value=established]")
    assert "held=" in judge.page.url
    judge.open(f"/queue/{report}")
    drafts = judge.page.evaluate("Object.keys(sessionStorage).filter((one) => one.startsWith('draft '))")
    assert drafts == [], "what was done is no draft"


def test_a_lost_network_loses_nothing(
    people: Callable[..., Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    report = _report(live, story, "people-6", photo("GIF"))
    judge = people("phone", "zh-CN")
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
    _press(judge, "button[name=decision][value=established]")
    assert "held=" in judge.page.url


def test_without_scripts_an_ended_login_loses_nothing_either(
    people: Callable[..., Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    report = _report(live, story, "people-3", photo("GIF"))
    judge = people("desktop", "en-GB", java_script_enabled=False)
    judge.way = "en, no scripts"
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
    people: Callable[..., Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    report = _report(live, story, "people-4", photo("GIF"))
    shop = story.Caller(live.base, live.key("shop-1"))
    judge = people("phone", "zh-CN")
    judge.log_in(live.key("ann"), f"/queue/{report}")
    judge.page.locator("input[name=reason_code][value=no_trace]").check()
    _press(judge, "button[name=decision][value=established]")
    judge.says("所选理由与您的判定相反")
    judge.page.locator("input[name=reason_code][value=edit_visible]").check()
    live.clock.now = utc_now() + timedelta(minutes=5)  # it stands; the browser's goes on, and here slowly
    _press(judge, "button[name=decision][value=established]")
    judge.says("十秒后生效")
    _press(judge, ".undo button")
    judge.says("已撤销")
    assert shop.get(f"/v1/reports/{report}")["state"] == "needs_review"
    _press(judge, "button[name=decision][value=established]")
    assert shop.get(f"/v1/reports/{report}")["state"] == "needs_review"


def test_a_machines_no_says_what_it_rests_on_and_goes_to_a_person(
    people: Callable[..., Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    report = _report(live, story, "people-5", photo())
    shop = story.Caller(live.base, live.key("shop-1"))
    story.until("verdict", lambda: shop.get(f"/v1/reports/{report}")["state"] == "not_established")
    merchant = people("phone", "zh-CN")
    merchant.log_in(live.key("shop-1"), f"/reports/{report}")
    merchant.says("漏判上限")
    merchant.page.locator("a.go[href='#appeal']").tap()
    _press(merchant, "#appeal button")
    assert shop.get(f"/v1/reports/{report}")["state"] == "appealed"
    merchant.says("由另一位审核员重新判定")
    link = merchant.page.locator("#track-link")
    assert link.is_visible() and "/track/" in str(link.get_attribute("href"))
    button = merchant.page.locator("[data-copy=track-link]")
    button.tap()
    expect(button).to_have_text("已复制")


@pytest.mark.parametrize(("place", "locale"), [("phone", "zh-CN"), ("desktop", "en-GB")])
def test_errors_are_pages_with_a_way_on(
    people: Callable[..., Person], live: Any, place: str, locale: str
) -> None:
    said = {
        "zh-CN": ("没有这个页面", "您无权执行此操作"),
        "en-GB": ("There is no such page", "You may not do this"),
    }
    visitor = people(place, locale)
    visitor.open("/no/such/page")
    visitor.says(said[locale][0])
    visitor.open("/track/not-a-link")
    visitor.says(said[locale][0])
    visitor.log_in(live.key("shop-1"), "/queue")
    visitor.says(said[locale][1])
    _press(visitor, "nav a[href='/refunds']")
    assert re.search(r"/refunds$", visitor.page.url)
