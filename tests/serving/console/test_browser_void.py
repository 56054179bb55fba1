"""An administrator takes back a refund's record that stands under a wrong shop, in Chromium, in both languages, on a
desktop and a phone with taps: found by number, chosen by shop, voided with a reason, audited; and what its shop reads.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.support.browser import NEEDED, Person, expect

pytestmark = [
    *NEEDED,
    pytest.mark.parametrize("way", ["zh, desktop", "zh, phone", "en, desktop", "en, phone"]),
]
NUMBER = "claimed-1"


def test_a_record_under_a_wrong_shop_is_voided_and_audited(
    person: Callable[[], Person], live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shops = {name: story.Caller(live.base, live.key(name)) for name in ("shop-1", "shop-2")}
    reports = {}
    for name, shop in shops.items():
        refund = story.refund(photo(red=True, size=(300, 240 + len(reports))), account=name)
        image = shop.put(f"/v1/refunds/{NUMBER}", refund)["images"][0]["id"]
        made = shop.post("/v1/reports", {"refund_id": NUMBER, "image": image}, Prefer="wait=20")
        reports[name] = made["id"]
    admin = person()
    page, words = admin.page, admin.words("refunds")
    admin.log_in(live.key("admin"), "/refunds")
    page.fill("[name=find]", NUMBER)
    admin.press("form.find button")
    admin.says(words["which"])
    admin.press("main ul a[href*='account=shop-2']")
    admin.says(words["void_whose"].format(account="shop-2", platform=words["no_platform"])[:20])
    admin.press("details.sure:has(form[action$='/void']) > summary", away=False)
    form = page.locator("form[action$='/void']")
    form.locator("[name=reason]").fill("   ")
    form.locator("[name=sure]").check()
    admin.press("form[action$='/void'] button")
    expect(page.locator("#failure")).to_contain_text(admin.words("admin")["problems"]["reason_missing"])
    form.locator("[name=reason]").fill("It is shop-1's")
    form.locator("[name=sure]").check()
    admin.press("form[action$='/void'] button")
    audit = admin.words("admin_audit")
    admin.says(audit["voided"].format(number=NUMBER))
    row = page.locator("table.log tbody tr", has_text=audit["actions"]["refund.voided"])
    expect(row).to_have_count(1)
    expect(row).to_contain_text(admin.words("admin")["actors"]["admin"])

    admin.open(f"/admin/audit?about={NUMBER}")  # both shops' records and reports, the void one's included
    assert page.locator("table.log a", has_text=reports["shop-2"]).count() >= 1
    admin.open(f"/refunds/{NUMBER}")
    assert "shop-1" in page.locator("#void + .note, #void ~ .note").first.inner_text()
    for name, void in (("shop-1", False), ("shop-2", True)):
        merchant = person()
        merchant.log_in(live.key(name), f"/reports/{reports[name]}")
        assert (merchant.words("refunds")["voided"] in merchant.page.locator("main").inner_text()) is void
        merchant.press("p.back a")
        assert merchant.page.url.endswith("/history" if void else f"/refunds/{NUMBER}")
        assert merchant.troubles == []
    assert admin.troubles == []
