"""People and keys in the browser: made and shown once, narrowed, replaced, taken back with a confirmation, audited."""

import re
from html import unescape
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from refundlens.serving.events import audit
from refundlens.serving.identity import keys
from refundlens.serving.identity.keys import NewKeyRequest
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import SYSTEM, Role
from refundlens.serving.storage.tables import ApiKey, AuditEvent, StoredAnswer, Tenant
from tests.support.desk import Desk

pytestmark = pytest.mark.slow

SECRET = re.compile(r"rl_[0-9A-Z]{8}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def root(workflow_app: FastAPI) -> Desk:
    return Desk(workflow_app, "root")


def _new(root: Desk, **fields: Any) -> Any:
    given = {"name": "refund desk", "role": "merchant", "subject": "wang", "account": "shop-9", "days": "30"}
    return root.send(root.get("/admin/keys"), "/admin/keys/new", **(given | fields))


def _secret(page: Any) -> str:
    found = SECRET.search(page.text)
    assert found, page.text
    return found[0]


def _works(app: FastAPI, key: str, path: str = "/v1/refunds") -> int:
    return TestClient(app, headers={"Authorization": f"Bearer {key}"}).get(path).status_code


def _id(app: FastAPI, subject: str) -> str:
    with app.state.database.reading() as session:
        return str(session.execute(select(ApiKey.id).where(ApiKey.subject == subject)).scalars().all()[-1])


def _actions(app: FastAPI) -> list[tuple[str, str]]:
    with app.state.database.reading() as session:
        rows = session.execute(select(AuditEvent).where(AuditEvent.action.startswith("key."))).scalars()
        return [(row.action, row.actor) for row in rows]


def test_a_key_is_shown_once_and_works_as_it_was_made(workflow_app: FastAPI, root: Desk) -> None:
    answer = _new(root)
    key = _secret(answer)
    with workflow_app.state.database.reading() as session:
        row = session.execute(select(ApiKey).where(ApiKey.subject == "wang")).scalar_one()
    assert (row.role, row.account, row.scopes, row.digest) == ("merchant", "shop-9", [], keys.digest(key))
    assert _works(workflow_app, key, "/v1/refunds/none") == 404
    page = root.get("/admin/keys")
    assert not SECRET.search(page.text) and "refund desk" in page.text
    assert answer.headers["cache-control"] == "no-store"
    assert _actions(workflow_app) == [("key.created", "root")]


def test_the_key_is_stored_nowhere(workflow_app: FastAPI, root: Desk) -> None:
    key = _secret(_new(root))
    with workflow_app.state.database.reading() as session:
        assert not any(key.encode() in row.body for row in session.execute(select(StoredAnswer)).scalars())
    workflow_app.state.database.close()
    folder = workflow_app.state.settings.data_dir
    assert not any(key.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_form_sent_twice_makes_one_key_and_says_so(workflow_app: FastAPI, root: Desk) -> None:
    page = root.get("/admin/keys")
    fields = {"name": "twice", "role": "engineer", "days": ""}
    first, second = (root.send(page, "/admin/keys/new", **fields) for _ in range(2))
    assert SECRET.search(first.text) and not SECRET.search(second.text)
    assert texts("admin_people", "en")["repeated"] in second.text
    assert len(_actions(workflow_app)) == 1


def test_a_narrowed_key_may_do_only_that_and_opens_no_console(workflow_app: FastAPI, root: Desk) -> None:
    key = _secret(_new(root, scope=["refunds:read"]))
    assert _works(workflow_app, key, "/v1/refunds/none") == 404
    assert _works(workflow_app, key, "/v1/reports") == 403
    assert Desk(workflow_app, "", key=key).get("/refunds").status_code == 403


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": " "}, "name_missing"),
        ({"role": "engineer"}, "account_for_merchants"),
        ({"role": "system"}, "invalid_request"),
        ({"scope": ["everything:write"]}, "invalid_request"),
        ({"days": "-1"}, "invalid_request"),
        ({"name": "x" * 201}, "invalid_request"),
    ],
)
def test_what_cannot_be_made_is_told_and_nothing_is(
    workflow_app: FastAPI, root: Desk, fields: dict[str, Any], code: str
) -> None:
    answer = _new(root, **fields)
    told = texts("admin", "en")["problems"].get(code, "at most" if "name" in fields else "one of")
    assert answer.status_code == 422 and told in unescape(answer.text) and not SECRET.search(answer.text)
    assert _actions(workflow_app) == []


def test_replacing_shows_a_new_key_and_the_old_one_works_on_or_not(
    workflow_app: FastAPI, root: Desk, moving_clock: Any
) -> None:
    old = _secret(_new(root))
    for overlap, status in (("1", 404), ("0", 401)):
        answer = root.send(
            root.get("/admin/keys"), f"/admin/keys/{_id(workflow_app, 'wang')}/replace", overlap=overlap
        )
        new = _secret(answer)
        moving_clock.forward(seconds=5)  # what is remembered of a key is over
        assert _works(workflow_app, new, "/v1/refunds/none") == 404
        assert _works(workflow_app, old, "/v1/refunds/none") == status
        old = new
    assert [action for action, _ in _actions(workflow_app)].count("key.rotated") == 2


