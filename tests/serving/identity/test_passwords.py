"""People log in with an address and a password, or by a real OpenID provider that runs as its own process; wrong ones
are throttled, and a login ends with its key."""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.http.budgets import BEGUN_LOGINS, LOGINS, Meter
from refundlens.serving.identity import drafts, keys, passwords
from refundlens.serving.identity.keys import NewKey, NewKeyRequest
from refundlens.serving.identity.openid import Provider
from refundlens.serving.identity.scopes import IdentityError
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.roles import SYSTEM, Role
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import ApiKey, AuditEvent, LoginDraft
from tests.support.desk import Desk
from tests.support.openid import openid_provider

pytestmark = pytest.mark.slow

ANN, PASSWORD = "ann@shop.example.com", "correct horse battery"


def _make(database: Database, now: Any, login: str = ANN) -> NewKey:
    with database.transaction() as session:
        made = keys.create_key(session, DEFAULT, now, SYSTEM, NewKeyRequest(Role.ADJUDICATOR, "ann2"))
        passwords.set_login(session, made.row.id, login, now, SYSTEM, DEFAULT)
        session.flush()
        session.expunge(made.row)
        return made


def _log_in(client: TestClient, name: str, password: str) -> Any:
    return client.post("/login", data={"name": name, "password": password, "next": "/queue"})


def test_an_administrator_gives_an_address_and_its_holder_a_password(workflow_app: FastAPI) -> None:
    root = Desk(workflow_app, "root")
    page = root.get("/admin/keys")
    made = root.send(page, "/admin/keys/new", name="ann2", subject="ann2", role="adjudicator", days="")
    key = re.findall(r"rl_[0-9A-Z]{8}_[\w-]{43}", made.text)[0]
    identifier = re.findall(r"/admin/keys/(key_\w+)/login", root.get("/admin/keys").text)[0]
    path = f"/admin/keys/{identifier}/login"
    assert root.send(root.get("/admin/keys"), path, login="no address").status_code == 409
    assert root.send(root.get("/admin/keys"), path, login=" Ann@Shop.example.com ").status_code == 303

    holder = Desk(workflow_app, "", key=key)
    short = holder.send(holder.get("/password"), "/password/change", password="short", again="short")
    assert short.status_code == 422 and "12 to 200" in short.text
    differ = holder.send(holder.get("/password"), "/password/change", password=PASSWORD, again="x")
    assert "not the same" in differ.text
    other = Desk(workflow_app, "", key=key)
    done = holder.send(holder.get("/password"), "/password/change", password=PASSWORD, again=PASSWORD)
    assert done.headers["location"] == "/password?done=1"
    workflow_app.state.clock.forward(seconds=5)
    assert holder.get("/queue").status_code == 200 and other.get("/queue").status_code == 303

    browser = TestClient(workflow_app, follow_redirects=False)
    assert _log_in(browser, ANN.upper(), PASSWORD).headers["location"] == "/queue"
    assert "ann2" in browser.get("/queue").text
    with workflow_app.state.database.reading() as session:
        row = session.execute(select(ApiKey).where(ApiKey.login == ANN)).scalar_one()
        assert row.password.startswith("$argon2id$") and PASSWORD not in row.password
        told = session.execute(
            select(AuditEvent.action, AuditEvent.data).where(AuditEvent.object_id == row.id)
        )
        rows = [(action, json.dumps(data)) for action, data in told]
    assert [action for action, _ in rows][-2:] == ["key.login_set", "key.password_set"]
    assert not any(PASSWORD in data or ANN in data for _, data in rows)

    wrong = holder.send(
        holder.get("/password"), "/password/change", before="no", password=PASSWORD, again=PASSWORD
    )
    assert wrong.status_code == 422, "the password until now is asked for"


