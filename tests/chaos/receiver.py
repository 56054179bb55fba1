"""The harness's webhook receiver: outlives every kill and remembers all it got.

In: POSTs. Out: `Received`, one a POST. The first try of a few is answered with 500, as real receivers do.
"""

import threading
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

STUMBLES = 0.02
"""Share of messages that are refused once: enough to see that they come again."""


@dataclass(frozen=True)
class Received:
    """One POST. answered: our status. genuine: the standardwebhooks library took its signature."""

    id: str
    payload: str
    answered: int
    genuine: bool


class Receiver:
    """Listens from the start until `close`. secret: the endpoint's, known once it is made."""

    def __init__(self, seed: int) -> None:
        self._got: list[Received] = []
        self._chance = Random(seed)
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self.secret = ""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    self.close_connection = True  # the sender died in the middle of it: nothing came
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver._note(headers, body.decode())
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                return  # the sender was killed meanwhile

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _note(self, headers: dict[str, str], payload: str) -> int:
        identifier, genuine = headers["webhook-id"], self._is_genuine(headers, payload)
        with self._lock:
            first = identifier not in self._seen
            self._seen.add(identifier)
            status = 500 if first and self._chance.random() < STUMBLES else 204
            self._got.append(Received(identifier, payload, status, genuine))
            return status

    def _is_genuine(self, headers: dict[str, str], payload: str) -> bool:
        """Now, since a signature is good for five minutes only."""
        try:
            Webhook(self.secret).verify(payload, headers)
        except WebhookVerificationError:
            return False
        return True

    def all(self) -> list[Received]:
        with self._lock:
            return list(self._got)

    def times(self) -> Counter[str]:
        """How often each message came and was taken."""
        return Counter(one.id for one in self.all() if one.answered < 300)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
