"""A login that ends under a form: what was typed waits for the next login, and nobody is somebody else unasked."""

import re
from html import unescape

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient


@pytest.fixture
def browser(workflow_app: FastAPI) -> TestClient:
    return TestClient(workflow_app, follow_redirects=False, headers={"Accept-Language": "en"})


def test_what_was_typed_when_a_login_ended_waits_for_the_next_one(browser: TestClient) -> None:
    typed = {
        "csrf": "old",
        "key": "k",
        "who": "default/somebody",
        "grounds": "It <is> drawn.",
        "version": "3",
    }
    ended = browser.post(
        "/reports/rpt_1/appeal", data=typed, headers={"Referer": "http://testserver/reports/rpt_1"}
    )
    assert ended.status_code == 401 and "what you typed is kept" in ended.text
    draft = unescape(re.findall(r'name="draft" value="([^"]*)"', ended.text)[0])
    wrong = browser.post("/login", data={"key": "no-key", "next": "/reports/rpt_1", "draft": draft})
    assert wrong.status_code == 401 and 'name="draft"' in wrong.text, "a mistyped key costs nothing either"
    again = browser.post("/login", data={"key": "key-shop-1", "next": "/reports/rpt_1", "draft": draft})
    assert (
        again.status_code == 200 and "It &lt;is&gt; drawn." in again.text and "default/somebody" in again.text
    )
    assert 'action="/reports/rpt_1/appeal"' in again.text and 'value="old"' not in again.text


def test_an_ended_login_is_told_and_not_replaced(browser: TestClient) -> None:
    browser.cookies.set("refundlens_session", "long-gone")
    answer = browser.get("/refunds?part=late")
    assert answer.headers["location"] == "/login?next=%2Frefunds%3Fpart%3Dlate&ended=1"
