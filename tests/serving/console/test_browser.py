"""The whole story in a real browser: report, refuse, appeal by the buyer's link, overturned by an adjudicator. In both
languages, on a desktop and a phone, with and without JavaScript.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from refundlens.serving.reports.held import UNDO
from tests.support.browser import NEEDED, Person

pytestmark = [*NEEDED, pytest.mark.parametrize("way", ["zh, desktop", "en, phone", "en, no scripts"])]
WORDS = {
    "zh": {"report": "举报假图", "established": "成立", "final": "不成立"},
    "en": {"report": "Report fake image", "established": "Established", "final": "Not established"},
}


def test_a_dispute_in_the_browser(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    words = WORDS[person().language]
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
    if "no scripts" not in buyer.way:
        for _ in range(2):  # what was written outlives the other language
            buyer.press("a.switch")
            assert buyer.page.input_value("textarea[name=grounds]") == "It is a real hole."
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
