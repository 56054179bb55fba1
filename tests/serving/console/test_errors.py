"""Errors as pages: in the frame of whoever gets them, with their own way on, and in nobody's for strangers."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from refundlens import serving
from refundlens.model.texts.reader import LANGUAGES, Language
from refundlens.serving.http.pages import why
from refundlens.serving.http.problems import Problem, problem_of
from refundlens.serving.kit.language import texts
from refundlens.serving.reports.links import SIDES, Link, LinkEnded, Side
from tests.support.desk import Desk

PAGE = {"Accept": "text/html", "Accept-Language": "en"}
OWN = {"shop-1": "/refunds", "ann": "/queue", "eve": "/models", "root": "/admin"}
"""A place that each person's navigation has and the others' lack (the administrator's has all)."""


def _places(page: str) -> set[str]:
    found = re.search(r"<nav.*?</nav>", page, re.DOTALL)
    return set(re.findall(r'href="(/\w*)"', found[0])) if found else set()


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize(
    "path", ["/no/such/page", "/queue/rpt_none", "/admin/keys", "/refunds/none", "/v1/reports/none"]
)
def test_an_error_has_the_person_s_own_navigation(workflow_app: FastAPI, name: str, path: str) -> None:
    desk = Desk(workflow_app, name)
    answer = desk.http.get(path, headers=PAGE)
    if answer.status_code == 200:
        return  # theirs to see
    places = _places(answer.text)
    assert answer.status_code in (403, 404) and OWN[name] in places, (answer.status_code, places)
    if name != "root":
        assert not places & (set(OWN.values()) - {OWN[name]})
    assert "Log out" in answer.text


@pytest.mark.parametrize(
    ("path", "said"), [("/no/such/page", "There is nothing here"), ("/track/none", "Copy it whole")]
)
def test_a_stranger_is_shown_no_staff_pages(workflow_app: FastAPI, path: str, said: str) -> None:
    answer = TestClient(workflow_app).get(path, headers=PAGE)
    assert answer.status_code == 404 and not _places(answer.text)
    assert said in answer.text and "Log out" not in answer.text


API_ALONE = {
    # the platform's messages and signatures, mirroring, the API's own headers
    "account_missing", "buyer_differs", "malformed_field", "older_version", "order_not_possible",
    "platform_key_missing", "platform_missing", "refund_unknown", "version_reused", "wrong_signature",
}  # fmt: skip
"""Codes that programs get and no page can meet."""
OWN_WORDS = ("admin", "queue", "models", "notifications", "new_case")
"""Texts of pages that have words of their own for some codes."""


def _codes() -> Iterator[str]:
    """Every code that is raised below the command line, but for what platforms' calls are refused with."""
    places = {"Invalid": 0, "Conflict": 0, "Gone": 0, "TooMany": 0, "Problem": 1}
    for file in sorted(Path(serving.__file__).parent.rglob("*.py")):
        if "cli" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            place = places.get(getattr(node.func, "id", "")) if isinstance(node, ast.Call) else None
            if place is not None and len(node.args) > place and isinstance(node.args[place], ast.Constant):
                yield str(node.args[place].value)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.slow
def test_every_error_has_words_in_the_reader_s_language(language: Language) -> None:
    known = set(texts("problems", language)["codes"])
    known |= {key.removeprefix("error_") for key in texts("page", language) if key.startswith("error_")}
    known |= {code for area in OWN_WORDS for code in texts(area, language)["problems"]}
    codes = set(_codes())
    assert len(codes) > 80 and codes >= API_ALONE
    assert codes - known - API_ALONE == set()


def test_what_has_no_words_is_not_told_in_another_language() -> None:
    strange = Problem(409, "of_tomorrow", "Something new happened.")
    assert why(strange, "zh") == texts("problems", "zh")["other"] and why(strange, "en") == strange.detail


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("side", SIDES)
def test_a_link_that_ended_has_words_of_its_side(side: Side, language: Language) -> None:
    ended = problem_of(LinkEnded(Link("rpt_1", side), datetime(2026, 11, 22, tzinfo=UTC), "r-{1}"))
    words = texts("problems", language)["codes"][f"link_ended_{side}"]
    assert why(ended, language) == words.format(ended="2026-11-22", refund="r-{1}")


def test_a_form_that_comes_too_late_leads_to_the_page_as_it_is(workflow_app: FastAPI) -> None:
    """Of two tabs, the second does what the first did: Back would show the old page with the same button."""
    root = Desk(workflow_app, "root")
    for form, page in (("/reports/rpt_none/withdraw", "/reports/rpt_none"), ("/refunds/reports", "/refunds"),
                       ("/admin/keys/key_none/revoke", "/admin/keys"), ("/new-case", "/new-case"),
                       ("/notifications/n/remove", "/notifications"), ("/queue/views/v/delete", "/queue")):  # fmt: skip
        answer = root.http.post(form, data={"csrf": "old"}, headers=PAGE)
        assert answer.status_code == 403, (form, answer.text)
        assert f'<a class="button" href="{page}">' in answer.text, form
        assert f'href="{page}?lang=zh" hreflang' in answer.text, form
    assert '<a class="button"' not in root.http.get("/no/such/page", headers=PAGE).text


def test_while_the_database_is_away_the_page_is_still_drawn(
    workflow_app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(workflow_app, "ann")

    async def away(value: str) -> None:
        raise OperationalError("select", {}, Exception("away"))

    monkeypatch.setattr(workflow_app.state.callers, "by_cookie", away)
    answer = desk.http.get("/no/such/page", headers=PAGE)
    assert answer.status_code == 404 and "There is nothing here" in answer.text
