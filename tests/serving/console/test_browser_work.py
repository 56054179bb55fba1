"""A merchant's and an adjudicator's day in a browser: a case from one's own photos, found again, counted; and two
adjudicators who share a queue. On a desktop and a phone of 390 pixels, with taps, in both languages.
"""

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.support.browser import NEEDED, Person, expect

pytestmark = [*NEEDED, pytest.mark.parametrize("way", ["zh, phone", "en, desktop"])]
WORDS = {
    "zh": {
        "zone": "中国标准时间",
        "found": "破洞",
        "reported": "举报图片",
        "taken": "正在处理此案件",
        "mine": "我的判定",
    },
    "en": {
        "zone": "China Standard Time",
        "found": "破洞",
        "reported": "Photos reported",
        "taken": "is at this case",
        "mine": "My decisions",
    },
}


def test_a_merchant_makes_a_case_and_finds_it_again(
    person: Callable[[], Person], live: Any, photo: Callable[..., bytes]
) -> None:
    merchant = person()
    page = merchant.page
    merchant.log_in(live.key("shop-1"), "/history")
    merchant.open("/refunds")
    merchant.press("a[href='/new-case']")
    expect(page.locator("[data-zone-name]")).to_have_text(WORDS[merchant.language]["zone"])
    for name, said in (("number", "2026112200077"), ("amount", "1,280.50"), ("buyer", "tb_77"),
                       ("product_title", "纯棉长袖 T 恤"), ("product_id", "TS-0117"), ("claim_text", "袖口有破洞"),
                       ("deadline", "2099-01-01T08:00")):  # fmt: skip
        page.fill(f"[name={name}]", said)
    page.select_option("[name=claim]", "hole")
    page.check("[name=source][value=chat]")
    page.set_input_files("#photos", [{"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo(red=True)}])
    merchant.press(".case-form button:last-of-type")
    assert "/reports/rpt_" in page.url
    expect(page.locator(".words")).to_contain_text("纯棉长袖 T 恤 TS-0117")

    merchant.open("/history")
    page.fill("#q", "00077")
    merchant.press(".filters button")
    expect(page.locator(".records tbody tr")).to_have_count(1)
    merchant.says(WORDS[merchant.language]["found"])
    page.fill("#q", "0117 长袖")
    merchant.press(".filters button")
    merchant.press(".records a[href^='/history?product=']")
    expect(page.locator("#product")).to_have_value("TS-0117")
    expect(page.locator(".records tbody tr")).to_have_count(1)
    merchant.open("/history")
    page.fill("#q", "nothing like it")
    merchant.press(".filters button")
    expect(page.locator(".records")).to_have_count(0)
    merchant.open("/history")
    with page.expect_download() as download:
        page.locator("a[download]").first.click()
    written = download.value.path().read_text(encoding="utf-8-sig")
    assert "2026112200077" in written and "TS-0117,纯棉长袖 T 恤" in written
    merchant.open("/statistics")
    merchant.says(WORDS[merchant.language]["reported"])
    expect(page.locator("svg.weeks rect")).to_have_count(1)
    tallest = page.locator(".headed thead th").evaluate_all(
        "all => Math.max(...all.map(e => e.clientHeight))"
    )
    assert tallest <= 80, "heads are words, not letters under each other"
    numbers = page.locator(".products tbody tr td:nth-child(2)")
    expect(numbers).to_have_text("1")
    box, screen = numbers.bounding_box(), page.viewport_size["width"]
    assert 0 <= box["x"] < box["x"] + box["width"] <= screen, "a long name leaves room for its numbers"
    merchant.press(".products th a")
    expect(page.locator(".records tbody tr")).to_have_count(1)
    merchant.open("/statistics")
    seen, column = page.locator("[data-newest]").bounding_box(), page.locator("svg.weeks rect").bounding_box()
    assert seen["x"] <= column["x"] < seen["x"] + seen["width"], "the newest week is in sight"
    assert merchant.troubles == []


def test_two_adjudicators_share_a_queue(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shop = story.Caller(live.base, live.key("shop-1"))
    for number in range(3):
        asked = story.refund(photo("GIF", size=(320, 200 + number)), buyer=f"buyer-{number}")
        image = shop.put(f"/v1/refunds/queue-{number}", asked)["images"][0]["id"]
        shop.post("/v1/reports", {"refund_id": f"queue-{number}", "image": image}, Prefer="wait=20")
    ann, bob = person(), person()
    for judge, name in ((ann, "ann"), (bob, "bob")):
        judge.log_in(live.key(name), "/queue")
        judge.press("a.button")
    first, second = ann.page.url, bob.page.url
    assert first != second and "/queue/rpt_" in first and "/queue/rpt_" in second
    bob.open(first.removeprefix(live.base))
    bob.says(WORDS[bob.language]["taken"])
    assert bob.page.locator("[name=decision]").count() == 0
    ann.page.locator("[name=reason_code][value=no_trace]").check()
    ann.press("button[name=decision][value=not_established]")
    assert "/queue/rpt_" in ann.page.url and first.split("?")[0] not in ann.page.url
    bob.open("/queue")
    bob.page.locator(".filter-box summary").click()
    bob.page.select_option("[name=sort]", "amount")
    bob.press(".filters button")
    bob.page.fill("#view-name", "large")
    bob.press("form[action='/queue/views'] button")
    expect(bob.page.locator(".saved")).to_contain_text("large")
    ann.open("/queue/mine")
    ann.says(WORDS[ann.language]["mine"])
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
    someone.press("#tour-offer [data-tour-start]", away=False)
    expect(offer).to_be_hidden()
    sentences = set()
    while True:
        expect(page.locator(".toured")).to_have_count(1)
        sentences.add(panel.locator("p").first.inner_text())
        someone.look("tour")
        if not panel.locator("button").nth(1).is_visible():
            break
        someone.press("#tour button >> nth=1", away=False)
    assert len(sentences) == (3 if "phone" in someone.way else 4), "a phone has no keys to tell of"
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
    given = [
        {"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": photo(size=(320, 200 + n))} for n in (1, 2)
    ]
    page.set_input_files("#photos", given)
    merchant.press(".case-form button:last-of-type", away=False)
    expect(page.locator(".sending [role=status]")).not_to_be_empty()
    expect(page.locator(".case-form button:last-of-type")).to_be_enabled()
    assert "/reports/" not in page.url and page.locator("#photos").evaluate("one => one.files.length") == 2
    page.fill("[name=amount]", "12.50")
    broken = {"name": "IMG_2.heic", "mimeType": "image/heic", "buffer": b"cut off on its way"}
    page.set_input_files("#photos", [given[0], broken, given[1]])
    merchant.press(".case-form button:last-of-type", away=False)
    told, words = page.locator(".sending [role=status]"), merchant.words("page")
    expect(told).to_contain_text(words["file_places"]["photos"].format(number=2, name="IMG_2.heic"))
    expect(told).to_contain_text(words["error_unsupported_format"])
    expect(told).to_contain_text(words["taken_out"])
    expect(told).not_to_contain_text(merchant.words("new_case")["choose_again"])
    kept = page.locator("#photos").evaluate("one => [...one.files].map((file) => file.name)")
    assert kept == ["1.jpg", "2.jpg"], "what can be read need not be chosen again"
    merchant.press(".case-form button:last-of-type")
    assert "/refunds/keep-1" in page.url and merchant.troubles == []


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
    visitor.press(".upload button:not([formaction])", away=False)
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


def test_a_picture_that_will_not_come_is_asked_for_once(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shop = story.Caller(live.base, live.key("shop-1"))
    image = shop.put("/v1/refunds/once-1", story.refund(photo("PNG", red=True)))["images"][0]["id"]
    merchant = person()
    asked: list[str] = []

    def gone(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=404)

    merchant.page.route(f"**/refunds/photos/{image}/thumb", gone)
    merchant.log_in(live.key("shop-1"), "/refunds/once-1")
    merchant.page.locator(f"img[src$='{image}/thumb'][data-tries]").first.scroll_into_view_if_needed()
    merchant.page.wait_for_timeout(3000)  # asked again, it would be after two seconds
    assert len(asked) == 1


def test_a_mouse_decides_one_case_after_the_other_without_a_wheel(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    """Reasons and both decisions are on the screen, even below what was decided just before."""
    shop = story.Caller(live.base, live.key("shop-1"))
    for number in range(3):
        refund = story.refund(photo("GIF", size=(300, 300 + number))) | {
            "claim": {"type": "hole", "text": "破" * 600}
        }
        image = shop.put(f"/v1/refunds/mouse-{number}", refund)["images"][0]["id"]
        shop.post("/v1/reports", {"refund_id": f"mouse-{number}", "image": image}, Prefer="wait=20")
    judge = person()
    judge.log_in(live.key("ann"), "/queue")
    judge.press("main a.button")
    for _ in range(2):
        judge.page.locator("[name=reason_code][value=no_trace]").check()
        judge.press("button[name=decision][value=not_established]")
    if "desktop" in judge.way:
        judge.page.evaluate("scrollTo(0, 0)")
        for one in (
            "[name=reason_code][value=no_trace]",
            "button[value=established]",
            "button[value=not_established]",
        ):
            box = judge.page.locator(one).bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= 900, (one, box)
    assert judge.troubles == []


SCREENS = ((1280, 800), (1366, 768), (1280, 720), (1920, 1080), (640, 400), (390, 844))
"""CSS pixels of common screens; the fifth is 1280 x 800 at 200 %."""
COVERED = """(field) => {
    const box = field.getBoundingClientRect(), inset = 3;
    const xs = [box.left + inset, (box.left + box.right) / 2, box.right - inset];
    const ys = [box.top + inset, (box.top + box.bottom) / 2, box.bottom - inset];
    return xs.flatMap(x => ys.map(y => document.elementFromPoint(x, y))).filter(e => e !== field)
        .map(e => e?.outerHTML.slice(0, 80) ?? "off the screen");
}"""
"""What lies over a field, or where it is off the screen."""


def test_nothing_lies_over_the_words_of_a_decision(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    """On common screens they and both decisions are seen at once, on smaller ones as soon as one writes."""
    shop = story.Caller(live.base, live.key("shop-1"))
    refund = story.refund(photo("GIF", size=(320, 300))) | {"claim": {"type": "hole", "text": "破" * 200}}
    image = shop.put("/v1/refunds/words-3", refund)["images"][0]["id"]
    report = shop.post(
        "/v1/reports", {"refund_id": "words-3", "image": image, "note": "看" * 200}, Prefer="wait=20"
    )
    judge = person()
    page = judge.page
    judge.log_in(live.key("ann"), f"/queue/{report['id']}")
    seen = ("#reason", "button[value=established]", "button[value=not_established]")
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("scrollTo(0, 0)")
        if width > 1200:
            for one in seen:
                found = page.locator(one).evaluate(COVERED)
                assert found == [], (width, height, one, found)
        page.locator("[name=reason_code][value=no_trace]").check()  # its sentence stands in the field
        whole = "one => one.scrollHeight <= one.clientHeight + 1"
        assert page.locator("#reason").evaluate(whole), (width, height)
        page.locator("#reason").focus()
        page.keyboard.type("x")
        found = page.locator("#reason").evaluate(COVERED)
        assert found == [], (width, height, found)
    assert judge.troubles == []
