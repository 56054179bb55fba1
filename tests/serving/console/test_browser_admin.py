"""Three stories in Chromium, in both languages, on a desktop and on a phone of 390 px with taps.

An administrator makes a key, registers a webhook, sends it a test event, checks the log; a programmer tries an
operation; a visitor fakes a photo. Every page on the way is checked with axe, fits the screen, and breaks
no Content-Security-Policy.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from refundlens.serving.kit.language import texts
from refundlens.serving.settings import Settings
from tests.serving.console.test_browser import a_context

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium"),
]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
SCREENSHOTS = os.environ.get("REFUNDLENS_SCREENSHOTS")
"""A folder to keep pictures of the way in."""
WAYS: dict[str, dict[str, Any]] = {
    "zh, desktop": {"locale": "zh-CN", "viewport": {"width": 1280, "height": 900}},
    "en, phone": {
        "locale": "en-GB", "viewport": {"width": 390, "height": 800}, "color_scheme": "dark",
        "has_touch": True, "is_mobile": True,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


class Visitor:
    """Somebody at a browser; troubles: what the pages complained of."""

    def __init__(self, page: Any, base: str, way: str) -> None:
        self.page, self.base, self.way = page, base, way
        self.troubles: list[str] = []
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", lambda said: self.troubles.append(said.text) if said.type == "error" else None)

    def words(self, area: str) -> dict[str, Any]:
        return texts(area, "zh" if self.way.startswith("zh") else "en")

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)
        self.look(path)

    def press(self, selector: str, away: bool = True) -> None:
        """Tap on a phone, click elsewhere. away: whether another page comes."""
        place = self.page.locator(selector).first
        act = place.tap if WAYS[self.way].get("has_touch") else place.click
        if away:
            with self.page.expect_navigation():
                act()
            self.look(selector)
        else:
            act()

    def look(self, name: str) -> None:
        if SCREENSHOTS:
            slug = re.sub(r"\W+", "-", f"{self.way}-{name}")[:90]
            self.page.screenshot(path=str(Path(SCREENSHOTS) / f"{slug}.png"), full_page=True)
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{name}: the page is {wide} pixels wider than the screen"
        found = axe.Axe().run(self.page, options=RULES)
        serious = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
        assert not serious, f"{name}: " + "; ".join(
            f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in serious
        )

    def says(self, text: str) -> None:
        playwright.expect(self.page.locator("main")).to_contain_text(text, timeout=20_000)


@pytest.fixture(params=list(WAYS))
def visitor(request: pytest.FixtureRequest, browser: Any) -> Iterator[Callable[[str], Visitor]]:
    contexts = []

    def open_one(base: str) -> Visitor:
        context = a_context(browser, **WAYS[request.param])
        contexts.append(context)
        return Visitor(context.new_page(), base, request.param)

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    """A URL, and what was sent to it."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got
    server.shutdown()


def test_an_administrator_s_morning(
    visitor: Callable[[str], Visitor], live: Any, receiver: tuple[str, list[bytes]]
) -> None:
    admin = visitor(live.base)
    page = admin.page
    page.goto(f"{live.base}/login?next=/admin/keys")
    page.fill("input[name=key]", live.key("admin"))
    admin.press("form:has([name=key]) button")

    if not page.locator("#name").is_visible():
        admin.press("details.sheet > summary", away=False)
    page.fill("#name", "refund desk")
    page.fill("#subject", "wang")
    page.select_option("#role", "adjudicator")
    admin.press("form[action='/admin/keys/new'] > button")
    key = page.locator("#secret").inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    admin.press("[data-copy=secret]", away=False)
    playwright.expect(page.locator("[data-copy=secret]")).to_have_text(admin.words("admin")["copied"])
    assert page.evaluate("navigator.clipboard.readText()") == key
    asked = httpx.get(f"{live.base}/v1/reports", headers={"Authorization": f"Bearer {key}"})
    assert asked.status_code == 200
    admin.open("/admin/keys")
    assert key not in page.content()
    admin.press("details.sure:has(form[action$='/revoke']) > summary", away=False)
    page.locator("form[action$='/revoke'] [name=sure]").first.check()
    admin.press("form[action$='/revoke'] button")
    admin.says(admin.words("admin_people")["states"]["revoked"])

    url, got = receiver
    admin.open("/admin/webhooks")
    page.fill("#url", url)
    admin.press("form[action='/admin/webhooks/new'] > button")
    assert page.locator("#secret").inner_text().startswith("whsec_")
    admin.press("form[action$='/test'] button")
    for _ in range(100):
        if got:
            break
        time.sleep(0.1)
    assert b'"test":true' in got[0]
    page.reload()
    admin.press("#deliveries table a")
    admin.says("report.established")

    for path in ("/admin/audit", "/admin/buyers", "/complaints", "/admin/settings", "/admin/health"):
        admin.open(path)
    admin.open("/admin/audit")
    admin.press("form[action='/admin/audit/check'] > button")
    admin.says(admin.words("admin_audit")["whole"])
    assert admin.troubles == []


def test_a_programmer_tries_the_api(visitor: Callable[[str], Visitor], live: Any) -> None:
    someone = visitor(live.base)
    page = someone.page
    someone.open("/developers")
    someone.open("/developers/webhooks")
    someone.open("/developers/reference")
    page.fill("#filter", "create_webhook")
    assert page.locator("[data-text]:visible").count() == 1
    someone.press("[data-text]:visible a")
    page.fill("#own-key", live.key("admin"))
    page.locator("[data-body]").fill('{"url": "http://127.0.0.1:9/hook"}')
    someone.press(".try form button", away=False)
    playwright.expect(page.locator("[data-status]")).to_contain_text("201", timeout=20_000)
    playwright.expect(page.locator("[data-answer]")).to_contain_text("whsec_")
    someone.look("try-it, answered")
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert someone.troubles == []


def test_a_visitor_fakes_a_photo(
    visitor: Callable[[str], Visitor],
    serve: Callable[[Settings], Any],
    live_settings: Settings,
    photo: Callable[..., bytes],
) -> None:
    live = serve(live_settings)
    someone = visitor(live.base)
    page = someone.page
    page.goto(f"{live.base}/login?next=/fake")
    page.fill("input[name=key]", live.key("ann"))
    someone.press("form:has([name=key]) button")
    page.set_input_files(
        "#photo", {"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": photo(size=(640, 480))}
    )
    page.locator("#bench").wait_for(state="visible")
    untouched = page.evaluate("document.getElementById('canvas').toDataURL()")
    someone.press("#canvas", away=False)
    painted = page.evaluate("document.getElementById('canvas').toDataURL()")
    assert painted != untouched
    someone.look("a hole is painted")
    someone.press("#undo", away=False)
    assert page.evaluate("document.getElementById('canvas').toDataURL()") == untouched
    for kind in ("stain", "mould"):
        page.check(f"[name=defect][value={kind}]")
        someone.press("#middle", away=False)
    words = someone.words("fake")
    for button, told in (
        ("#check", ("found", "missed", "unsure")),
        ("#before", ("before_fake", "before_authentic", "before_inconclusive")),
    ):
        someone.press(button, away=False)
        page.locator("#result .result").wait_for(timeout=30_000)
        assert page.locator("#told").inner_text() in {words[name] for name in told}
        someone.look(f"the answer to {button}")
    assert someone.troubles == []
