"""The same amount on the merchant's and the adjudicator's pages, whatever the currency's smallest unit."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.workflow.states import ReportState

pytestmark = pytest.mark.slow

CASES = {
    ("KWD", "en"): "KWD\xa012.345",
    ("KWD", "zh"): "KWD\xa012.345",
    ("ISK", "en"): "ISK\xa012,345",
    ("ISK", "zh"): "ISK\xa012,345",
    ("JPY", "en"): "JP¥12,345",
    ("JPY", "zh"): "JP¥12,345",
    ("CNY", "en"): "¥123.45",
    ("CNY", "zh"): "¥123.45",
}
"""12,345 of each currency's smallest unit."""


@pytest.fixture
def browser(workflow_app: FastAPI) -> Callable[[str, str], TestClient]:
    """Logged in as somebody who reads a language."""

    def log_in(name: str, language: str) -> TestClient:
        http = TestClient(workflow_app, headers={"Accept-Language": language})
        answer = http.post("/login", data={"key": f"key-{name}"}, follow_redirects=False)
        assert answer.status_code == 303
        return http

    return log_in


@pytest.mark.parametrize(("currency", "language"), CASES)
def test_both_consoles_show_the_same_amount(
    workflow_app: FastAPI, browser: Any, create_dispute: Any, moving_clock: Any, currency: str, language: str
) -> None:
    with workflow_app.state.database.transaction() as session:
        made = create_dispute(
            session, moving_clock(), buyer="b" * 64, tenant=DEFAULT, state=ReportState.NEEDS_REVIEW,
            files=workflow_app.state.files,
        )  # fmt: skip
        made.refund.amount_minor, made.refund.currency = 12345, currency
        refund, report = made.refund.refund_id, made.report.id
    merchant, judge = browser("shop-1", language), browser("ann", language)
    pages = {
        "a refund": merchant.get(f"/refunds/{refund}"),
        "refunds": merchant.get("/refunds?part=undated"),
        "a report": merchant.get(f"/reports/{report}"),
        "the queue": judge.get("/queue"),
        "the workbench": judge.get(f"/queue/{report}"),
    }
    for name, page in pages.items():
        assert page.status_code == 200, (name, page.text[:300])
        shown = re.findall(r'<(?:strong|p class="amount"|dd class="amount")>([^<]*\d[^<]*)<', page.text)
        assert CASES[currency, language] in shown, (name, shown)
