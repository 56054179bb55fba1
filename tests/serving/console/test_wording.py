"""What pages say and show to people who read closely: words instead of names of the program, units beside numbers, and
a way on wherever one ends."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from starlette.testclient import TestClient

from refundlens.serving.http.pages import WEB
from refundlens.serving.kit.language import texts
from refundlens.serving.storage.tables import Report
from refundlens.serving.workflow.states import ReportState
from tests.support.desk import Desk

SERVING = Path(__file__).parents[3] / "serving"
Scene = Callable[..., Any]


def test_every_action_of_the_audit_log_has_words() -> None:
    """Those that the code writes out; reports' own are the workflow's events."""
    sources = [path.read_text(encoding="utf-8") for path in SERVING.rglob("*.py")]
    written = {found for source in sources for found in re.findall(r'Fact\(\s*"([a-z_]+\.[a-z_]+)"', source)}
    assert len(written) > 15
    for language in ("en", "zh"):
        said = texts("admin_audit", language)["actions"] | texts("queue", language)["events"]
        assert written <= set(said)


@pytest.fixture
def admin(workflow_app: FastAPI) -> Desk:
    return Desk(workflow_app, "root", "zh")


def test_the_audit_log_says_in_words_what_happened(workflow_app: FastAPI, admin: Desk) -> None:
    Desk(workflow_app, "shop-1")
    page = admin.get("/admin/audit").text
    assert texts("admin_audit", "zh")["actions"]["tenant.created"] in page
    assert texts("admin", "zh")["actors"]["system"] in page and "<td>system" not in page


def test_settings_are_written_as_people_write_them(admin: Desk) -> None:
    page = admin.get("/admin/settings").text
    shown = dict(re.findall(r"<code>REFUNDLENS_(\w+)</code></small></th><td>([^<]*)</td>", page))
    assert shown["APPEAL_HOURS"] == "72" and shown["CLAIM_LIMIT"] == "5%"
    assert shown["MAX_REQUEST_BYTES"] == "64,000,000" and shown["RATE_LIMIT"] == "60,000"


def test_a_page_in_the_other_language_keeps_its_filters(workflow_app: FastAPI) -> None:
    shop = Desk(workflow_app, "shop-1", "zh")
    page = shop.get("/history?q=R-1&state=established&lang=zh").text
    link = re.findall(r'<a href="([^"]*)" hreflang="en"', page)[0].replace("&amp;", "&")
    assert link == "/history?q=R-1&state=established&lang=en"
    assert 'value="R-1"' in shop.get(link).text


def test_one_version_alone_is_compared_with_nothing(workflow_app: FastAPI) -> None:
    page = Desk(workflow_app, "eve", "zh").get("/models/compare").text
    assert texts("models", "zh")["only_one"] in page and "/models#versions" in page


def test_the_last_day_of_a_plot_is_written_within_it(workflow_app: FastAPI) -> None:
    page = Desk(workflow_app, "eve").get("/models").text
    last = re.findall(r'<text x="(\d+)" y="140"([^>]*)>\d\d-\d\d<', page)[-1]
    assert last == ("540", ' text-anchor="end"'), "of a plot 540 units wide"


def test_every_page_has_one_heading_above_the_others_and_is_named_first() -> None:
    for path in (WEB / "templates").rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        if "<!doctype" in page:
            assert "<h1" in page or "{% block main %}" in page or "{% block" in page, path.name
            title = re.findall(r"<title>(.*?)</title>", page)[0]
            assert not title.startswith("RefundLens:"), f"{path.name}: tabs are told by their first words"


def test_no_template_sets_a_language_s_own_comma() -> None:
    """Texts do, each in its own script; between values of a page stands a dot that both languages have."""
    for path in (WEB / "templates").rglob("*.html"):
        assert not re.search(r"(\}\}|%\}), (\{\{|\{%)", path.read_text(encoding="utf-8")), path.name


@pytest.fixture
def visitor(bundle: Path, detector: Any, tmp_path: Path) -> TestClient:
    from refundlens.serving.app import create_app
    from refundlens.serving.settings import Settings

    app = create_app(Settings(bundle=bundle, data_dir=tmp_path / "var", workers=1, worker=False), detector)
    client = TestClient(app, headers={"Accept-Language": "zh"})
    client.get("/welcome?next=/refunds")
    return client


def test_a_visitor_is_asked_for_nothing_that_cannot_be_sent(visitor: TestClient) -> None:
    page = visitor.get("/new-case").text
    assert texts("new_case", "zh")["visitor"] in page and 'href="/login?next=/new-case"' in page
    assert 'action="/new-case"' not in page, "no form that is refused once it is filled in"
    assert texts("frame", "zh")["visitor"] in page and "visitor（" not in page


@pytest.mark.slow
def test_a_long_claim_leaves_the_screen_to_the_picture(
    workflow_app: FastAPI, as_caller: Callable[..., TestClient], photo: Callable[..., bytes]
) -> None:
    """Lists show how it begins; the refund's page and the workbench all of it, once it is asked for."""
    said, picture = "污" * 900, base64.b64encode(photo("GIF")).decode()
    body = {
        "amount": {"value": 100},
        "buyer": "b",
        "claim": {"text": said},
        "images": {"refund": [{"data": picture}]},
    }
    image = as_caller("shop-1").put("/v1/refunds/R-9", json=body).json()["images"][0]["id"]
    shop = Desk(workflow_app, "shop-1", "zh")
    assert "污" * 100 in (page := shop.get("/refunds?part=undated").text) and "污" * 200 not in page
    assert said in (page := shop.get("/refunds/R-9").text) and '<details class="long"><summary>' in page
    made = as_caller("shop-1").post("/v1/reports", json={"refund_id": "R-9", "image": image, "note": said})
    report = made.json()["id"]
    with workflow_app.state.database.transaction() as session:
        session.execute(
            update(Report).where(Report.id == report).values(state=ReportState.NEEDS_REVIEW.value)
        )
    page = Desk(workflow_app, "ann", "zh").get(f"/queue/{report}").text
    assert page.count('<details class="long"><summary>') == 2 and said in page


def test_a_file_that_is_no_photo_is_refused_in_one_language(visitor: TestClient) -> None:
    page = visitor.post("/check", files={"image": ("合同.pdf", b"%PDF-1.7")}).text
    told = re.sub(r"<[^>]+>", " ", page[page.index('class="result error"') :])
    assert "无法读取此文件" in told and "looks like" not in told
    english = visitor.post(
        "/check?lang=en", files={"image": ("a.pdf", b"%PDF-1.7")}, headers={"Accept-Language": "en"}
    )
    assert "looks like a PDF" in english.text
