"""Takes the pictures of this folder: starts a fresh demo with the bundled model and clicks through it.

python -m docs.screenshots.take        # needs chromium and `pip install playwright`
"""

import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from refundlens.serving.jobs.example import NUMBER
from tests.load.demo import demo, wait_for

HERE = Path(__file__).parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 780}}


def found_fake(page: Page, base: str) -> str:
    """The address of the report on the refund that the demo found fake (`serving.jobs.example`)."""
    page.goto(f"{base}/refunds")
    wait_for(
        lambda: page.goto(f"{base}/refunds/{NUMBER}") and page.locator("a[href^='/reports/rpt_']").count() > 0
    )
    link = page.locator("a[href^='/reports/rpt_']").first.get_attribute("href")
    assert link is not None
    return base + link.partition("?")[0]


def main() -> None:
    chromium = shutil.which("chromium")
    with demo() as (base, key), sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        shop = browser.new_context(locale="zh-CN", **DESKTOP).new_page()
        shop.goto(f"{base}/?lang=zh")
        address = found_fake(shop, base)
        wait_for(lambda: shop.goto(address) and shop.locator("form[action$='/refuse']").count() > 0)
        shop.goto(f"{base}/refunds?lang=zh")
        shop.wait_for_load_state("networkidle")
        shop.screenshot(path=HERE / "refunds-zh.png")
        shop.goto(f"{address}?lang=en")
        shop.wait_for_load_state("networkidle")
        shop.screenshot(path=HERE / "report-en.png")
        cookies = shop.context.cookies()
        phone = browser.new_context(locale="en-GB", color_scheme="dark", **PHONE)
        phone.add_cookies(cookies)
        small = phone.new_page()
        small.goto(f"{address}?lang=zh")
        small.wait_for_load_state("networkidle")
        small.screenshot(path=HERE / "report-phone-dark-zh.png")
        doubtful = small
        doubtful.goto(f"{base}/refunds/DEMO-001")
        with doubtful.expect_navigation():
            doubtful.locator("form.photo-card button").first.click()
        judge = browser.new_context(locale="en-GB", **DESKTOP).new_page()
        judge.goto(f"{base}/login?next=/queue")
        judge.fill("input[name=key]", key)
        with judge.expect_navigation():
            judge.locator("form:has([name=key]) button").click()
        wait_for(lambda: judge.reload() and judge.locator("a[href^='/queue/rpt_']").count() > 0)
        judge.wait_for_load_state("networkidle")
        judge.screenshot(path=HERE / "queue-en.png")
        judge.locator("a[href^='/queue/rpt_']").first.click()
        judge.wait_for_load_state("networkidle")
        judge.screenshot(path=HERE / "workbench-en.png")
        judge.goto(f"{base}/models")
        judge.screenshot(path=HERE / "models-en.png")
        browser.close()


if __name__ == "__main__":
    main()
