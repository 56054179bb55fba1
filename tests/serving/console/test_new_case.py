"""A case made in the browser from the merchant's own copies of photos."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from refundlens.serving.identity.access import COOKIE
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.errors import Conflict
from refundlens.serving.kit.language import texts
from refundlens.serving.refunds import service as mirroring
from refundlens.serving.storage.tables import Image, Refund, Report

pytestmark = pytest.mark.slow

Photo = Callable[..., bytes]
TYPED = {"number": "2026-77", "product_id": "TS-0117", "product_title": " 纯棉 T 恤 ", "amount": "¥1,280.50",
         "currency": "CNY", "buyer": "tb_88", "claim": "hole", "claim_text": "袖口破洞", "source": "chat",
         "deadline": "2026-11-24T08:00", "zone": "Asia/Shanghai", "report": "1", "note": "see the edge"}  # fmt: skip


class Form:
    """The page's form, as a browser sends it."""

    def __init__(self, app: FastAPI, key: str = "key-shop-1") -> None:
        self.browser = TestClient(app, headers={"accept-language": "en"}, raise_server_exceptions=False)
        self.browser.post("/login", data={"key": key, "next": "/new-case"}, follow_redirects=False)
        assert COOKIE in self.browser.cookies
        page = self.browser.get("/new-case").text
        self.hidden = dict(
            re.findall(r'type="hidden" name="(csrf|key)" value="([^"]*)"', page.split("<main")[1])
        )

    def send(self, *photos: bytes, listing: bytes | None = None, **typed: str) -> Any:
        files = [("photos", (f"{number}.jpg", data, "image/jpeg")) for number, data in enumerate(photos)]
        files.append(
            (
                "listing",
                ("l.jpg", listing, "image/jpeg") if listing else ("", b"", "application/octet-stream"),
            )
        )
        return self.browser.post("/new-case", data={**self.hidden, **TYPED, **typed}, files=files)


@pytest.fixture
def form(workflow_app: FastAPI) -> Form:
    return Form(workflow_app)


def rows(app: FastAPI, table: Any) -> list[Any]:
    with app.state.database.reading() as session:
        return list(session.execute(select(table).order_by(table.id)).scalars())


def test_a_case_with_its_report_in_one_form(form: Form, workflow_app: FastAPI, photo: Photo) -> None:
    answer = form.send(photo(red=True), photo(), photo(), listing=photo(size=(80, 80)))
    assert answer.status_code == 200 and answer.url.path == "/refunds/2026-77", answer.text[:3000]
    (refund,) = rows(workflow_app, Refund)
    assert (refund.refund_id, refund.amount_minor, refund.account) == ("2026-77", 128050, "shop-1")
    assert rfc3339(refund.deadline_at) == "2026-11-24T00:00:00.000Z" and refund.claim_text == "袖口破洞"
    assert (refund.product_id, refund.product_title) == ("TS-0117", "纯棉 T 恤")
    images = rows(workflow_app, Image)
    assert sorted(image.source for image in images) == ["chat", "chat", "listing"], (
        "the same photo is one photo"
    )
    reports = rows(workflow_app, Report)
    assert len(reports) == 2 and {report.note for report in reports} == {"see the edge"}
    assert len({report.claim_id for report in reports}) == 1
    assert (
        form.send(photo(red=True), photo(), photo(), listing=photo(size=(80, 80))).url.path == answer.url.path
    )
    assert len(rows(workflow_app, Report)) == 2, "a double click is one case"


