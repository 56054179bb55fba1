"""The page of a shop's statistics."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any
from xml.etree import ElementTree

from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.refunds import search
from refundlens.serving.reports.statistics import TOP
from refundlens.serving.workflow.states import ReportState


def browser(app: FastAPI, key: str) -> TestClient:
    opened = TestClient(app, headers={"accept-language": "en"})
    opened.post("/login", data={"key": key, "next": "/statistics"}, follow_redirects=False)
    return opened


def test_a_shop_sees_what_became_of_its_reports(
    workflow_app: FastAPI, create_dispute: Callable[..., Any], moving_clock: Any
) -> None:
    merchant = browser(workflow_app, "key-shop-1")
    assert "Nothing was reported in this time." in merchant.get("/statistics").text
    now = moving_clock()
    states = (
        ReportState.ESTABLISHED,
        ReportState.FINAL_ESTABLISHED,
        ReportState.NOT_ESTABLISHED,
        ReportState.NEEDS_REVIEW,
    )
    with workflow_app.state.database.transaction() as session:
        for number, state in enumerate(states):
            made = now - timedelta(days=8 * number + 1)
            one = create_dispute(
                session, made, buyer=f"{number:064x}", content=b"%d" % number, state=state, tenant=DEFAULT
            )
            if state in ReportState.for_merchant():
                one.refund.outcome, one.report.decided_at = "merchant_supported", made + timedelta(seconds=4)
    page = merchant.get("/statistics")
    assert page.status_code == 200
    for words in ("<dd>4</dd>", "<dd>2</dd>", "67%", "¥256.00", "4 s", "hole"):
        assert words in page.text, words
    drawing = page.text[page.text.index('<svg class="plot wide weeks"') :].split("</svg>")[0] + "</svg>"
    blocks = [one for one in ElementTree.fromstring(drawing).iter() if one.tag.endswith("rect")]
    assert sorted(one.attrib["class"] for one in blocks) == [
        "part caught",
        "part caught",
        "part cleared",
        "part pending",
    ]
    assert all(float(one.attrib["height"]) == 160 for one in blocks), "one report a week each"
    assert "No refund reported in this time names a product." in page.text
    assert "Nothing was reported" in browser(workflow_app, "key-shop-2").get("/statistics").text
    assert "举报图片" in merchant.get("/statistics?lang=zh&days=365").text


def test_a_shop_sees_its_products(
    workflow_app: FastAPI, create_dispute: Callable[..., Any], moving_clock: Any
) -> None:
    named = (("TS-0117", "纯棉 <T 恤>"), ("TS-0117", "old name"), ("X&Y", None), (None, "Mug"), (None, None))
    with workflow_app.state.database.transaction() as session:
        for number, (code, title) in enumerate(named):
            made = moving_clock() - timedelta(days=number + 1)
            one = create_dispute(session, made, buyer=f"{number:064x}", content=b"%d" % number, tenant=DEFAULT,
                                 state=ReportState.ESTABLISHED)  # fmt: skip
            one.refund.product_id, one.refund.product_title = code, title
            one.refund.outcome = "merchant_supported"
            one.report.product = search.known_by(one.refund)
    merchant = browser(workflow_app, "key-shop-1")
    page = merchant.get("/statistics").text
    table = page[page.index('class="bars headed products"') :].split("</table>")[0]
    rows = [
        [
            unescape(re.sub(r"<[^>]+>", "", cell)).strip()
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        ]
        for row in table.split("<tr>")[2:]
    ]
    assert rows == [
        ["纯棉 <T 恤> TS-0117", "2", "2", "100%", "¥256.00", ""],
        ["X&Y", "1", "1", "100%", "¥128.00", ""],
        ["Mug", "1", "1", "100%", "¥128.00", ""],
        ["without a product", "1", "1", "100%", "¥128.00", ""],
    ]
    (shirt, *_) = [unescape(link) for link in re.findall(r'<th scope="row"><a href="([^"]+)"', table)]
    assert merchant.get(shirt).text.count('<a href="/reports/') == 2, shirt
    of_all = browser(workflow_app, "key-root").get("/statistics").text
    assert "<small>shop-1</small>" in of_all and "<small>shop-1</small>" not in page
    assert "未填写商品" in merchant.get("/statistics?lang=zh").text


def test_rare_products_are_one_line(
    workflow_app: FastAPI, create_dispute: Callable[..., Any], moving_clock: Any
) -> None:
    with workflow_app.state.database.transaction() as session:
        for number in range(TOP + 2):
            made = moving_clock() - timedelta(days=1, seconds=number)
            one = create_dispute(
                session, made, buyer=f"{number:064x}", content=b"%d" % number, tenant=DEFAULT
            )
            one.refund.product_id = one.report.product = f"P-{number}"
    page = browser(workflow_app, "key-shop-1").get("/statistics").text
    assert "2 other products" in page and "without a product" not in page
