"""Webhooks in the browser: a secret shown once, a test event that a real receiver verifies, sent again, taken away."""

import ast
import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from standardwebhooks import Webhook

from refundlens.serving import webhooks
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.language import texts
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import AuditEvent, StoredAnswer
from refundlens.serving.webhooks import simulator
from refundlens.serving.webhooks.delivery import deliver_due
from refundlens.serving.webhooks.sending import HttpSender
from tests.support.desk import Desk

pytestmark = pytest.mark.slow

SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"allow_private_webhooks": True})


@pytest.fixture
def root(workflow_app: FastAPI) -> Desk:
    return Desk(workflow_app, "root")


class Receiver:
    """Keeps what it was sent, and answers `status`."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    listening = Receiver()
    yield listening
    listening.server.shutdown()


def _add(root: Desk, url: str, **fields: Any) -> tuple[str, str]:
    """The endpoint's page and its secret."""
    answer = root.send(root.get("/admin/webhooks"), "/admin/webhooks/new", url=url, **fields)
    secret, path = (
        SECRET.search(answer.text),
        re.search(r'action="(/admin/webhooks/whe_\w+)/test"', answer.text),
    )
    assert secret and path, answer.text
    return path[1], secret[0]


def _deliver(app: FastAPI) -> int:
    async def run() -> int:
        sender = HttpSender(app.state.secret, app.state.webhook_guard)
        try:
            return await deliver_due(app.state.database, app.state.clock, sender, 60, 4)
        finally:
            await sender.close()

    return asyncio.run(run())


def _actions(app: FastAPI) -> list[str]:
    with app.state.database.reading() as session:
        asked = (
            select(AuditEvent.action).where(AuditEvent.action.startswith("webhook")).order_by(AuditEvent.seq)
        )
        return list(session.execute(asked).scalars())