def test_wrong_passwords_are_told_alike_and_throttled(workflow_app: FastAPI, moving_clock: Any) -> None:
    made = _make(workflow_app.state.database, moving_clock())
    workflow_app.state.budgets.logins = Meter("logins", LOGINS, lambda: 0.0)  # nothing fills again
    browser = TestClient(workflow_app, follow_redirects=False)
    unset = _log_in(browser, ANN, PASSWORD)
    unknown = _log_in(browser, "who@shop.example.com", PASSWORD)
    words = "E-mail or password is wrong"
    assert (unset.status_code, unknown.status_code) == (401, 401)
    assert words in unset.text and words in unknown.text and 'value="ann@shop.example.com"' in unset.text
    passwords.set_password(workflow_app.state.database, made.row.id, "", PASSWORD, moving_clock(), SYSTEM, "")
    codes = [_log_in(browser, ANN, "wrong").status_code for _ in range(12)]
    assert codes[0] == 401 and codes[-1] == 429
    elsewhere = TestClient(workflow_app, follow_redirects=False, client=("203.0.113.9", 1))
    assert _log_in(elsewhere, ANN, "wrong").status_code == 401
    assert _log_in(elsewhere, ANN, PASSWORD).status_code == 429, "the login itself is spent, wherever from"
    assert _log_in(elsewhere, "who@shop.example.com", "x").status_code == 401


