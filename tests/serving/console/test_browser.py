"""The whole story in a real browser: report, refuse, appeal by the buyer's link, overturned by an adjudicator.

In Debian's Chromium, driven by Playwright; in both languages, on a desktop and a phone, with and without JavaScript.
Where scripts run, every page on the way is checked with axe: no serious violation (WCAG 2.2 AA).
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from refundlens.serving.reports.held import UNDO

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium"),
]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
SERIOUS = ("serious", "critical")
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
SCREENSHOTS = os.environ.get("REFUNDLENS_SCREENSHOTS")
"""A folder to keep pictures of the way in."""
WAYS = {
    "zh, desktop": {"locale": "zh-CN", "viewport": {"width": 1280, "height": 900}},
    "en, phone": {"locale": "en-GB", "viewport": {"width": 390, "height": 800}, "color_scheme": "dark"},
    "en, no scripts": {
        "locale": "en-GB",
        "viewport": {"width": 1280, "height": 900},
        "java_script_enabled": False,
    },
}
WORDS = {
    "zh-CN": {"report": "举报假图", "established": "成立", "final": "不成立"},
    "en-GB": {"report": "Report fake image", "established": "Established", "final": "Not established"},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


PATIENCE = 120_000
"""Milliseconds that a page may take, on a machine that does much else: what a test waits for comes or does not."""
playwright.expect.set_options(timeout=PATIENCE)


def a_context(browser: Any, **options: Any) -> Any:
    """A browser that shares nothing with others."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    return context


WIDER = "(document.documentElement.scrollWidth - document.documentElement.clientWidth)"
WIDEST = """[...document.querySelectorAll("main *")].filter(e => e.scrollWidth > e.clientWidth + 20 && e.clientWidth)
    .slice(-3).map(e => e.outerHTML.slice(0, 160))"""
"""The innermost elements whose contents are wider than they."""


@dataclass
class Person:
    """Somebody at a browser. way: which of WAYS; troubles: what the pages complained of."""

    page: Any
    base: str
    way: str
    troubles: list[str] = field(default_factory=list)

    @property
    def scripts(self) -> bool:
        return bool(WAYS[self.way].get("java_script_enabled", True))

    def open(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.base + path)
        self.look(path)

    def log_in(self, key: str, path: str) -> None:
        self.page.goto(f"{self.base}/login?next={path}")
        self.page.fill("input[name=key]", key)
        with self.page.expect_navigation():
            self.page.locator("form:has([name=key]) button").click()
        self.look(path)

    def press(self, selector: str) -> None:
        with self.page.expect_navigation():
            self.page.locator(selector).first.click()
        self.look(selector)

    def look(self, name: str) -> None:
        """Have the page checked, and a picture taken where somebody wants one."""
        if SCREENSHOTS:
            slug = re.sub(r"\W+", "-", f"{self.way}-{name}")[:80]
            self.page.screenshot(path=str(Path(SCREENSHOTS) / f"{slug}.png"), full_page=True)
        if not self.scripts:
            return
        for _ in range(20):  # pictures may still be laid out; the page's policy forbids wait_for_function
            wide = self.page.evaluate(WIDER)
            if wide <= 0:
                break
            self.page.wait_for_timeout(250)
        assert wide <= 0, (
            f"{name}: the page is {wide} pixels wider than the screen: {self.page.evaluate(WIDEST)}"
        )
        found = axe.Axe().run(self.page, options=RULES)
        serious = [one for one in found.response["violations"] if one["impact"] in SERIOUS]
        assert not serious, f"{name}: " + "; ".join(
            f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in serious
        )

    def says(self, text: str) -> None:
        playwright.expect(self.page.locator("main")).to_contain_text(text)


@pytest.fixture(params=list(WAYS))
def person(request: pytest.FixtureRequest, browser: Any, live: Any) -> Iterator[Callable[[], Person]]:
    """Opens browsers that share nothing, all of one kind."""
    contexts = []

    def open_one() -> Person:
        context = a_context(browser, **WAYS[request.param])
        contexts.append(context)
        opened = Person(context.new_page(), live.base, request.param)
        opened.page.on("pageerror", lambda error: opened.troubles.append(str(error)))
        opened.page.on(
            "console",
            lambda message: opened.troubles.append(message.text) if message.type == "error" else None,
        )
        return opened

    yield open_one
    for context in contexts:
        context.close()


def test_a_dispute_in_the_browser(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    words = WORDS[str(WAYS[person().way]["locale"])]
    shop, platform = story.Caller(live.base, live.key("shop-1")), story.Caller(live.base, live.key("ann"))
    shop.put("/v1/refunds/browser-1", story.refund(photo(red=True)))

    merchant = person()
    merchant.log_in(live.key("shop-1"), "/refunds/browser-1")
    merchant.says(words["report"])
    merchant.press("form.photo-card button")
    report = shop.get("/v1/reports")["items"][0]["id"]
    story.until("verdict", lambda: shop.get(f"/v1/reports/{report}")["state"] == "established")
    merchant.open(f"/reports/{report}")
    merchant.says(words["established"])
    merchant.press(f"form[action='/reports/{report}/refuse'] button")
    assert shop.get(f"/v1/reports/{report}")["refusal"] is not None

    buyer = person()
    buyer.open(platform.get(f"/v1/reports/{report}")["track_urls"]["buyer"])
    buyer.page.fill("textarea[name=grounds]", "It is a real hole.")
    buyer.press("form[action$='/appeal'] button")
    appeal = platform.get("/v1/appeals")["items"][0]["id"]

    judge = person()
    judge.log_in(live.key("bob"), "/appeals")
    judge.open(f"/appeals/{appeal}")
    judge.page.locator("input[name=reason_code][value=real_damage_shown]").check()
    judge.page.fill("textarea[name=reason]", "The threads are torn, not drawn.")
    judge.press("button[name=decision][value=overturn]")
    live.clock.now += UNDO
    story.until("effect", lambda: shop.get(f"/v1/reports/{report}")["state"] == "final_not_established")

    merchant.open(f"/reports/{report}")
    merchant.says(words["final"])
    assert shop.get(f"/v1/reports/{report}")["state"] == "final_not_established"
    for one in (merchant, buyer, judge):
        assert one.troubles == []


def test_a_doubtful_photo_goes_through_the_adjudicators_queue(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shop = story.Caller(live.base, live.key("shop-1"))
    image = shop.put("/v1/refunds/browser-2", story.refund(photo("GIF")))["images"][0]["id"]
    report = shop.post("/v1/reports", {"refund_id": "browser-2", "image": image}, Prefer="wait=20")["id"]
    judge = person()
    judge.log_in(live.key("ann"), "/queue")
    judge.press(f"a[id='{report}']")
    judge.page.locator("input[name=reason_code]").first.check()
    judge.page.fill("textarea[name=reason]", "Seen at full size.")
    judge.press("button[name=decision][value=established]")
    live.clock.now += UNDO
    story.until("effect", lambda: shop.get(f"/v1/reports/{report}")["state"] == "established")
    assert shop.get(f"/v1/reports/{report}")["decided_by"] is None  # a merchant is not told who judged
    assert shop.get(f"/v1/reports/{report}")["state"] == "established"
    assert judge.troubles == []
