"""The endpoints over HTTP: made, changed, rotated, deleted, listed and redelivered, each tenant by itself."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from sqlalchemy import select
from starlette.testclient import TestClient

from refundlens.serving.http import problems
from refundlens.serving.http.idempotency import Running
from refundlens.serving.identity.access import authenticated
from refundlens.serving.identity.keys import Authentication
from refundlens.serving.kit.notifier import Notifier
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import AuditEvent, StoredAnswer, WebhookEndpoint
from refundlens.serving.webhooks import endpoints, service
from refundlens.serving.webhooks.sending import DeliveryResult, secret_text
from refundlens.serving.webhooks.ssrf import UrlPolicy

HOOKS = "/v1/webhook-endpoints"
DELIVERIES = "/v1/webhook-deliveries"
URL = "https://hooks.example/in"


class Told:
    """A sender that gives one answer."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.ids: list[str] = []

    async def send(self, message: Any) -> DeliveryResult:
        self.ids.append(message.event_id)
        return DeliveryResult(self.status)


def _caller(request: Request) -> Authentication:
    """The door's first half, of which `tests/serving/identity` is: here a header says who comes."""
    tenant, role = request.headers["x-as"].split("/")
    return Authentication(Principal(tenant, "key_1", Role(role), "somebody"), None)


@pytest.fixture
def app(bench: Any) -> FastAPI:
    made = FastAPI()
    problems.install(made)
    made.include_router(endpoints.router)
    made.dependency_overrides[authenticated] = _caller
    made.state.database, made.state.secret, made.state.clock = bench.database, bench.secret, bench.clock
    made.state.settings, made.state.notifier, made.state.running = Settings(), Notifier(), Running()
    made.state.webhook_guard = UrlPolicy(resolve=lambda host, port: ["93.184.216.34"])
    return made


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, headers={"x-as": "tnt_one/admin"}, raise_server_exceptions=False) as made:
        yield made


def create(client: TestClient, key: str = "one", **body: Any) -> Any:
    return client.post(HOOKS, json={"url": URL, **body}, headers={"Idempotency-Key": key})


def test_an_endpoint_is_made_once_and_its_secret_is_shown_then_only(client: TestClient, bench: Any) -> None:
    made = create(client, description="desk", events=["appeal.opened", "appeal.opened"])
    assert made.status_code == 201 and made.headers["cache-control"] == "no-store"
    body = made.json()
    assert body["events"] == ["appeal.opened"] and body["enabled"] is True
    assert body["secret"] == secret_text(bench.secret, body["id"], 1)
    again = create(client, description="desk", events=["appeal.opened", "appeal.opened"])
    assert again.json() == body and again.headers["idempotent-replayed"] == "true"
    shown = client.get(made.headers["location"])
    assert shown.json() == {name: value for name, value in body.items() if name != "secret"}
    assert shown.headers["etag"] == made.headers["etag"] == '"1"'
    assert client.get(HOOKS).json() == {"items": [shown.json()], "next_cursor": None}


