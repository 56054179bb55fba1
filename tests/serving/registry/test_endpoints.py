"""The registry over HTTP: roles, repeated requests, pages, errors."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.registry import service
from refundlens.serving.registry.bundles import examine

pytestmark = pytest.mark.slow

TINY = "/v1/models/refundlens-tiny-"


@pytest.fixture
def versions(workflow_app: FastAPI, make_bundle: Any, moving_clock: Any) -> list[str]:
    """Two candidates beside the champion 0.0.1, the second without a card."""
    made = []
    for version, card in (("0.0.2", "For tests."), ("0.0.3", "")):
        path = make_bundle(version, card=card)
        found = examine(Detector(path, threads=1, device="cpu"), path.stat().st_size)
        workflow_app.state.bundles.put(path.read_bytes())
        with workflow_app.state.database.transaction() as session:
            now = moving_clock.forward(seconds=1)
            made.append(service.add(session, service.SERVICE, found, now).id)
    return made


def test_engineers_see_and_change_and_nobody_else(
    as_caller: Callable[..., TestClient], versions: Any
) -> None:
    for name, allowed in {"eve": True, "root": True, "shop-1": False, "ann": False}.items():
        client = as_caller(name)
        answers = [
            client.get("/v1/models"),
            client.get(f"{TINY}0.0.1"),
            client.post(f"{TINY}0.0.2/shadow", json={"share": 0.5}),
        ]
        assert [answer.status_code for answer in answers] == [200 if allowed else 403] * 3, name
        for verb in ("promote", "rollback"):
            if not allowed:
                assert client.post(f"{TINY}0.0.2/{verb}", json={"reason": "x"}).status_code == 403


def test_a_list_in_pages_and_what_runs(as_caller: Callable[..., TestClient], versions: Any) -> None:
    client = as_caller("eve")
    first = client.get("/v1/models", params={"limit": 2}).json()
    rest = client.get("/v1/models", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    found = [one["version"] for one in first["items"] + rest["items"]]
    assert found == ["0.0.3", "0.0.2", "0.0.1"] and rest["next_cursor"] is None
    assert first["running"]["version"] == "0.0.1"
    assert [one["code"] for one in first["items"][0]["missing"]] == ["card"]
    assert client.get("/v1/models", params={"cursor": "nonsense"}).json()["code"] == "invalid_cursor"


def test_one_version_shows_its_card_and_its_history(
    as_caller: Callable[..., TestClient], versions: Any
) -> None:
    client = as_caller("eve")
    assert client.post(f"{TINY}0.0.2/promote", json={"reason": "finds more"}).status_code == 200
    answer = client.get(f"{TINY}0.0.2")
    whole = answer.json()
    assert answer.headers["etag"] == '"2"'
    assert whole["card"] == "For tests." and whole["reason"] == "finds more"
    assert whole["conditions"][0]["threshold"] == 0.9
    assert [(one["action"], one["actor"]) for one in whole["history"]] == [
        ("model.added", "system"),
        ("model.promoted", "eve"),
    ]
    assert client.get(f"{TINY}8").status_code == 404


def test_a_repeated_request_does_it_once(as_caller: Callable[..., TestClient], versions: Any) -> None:
    client = as_caller("eve")
    bare = TestClient(client.app, headers={"Authorization": "Bearer key-eve"})
    assert bare.post(f"{TINY}0.0.2/promote").json()["code"] == "idempotency_key_missing"
    named = {"Idempotency-Key": "one"}
    first = bare.post(f"{TINY}0.0.2/promote", headers=named)
    again = bare.post(f"{TINY}0.0.2/promote", headers=named)
    assert first.status_code == 200 and again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true" and again.headers["etag"] == '"2"'
    assert client.post(f"{TINY}0.0.2/promote").json()["code"] == "already_champion"
    other = bare.post(f"{TINY}0.0.2/promote", headers=named, json={"reason": "another"})
    assert other.json()["code"] == "idempotency_mismatch"


def test_what_never_stood_at_the_gate_needs_an_admin_s_word(
    as_caller: Callable[..., TestClient], workflow_app: FastAPI, make_bundle: Any, moving_clock: Any
) -> None:
    path = make_bundle("0.0.4", training=None)
    found = examine(Detector(path, threads=1, device="cpu"), path.stat().st_size)
    workflow_app.state.bundles.put(path.read_bytes())
    with workflow_app.state.database.transaction() as session:
        service.add(session, service.SERVICE, found, moving_clock())
    promote, root = f"{TINY}0.0.4/promote", as_caller("root")
    for client, body, status, code in (
        (as_caller("eve"), {"reason": "better"}, 409, "not_fit"),
        (as_caller("eve"), {"reason": "better", "force": True}, 403, "forbidden"),
        (root, {"reason": "better"}, 409, "not_fit"),
        (root, {"force": True}, 422, "reason_required"),
        (root, {"force": True, "reason": "measured by hand"}, 200, None),
    ):
        answer = client.post(promote, json=body)
        assert (answer.status_code, answer.json().get("code")) == (status, code), body
    last = root.get(f"{TINY}0.0.4").json()["history"][-1]
    assert (last["actor"], last["data"]["forced"]) == ("root", ["ungated"])


def test_changes_that_are_refused(as_caller: Callable[..., TestClient], versions: Any) -> None:
    client = as_caller("eve")
    stale = client.post(f"{TINY}0.0.2/promote", headers={"If-Match": '"9"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    unfit = client.post(f"{TINY}0.0.3/promote")
    assert (unfit.status_code, unfit.json()["code"]) == (409, "not_fit") and "card" in unfit.json()["detail"]
    forced = {"force": True, "reason": "we know it"}
    assert client.post(f"{TINY}0.0.3/promote", json=forced).status_code == 403
    assert as_caller("root").post(f"{TINY}0.0.3/promote", json=forced).status_code == 200
    assert client.post(f"{TINY}0.0.3/rollback", json={"reason": "  "}).status_code == 422
    assert client.post(f"{TINY}0.0.2/shadow", json={"share": 1.5}).status_code == 422
    back = client.post(f"{TINY}0.0.3/rollback", json={"reason": "it had no card"})
    assert back.json()["id"] == "refundlens-tiny-0.0.1"
