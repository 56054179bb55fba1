"""The door: who is let in, who is told what, and how soon a key that was taken back is refused."""

from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.serving.identity import keys
from refundlens.serving.identity.callers import REMEMBERED
from refundlens.serving.identity.keys import NewKey, fixed_keys
from refundlens.serving.identity.scopes import permits, scope_of
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import KEY_ROLES, SYSTEM, Role
from refundlens.serving.settings import Settings, SettingsError
from refundlens.serving.storage.database import Database

Make = Callable[..., NewKey]


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("role", KEY_ROLES)
@pytest.mark.parametrize("room", [*KEY_ROLES, "anyone"])
def test_each_role_gets_into_its_own_rooms_and_an_admin_into_all(
    caller: TestClient, make_key: Make, role: Role, room: str
) -> None:
    key = make_key(role).text
    for method in ("GET", "POST"):
        answer = caller.request(method, f"/v1/{room}", headers=_bearer(key))
        if room in (role, "anyone") or role is Role.ADMIN:
            assert (answer.status_code, answer.json()) == (200, "alice")
        else:
            assert answer.status_code == 403 and answer.json()["code"] == "forbidden"
            assert room in answer.json()["detail"] and "admin" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        _bearer("rl_ABCDEFGH_" + "x" * 43),
        _bearer("env_0123456789abcdef"),
        _bearer("env_visitor"),
        {"Authorization": "Basic cGxhaW4ta2V5Og=="},
        {"Authorization": "Bearer"},
        {"Cookie": "refundlens_session=plain-key"},
        {"Cookie": "refundlens_session="},
    ],
)
def test_without_a_key_that_opens_nobody_gets_in(caller: TestClient, headers: dict[str, str]) -> None:
    answer = caller.get("/v1/anyone", headers=headers)
    assert answer.status_code == 401 and answer.json()["code"] == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_key_of_the_database_that_was_altered_opens_nothing(caller: TestClient, make_key: Make) -> None:
    key = make_key().text
    assert caller.get("/v1/anyone", headers=_bearer(key)).status_code == 200
    for wrong in (key[:-1], key + "x", key.lower(), key[:-1] + ("a" if key[-1] != "a" else "b")):
        assert caller.get("/v1/anyone", headers=_bearer(wrong)).status_code == 401, wrong


def test_a_revocation_by_another_process_holds_within_seconds(
    caller: TestClient, make_key: Make, with_default: Database, moving_clock: Any
) -> None:
    made = make_key()
    assert caller.get("/v1/anyone", headers=_bearer(made.text)).status_code == 200
    with with_default.transaction() as session:
        keys.revoke(session, made.row.id, moving_clock(), SYSTEM)
    moving_clock.forward(seconds=REMEMBERED.total_seconds())
    assert caller.get("/v1/anyone", headers=_bearer(made.text)).status_code == 401
    assert timedelta(seconds=5) >= REMEMBERED


def test_an_expiry_holds_at_once_even_of_a_remembered_key(
    caller: TestClient, make_key: Make, moving_clock: Any
) -> None:
    key = make_key(expires_at=moving_clock() + timedelta(seconds=1)).text
    assert caller.get("/v1/anyone", headers=_bearer(key)).status_code == 200
    moving_clock.forward(seconds=1)
    assert caller.get("/v1/anyone", headers=_bearer(key)).status_code == 401


