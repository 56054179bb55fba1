"""Logging in with a key: the cookie, its CSRF token, how long it lasts and what ends it; the demo page's visitors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.testclient import TestClient

from refundlens.serving.identity import callers, keys
from refundlens.serving.identity.callers import REMEMBERED
from refundlens.serving.identity.keys import NewKey
from refundlens.serving.identity.login import MOST_BYTES
from refundlens.serving.kit.roles import SYSTEM, Role
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import ConsoleSession

Make = Callable[..., NewKey]
COOKIE = "refundlens_session"


def _log_in(caller: TestClient, key: str, **more: str) -> Any:
    return caller.post("/login", data={"key": key, **more})


def _token(caller: TestClient) -> str:
    return str(caller.get("/v1/me").json()["csrf"])


def test_a_key_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(
    caller: TestClient, make_key: Make, tmp_path: Path, with_default: Database
) -> None:
    answer = _log_in(caller, f" {make_key().text}\n", next="/queue?page=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue?page=2")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Secure" not in cookie
    assert caller.get("/v1/me").json()["subject"] == "alice"
    value = caller.cookies[COOKIE].encode()
    with_default.close()
    assert not any(value in path.read_bytes() for path in tmp_path.glob("refundlens.db*"))


def test_over_https_the_cookie_is_secure(door: FastAPI) -> None:
    with TestClient(door, base_url="https://testserver", follow_redirects=False) as client:
        assert "Secure" in _log_in(client, "plain-key").headers["set-cookie"]
    settings = door.state.settings.model_copy(update={"public_url": "https://lens.example"})
    door.state.settings = settings  # a proxy that ends TLS
    with TestClient(door, base_url="http://lens.example", follow_redirects=False) as client:
        assert "Secure" in _log_in(client, "plain-key").headers["set-cookie"]


@pytest.mark.parametrize("key", ["", "wrong", "rl_ABCDEFGH_" + "x" * 43])
def test_a_wrong_key_is_told_on_the_page_in_both_languages(caller: TestClient, key: str) -> None:
    for language, words in (("en", "This key opens nothing"), ("zh", "此密钥无效")):
        answer = caller.post("/login", data={"key": key}, headers={"Accept-Language": language})
        assert answer.status_code == 401 and words in answer.text and "set-cookie" not in answer.headers
        assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("way", ["https://evil.example/", "//evil.example", "/\\evil.example", "", "/a\r\nb"])
def test_the_way_on_stays_on_this_site(caller: TestClient, way: str) -> None:
    assert _log_in(caller, "plain-key", next=way).headers["location"] == "/"
    assert "evil" not in caller.get("/login", params={"next": way}).text


def test_the_login_page_escapes_and_switches_language(caller: TestClient) -> None:
    page = caller.get("/login", params={"next": '/"><script>', "lang": "zh"})
    assert page.status_code == 200 and "<script>" not in page.text and "登录" in page.text
    assert "登录" in caller.get("/login").text, "the choice is remembered"


def test_a_login_from_another_site_is_refused(caller: TestClient) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = caller.post("/login", data={"key": "plain-key"}, headers=headers)
        assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_a_login_form_is_small(caller: TestClient) -> None:
    assert _log_in(caller, "x" * MOST_BYTES).status_code == 413


def test_a_session_changes_something_only_with_its_token(caller: TestClient) -> None:
    _log_in(caller, "boss-key")
    token = _token(caller)
    assert caller.get("/v1/admin").status_code == 200, "reading needs none"
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "wrong"}, {"X-CSRF-Token": "wröng"}):
        answer = caller.post("/v1/admin", headers={name: value.encode() for name, value in headers.items()})
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert caller.post("/v1/admin", data={"csrf": "wrong"}).status_code == 403
    assert caller.post("/v1/admin", json={"csrf": token}).status_code == 403, "any site can send text"
    assert caller.post("/v1/admin", headers={"X-CSRF-Token": token}).status_code == 200
    # a form's field counts on pages only: to find it, the whole form must be read
    assert caller.post("/v1/admin", data={"csrf": token}).status_code == 403
    assert caller.post("/v1/admin", data={"csrf": token}, files={"a": b"x"}).status_code == 403
    bearer = {"Authorization": "Bearer boss-key"}
    assert caller.post("/v1/admin", headers=bearer).status_code == 200, "a key needs none"


def test_a_token_does_not_help_another_site_nor_another_session(caller: TestClient, door: FastAPI) -> None:
    _log_in(caller, "boss-key")
    token = {"X-CSRF-Token": _token(caller)}
    for headers in ({"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = caller.post("/v1/admin", headers={**token, **headers})
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    with TestClient(door, follow_redirects=False) as other:
        _log_in(other, "boss-key")
        assert other.post("/v1/admin", headers=token).status_code == 403
        assert _token(other) != _token(caller)


def test_logging_out_needs_the_token_and_ends_the_session(caller: TestClient) -> None:
    _log_in(caller, "plain-key")
    value = caller.cookies[COOKIE]
    assert caller.post("/logout").status_code == 403
    answer = caller.post("/logout", data={"csrf": _token(caller)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert COOKIE not in caller.cookies
    kept = caller.get("/v1/me", headers={"Cookie": f"{COOKIE}={value}"})
    assert kept.status_code == 401, "a copy of the cookie is worth nothing, at once"


def test_logging_in_ends_the_session_before(caller: TestClient) -> None:
    _log_in(caller, "plain-key")
    before = caller.cookies[COOKIE]
    _log_in(caller, "boss-key")
    assert caller.cookies[COOKIE] != before and caller.get("/v1/me").json()["role"] == "admin"
    with TestClient(caller.app) as other:
        assert other.get("/v1/me", headers={"Cookie": f"{COOKIE}={before}"}).status_code == 401


def test_a_session_ends_with_its_key(
    caller: TestClient, make_key: Make, with_default: Database, moving_clock: Any
) -> None:
    made = make_key(Role.ADMIN)
    _log_in(caller, made.text)
    assert caller.get("/v1/me").status_code == 200
    with with_default.transaction() as session:
        keys.revoke(session, made.row.id, moving_clock(), SYSTEM)
    moving_clock.forward(seconds=REMEMBERED.total_seconds())
    assert caller.get("/v1/me").status_code == 401


def test_a_session_lasts_while_it_is_used_and_twelve_hours_more(
    caller: TestClient, moving_clock: Any
) -> None:
    _log_in(caller, "plain-key")
    for _ in range(5):
        moving_clock.forward(hours=11)
        assert caller.get("/v1/me").status_code == 200
    moving_clock.forward(hours=12)
    assert caller.get("/v1/me").status_code == 401


def test_a_session_lasts_no_longer_than_its_key(
    caller: TestClient, make_key: Make, moving_clock: Any
) -> None:
    _log_in(caller, make_key(expires_at=moving_clock.now + REMEMBERED / 2).text)
    assert caller.get("/v1/me").status_code == 200
    moving_clock.forward(seconds=REMEMBERED.total_seconds() / 2)
    assert caller.get("/v1/me").status_code == 401


def test_a_visitor_of_the_demo_is_a_merchant_and_keeps_a_session(
    caller: TestClient, with_default: Database
) -> None:
    caller.get("/visit")
    me = caller.get("/v1/me").json()
    assert (me["role"], me["account"], me["subject"]) == ("merchant", "demo", "visitor")
    assert caller.get("/v1/admin").status_code == 403
    assert "set-cookie" not in caller.get("/visit").headers, "who has a session keeps it"
    _log_in(caller, "boss-key")
    caller.get("/visit")
    assert caller.get("/v1/me").json()["role"] == "admin", "nor is a login lost"
    with with_default.reading() as session:
        assert session.scalar(select(func.count()).select_from(ConsoleSession)) == 1


def test_visitors_cannot_fill_the_database(with_default: Database, door: FastAPI, moving_clock: Any) -> None:
    key_id, most = "env_visitor", 5
    for _ in range(9):
        moving_clock.forward(seconds=1)
        with with_default.transaction() as session:
            value = callers.begin_session(session, key_id, moving_clock())
            callers.keep_newest_sessions(session, key_id, most)
            assert session.scalar(select(func.count()).select_from(ConsoleSession)) <= most
            assert session.get(ConsoleSession, callers.digest(value)) is not None, "the newest stays"
    moving_clock.forward(hours=12)
    with with_default.transaction() as session:
        callers.begin_session(session, key_id, moving_clock())
        assert session.scalar(select(func.count()).select_from(ConsoleSession)) == 1, "what is over goes"


@pytest.mark.parametrize(
    "to", ["https://evil.example/queue/", "//evil.example/queue/", "/v1/keys", "/logout"]
)
def test_a_draft_is_sent_to_our_forms_only(caller: TestClient, to: str) -> None:
    draft = json.dumps({"to": to, "fields": [["grounds", "x"]]})
    answer = caller.post("/login", data={"key": "plain-key", "next": "/", "draft": draft})
    assert answer.status_code == 303, "it is left behind"