def test_a_case_without_a_report(form: Form, workflow_app: FastAPI, photo: Photo) -> None:
    answer = form.send(photo(), report="", deadline="", product_id="", product_title="")
    assert answer.url.path == "/refunds/2026-77" and rows(workflow_app, Report) == []
    (refund,) = rows(workflow_app, Refund)
    assert (refund.product_id, refund.product_title) == (None, None)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"amount": "a lot"}, "Write the amount as a number"),
        ({"amount": "1.005"}, "Write the amount as a number"),
        ({"number": "a/b"}, "letters, digits"),
        ({"number": ""}, "letters, digits"),
        ({"source": "listing"}, "where you have the photos from"),
        ({"buyer": "  "}, "Say who the buyer is"),
        ({"deadline": "2026-11-22T15:00"}, "has passed"),
        ({"deadline": "tomorrow"}, "a date and a time"),
        ({"zone": "Mars/Base"}, "a date and a time"),
        ({"claim": "theft"}, "missing or too long"),
        ({"product_id": "x" * 101}, "A product number has up to 100"),
        ({"product_title": "two\nlines"}, "on one line"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_typed_is_lost(
    form: Form, workflow_app: FastAPI, photo: Photo, typed: dict[str, str], said: str
) -> None:
    answer = form.send(photo(), **typed)
    assert answer.status_code in (400, 422) and said in answer.text
    assert (
        "袖口破洞" in answer.text
        and ("纯棉 T 恤" in answer.text or "product_title" in typed)
        and "see the edge" in answer.text
        and "choose the photos again" in answer.text
    )
    assert rows(workflow_app, Refund) == []


def test_photos_that_are_none(form: Form, workflow_app: FastAPI, photo: Photo) -> None:
    assert "at least one photo" in form.send().text
    answer = form.send(photo(), b"no photo at all")
    assert answer.status_code == 422 and "1.jpg" in answer.text
    twice = form.send(b"no photo at all", photo(), b"no photo at all").text
    assert re.findall(r'data-field="photos" data-number="(\d)"', twice) == ["1", "3"], (
        "both are taken out at once"
    )
    assert rows(workflow_app, Refund) == []


def test_a_refund_that_is_here_already_stays_as_it_is(
    form: Form, workflow_app: FastAPI, photo: Photo
) -> None:
    form.send(photo())
    again = Form(workflow_app)
    answer = again.send(photo(red=True), amount="1")
    assert answer.status_code == 409 and 'href="/refunds/2026-77"' in answer.text
    assert texts("new_case", "en")["problems"]["refund_known"].format(number="2026-77") in answer.text
    assert [refund.amount_minor for refund in rows(workflow_app, Refund)] == [128050]


def test_who_may_not(form: Form, workflow_app: FastAPI, photo: Photo) -> None:
    stranger = TestClient(workflow_app)
    assert (
        stranger.post("/new-case", data=TYPED, follow_redirects=False)
        .headers["location"]
        .startswith("/welcome")
    )
    form.hidden["csrf"] = "guessed"
    assert form.send(photo()).status_code == 403
    judge = TestClient(workflow_app)
    judge.post("/login", data={"key": "key-ann", "next": "/queue"}, follow_redirects=False)
    assert judge.get("/new-case").status_code == 403
    assert rows(workflow_app, Refund) == []


def test_more_than_may_come_is_refused_before_it_is_read(form: Form, workflow_app: FastAPI) -> None:
    limit = workflow_app.state.settings.max_request_bytes
    answer = form.browser.post("/new-case", headers={"content-length": str(limit + 1)}, content=b"x")
    assert answer.status_code == 413


def test_a_photo_that_is_none_is_named_in_chinese(form: Form) -> None:
    form.browser.headers["accept-language"] = "zh"
    page = form.send(b"no photo at all").text
    assert "第 1 张买家图片“0.jpg”</strong>：无法读取此文件" in page and "not a picture" not in page


def test_every_photo_that_is_none_is_told_with_its_number(
    form: Form, workflow_app: FastAPI, photo: Photo
) -> None:
    """On a phone all are called image.jpg."""
    form.browser.headers["accept-language"] = "zh"
    page = form.send(photo(), b"no photo at all", photo(red=True), b"", listing=b"%PDF-1.7").text
    for named in ("第 2 张买家图片“1.jpg”", "第 4 张买家图片“3.jpg”", "第 1 张商品图“l.jpg”"):
        assert f"{named}</strong>：" in page, named
    assert page.count("<strong>第 ") == 3 and texts("page", "zh")["error_empty_file"] in page
    assert rows(workflow_app, Refund) == []


@pytest.mark.parametrize(
    "amount", ["99999999999999", "-1", "12.345", "1e3000", "NaN", "12 元", "KWD 12.345", "$5"]
)
def test_an_amount_that_cannot_be_is_refused_in_words(form: Form, photo: Photo, amount: str) -> None:
    """Not in the program's, and never taken for another currency than the one that is chosen."""
    form.browser.headers["accept-language"] = "zh"
    page = form.send(photo(), amount=amount).text
    assert "请用数字填写金额" in page, re.findall(r'role="alert".*', page)


def test_what_somebody_wrote_is_no_pattern_to_fill_in(
    form: Form, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise Conflict("of_tomorrow", "The buyer is called {name}.")

    monkeypatch.setattr(mirroring, "mirror", refuse)
    answer = form.send(photo())
    assert answer.status_code == 409 and "The buyer is called {name}." in answer.text