def test_the_database_is_asked_once_for_many_requests(
    caller: TestClient, door: FastAPI, make_key: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, asked = door.state.database, []
    real = database.reading

    @contextmanager
    def counted() -> Any:
        asked.append(1)
        with real() as session:
            yield session

    monkeypatch.setattr(database, "reading", counted)
    key = make_key().text
    for _ in range(50):
        assert caller.get("/v1/anyone", headers=_bearer(key)).status_code == 200
        assert caller.get("/v1/anyone", headers=_bearer("plain-key")).status_code == 200
        assert caller.get("/v1/anyone", headers=_bearer("nobody's")).status_code == 401
    assert len(asked) == 1


def test_a_narrowed_key_does_what_its_scopes_say(caller: TestClient, make_key: Make) -> None:
    key = make_key(Role.ADMIN, scopes=["merchant:write", "*:read"]).text
    assert caller.get("/v1/engineer", headers=_bearer(key)).status_code == 200
    assert caller.post("/v1/merchant", headers=_bearer(key)).status_code == 200
    refused = caller.post("/v1/engineer", headers=_bearer(key))
    assert refused.status_code == 403 and "engineer:write" in refused.json()["detail"]


def test_scopes_go_by_the_part_of_the_api() -> None:
    assert scope_of("/v1/reports/{id}/appeals", "POST") == "reports:write"
    assert scope_of("/v1/reports", "HEAD") == "reports:read"
    assert scope_of("/v2/models/{name}/infer", "POST") == "detect:write"
    assert permits((), "reports:write") and permits(["*:write"], "reports:write")
    assert not permits(["reports:read"], "reports:write") and not permits(["*:read"], "reports:write")


def test_keys_of_the_environment_are_the_default_tenants(caller: TestClient) -> None:
    def me(key: str) -> dict[str, Any]:
        return dict(caller.get("/v1/me", headers=_bearer(key)).json())

    plain, shop, boss = me("plain-key"), me("shop-key"), me("boss-key")
    assert {one["tenant"] for one in (plain, shop, boss)} == {"tnt_default"}
    assert (plain["role"], plain["account"]) == ("adjudicator", None)
    assert (shop["role"], shop["subject"], shop["account"]) == ("merchant", "shop-9", "shop-9")
    assert boss["role"] == "admin" and boss["account"] is None


def test_the_demo_key_is_an_admins(door: FastAPI, caller: TestClient) -> None:
    key = (door.state.settings.data_dir / "demo.key").read_text().strip()
    found = caller.get("/v1/me", headers=_bearer(key)).json()
    # of a tenant of its own: whoever opens the demo's page without a key sees nothing of anybody's
    assert (found["role"], found["subject"], found["tenant"]) == ("admin", "demo", "tnt_demo")


def test_a_key_of_the_environment_ends_with_it(
    door: FastAPI, with_default: Database, moving_clock: Any
) -> None:
    """Rows were written for it; they open nothing once the variable is changed."""
    from refundlens.serving.identity.callers import Callers

    fewer = door.state.settings.model_copy(update={"api_keys": Settings(api_keys="other").api_keys})
    door.state.callers = Callers(fewer, with_default, moving_clock)
    with TestClient(door) as client:
        assert client.get("/v1/anyone", headers=_bearer("plain-key")).status_code == 401
        assert client.get("/v1/anyone", headers=_bearer("other")).status_code == 200


@pytest.mark.parametrize("entry", ["merchant:", "admin:boss:", "buyer:key", "system:x:key"])
def test_an_entry_that_cannot_be_meant_is_told(entry: str) -> None:
    with pytest.raises(SettingsError, match="REFUNDLENS_API_KEYS"):
        fixed_keys(Settings(api_keys=entry, demo=False))


def test_a_key_may_have_colons() -> None:
    keys_by_role = fixed_keys(Settings(api_keys="sk:live:1,engineer:ml:sk:2", demo=False))
    assert [one.role for one in keys_by_role.values()] == [Role.ADJUDICATOR, Role.ENGINEER]


def test_who_may_read_whose_results() -> None:
    def who(role: Role, tenant: str = "tnt_one", account: str | None = None, subject: str = "a") -> Principal:
        return Principal(tenant, "key_1", role, subject, account)

    shop = who(Role.MERCHANT, account="a/b%")
    assert shop.may_read(shop.owner) and who(Role.MERCHANT, account="a/b%", subject="till 2").may_read(
        shop.owner
    )
    for other in ("a", "b", "a/b", "", None):
        assert not who(Role.MERCHANT, account=other).may_read(shop.owner), other
    for role in (Role.ADJUDICATOR, Role.ENGINEER, Role.ADMIN):
        assert who(role).may_read(shop.owner) and not who(role, tenant="tnt_two").may_read(shop.owner)
        assert not shop.may_read(who(role).owner), "what judges look at is not the shop's"
    assert not who(Role.ADMIN).may_read("key_0123456789abcdef"), "what an earlier version stored"