def test_the_secret_is_nowhere_in_the_database(client: TestClient, bench: Any) -> None:
    secret = create(client).json()["secret"]
    with bench.database.reading() as session:
        (stored,) = session.scalars(select(StoredAnswer)).all()
        assert secret.removeprefix("whsec_") not in stored.body.decode()
        assert "secret_number" in stored.body.decode()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "http://hooks.example/"}, 422, "webhook_url_refused"),
        ({"url": "https://user@hooks.example/"}, 422, "webhook_url_refused"),
        ({"url": ""}, 422, "invalid_request"),
        ({"url": URL, "events": ["report.invented"]}, 422, "invalid_request"),
        ({"url": URL, "colour": "red"}, 422, "invalid_request"),
        ({}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_is_a_problem(
    client: TestClient, body: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post(HOOKS, json=body, headers={"Idempotency-Key": "x"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get(HOOKS).json()["items"] == []


def test_an_address_that_is_private_is_refused_at_registration_and_change(
    client: TestClient, app: FastAPI
) -> None:
    made = create(client).json()
    app.state.webhook_guard = UrlPolicy(resolve=lambda host, port: ["10.0.0.1"])
    for answer in (create(client, "two"), client.patch(f"{HOOKS}/{made['id']}", json={"url": URL + "2"})):
        assert answer.status_code == 422 and answer.json()["code"] == "webhook_url_refused"


def test_creating_needs_an_idempotency_key_and_there_is_an_end(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.post(HOOKS, json={"url": URL}).json()["code"] == "idempotency_key_missing"
    assert create(client, "a").status_code == 201
    assert create(client, "a", description="other").json()["code"] == "idempotency_mismatch"
    monkeypatch.setattr(service, "MOST_ENDPOINTS", 1)
    assert create(client, "b").json()["code"] == "too_many_endpoints"


def test_changes_honour_if_match_and_are_audited(client: TestClient, bench: Any) -> None:
    made = create(client).json()
    place = f"{HOOKS}/{made['id']}"
    changed = client.patch(
        place, json={"url": URL + "/2", "events": ["refund.refused"]}, headers={"If-Match": '"1"'}
    )
    assert changed.status_code == 200 and changed.headers["etag"] == '"2"'
    assert changed.json()["url"] == URL + "/2" and changed.json()["events"] == ["refund.refused"]
    stale = client.patch(place, json={"description": "late"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"], stale.headers["etag"]) == (
        412,
        "changed_meanwhile",
        '"2"',
    )
    assert client.delete(place, headers={"If-Match": '"1"'}).status_code == 412
    assert client.delete(place, headers={"If-Match": '"2"'}).status_code == 204
    assert client.get(place).status_code == client.delete(place).status_code == 404
    with bench.database.reading() as session:
        facts = session.scalars(select(AuditEvent).order_by(AuditEvent.seq)).all()
    assert [fact.action.partition(".")[2] for fact in facts] == ["created", "changed", "deleted"]
    assert all(fact.actor == "somebody" and URL not in str(fact.data) for fact in facts)


def test_deleting_cancels_what_waits(client: TestClient, bench: Any) -> None:
    made = create(client).json()
    bench.publish()
    client.delete(f"{HOOKS}/{made['id']}")
    assert bench.one().state == "cancelled" and bench.deliver(Told(200)) == 0


def test_disabled_by_hand_and_used_again(client: TestClient, bench: Any) -> None:
    place = f"{HOOKS}/{create(client).json()['id']}"
    bench.publish()
    off = client.patch(place, json={"enabled": False}).json()
    assert off["enabled"] is False and off["disabled_reason"] == service.BY_HAND
    assert bench.one().state == "cancelled"
    bench.publish()
    assert client.patch(place, json={"enabled": True}).json()["enabled"] is True
    bench.publish()
    assert [row.state for row in bench.deliveries()] == ["cancelled", "pending"]


def test_rotation_shows_a_new_secret_and_keeps_the_old_one_for_a_while(
    client: TestClient, bench: Any
) -> None:
    made = create(client).json()
    turn = f"{HOOKS}/{made['id']}/rotate-secret"
    turned = client.post(turn, json={"overlap_hours": 2}, headers={"Idempotency-Key": "r"})
    assert turned.status_code == 201
    assert turned.json()["secret"] == secret_text(bench.secret, made["id"], 2) != made["secret"]
    assert turned.json()["previous_secret_until"] == "2026-11-22T10:00:00.000Z"
    again = client.post(turn, json={"overlap_hours": 2}, headers={"Idempotency-Key": "r"})
    assert again.json() == turned.json()  # the double click rotates once
    at_once = client.post(turn, json={"overlap_hours": 0}, headers={"Idempotency-Key": "s"}).json()
    assert at_once["secret_number"] == 3 and at_once["previous_secret_until"] is None
    # the first request's answer is still that of the first request
    assert create(client).json()["secret"] == made["secret"]


def test_deliveries_are_paged_and_filtered(client: TestClient, bench: Any) -> None:
    first, second = (create(client, key).json()["id"] for key in "ab")
    bench.publish()
    bench.deliver(Told(200))
    for _ in range(2):
        bench.clock.forward(seconds=1)
        bench.publish()
    seen: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        body = client.get(DELIVERIES, params=asked).json()
        seen += body["items"]
        cursor = body["next_cursor"]
    assert len(seen) == 6 and [item["id"] for item in seen] == sorted(
        {item["id"] for item in seen}, reverse=True
    )
    assert {item["event_type"] for item in seen} == {"report.established"}
    of_first = client.get(DELIVERIES, params={"endpoint": first}).json()["items"]
    assert {item["endpoint_id"] for item in of_first} == {first} and len(of_first) == 3
    done = client.get(DELIVERIES, params={"state": "delivered"}).json()["items"]
    assert len(done) == 2 and done[0]["status"] == 200
    assert second in {item["endpoint_id"] for item in seen}
    assert client.get(DELIVERIES, params={"state": "lost"}).status_code == 422
    assert client.get(DELIVERIES, params={"cursor": "x"}).json()["code"] == "invalid_cursor"


def redeliver(client: TestClient, identifier: str, key: str) -> Any:
    return client.post(f"{DELIVERIES}/{identifier}/redeliver", headers={"Idempotency-Key": key})


def test_a_delivery_is_sent_again_with_the_same_event(client: TestClient, bench: Any) -> None:
    create(client)
    event = bench.publish()
    sender = Told(200)
    bench.deliver(sender)
    done = bench.one()
    again = redeliver(client, done.id, "r")
    assert again.status_code == 202
    assert (again.json()["event_id"], again.json()["replay"], again.json()["state"]) == (event, 1, "pending")
    assert redeliver(client, done.id, "r").json() == again.json()
    bench.deliver(sender)
    assert sender.ids == [event, event]
    assert redeliver(client, done.id, "t").json()["replay"] == 2
    shown = client.get(f"{DELIVERIES}/{again.json()['id']}").json()
    assert shown["state"] == "delivered" and '"type":"report.established"' in shown["payload"]


def test_one_that_waits_for_its_retry_is_sent_now_and_once(client: TestClient, bench: Any) -> None:
    create(client)
    bench.publish()
    bench.deliver(Told(500))
    waiting = bench.one()
    assert redeliver(client, waiting.id, "r").json()["id"] == waiting.id
    assert bench.one().next_at == bench.clock()
    sender = Told(200)
    assert bench.deliver(sender) == 1 and len(sender.ids) == 1


def test_nothing_is_redelivered_to_an_endpoint_that_is_not_used(client: TestClient, bench: Any) -> None:
    place = f"{HOOKS}/{create(client).json()['id']}"
    bench.publish()
    client.patch(place, json={"enabled": False})
    refused = redeliver(client, bench.one().id, "r")
    assert (refused.status_code, refused.json()["code"]) == (409, "endpoint_not_enabled")


def test_nothing_of_another_tenant_exists_and_other_roles_may_nothing(client: TestClient, bench: Any) -> None:
    made = create(client).json()
    bench.publish()
    bench.deliver(Told(200))
    delivery = bench.one().id
    key = {"Idempotency-Key": "other"}
    calls = [
        ("GET", f"{HOOKS}/{made['id']}", None),
        ("PATCH", f"{HOOKS}/{made['id']}", {"enabled": False}),
        ("DELETE", f"{HOOKS}/{made['id']}", None),
        ("POST", f"{HOOKS}/{made['id']}/rotate-secret", {}),
        ("GET", f"{DELIVERIES}/{delivery}", None),
        ("POST", f"{DELIVERIES}/{delivery}/redeliver", None),
    ]
    for method, path, body in calls:
        answer = client.request(method, path, json=body, headers={"x-as": "tnt_two/admin", **key})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        for role in ("merchant", "adjudicator", "engineer"):
            answer = client.request(method, path, json=body, headers={"x-as": f"tnt_one/{role}", **key})
            assert answer.status_code == 403, path
    for path in (HOOKS, DELIVERIES):
        assert client.get(path, headers={"x-as": "tnt_two/admin"}).json()["items"] == []
    filtered = client.get(DELIVERIES, params={"endpoint": made["id"]}, headers={"x-as": "tnt_two/admin"})
    assert filtered.json()["items"] == []
    with bench.database.reading() as session:
        row = session.get_one(WebhookEndpoint, made["id"])
    assert row.disabled_reason is None and row.deleted_at is None and row.secret_number == 1