def test_wrong_passwords_that_come_together_are_throttled_as_those_one_by_one(
    workflow_app: FastAPI, moving_clock: Any
) -> None:
    _make(workflow_app.state.database, moving_clock())
    workflow_app.state.budgets.logins = Meter("logins", LOGINS, lambda: 0.0)

    async def all_at_once() -> list[int]:
        transport = httpx.ASGITransport(workflow_app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", timeout=60) as client:
            forms = ({"name": ANN, "password": f"guess {number}"} for number in range(40))
            answers = await asyncio.gather(*(client.post("/login", data=form) for form in forms))
        return [answer.status_code for answer in answers]

    codes = asyncio.run(all_at_once())
    share = int(LOGINS / 8)
    assert codes.count(401) in (share, share + 1) and codes.count(429) == 40 - codes.count(401)


def test_right_passwords_cost_nothing(workflow_app: FastAPI, moving_clock: Any) -> None:
    made = _make(workflow_app.state.database, moving_clock())
    workflow_app.state.budgets.logins = Meter("logins", LOGINS, lambda: 0.0)
    passwords.set_password(workflow_app.state.database, made.row.id, "", PASSWORD, moving_clock(), SYSTEM, "")
    browser = TestClient(workflow_app, follow_redirects=False)
    assert {_log_in(browser, ANN, PASSWORD).status_code for _ in range(15)} == {303}


def test_a_login_is_one_key_s_and_ends_with_it(workflow_app: FastAPI, moving_clock: Any) -> None:
    database, now = workflow_app.state.database, moving_clock()
    made = _make(database, now)
    with pytest.raises(IdentityError, match="another key's"):
        _make(database, now)
    passwords.set_password(database, made.row.id, "", PASSWORD, now, SYSTEM, "")
    with database.transaction() as session:
        new = keys.rotate_key(session, made.row.id, now, SYSTEM).row.id
        assert passwords.verified(session, ANN, PASSWORD, now) == new
        keys.revoke(session, new, now, SYSTEM)
        assert passwords.verified(session, ANN, PASSWORD, now) is None
        assert passwords.find_login(session, ANN, now) is None


def test_nobody_waits_for_a_hash_and_who_comes_second_changes_nothing(
    workflow_app: FastAPI, moving_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, now = workflow_app.state.database, moving_clock()
    made = _make(database, now)

    class Slow(PasswordHasher):
        def hash(self, password: str | bytes, **more: Any) -> str:
            monkeypatch.undo()
            passwords.set_password(
                database, made.row.id, "", "another sentence", now, SYSTEM, ""
            )  # meanwhile
            return super().hash(password, **more)

    monkeypatch.setattr(passwords, "_hasher", Slow())
    with pytest.raises(IdentityError, match="meanwhile"):
        passwords.set_password(database, made.row.id, "", PASSWORD, now, SYSTEM, "")
    with database.reading() as session:
        assert passwords.verified(session, ANN, "another sentence", now) == made.row.id


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    pytest.importorskip("oidc_provider_mock")
    with openid_provider(
        {"sub": "ann", "email": ANN, "email_verified": True},
        {"sub": "eve", "email": ANN, "email_verified": False},
        {"sub": "who", "email": "who@shop.example.com", "email_verified": True},
    ) as issuer:
        yield issuer


@pytest.fixture
def company(settings: Settings, detector: Detector, tmp_path: Path, provider: str) -> FastAPI:
    """On the true clock, as the provider is."""
    more = {"oidc_issuer": provider, "oidc_client_id": "refundlens", "oidc_client_secret": "a secret"}
    app = create_app(Settings(**settings.model_dump() | more), detector)
    _make(app.state.database, app.state.clock())
    return app


def _to_provider(browser: TestClient) -> str:
    gone = browser.get("/login/openid?next=/queue")
    assert gone.status_code == 303 and "SameSite=lax" in gone.headers["set-cookie"]
    return gone.headers["location"]


def _there(url: str, sub: str) -> str:
    """What a person does at the provider; the address that it sends the browser back to."""
    answer = httpx.post(url, data={"sub": sub}, follow_redirects=False)
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


def test_the_company_s_login_opens_the_console(company: FastAPI) -> None:
    browser = TestClient(company, follow_redirects=False)
    assert "/login/openid?next=" in browser.get("/login").text
    url = _to_provider(browser)
    asked = parse_qs(urlsplit(url).query)
    assert (
        asked["code_challenge_method"] == ["S256"] and asked["nonce"] and asked["scope"] == ["openid email"]
    )
    back = browser.get(_there(url, "ann"))
    assert back.status_code == 200 and 'content="0;url=/queue"' in back.text
    assert "ann2" in browser.get("/queue").text


def _left_behind(browser: TestClient) -> dict[str, str]:
    """The hidden fields of the company's login, on the page that a form without a login gets."""
    typed = {"csrf": "old", "key": "k", "who": "tnt_default/ann2", "grounds": "It <is> drawn."}
    ended = browser.post(
        "/reports/rpt_1/appeal", data=typed, headers={"Referer": "http://testserver/reports/rpt_1"}
    )
    form = re.findall(r'<form[^>]*action="/login/openid".*?</form>', ended.text, re.DOTALL)[0]
    return {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)}


def test_what_was_typed_waits_while_its_owner_is_at_the_provider(company: FastAPI) -> None:
    browser = TestClient(company, follow_redirects=False, headers={"Accept-Language": "en"})
    fields = _left_behind(browser)
    leaving = browser.post("/login/openid", data=fields)
    assert leaving.status_code == 200 and "is kept for ten minutes" in leaving.text
    url = unescape(re.findall(r'content="0;url=([^"]*)"', leaving.text)[0])
    with company.state.database.reading() as session:
        [kept] = session.execute(select(LoginDraft)).scalars()
        assert "drawn" not in kept.sealed, "nobody reads it in the database"
    failed = browser.get("/login/openid/back?error=access_denied")
    assert failed.status_code == 401 and "drawn" in failed.text, "a login that fails costs nothing either"
    back = browser.get(_there(url, "ann"))
    assert back.status_code == 200 and "It &lt;is&gt; drawn." in back.text
    assert 'action="/reports/rpt_1/appeal"' in back.text and "alert" not in back.text
    assert "ann2" in browser.get("/queue").text
    with company.state.database.reading() as session:
        assert session.execute(select(LoginDraft)).first() is None, "once"


def test_a_draft_waits_for_ten_minutes(company: FastAPI, moving_clock: Any) -> None:
    database, secret, now = company.state.database, company.state.secret, moving_clock()
    life = timedelta(minutes=10)
    with database.transaction() as session:
        token = drafts.keep_draft(session, secret, "typed", now, life)
        assert drafts.find_draft(session, secret, token, now + timedelta(minutes=9)) == "typed"
        assert drafts.find_draft(session, secret, token, now + life) is None
        drafts.keep_draft(session, secret, "another", now + life, life)
        session.flush()
        assert len(session.execute(select(LoginDraft)).all()) == 1, "those of the past are gone"


def test_no_other_site_leaves_a_draft_here(company: FastAPI) -> None:
    browser = TestClient(company, follow_redirects=False)
    sent = browser.post(
        "/login/openid", data=_left_behind(browser), headers={"Origin": "https://evil.example"}
    )
    assert sent.status_code == 403
    with company.state.database.reading() as session:
        assert session.execute(select(LoginDraft)).first() is None


@pytest.mark.parametrize(
    ("sub", "words"), [("eve", "vouches for no e-mail"), ("who", "Nobody here has this e-mail")]
)
def test_an_address_that_is_not_vouched_for_or_not_ours_opens_nothing(
    company: FastAPI, sub: str, words: str
) -> None:
    browser = TestClient(company, follow_redirects=False)
    back = browser.get(_there(_to_provider(browser), sub))
    assert back.status_code == 401 and words in back.text and "refundlens_session" not in browser.cookies


def test_what_began_elsewhere_or_was_changed_opens_nothing(company: FastAPI) -> None:
    mine, theirs = (TestClient(company, follow_redirects=False) for _ in range(2))
    back = _there(_to_provider(mine), "ann")
    _to_provider(theirs)
    assert theirs.get(back).status_code == 401, "another browser's login"
    assert mine.get(re.sub(r"code=[^&]*", "code=guessed", back)).status_code == 401
    assert mine.get("/login/openid/back?error=access_denied").status_code == 401
    assert TestClient(company, follow_redirects=False).get(back).status_code == 401


def test_a_login_that_came_back_cannot_come_again(company: FastAPI) -> None:
    """Neither from its own browser nor with the cookie that somebody took from it."""
    mine = TestClient(company, follow_redirects=False)
    back = _there(_to_provider(mine), "ann")
    cookies = dict(mine.cookies)
    assert mine.get(back).status_code == 200
    thief = TestClient(company, follow_redirects=False, cookies=cookies)
    for browser in (mine, thief):
        assert browser.get(back).status_code == 401 and "refundlens_session" not in thief.cookies


@pytest.mark.parametrize(
    "way", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:x"]
)
def test_nobody_is_sent_elsewhere_after_his_login(company: FastAPI, way: str) -> None:
    browser = TestClient(company, follow_redirects=False)
    begun = browser.get("/login/openid", params={"next": way})
    back = browser.get(_there(begun.headers["location"], "ann"))
    assert back.status_code == 200 and "evil" not in back.text and 'content="0;url=/"' in back.text


def test_beginning_logins_is_throttled_and_costs_the_provider_one_question(
    company: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    ask = Provider._ask

    async def counted(self: Provider) -> dict[str, Any]:
        asked.append(1)
        return await ask(self)

    monkeypatch.setattr(Provider, "_ask", counted)
    company.state.budgets.begun_logins = Meter("logins", BEGUN_LOGINS, lambda: 0.0)
    browser = TestClient(company, follow_redirects=False)
    codes = [browser.get("/login/openid").status_code for _ in range(60)]
    assert codes.count(303) in (30, 31) and set(codes[31:]) == {429} and len(asked) == 1
    refused = browser.get("/login/openid")
    assert int(refused.headers["Retry-After"]) >= 1 and "text/html" in refused.headers["content-type"]


def test_codes_that_come_together_are_throttled_as_those_one_by_one(company: FastAPI) -> None:
    company.state.budgets.logins = Meter("logins", LOGINS, lambda: 0.0)

    async def all_at_once() -> list[int]:
        transport = httpx.ASGITransport(company)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", timeout=60) as client:
            path = "/login/openid/back?state=x&code={}"
            answers = await asyncio.gather(*(client.get(path.format(number)) for number in range(30)))
        return [answer.status_code for answer in answers]

    codes = asyncio.run(all_at_once())
    assert codes.count(401) in (LOGINS // 8, LOGINS // 8 + 1) and codes.count(429) == 30 - codes.count(401)


def test_a_provider_that_is_away_is_told(settings: Settings, detector: Detector) -> None:
    more = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "refundlens"}
    app = create_app(Settings(**settings.model_dump() | more), detector)
    answer = TestClient(app, follow_redirects=False).get("/login/openid")
    assert answer.status_code == 502 and "cannot be reached now" in answer.text
