"""A merchant's and an adjudicator's day in a browser: a case from one's own photos, found again, counted; and two
adjudicators who share a queue. On a desktop and a phone of 390 pixels, with taps, in both languages.
"""

import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.serving.console.test_browser import (  # noqa: F401
    Person,
    a_context,
    browser,
    playwright,
    pytestmark,
)

expect = playwright.expect
SHANGHAI = {"timezone_id": "Asia/Shanghai"}
WAYS: dict[str, dict[str, Any]] = {
    "zh, phone": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
        "locale": "zh-CN",
    },
    "en, desktop": {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", "color_scheme": "dark"},
}
WORDS = {
    "zh": {"found": "破洞", "reported": "举报图片", "taken": "正在处理此案件", "mine": "我的判定"},
    "en": {
        "found": "破洞",
        "reported": "Photos reported",
        "taken": "is at this case",
        "mine": "My decisions",
    },
}


@pytest.fixture(params=list(WAYS))
def person(request: pytest.FixtureRequest, browser: Any, live: Any) -> Iterator[Callable[[], Person]]:  # noqa: F811
    """Opens browsers that share nothing, all of one kind."""
    contexts = []

    def open_one() -> Person:
        context = a_context(browser, **WAYS[request.param], **SHANGHAI)
        contexts.append(context)
        opened = Person(
            context.new_page(), live.base, "zh, desktop" if "zh" in request.param else "en, phone"
        )
        opened.page.on("pageerror", lambda error: opened.troubles.append(str(error)))
        return opened

    yield open_one
    for context in contexts:
        context.close()


def press(someone: Person, selector: str) -> None:
    """A tap where there is a touch screen, else a click."""
    with someone.page.expect_navigation():
        press_here(someone, selector)
    someone.look(selector)


def press_here(someone: Person, selector: str) -> None:
    """The same where no other page comes."""
    target = someone.page.locator(selector).first
    touch = someone.page.evaluate("navigator.maxTouchPoints > 0")
    target.tap() if touch else target.click()


def words(someone: Person) -> dict[str, str]:
    return WORDS["zh" if someone.way.startswith("zh") else "en"]


