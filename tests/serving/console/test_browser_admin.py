"""Three stories in Chromium, in both languages, on a desktop and on a phone of 390 px with taps.

An administrator makes a key, registers a webhook, sends it a test event, checks the log; a programmer tries an
operation; a visitor fakes a photo. Every page on the way is checked with axe, fits the screen, and breaks
no Content-Security-Policy.
"""

import re
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.support.browser import NEEDED, Person, expect

pytestmark = [*NEEDED, pytest.mark.parametrize("way", ["zh, desktop", "en, phone"])]


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
    person: Callable[[], Person], live: Any, receiver: tuple[str, list[bytes]]
) -> None:
    admin = person()
    page = admin.page
    admin.log_in(live.key("admin"), "/admin/keys")

    if not page.locator("#name").is_visible():
        admin.press("details.sheet > summary", away=False)
    page.fill("#name", "refund desk")
    page.fill("#subject", "wang")
    page.select_option("#role", "adjudicator")
    admin.press("form[action='/admin/keys/new'] > button")
    key = page.locator("#secret").inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    admin.press("[data-copy=secret]", away=False)
    expect(page.locator("[data-copy=secret]")).to_have_text(admin.words("admin")["copied"])
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


def test_the_places_are_one_line_and_the_rest_a_menu(person: Callable[[], Person], live: Any) -> None:
    """On a desktop; on a phone they are as many lines as they need."""
    admin = person()
    page = admin.page
    admin.log_in(live.key("admin"), "/admin")
    if page.viewport_size["width"] >= 1280:
        for language in ("en", "zh"):
            page.goto(f"{live.base}/admin?lang={language}")
            tops = page.locator("body > header nav a").evaluate_all(
                "all => new Set(all.map(e => Math.round(e.getBoundingClientRect().top))).size"
            )
            assert tops == 1, language
    way_out = page.locator("form[action='/logout'] button")
    assert not way_out.is_visible()
    admin.press(".account summary", away=False)
    assert way_out.is_visible()
    admin.look("the menu")
    page.keyboard.press("Escape")
    assert not way_out.is_visible()
    admin.press(".account summary", away=False)
    page.locator("h1").click()
    assert not way_out.is_visible()
    admin.press(".account summary", away=False)
    admin.press(".account a[href='/password']")
    assert page.url.endswith("/password")
    admin.press(".account summary", away=False)
    admin.press("form[action='/logout'] button")
    assert "/login" in page.url or "/welcome" in page.url
    assert admin.troubles == []


def test_what_was_typed_stays_where_it_was_refused(person: Callable[[], Person], live: Any) -> None:
    admin = person()
    page, problems = admin.page, admin.words("admin")["problems"]
    admin.log_in(live.key("admin"), "/admin/webhooks")
    page.fill("#url", "http://127.0.0.1:9/hook")
    admin.press("form[action='/admin/webhooks/new'] > button")
    admin.press("details.sure:has(form[action$='/change']) > summary", away=False)
    page.fill("#url", "http://me:secret@127.0.0.1/")
    page.fill("#description", "קבלות 🧾")
    admin.press("form[action$='/change'] > button")
    expect(page.locator("#failure")).to_contain_text(problems["webhook_url_form"])
    assert page.locator("#url").is_visible() and page.input_value("#url") == "http://me:secret@127.0.0.1/"
    admin.open("/admin/settings")
    page.fill("[inputmode=decimal]", "30")
    admin.press("form[action$='/choose'] > button")
    page.fill("[inputmode=decimal]", "many")
    admin.press("form[action$='/choose'] > button")
    expect(page.locator("#failure")).to_contain_text(problems["not_a_percentage"])
    assert page.input_value("[inputmode=decimal]") == "many"
    assert admin.troubles == []


def test_a_programmer_tries_the_api(person: Callable[[], Person], live: Any) -> None:
    someone = person()
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
    expect(page.locator("[data-status]")).to_contain_text("201", timeout=20_000)
    expect(page.locator("[data-answer]")).to_contain_text("whsec_")
    someone.look("try-it, answered")
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert someone.troubles == []


def test_a_visitor_fakes_a_photo(
    person: Callable[[], Person],
    live: Any,
    photo: Callable[..., bytes],
) -> None:
    someone = person()
    page = someone.page
    someone.log_in(live.key("ann"), "/fake")
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
    someone.press("#redraw", away=False)
    redrawn = page.evaluate("document.getElementById('canvas').toDataURL()")
    someone.press("#undo", away=False)
    assert page.evaluate("document.getElementById('canvas').toDataURL()") not in (redrawn, untouched)
    words = someone.words("fake")
    for button, told in (
        ("#check", ("found", "missed", "unsure")),
        ("#before", ("before_fake", "before_authentic", "before_inconclusive")),
    ):
        someone.press(button, away=False)
        page.locator("#result .result").wait_for(timeout=30_000)
        assert page.locator("#told").inner_text() in {words[name] for name in told}
        explained = page.locator("#why")
        if button == "#check":
            expect(page.locator("#why-before")).to_have_text(re.compile(r"\d%$"))
            assert page.locator("#why-verdict").inner_text() != ""
            for said in ("#why-after", "#why-place", "#why-rest"):
                assert re.search(r"\d%$", page.locator(said).inner_text()), said
        else:
            expect(explained).to_be_hidden()
        someone.look(f"the answer to {button}")
    assert someone.troubles == []
