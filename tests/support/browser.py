"""Somebody at a browser: Debian's Chromium, driven by Playwright, with a language, a screen, and a finger or a mouse.

Where scripts run, every page on the way is checked with axe: no serious violation (WCAG 2.2 AA). Every page fits the
screen, and a tap fails where something covers what is tapped.
"""

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from refundlens.serving.kit.language import texts

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDED = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium"),
]
"""Marks of a module that plays in a browser."""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
SERIOUS = ("serious", "critical")
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
SCREENSHOTS = os.environ.get("REFUNDLENS_SCREENSHOTS")
"""A folder to keep pictures of the way in."""
PATIENCE = 120_000
"""Milliseconds that a page may take, on a machine that does much else: what a test waits for comes or does not."""
expect = playwright.expect
expect.set_options(timeout=PATIENCE)

_DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
_PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}
_CHINESE: dict[str, Any] = {"locale": "zh-CN"}
_ENGLISH: dict[str, Any] = {"locale": "en-GB"}
_DARK: dict[str, Any] = {"color_scheme": "dark"}
WAYS: dict[str, dict[str, Any]] = {
    "zh, desktop": _CHINESE | _DESKTOP,
    "en, desktop": _ENGLISH | _DESKTOP | _DARK,
    "zh, phone": _CHINESE | _PHONE,
    "en, phone": _ENGLISH | _PHONE | _DARK,
    "en, no scripts": _ENGLISH | _DESKTOP | {"java_script_enabled": False},
}
WIDER = "(document.documentElement.scrollWidth - document.documentElement.clientWidth)"
WIDEST = """[...document.querySelectorAll("main *")].filter(e => e.scrollWidth > e.clientWidth + 20 && e.clientWidth)
    .slice(-3).map(e => e.outerHTML.slice(0, 160))"""
"""The innermost elements whose contents are wider than they."""
SPILLED = """() => [...document.querySelectorAll("main *")]
    .filter(e => e.innerText && e.checkVisibility()
        && !e.closest(".unseen, .skip, .scroll, .viewport, .wide-table, pre, thead"))
    .map(e => {
        let box = e.parentElement;
        while (/^inline$|^contents$/.test(getComputedStyle(box).display)) box = box.parentElement;
        return [e, e.getBoundingClientRect(), box.getBoundingClientRect()];
    })
    .filter(([e, own, box]) => own.width && box.width > 2 && own.right > box.right + 2
        && !/absolute|fixed/.test(getComputedStyle(e).position))
    .slice(0, 3).map(([e]) => e.outerHTML.slice(0, 160))"""
"""Words that stand out of the box around them, over what lies beside it."""
CUT = """() => [...document.querySelectorAll("main svg text")].filter(e => e.checkVisibility())
    .map(e => [e, e.getBoundingClientRect(), e.closest("svg").getBoundingClientRect()])
    .filter(([e, own, whole]) => whole.width && (own.left < whole.left - 2 || own.right > whole.right + 2
        || own.top < whole.top - 2 || own.bottom > whole.bottom + 6))
    .slice(0, 3).map(([e]) => e.outerHTML.slice(0, 160))"""
"""Words of a drawing that end at its edge."""
THUMB = 24
"""CSS pixels a side that a finger hits: WCAG 2.2's target size, for links within sentences, too."""
MISSED = """(least) => {
    const pressed = "a[href], button, summary, select, textarea, input:not([type=hidden])";
    const ticked = "label input[type=radio], label input[type=checkbox]";
    return [...document.querySelectorAll(pressed)]
        .filter(e => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && e.tabIndex >= 0
            && !e.matches(".skip, .unseen *"))
        .map(e => [e, [...(e.matches(ticked) ? e.closest("label") : e).getClientRects()]])
        .filter(([e, lines]) => lines.some(one => one.width && one.height < least - 0.5)
            || Math.max(...lines.map(one => one.width)) < least - 0.5)
        .slice(0, 12)
        .map(([e, [line]]) => `${Math.round(line.width)}x${Math.round(line.height)} ${e.outerHTML.slice(0, 110)}`);
}"""
"""What can be pressed, and is smaller than that."""


def launch(started: Any) -> Any:
    return started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


@dataclass
class Person:
    """way: one of WAYS. troubles: errors of the pages' scripts, what their policy forbade, and parts of them that did
    not load but for being busy; pages that are refused are the test's own matter."""

    page: Any
    base: str
    way: str
    troubles: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, browser: Any, base: str, way: str) -> "Person":
        """With a browser that shares nothing with others'."""
        context = browser.new_context(**WAYS[way], timezone_id="Asia/Shanghai")
        context.set_default_timeout(PATIENCE)
        person = cls(context.new_page(), base, way)
        person.page.on("pageerror", lambda error: person.troubles.append(str(error)))
        person.page.on("console", person._hear)
        person.page.on("response", person._see)
        return person

    def _hear(self, message: Any) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.troubles.append(message.text)

    def _see(self, answer: Any) -> None:
        if (
            answer.status >= 400
            and answer.status != 503
            and answer.request.resource_type not in ("document", "xhr", "fetch")
        ):
            self.troubles.append(f"{answer.status} {answer.url}")

    @property
    def language(self) -> str:
        return "zh" if self.way.startswith("zh") else "en"

    def words(self, area: str) -> dict[str, Any]:
        """The texts of an area in this person's language."""
        return texts(area, self.language)  # type: ignore[arg-type]

    def open(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.base + path)
        self.look(path)

    def log_in(self, key: str, path: str) -> None:
        self.page.goto(f"{self.base}/login?next={path}")
        self.page.fill("input[name=key]", key)
        self.press("form:has([name=key]) button")

    def press(self, selector: str, away: bool = True) -> None:
        """A tap where there is a touch screen, else a click. away: whether another page comes."""
        place = self.page.locator(selector).first
        act = place.tap if WAYS[self.way].get("has_touch") else place.click
        if not away:
            act()
            return
        with self.page.expect_navigation():
            act()
        self.look(selector)

    def look(self, name: str) -> None:
        """Have the page checked, and a picture taken where somebody wants one."""
        if SCREENSHOTS:
            slug = re.sub(r"\W+", "-", f"{self.way}-{name}")[:90]
            self.page.screenshot(path=str(Path(SCREENSHOTS) / f"{slug}.png"), full_page=True)
        if not WAYS[self.way].get("java_script_enabled", True):
            return
        for _ in range(20):  # pictures may still be laid out; the page's policy forbids wait_for_function
            wide = self.page.evaluate(WIDER)
            if wide <= 0:
                break
            self.page.wait_for_timeout(250)
        assert wide <= 0, (
            f"{name}: the page is {wide} pixels wider than the screen: {self.page.evaluate(WIDEST)}"
        )
        spilled = self.page.evaluate(SPILLED)
        assert not spilled, f"{name}: out of its box: {spilled}"
        cut = self.page.evaluate(CUT)
        assert not cut, f"{name}: cut off at the edge of its drawing: {cut}"
        if WAYS[self.way].get("has_touch"):
            missed = self.page.evaluate(MISSED, THUMB)
            assert not missed, f"{name}: too small for a thumb: " + "; ".join(missed)
        found = axe.Axe().run(self.page, options=RULES)
        serious = [one for one in found.response["violations"] if one["impact"] in SERIOUS]
        assert not serious, f"{name}: " + "; ".join(
            f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in serious
        )

    def says(self, text: str) -> None:
        expect(self.page.locator("main")).to_contain_text(text)
