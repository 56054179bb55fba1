"""Where notices go to: a chat's robot and a mail server, real ones on this machine."""

import json
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.support.ports import free_port


class Robot:
    """A chat's robot: keeps what it got, answers 200 and `answer`."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.answer = '{"errcode":0,"errmsg":"ok"}'
        robot = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                robot.got.append((self.path, body))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(robot.answer.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/robot/send?access_token=tok-12345678"
        Thread(target=self.server.serve_forever, daemon=True).start()


class MailServer:
    """Takes mail for everybody but nobody@; wants a password where one is given."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.logins: list[bytes] = []
        port = free_port()
        self.controller = Controller(
            self, "127.0.0.1", port, authenticator=self._check, auth_require_tls=False
        )
        self.controller.start()
        self.url = f"smtp://127.0.0.1:{port}"

    def _check(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login)
        return AuthResult(success=True)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"