def test_taking_back_wants_a_confirmation(workflow_app: FastAPI, root: Desk, moving_clock: Any) -> None:
    key = _secret(_new(root))
    page, action = root.get("/admin/keys"), f"/admin/keys/{_id(workflow_app, 'wang')}/revoke"
    answer = root.send(page, action)
    assert answer.status_code == 422 and texts("admin", "en")["problems"]["not_confirmed"] in answer.text
    assert _works(workflow_app, key, "/v1/refunds/none") == 404
    assert root.send(root.get("/admin/keys"), action, sure="yes").status_code == 303
    moving_clock.forward(seconds=5)
    assert _works(workflow_app, key, "/v1/refunds/none") == 401
    assert _actions(workflow_app)[-1] == ("key.revoked", "root")


def test_who_leaves_loses_every_key_and_session(workflow_app: FastAPI, root: Desk, moving_clock: Any) -> None:
    held = [_secret(_new(root, name=name)) for name in ("laptop", "phone")]
    theirs = Desk(workflow_app, "", key=held[0])
    assert theirs.get("/refunds").status_code == 200
    page = root.get("/admin/keys")
    assert "1 open session" in page.text
    assert root.send(page, "/admin/people/revoke", sure="yes").status_code == 303
    moving_clock.forward(seconds=5)
    assert [_works(workflow_app, key, "/v1/refunds/none") for key in held] == [401, 401]
    assert theirs.get("/refunds").status_code == 303


def test_people_are_found_and_turned_over_by_pages(workflow_app: FastAPI, root: Desk) -> None:
    database, clock = workflow_app.state.database, workflow_app.state.clock
    with database.transaction() as session:
        for number in range(30):
            wanted = NewKeyRequest(Role.ENGINEER, f"program {number:02}", f"person-{number:02}")
            keys.create_key(session, "tnt_default", clock(), SYSTEM, wanted)
    first = root.get("/admin/keys")
    more = re.search(r'href="(/admin/keys\?[^"]*)" rel="next"', first.text)
    assert more and "person-24" in first.text and "person-25" not in first.text
    second = root.get(more[1].replace("&amp;", "&"))
    assert "person-25" in second.text and "person-24" not in second.text and 'rel="next"' not in second.text
    found = root.get("/admin/keys?find=program+07")
    assert "person-07" in found.text and "person-08" not in found.text
    assert texts("admin_people", "en")["nobody_found"] in root.get("/admin/keys?find=%25").text


def test_another_tenant_s_keys_are_not_there(workflow_app: FastAPI, root: Desk) -> None:
    database, clock = workflow_app.state.database, workflow_app.state.clock
    with database.transaction() as session:
        session.add(Tenant(id="tnt_other", name="other", created_at=clock()))
        session.flush()
        audit.start(session, "tnt_other")
        wanted = NewKeyRequest(Role.ENGINEER, "theirs", "stranger")
        other = keys.create_key(session, "tnt_other", clock(), SYSTEM, wanted).row.id
    page = root.get("/admin/keys")
    assert "stranger" not in page.text
    csrf = root.hidden(page, "/admin/keys/new")
    for act, fields in (("revoke", {"sure": "yes"}), ("replace", {"overlap": "0"})):
        answer = root.http.post(f"/admin/keys/{other}/{act}", data=csrf | fields | {"key": act})
        assert answer.status_code == 409
    with database.reading() as session:
        assert session.get_one(ApiKey, other).revoked_at is None


@pytest.mark.parametrize("name", ["shop-1", "ann", "eve"])
def test_others_may_not_come_in(workflow_app: FastAPI, name: str) -> None:
    assert Desk(workflow_app, name).get("/admin/keys").status_code == 403


def test_without_the_token_nothing_happens(workflow_app: FastAPI, root: Desk) -> None:
    answer = root.http.post("/admin/keys/new", data={"name": "x", "role": "admin", "days": "", "key": "1"})
    assert answer.status_code == 403 and _actions(workflow_app) == []


def test_in_chinese(workflow_app: FastAPI) -> None:
    page = Desk(workflow_app, "root", "zh").get("/admin/keys").text
    assert "人员与密钥" in page and "新建密钥" in page


def test_why_a_login_is_refused_is_told_as_it_is(workflow_app: FastAPI) -> None:
    desk = Desk(workflow_app, "root", "zh")
    words = texts("admin", "zh")["problems"]
    for name in ("one", "two"):
        page = desk.send(desk.get("/admin/keys"), "/admin/keys/new", name=name, role="adjudicator", days="")
    page = desk.get("/admin/keys")
    first, second = dict.fromkeys(re.findall(r'action="(/admin/keys/\w+/login)"', page.text))
    assert desk.send(page, first, login="ann@example.com").status_code == 303
    for login, code in (("ann@example.com", "login_taken"), ("ann", "login_no_address")):
        assert words[code] in desk.send(desk.get("/admin/keys"), second, login=login).text
