"""An adjudicator's hands: ten cases by keyboard alone, two keys each; what a key does wherever one happens to be; and a
page that is drawn anew while somebody looks at it."""

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from refundlens.serving.kit.clock import utc_now
from refundlens.serving.reports.held import UNDO
from tests.support.browser import NEEDED, Person, expect

pytestmark = NEEDED
CASES = 10


@pytest.fixture
def cases(live: Any, story: ModuleType, photo: Callable[..., bytes]) -> Any:
    """A shop with cases that wait for a person."""
    shop = story.Caller(live.base, live.key("shop-1"))
    for number in range(CASES):
        asked = story.refund(photo("GIF", size=(320, 200 + number)), buyer=f"buyer-{number}")
        image = shop.put(f"/v1/refunds/keys-{number}", asked)["images"][0]["id"]
        shop.post("/v1/reports", {"refund_id": f"keys-{number}", "image": image}, Prefer="wait=20")
    return shop


def _press(page: Any, key: str) -> None:
    with page.expect_navigation():
        page.keyboard.press(key)


def test_ten_cases_take_two_keys_each_from_the_queue_to_its_end(
    people: Callable[[str], Person], live: Any, cases: Any, story: ModuleType
) -> None:
    judge = people("en, desktop")
    page = judge.page
    judge.log_in(live.key("ann"), "/queue")
    _press(page, "n")
    seen = set()
    for number in range(CASES):
        seen.add(page.url.split("?")[0])
        if number == CASES - 1:  # the browser's clock goes on, the service's stands
            live.clock.now = utc_now() + timedelta(minutes=5)
        page.keyboard.press("5" if number % 2 else "1")
        _press(page, "r" if number % 2 else "f")
    assert len(seen) == CASES and page.url.split("?")[0].endswith("/queue")
    _press(page, "z")  # also where no case is open any more
    expect(page.locator("[name=reason_code]").first).to_be_visible()
    live.clock.now += UNDO

    def waiting() -> list[str]:
        reports = cases.get("/v1/reports?limit=20")["items"]
        return [one["id"] for one in reports if one["state"] == "needs_review"]

    story.until("nine decided", lambda: len(waiting()) == 1)
    assert waiting()[0] in page.url, "the one that was undone"
    assert judge.troubles == []


def test_keys_do_the_same_wherever_one_is(people: Callable[[str], Person], live: Any, cases: Any) -> None:
    judge = people("zh, desktop")
    page = judge.page
    judge.log_in(live.key("ann"), "/queue")
    _press(page, "n")
    first = page.url
    _press(page, "n")
    assert page.url != first, "N skips"
    stage = page.locator(".viewport > .stage").first
    page.keyboard.press("+")
    assert "scale(1.5)" in stage.get_attribute("style")
    page.keyboard.press("0")
    assert "scale(1)" in stage.get_attribute("style")
    page.locator(".viewport").first.click()
    page.keyboard.press("2")
    assert page.locator("[name=reason_code][value=generation_visible]").is_checked(), (
        "with the photo in focus, too"
    )
    page.focus("textarea[name=reason]")
    page.keyboard.type("5 nr")
    assert page.input_value("textarea[name=reason]").endswith("5 nr"), "whoever types presses no button"
    page.keyboard.press("Escape")
    _press(page, "f")
    assert "held=" in page.url


def test_keys_can_be_switched_off(people: Callable[[str], Person], live: Any, cases: Any) -> None:
    judge = people("en, desktop")
    judge.log_in(live.key("ann"), "/queue")
    _press(judge.page, "n")
    judge.page.locator(".shortcuts").uncheck()
    judge.open("/queue")
    judge.page.keyboard.press("n")
    judge.page.wait_for_timeout(500)
    assert judge.page.url.endswith("/queue")


def test_what_scripts_add_is_there_after_the_page_was_drawn_anew(
    people: Callable[[str], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    merchant = people("zh, phone")
    shop = story.Caller(live.base, live.key("shop-1"))
    image = shop.put("/v1/refunds/anew-1", story.refund(photo("GIF")))["images"][0]["id"]
    merchant.log_in(live.key("shop-1"), "/refunds/anew-1")
    merchant.press(f"form:has([value={image}]) button")
    merchant.page.evaluate(
        """async () => {
            const text = await (await fetch(location.href)).text();
            const drawn = new DOMParser().parseFromString(text, "text/html").querySelector("#live");
            document.querySelector("#live").replaceWith(drawn);
            document.dispatchEvent(new CustomEvent("htmx:afterSettle"));
        }"""
    )
    expect(merchant.page.locator("[data-copy=track-link]")).to_be_visible()
    assert merchant.page.locator("#track-link").inner_text().startswith("http"), (
        "whole, for who copies it by hand"
    )


def test_the_audit_log_is_read_on_a_phone_without_moving_sideways(
    people: Callable[[str], Person], live: Any, cases: Any
) -> None:
    admin = people("zh, phone")
    admin.log_in(live.key("admin"), "/admin/audit")
    admin.look("audit log")
    wide = admin.page.viewport_size["width"]
    row = admin.page.locator(".log tbody tr").first
    for cell in row.locator("td").all():
        place = cell.bounding_box()
        assert place is not None and place["x"] >= 0 and place["x"] + place["width"] <= wide
    expect(row).to_contain_text(admin.words("queue")["events"]["report.screened_unsure"])
