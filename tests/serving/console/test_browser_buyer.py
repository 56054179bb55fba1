"""The buyer's page on a desktop and a phone: until when a photo is wished for and that it came, files that are too
large, words in lines and in other directions, a link that was cut off.
"""

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from refundlens.serving.kit.clock import utc_now
from refundlens.serving.kit.language import texts
from refundlens.serving.reports import links
from tests.support.browser import NEEDED, Person, expect

pytestmark = [*NEEDED, pytest.mark.parametrize("way", ["zh, desktop", "en, phone"])]
LINES = "袖口破了。\nהקרע אמיתי."


def _file(name: str, content: bytes, kind: str = "image/jpeg") -> dict[str, Any]:
    return {"name": name, "mimeType": kind, "buffer": content}


def test_a_photo_that_is_wished_for_has_its_time_and_its_receipt(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shop, ann = (story.Caller(live.base, live.key(name)) for name in ("shop-1", "ann"))
    image = shop.put("/v1/refunds/wish-1", story.refund(photo("GIF")))["images"][0]["id"]
    report = shop.post("/v1/reports", {"refund_id": "wish-1", "image": image}, Prefer="wait=20")["id"]
    ann.post(f"/v1/reports/{report}/photo-requests", {"wish": "close_up", "message": LINES})
    buyer = person()
    page, words = buyer.page, buyer.words("track")
    buyer.open(ann.get(f"/v1/reports/{report}")["track_urls"]["buyer"])
    asked = page.locator(".upload")
    expect(asked).to_contain_text(words["photo_until"])
    due = ann.get(f"/v1/reports/{report}")["photo_requests"][0]["due_at"]
    assert asked.locator("time").get_attribute("datetime")[:16] == due[:16]
    assert page.locator("blockquote").inner_text() == LINES
    page.set_input_files("[name=image]", [_file("more.jpg", photo())])
    buyer.press(".upload button")
    buyer.says(words["photo_came"])
    assert buyer.troubles == []


def test_an_appeal_is_told_what_is_wrong_before_it_is_sent(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shop, ann = (story.Caller(live.base, live.key(name)) for name in ("shop-1", "ann"))
    image = shop.put("/v1/refunds/words-2", story.refund(photo(red=True)))["images"][0]["id"]
    report = shop.post("/v1/reports", {"refund_id": "words-2", "image": image}, Prefer="wait=20")["id"]
    story.until("verdict", lambda: ann.get(f"/v1/reports/{report}")["state"] == "established")
    link = ann.get(f"/v1/reports/{report}")["track_urls"]["buyer"]
    buyer = person()
    page = buyer.page
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)

    buyer.open(link)
    expect(page.locator(".upload")).to_contain_text(" 64 MB")
    page.fill("#grounds", LINES)
    page.evaluate("document.querySelector('.sending').dataset.most = '300'")
    page.set_input_files(
        "[name=file]", [_file("unpacking.mp4", b"\0\0\0\x18ftypmp42" + b"0" * 500, "video/mp4")]
    )
    buyer.press(".upload button", away=False)
    expect(page.locator(".sending")).to_contain_text("MB")
    expect(page.locator(".upload button")).to_be_enabled()
    assert sent == [] and page.input_value("#grounds") == LINES
    page.set_input_files("[name=file]", [])

    page.fill("#grounds", "   ")
    buyer.press(".upload button")
    buyer.says(buyer.words("problems")["codes"]["invalid_request"])
    buyer.open(link)
    page.fill("#grounds", LINES)
    page.set_input_files("[name=image]", [_file("a.jpg", photo()), _file("b.jpg", b"none")])
    page.set_input_files("[name=file]", [_file("c.exe", b"MZ\x90\x00", "application/octet-stream")])
    buyer.press(".upload button", away=False)
    told, places = page.locator(".sending [role=status]"), buyer.words("page")["file_places"]
    for field, number, name in (("image", 2, "b.jpg"), ("file", 1, "c.exe")):
        expect(told).to_contain_text(places[field].format(number=number, name=name))
    assert page.input_value("#grounds") == LINES
    buyer.press(".upload button")
    assert page.locator("blockquote").inner_text() == LINES
    bidi = "getComputedStyle(document.querySelector('blockquote')).unicodeBidi"
    assert page.evaluate(bidi) == "plaintext"  # each line in its own direction

    buyer.open(link[:-4])
    buyer.says(buyer.words("problems")["codes"]["link_unknown"])
    expect(page.locator("h1")).to_have_text(buyer.words("problems")["titles"]["link_unknown"])
    assert buyer.troubles == []


def test_a_link_that_ended_says_when_and_whom_to_ask_with_what(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shop = story.Caller(live.base, live.key("shop-1"))
    image = shop.put("/v1/refunds/ended-1", story.refund(photo(red=True)))["images"][0]["id"]
    report = shop.post("/v1/reports", {"refund_id": "ended-1", "image": image}, Prefer="wait=20")["id"]
    made = utc_now() - links.LIFETIME - timedelta(days=10)
    for side in links.SIDES:
        reader = person()
        page, words = reader.page, reader.words("problems")
        token = links.token(live.app.state.secret, report, side, made)
        day = f"{made + links.LIFETIME:%Y-%m-%d}"
        assert page.goto(f"{live.base}/track/{token}").status == 410
        reader.look(f"ended link of {side}")
        expect(page.locator("h1")).to_have_text(words["titles"]["link_ended"])
        told = words["codes"][f"link_ended_{side}"].format(ended=day, refund="ended-1")
        expect(page.locator("[role=alert]")).to_have_text(told)
        ways = page.locator("main a").evaluate_all("all => all.map((one) => one.getAttribute('href'))")
        assert ways == {"buyer": [], "merchant": ["/", "/login"]}[side], "a buyer has no login"
        page.locator(f"header a[href*='lang={'en' if reader.language == 'zh' else 'zh'}']").first.click()
        other = texts("problems", "en" if reader.language == "zh" else "zh")
        expect(page.locator("h1")).to_have_text(other["titles"]["link_ended"])
        assert reader.troubles == []
