"""The page of a shop's statistics."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.serving.identity.tenants import DEFAULT
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
    assert "Nothing was reported" in browser(workflow_app, "key-shop-2").get("/statistics").text
    assert "举报图片" in merchant.get("/statistics?lang=zh&days=365").text
