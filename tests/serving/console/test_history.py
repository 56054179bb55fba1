"""The merchant's history: found by parts of numbers, words and buyers, narrowed, sorted, turned over, as a file."""

import base64
import csv
import io
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from starlette.testclient import TestClient

from refundlens.serving.identity.access import COOKIE
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.refunds import search
from refundlens.serving.storage.tables import Report
from refundlens.serving.workflow.states import ReportState

pytestmark = pytest.mark.slow


def log_in(app: FastAPI, key: str) -> TestClient:
    browser = TestClient(app, headers={"accept-language": "en"})
    browser.post("/login", data={"key": key, "next": "/history"}, follow_redirects=False)
    assert COOKIE in browser.cookies
    return browser


@pytest.fixture
def browser(workflow_app: FastAPI) -> TestClient:
    return log_in(workflow_app, "key-shop-1")


@pytest.fixture
def report_one(
    as_caller: Callable[..., TestClient], photo: Callable[..., bytes], moving_clock: Any
) -> Callable[..., str]:
    """Brings a refund in and reports its photo."""

    def report(
        number: str,
        said: str = "",
        buyer: str = "b",
        value: int = 12800,
        shop: str = "shop-1",
        note: str = "",
        product: dict[str, str] | None = None,
    ) -> str:
        moving_clock.forward(seconds=1)  # within a millisecond, the order is nobody's
        caller = as_caller(shop)
        data = base64.b64encode(photo(size=(64, 64 + len(number)))).decode()
        body = {"amount": {"value": value}, "buyer": buyer, "claim": {"type": "hole", "text": said},
                "product": product, "images": {"refund": [{"data": data}]}}  # fmt: skip
        image = caller.put(f"/v1/refunds/{number}", json=body).json()["images"][0]["id"]
        answer = caller.post("/v1/reports", json={"refund_id": number, "image": image, "note": note})
        assert answer.status_code == 201, answer.text
        found: str = answer.json()["id"] if "id" in answer.json() else answer.json()["items"][0]["id"]
        return found

    return report


def listed(browser: TestClient, query: str = "") -> list[str]:
    answer = browser.get(f"/history{query}")
    assert answer.status_code == 200
    return re.findall(r'<a href="/reports/\w+">([^<]+)</a>', answer.text)