def test_a_test_event_reaches_the_receiver_signed_and_again_by_hand(
    workflow_app: FastAPI, root: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, secret = _add(root, receiver.url, event=["report.withdrawn"])
    assert root.send(root.get(path), f"{path}/test", type="appeal.opened").status_code == 303
    receiver.status = 500
    assert _deliver(workflow_app) == 1
    headers, body = receiver.got[0]
    library = Webhook(secret)
    # the library compares with the machine's clock; the signature is of the test's
    monkeypatch.setattr(library, "_Webhook__verify_timestamp", lambda _: workflow_app.state.clock())
    message = library.verify(body, headers)
    assert (message["type"], message["test"]) == ("appeal.opened", True)
    page = root.get(path)
    delivery = re.search(r'href="(/admin/webhooks/deliveries/whd_\w+)"', page.text)
    assert delivery and "500" in page.text
    shown = root.get(delivery[1])
    assert "&#34;appeal_id&#34;" in shown.text and headers["webhook-id"] in shown.text
    receiver.status = 204
    assert root.send(shown, f"{delivery[1]}/redeliver").status_code == 303
    assert _deliver(workflow_app) == 1
    assert receiver.got[1][0]["webhook-id"] == headers["webhook-id"]
    assert texts("admin_webhooks", "en")["states"]["delivered"] in root.get(f"{path}?state=delivered").text
    assert _actions(workflow_app) == [
        "webhook_endpoint.created", "webhook_delivery.tested", "webhook_delivery.redelivered",
    ]  # fmt: skip


def test_the_secret_is_shown_by_its_making_and_its_rotation_alone(
    workflow_app: FastAPI, root: Desk, receiver: Receiver
) -> None:
    path, first = _add(root, receiver.url)
    assert not SECRET.search(root.get(path).text)
    rotated = root.send(root.get(path), f"{path}/rotate", overlap="24")
    second = SECRET.search(rotated.text)
    assert second and second[0] != first
    with workflow_app.state.database.reading() as session:
        assert not any(b"whsec" in row.body for row in session.execute(select(StoredAnswer)).scalars())


def test_changing_and_switching_off_and_what_two_people_do_at_once(
    workflow_app: FastAPI, root: Desk, receiver: Receiver
) -> None:
    path, _ = _add(root, receiver.url)
    page = root.get(path)
    kept = {"url": receiver.url, "description": "refund desk"}
    assert root.send(page, f"{path}/change", **kept).status_code == 303  # without `enabled`: not in use
    words = texts("admin_webhooks", "en")
    assert words["disabled"] in root.get(path).text
    answer = root.send(page, f"{path}/change", **kept, enabled="yes")
    assert answer.status_code == 422  # the same form, with other content
    stale = root.hidden(page, f"{path}/change") | kept | {"enabled": "yes", "key": "other"}
    answer = root.http.post(f"{path}/change", data=stale)
    assert answer.status_code == 412 and texts("admin", "en")["problems"]["changed_meanwhile"] in answer.text
    off = root.send(root.get(path), f"{path}/test", type="report.established")
    assert off.status_code == 409 and texts("admin", "en")["problems"]["endpoint_not_enabled"] in off.text
    assert root.send(root.get(path), f"{path}/change", **kept, enabled="yes").status_code == 303
    assert root.send(root.get(path), f"{path}/test", type="report.established").status_code == 303


def test_deleting_wants_a_confirmation(workflow_app: FastAPI, root: Desk, receiver: Receiver) -> None:
    path, _ = _add(root, receiver.url)
    assert root.send(root.get(path), f"{path}/delete").status_code == 422
    assert root.send(root.get(path), f"{path}/delete", sure="yes").status_code == 303
    assert root.get(path).status_code == 404 and receiver.url not in root.get("/admin/webhooks").text


@pytest.mark.parametrize("url", ["", "ftp://example.com/x", "https://user:pass@example.com/", "not a url"])
def test_a_url_that_may_not_be_is_told(workflow_app: FastAPI, root: Desk, url: str) -> None:
    answer = root.send(root.get("/admin/webhooks"), "/admin/webhooks/new", url=url)
    assert answer.status_code == 422 and 'id="failure"' in answer.text and _actions(workflow_app) == []


def test_over_the_api_too(as_caller: Any, receiver: Receiver, workflow_app: FastAPI) -> None:
    admin = as_caller("root")
    made = admin.post("/v1/webhook-endpoints", json={"url": receiver.url}).json()
    answer = admin.post(f"/v1/webhook-endpoints/{made['id']}/test", json={"type": "model.promoted"})
    assert answer.status_code == 202 and answer.json()["event_type"] == "model.promoted"
    assert _deliver(workflow_app) == 1
    assert json.loads(receiver.got[0][1])["data"] == simulator.EXAMPLES[WebhookType.MODEL_PROMOTED]
    assert as_caller("ann").post(f"/v1/webhook-endpoints/{made['id']}/test", json={}).status_code == 403
    assert admin.post("/v1/webhook-endpoints/whe_none/test", json={}).status_code == 404


def test_there_is_an_example_of_every_type() -> None:
    assert set(simulator.EXAMPLES) == set(WebhookType)
    for kind in WebhookType:
        assert len(simulator.payload(kind, _moment())) < 20_000
        assert simulator.is_test(simulator.payload(kind, _moment()))


def _beginning(value: ast.expr | None) -> set[str]:
    """How a sentence begins that the code makes; nothing where it is somebody else's."""
    if isinstance(value, ast.IfExp):
        return _beginning(value.body) | _beginning(value.orelse)
    first = value.values[0] if isinstance(value, ast.JoinedStr) else value
    return {first.value} if isinstance(first, ast.Constant) and isinstance(first.value, str) else set()


def _stored() -> set[str]:
    """How every error begins that deliveries and endpoints store."""
    folder = Path(webhooks.__file__).parent
    found = set()
    for name in ("mail", "sending", "notices", "ssrf", "queue", "service", "channels"):
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name in ("refusal", "_reason", "send", "failed"):
                returns = [one.value for one in ast.walk(node) if isinstance(one, ast.Return)]
                given = [
                    each for one in returns for each in (one.values if isinstance(one, ast.BoolOp) else [one])
                ]
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("moved", "BY_HAND"):
                given = [node.value]
            elif isinstance(node, ast.Call):
                called = getattr(node.func, "id", "")
                given = [
                    one.value for one in node.keywords if called == "DeliveryResult" and one.arg == "error"
                ]
                given += (
                    node.args[:1]
                    if called == "UrlRefused"
                    else node.args[2:3]
                    if called == "_disable"
                    else []
                )
            else:
                continue
            found |= {each for one in given for each in _beginning(one)}
    return found


def test_every_error_that_deliveries_store_has_words_and_no_words_are_left_over() -> None:
    stored = _stored()
    beginnings = [one for one in texts("undelivered", "zh")["says"] if one]
    assert [one for one in stored if not one.startswith(tuple(beginnings))] == []
    assert [one for one in beginnings if not any(each.startswith(one) for each in stored)] == []


def _moment() -> datetime:
    return datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("hooks.example.com", "form"),
        ("https://me:secret@hooks.example.com/", "form"),
        ("https://nowhere.invalid/hook", "host"),
        ("https://hooks.example.com:99999/", "port"),
    ],
)
def test_a_url_that_is_refused_is_told_in_the_reader_s_language(
    workflow_app: FastAPI, url: str, code: str
) -> None:
    desk = Desk(workflow_app, "root", "zh")
    answer = desk.send(desk.get("/admin/webhooks"), "/admin/webhooks/new", url=url)
    assert answer.status_code == 422
    assert texts("admin", "zh")["problems"][f"webhook_url_{code}"] in answer.text


def test_why_a_message_did_not_arrive_is_told_in_the_reader_s_language(workflow_app: FastAPI) -> None:
    desk = Desk(workflow_app, "root", "zh")
    made = desk.send(desk.get("/admin/webhooks"), "/admin/webhooks/new", url="http://127.0.0.1:9/hook")
    endpoint = re.search(r"/admin/webhooks/(whe_\w+)/test", made.text)
    assert endpoint
    where = f"/admin/webhooks/{endpoint[1]}"
    desk.send(made, f"{where}/test", type="report.established")
    _deliver(workflow_app)
    page = desk.get(where)
    assert texts("undelivered", "zh")["says"]["could not connect"] in page.text
    assert "could not connect" not in page.text