def test_a_merchant_makes_a_case_and_finds_it_again(
    person: Callable[[], Person], live: Any, photo: Callable[..., bytes]
) -> None:
    merchant = person()
    page = merchant.page
    merchant.log_in(live.key("shop-1"), "/history")
    merchant.open("/refunds")
    press(merchant, "a[href='/new-case']")
    expect(page.locator("[data-zone-name]")).to_have_text("Asia/Shanghai")
    for name, said in (("number", "2026112200077"), ("amount", "1,280.50"), ("buyer", "tb_77"),
                       ("claim_text", "袖口有破洞"), ("deadline", "2099-01-01T08:00")):  # fmt: skip
        page.fill(f"[name={name}]", said)
    page.select_option("[name=claim]", "hole")
    page.check("[name=source][value=chat]")
    page.set_input_files("#photos", [{"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo(red=True)}])
    press(merchant, ".case-form button:last-of-type")
    assert "/reports/rpt_" in page.url

    merchant.open("/history")
    page.fill("#q", "00077")
    press(merchant, ".filters button")
    expect(page.locator(".records tbody tr")).to_have_count(1)
    merchant.says(words(merchant)["found"])
    page.fill("#q", "nothing like it")
    press(merchant, ".filters button")
    expect(page.locator(".records")).to_have_count(0)
    merchant.open("/history")
    with page.expect_download() as download:
        page.locator("a[download]").first.click()
    assert "2026112200077" in download.value.path().read_text(encoding="utf-8-sig")
    merchant.open("/statistics")
    merchant.says(words(merchant)["reported"])
    expect(page.locator("svg.weeks rect")).to_have_count(1)
    assert merchant.troubles == []


def test_two_adjudicators_share_a_queue(
    person: Callable[[], Person], live: Any, create_dispute: Callable[..., Any], photo: Callable[..., bytes]
) -> None:
    from refundlens.serving.identity.tenants import DEFAULT
    from refundlens.serving.workflow.states import ReportState

    state = live.app.state
    with state.database.transaction() as session:
        for number in range(3):
            create_dispute(session, live.clock(), buyer=f"{number:064x}", files=state.files, tenant=DEFAULT,
                           content=photo(size=(320, 200 + number)), state=ReportState.NEEDS_REVIEW)  # fmt: skip
    ann, bob = person(), person()
    for judge, name in ((ann, "ann"), (bob, "bob")):
        judge.log_in(live.key(name), "/queue")
        press(judge, "a.button")
    first, second = ann.page.url, bob.page.url
    assert first != second and "/queue/rpt_" in first and "/queue/rpt_" in second
    bob.open(first.removeprefix(live.base))
    bob.says(words(bob)["taken"])
    assert bob.page.locator("[name=decision]").count() == 0
    ann.page.locator("[name=reason_code][value=no_trace]").check()
    press(ann, "button[name=decision][value=not_established]")
    assert "/queue/rpt_" in ann.page.url and first.split("?")[0] not in ann.page.url
    bob.open("/queue")
    bob.page.locator(".filter-box summary").click()
    bob.page.select_option("[name=sort]", "amount")
    press(bob, ".filters button")
    bob.page.fill("#view-name", "large")
    press(bob, "form[action='/queue/views'] button")
    expect(bob.page.locator(".saved")).to_contain_text("large")
    ann.open("/queue/mine")
    ann.says(words(ann)["mine"])
    assert ann.troubles == [] and bob.troubles == []


OPACITY = "sheet => sheet.getContext('2d').getImageData(0, 0, 1, 1).data[3]"
"""Of a canvas's first pixel, 0 to 255; a grey map is opaque everywhere."""


def test_an_adjudicator_looks_closely(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shop = story.Caller(live.base, live.key("shop-1"))
    image = shop.put("/v1/refunds/close-1", story.refund(photo("GIF", size=(300, 200))))["images"][0]["id"]
    made = shop.post("/v1/reports", {"refund_id": "close-1", "image": image}, Prefer="wait=20")
    judge = person()
    judge.log_in(live.key("ann"), f"/queue/{made['id']}")
    page = judge.page
    page.locator(".pane.second .viewport").first.scroll_into_view_if_needed()
    page.select_option("[data-map-style]", "mono")
    expect(page.locator("canvas.over")).to_have_count(1)
    page.keyboard.press("m")
    expect(page.locator(".lens canvas.over")).to_have_count(1)
    assert page.locator(".lens canvas.over").evaluate(OPACITY) == 255, "the map is in the lens, too"
    expect(page.locator(".lens")).to_have_count(2)
    page.locator("[data-tool=ruler]").click()
    page.locator(".viewport").first.focus()
    page.keyboard.press("Enter")
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".measured")).to_have_text(re.compile(r"[1-9]\d*\.\d.* 0.* [1-9]\d*"))
    expect(page.locator(".viewport > .stage > .ruler")).to_have_count(2)
    page.keyboard.press("b")
    judge.look("tools")
    expect(page.locator(".pane > .viewport > .stage > .blinked")).to_be_hidden()
    expect(page.locator(".pane > .viewport > .stage > .blinked")).to_be_visible()
    for name in ("lens", "ruler", "blink"):
        page.locator(f"[data-tool={name}]").click()
    expect(page.locator(".lens, .ruler, .blinked")).to_have_count(0)
    page.reload()
    expect(page.locator("canvas.over")).to_have_count(1)  # the map's colours are kept
    assert judge.troubles == []


def test_a_tour_is_offered_until_it_is_answered(person: Callable[[], Person], live: Any) -> None:
    someone = person()
    page = someone.page
    someone.log_in(live.key("ann"), "/queue")
    offer, panel = page.locator("#tour-offer"), page.locator("#tour")
    expect(offer).to_be_visible()
    press_here(someone, "#tour-offer [data-tour-start]")
    expect(offer).to_be_hidden()
    sentences = set()
    while True:
        expect(page.locator(".toured")).to_have_count(1)
        sentences.add(panel.locator("p").first.inner_text())
        someone.look("tour")
        if not panel.locator("button").nth(1).is_visible():
            break
        press_here(someone, "#tour button >> nth=1")
    assert len(sentences) == 4
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    page.reload()
    expect(page.locator("footer [data-tour-start]")).to_be_visible()
    expect(offer).to_be_hidden()
    someone.open("/glossary")
    assert page.locator("nav a[href='/queue']").count() == 1 and someone.troubles == []


def test_photos_that_are_refused_stay_chosen(
    person: Callable[[], Person], live: Any, photo: Callable[..., bytes]
) -> None:
    merchant = person()
    page = merchant.page
    merchant.log_in(live.key("shop-1"), "/new-case")
    for name, said in (("number", "keep-1"), ("amount", "nothing"), ("buyer", "b")):
        page.fill(f"[name={name}]", said)
    page.check("[name=source][value=chat]")
    page.set_input_files("#photos", [{"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo(red=True)}])
    press_here(merchant, ".case-form button:last-of-type")
    expect(page.locator(".sending [role=status]")).not_to_be_empty()
    expect(page.locator(".case-form button:last-of-type")).to_be_enabled()
    assert "/reports/" not in page.url and page.locator("#photos").evaluate("one => one.files.length") == 1
    page.fill("[name=amount]", "12.50")
    press(merchant, ".case-form button:last-of-type")
    assert "/reports/rpt_" in page.url and merchant.troubles == []


def test_checked_photos_are_summed_up_and_there_again_on_back(
    person: Callable[[], Person], live: Any, photo: Callable[..., bytes]
) -> None:
    visitor = person()
    page = visitor.page
    visitor.log_in(live.key("shop-1"), "/")
    given = [
        {"name": f"{n}.png", "mimeType": "image/png", "buffer": photo("PNG", red=n > 0)} for n in range(2)
    ]
    page.set_input_files(".upload input[type=file]", given)
    press_here(visitor, ".upload button:not([formaction])")
    expect(page.locator("#result > .sum")).to_contain_text("2")
    expect(page.locator("#result > section.result")).to_have_count(2)
    said = page.locator("#result").inner_text()
    visitor.open("/glossary")
    page.go_back()
    expect(page.locator("#result > section.result")).to_have_count(2)
    assert page.locator("#result").inner_text() == said
    visitor.open("/")
    expect(page.locator("#result > *")).to_have_count(0)
    assert visitor.troubles == []


def test_a_picture_that_was_refused_is_asked_for_again(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shop = story.Caller(live.base, live.key("shop-1"))
    image = shop.put("/v1/refunds/again-1", story.refund(photo("PNG", red=True)))["images"][0]["id"]
    merchant = person()
    asked: list[str] = []

    def busy_at_first(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503) if len(asked) == 1 else route.continue_()

    merchant.page.route(f"**/refunds/photos/{image}/thumb", busy_at_first)
    merchant.log_in(live.key("shop-1"), "/refunds/again-1")
    thumb = merchant.page.locator(f"img[src$='{image}/thumb']").first
    thumb.scroll_into_view_if_needed()
    expect(thumb).not_to_have_js_property("naturalWidth", 0)
    assert len(asked) == 2