@pytest.fixture(params=["read one by one", "by the index"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by the index":
        monkeypatch.setattr(search, "READ", 0)
        monkeypatch.setattr(search, "TAKEN", 1)


def test_a_filter_that_is_not_understood_is_said(browser: TestClient, report_one: Callable[..., str]) -> None:
    """A list that looks narrowed and is not would be believed."""
    report_one("R-1")
    page = browser.get("/history?least=%E4%B8%80%E7%99%BE&most=200&since=2026-99-99").text
    assert (
        "“一百” is not understood" in page
        and "“2026-99-99” is not understood" in page
        and "“200”" not in page
    )
    assert "is not understood" not in browser.get("/history?least=+&most=%C2%A5200.00&until=2026-01-31").text


@pytest.mark.usefixtures("either_way")
def test_it_finds_any_part_of_a_number_a_word_and_a_buyer(
    browser: TestClient, report_one: Callable[..., str]
) -> None:
    report_one("20261122000123", "袖口有一个破洞，请看图", buyer="open-uid-7")
    report_one("20261122000456", "A 100% hole in the sleeve_x", note="Seen before")
    report_one("99999999999999", "another shop's hole", shop="shop-2")
    for typed, found in (
        ("000123", ["20261122000123"]),
        ("破洞，", ["20261122000123"]),
        ("０００４５６", ["20261122000456"]),
        ("SLEEVE hole", ["20261122000456"]),
        ("seen BEF", ["20261122000456"]),
        ("100%", ["20261122000456"]),
        ("sleeve_x", ["20261122000456"]),
        ("sleeveyx", []),
        ('say "hole', []),
        ("open-uid-7", ["20261122000123"]),
        ("9999", []),
        ("20261122", ["20261122000456", "20261122000123"]),
    ):
        assert listed(browser, f"?q={typed.replace('%', '%25')}") == found, typed
    shown = re.search(r"Buyer (\w{8})<", browser.get("/history?q=000123").text)
    assert shown and listed(browser, f"?q=buyer:{shown[1]}") == ["20261122000123"]


SHIRT = {"id": "TS-0117", "title": "纯棉长袖 T 恤"}


@pytest.mark.usefixtures("either_way")
def test_it_finds_a_product_by_its_number_and_its_name(
    browser: TestClient, report_one: Callable[..., str]
) -> None:
    report_one("R-1", "破洞", product=SHIRT)
    report_one("R-2", "破洞", product={"title": "A shirt"})
    report_one("R-3", "破洞")
    for typed, found in (("TS-01", ["R-1"]), ("ts-0117", ["R-1"]), ("棉长袖", ["R-1"]), ("SHIRT", ["R-2"])):
        assert listed(browser, f"?q={typed}") == found, typed


def test_it_is_narrowed_to_a_product(browser: TestClient, report_one: Callable[..., str]) -> None:
    report_one("R-1", product=SHIRT, value=300)
    report_one("R-2", product={"title": "A & B <shirt>"})
    report_one("R-3")
    assert '<th scope="col">Product</th>' not in browser.get("/history?q=R-3").text
    report_one("R-4", product=SHIRT | {"title": "renamed"}, value=100)
    page = browser.get("/history").text
    assert '<th scope="col">Product</th>' in page and "A &amp; B &lt;shirt&gt;" in page
    links = sorted({unescape(one) for one in re.findall(r'href="/history(\?product=[^"]+)"', page)})
    assert [listed(browser, link) for link in links] == [["R-2"], ["R-4", "R-1"]], links
    for query, found in (
        ("?product=ＴＳ-0117&sort=largest", ["R-1", "R-4"]),
        ("?product=TS-0117&least=2", ["R-1"]),
        ("?product=TS-0117&q=renamed", ["R-4"]),
        ("?product=TS-011", []),
        ("?product=+", ["R-4", "R-3", "R-2", "R-1"]),
    ):
        assert listed(browser, query) == found, query
    assert 'value="ＴＳ-0117"' in browser.get("/history?product=ＴＳ-0117").text


def test_a_name_whose_plain_form_begins_with_a_blank_is_found(
    browser: TestClient, report_one: Callable[..., str]
) -> None:
    report_one("R-1", product={"title": "´Tis a shirt"})
    (link,) = re.findall(r'href="/history(\?product=[^"]+)"', browser.get("/history").text)
    assert listed(browser, unescape(link)) == ["R-1"]


def test_one_or_two_characters_are_found_too(browser: TestClient, report_one: Callable[..., str]) -> None:
    report_one("R-1", "有破洞")
    report_one("R-2", "发霉了")
    assert listed(browser, "?q=破洞") == ["R-1"] and listed(browser, "?q=霉") == ["R-2"]


@pytest.mark.usefixtures("either_way")
def test_a_changed_claim_is_found_by_its_new_words(
    browser: TestClient, report_one: Callable[..., str], as_caller: Callable[..., TestClient]
) -> None:
    report_one("R-1", "a stain on it")
    body = {"amount": {"value": 12800}, "buyer": "b", "claim": {"type": "hole", "text": "moth-eaten"}}
    assert as_caller("shop-1").put("/v1/refunds/R-1", json=body).status_code == 200
    assert listed(browser, "?q=moth-eaten") == ["R-1"] and listed(browser, "?q=stain") == []


def test_it_is_narrowed_by_state_verdict_amount_and_day(
    report_one: Callable[..., str], workflow_app: FastAPI, moving_clock: Any
) -> None:
    reports = []
    for number, value in (("R-1", 500), ("R-2", 128050), ("R-3", 9900)):
        reports.append(report_one(number, value=value))
        moving_clock.forward(days=1)
    browser = log_in(workflow_app, "key-shop-1")  # now: logins do not last for days
    with workflow_app.state.database.transaction() as session:
        decided = session.get(Report, reports[1])
        decided.state, decided.verdict = ReportState.ESTABLISHED.value, "fake"
    assert listed(browser) == ["R-3", "R-2", "R-1"]
    for query, found in (
        ("?state=established", ["R-2"]),
        ("?state=undecided", ["R-3", "R-1"]),
        ("?verdict=fake", ["R-2"]),
        ("?least=99&most=1,280.50", ["R-3", "R-2"]),
        ("?least=¥99.01", ["R-2"]),
        ("?since=2026-11-23&until=2026-11-23", ["R-2"]),
        ("?until=2026-11-22", ["R-1"]),
        # 08:00 in London is 16:00 in Shanghai and midnight in Los Angeles
        ("?since=2026-11-23&zone=America/Los_Angeles", ["R-3", "R-2"]),
        ("?since=2026-11-24&zone=Pacific/Kiritimati", ["R-3"]),
        ("?sort=largest", ["R-2", "R-3", "R-1"]),
        ("?sort=smallest", ["R-1", "R-3", "R-2"]),
        ("?sort=oldest", ["R-1", "R-2", "R-3"]),
        ("?q=R-&least=99&sort=oldest", ["R-2", "R-3"]),
        ("?state=nonsense&verdict=x&since=x&least=x&most=-1&sort=x&zone=x", ["R-3", "R-2", "R-1"]),
    ):
        assert listed(browser, query) == found, query


@pytest.mark.parametrize("sort", ["newest", "oldest", "largest", "smallest"])
def test_pages_follow_each_other_without_gaps(
    browser: TestClient, report_one: Callable[..., str], monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr("refundlens.serving.console.merchant.history.ROWS", 2)
    for number in range(5):
        report_one(f"R-{number}", value=100 * (number // 2))
    path, seen = f"/history?q=R-&least=0&sort={sort}", []
    for _ in range(3):
        answer = browser.get(path).text
        seen += re.findall(r'<a href="/reports/\w+">([^<]+)</a>', answer)
        following = re.search(r'href="([^"]+)" rel="next"', answer)
        path = unescape(following[1]) if following else ""
    assert sorted(seen) == [f"R-{number}" for number in range(5)] and path == ""
    assert browser.get("/history?cursor=nonsense").status_code == 400


def test_the_file_has_the_same_rows_and_runs_nothing(
    browser: TestClient, report_one: Callable[..., str]
) -> None:
    report_one("R-1", '=HYPERLINK("http://x")', value=128050, product=SHIRT)
    report_one("R-2", "破洞", product={"title": "=1+1"})
    answer = browser.get("/history.csv?q=R-1")
    assert answer.headers["content-type"].startswith("text/csv") and answer.content.startswith(
        b"\xef\xbb\xbf"
    )
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (row["Refund"], row["Amount"], row["Currency"]) == ("R-1", "1280.50", "CNY")
    assert row["Buyer's words"] == '\'=HYPERLINK("http://x")'
    assert (row["Product number"], row["Product name"]) == ("TS-0117", SHIRT["title"])
    rows = list(
        csv.reader(
            io.StringIO(browser.get("/history.csv?lang=zh&zone=Asia/Shanghai").content.decode("utf-8-sig"))
        )
    )
    assert [row[-2:] for row in rows[:2]] == [["商品编号", "商品名称"], ["", "'=1+1"]]
    assert [row[1] for row in rows] == ["退款编号", "R-2", "R-1"] and rows[1][0].startswith(
        "2026-11-22 16:00"
    )


def test_it_is_the_shops_own(
    workflow_app: FastAPI, browser: TestClient, report_one: Callable[..., str]
) -> None:
    report_one("R-1", "a hole", buyer="shared")
    other = log_in(workflow_app, "key-shop-2")
    assert listed(other) == [] and listed(other, "?q=hole") == [] and listed(other, "?q=shared") == []
    assert "R-1" not in other.get("/history.csv").text
    assert listed(log_in(workflow_app, "key-root"), "?q=hole") == ["R-1"]
    assert log_in(workflow_app, "key-ann").get("/history").status_code == 403


def test_erased_words_are_found_no_more(
    workflow_app: FastAPI, browser: TestClient, report_one: Callable[..., str]
) -> None:
    from refundlens.serving.buyers import erasure
    from refundlens.serving.kit.roles import SYSTEM

    report_one("R-1", "secret words", buyer="gone", note="noted")
    state = workflow_app.state
    with state.database.transaction() as session:
        session.execute(text("UPDATE refund SET status = 'closed'"))
        session.execute(text("UPDATE report SET state = 'withdrawn', live = NULL"))
    with state.database.transaction() as session:
        erasure.erase(
            session, state.files, DEFAULT, state.secret.buyer(DEFAULT, "gone"), SYSTEM, state.clock()
        )
    assert (
        listed(browser, "?q=secret") == []
        and listed(browser, "?q=noted") == []
        and listed(browser, "?q=gone") == []
    )
    assert listed(browser, "?q=R-1") == ["R-1"]
    with state.database.reading() as session:
        assert session.execute(select(Report.id)).all()
        hits = text("SELECT rowid FROM report_search WHERE report_search MATCH 'secret'")
        assert session.execute(hits).all() == []
