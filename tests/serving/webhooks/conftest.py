"""A receiver that really listens, and short ways to publish and deliver."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import standardwebhooks.webhooks
from standardwebhooks import Webhook

from refundlens.serving.events import outbox
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.ids import make_id
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import WebhookDelivery, WebhookEndpoint
from refundlens.serving.webhooks.delivery import deliver_due
from refundlens.serving.webhooks.sending import HttpSender, Sender, secret_text
from refundlens.serving.webhooks.ssrf import UrlPolicy

TENANT = "tnt_one"
LEASE = 60


@dataclass
class Got:
    """One POST as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Reply:
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Receiver:
    """An HTTP server on this machine. reply: what it answers, or what makes the answer of the request."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.reply: Reply | Callable[[Got], Reply] = Reply()
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [got.id for got in self.got]

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                receiver.got.append(got)
                reply = receiver.reply(got) if callable(receiver.reply) else receiver.reply
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # senders hang up on answers they have read enough of

        self._server = Server(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Connections are refused until it starts again, on the same port."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    listening = Receiver()
    yield listening
    listening.stop()


@pytest.fixture
def reply() -> type[Reply]:
    """What a receiver answers: status, headers, body."""
    return Reply


@pytest.fixture
def secret() -> Secret:
    return Secret(b"the secret of the tests, all 32 bytes")


class Bench:
    """A database with endpoints, events and a clock, and what the worker does with them."""

    def __init__(self, database: Database, clock: Any, secret: Secret) -> None:
        self.database, self.clock, self.secret = database, clock, secret
        self.guard = UrlPolicy(allow_private=True)

    def endpoint(self, url: str, *events: WebhookType, tenant: str = TENANT) -> str:
        """The id of a new one."""
        now = self.clock()
        with self.database.transaction() as session:
            made = WebhookEndpoint(
                id=make_id("whe", now),
                tenant_id=tenant,
                version=1,
                url=url,
                events=[kind.value for kind in events],
                secret_number=1,
                created_at=now,
                updated_at=now,
            )
            session.add(made)
            return made.id

    def publish(
        self,
        kind: WebhookType = WebhookType.REPORT_ESTABLISHED,
        tenant: str = TENANT,
        **data: Any,
    ) -> str:
        """The id of the event."""
        with self.database.transaction() as session:
            event = outbox.publish(session, tenant, self.clock(), kind, "rpt_1", {"id": "rpt_1", **data})
            return event.id

    def deliver(self, sender: Sender | None = None, limit: int = 64) -> int:
        async def run() -> int:
            used = sender or HttpSender(self.secret, self.guard)
            try:
                return await deliver_due(self.database, self.clock, used, LEASE, limit)
            finally:
                if isinstance(used, HttpSender):
                    await used.close()

        return asyncio.run(run())

    def deliveries(self) -> list[WebhookDelivery]:
        with self.database.reading() as session:
            return session.query(WebhookDelivery).order_by(WebhookDelivery.id).all()

    def one(self) -> WebhookDelivery:
        (only,) = self.deliveries()
        return only

    def row(self, endpoint_id: str) -> WebhookEndpoint:
        with self.database.reading() as session:
            return session.get_one(WebhookEndpoint, endpoint_id)

    def until_due(self) -> timedelta:
        """Move the clock to the next attempt; how far that was."""
        when = min(row.next_at for row in self.deliveries() if row.next_at)
        pause: timedelta = when - self.clock()
        self.clock.now = when
        return pause


@pytest.fixture
def bench(database: Database, moving_clock: Any, secret: Secret) -> Bench:
    return Bench(database, moving_clock, secret)


@pytest.fixture
def verify(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """What a receiver does: the library, with a secret as it was shown. The library knows the time by itself; here it
    is the clock's."""

    class Moved(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return bench.clock().astimezone(tz)

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Moved)

    def check(got: Got, endpoint_id: str, number: int = 1) -> dict[str, Any]:
        text = secret_text(bench.secret, endpoint_id, number)
        told: dict[str, Any] = Webhook(text).verify(got.body, got.headers)
        return told

    return check
