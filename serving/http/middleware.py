"""Sees every request: gives it an id, counts and times it, writes its line in the log, and its span.

In: any HTTP request. Out: the same, its answer with `X-Request-Id` (the caller's own, or a new one). A `traceparent`
(W3C Trace Context) puts its trace id on every line logged for the request. ASGI, without Starlette's middleware class:
that one costs a task a request.

Holds requests that bring words, not photos, to a small body: FastAPI reads a JSON body whole before it asks who is
calling, however long it is.

In: any HTTP request. Out: 413 before a long body is read where its length is declared, and as soon as it has become too
long where it is not, or its JSON holds more than any request of ours (`json_guard`). The endpoints that take photos
read their own bodies, under limits of their own.

Tells browsers to take every answer for what it says it is, and to come by https where they can.

In: any HTTP request. Out: its answer with `X-Content-Type-Options`, and over TLS `Strict-Transport-Security`.

HEAD for everything that GET answers (RFC 9110, 9.3.2): load balancers and `curl -I` ask that way.

In: any HTTP request. Out: to HEAD, the status and the headers that GET would get, without its body.
"""

import asyncio
import logging
import re
import time
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from refundlens.serving.http.body import Pace, too_slow
from refundlens.serving.http.json_guard import JsonGuard
from refundlens.serving.http.problems import Problem, as_answer
from refundlens.serving.http.tracing import Tracing
from refundlens.serving.kit.ids import make_id
from refundlens.serving.observability import Metrics, request_facts
from refundlens.serving.settings import Settings

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
"""Routes asked every few seconds by machines: their lines are for debugging."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_log = logging.getLogger("refundlens.serving.access")


class Observing:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing | None) -> None:
        self._app, self._metrics, self._tracing = app, metrics, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        facts = _facts(Headers(scope=scope))
        state["request_id"] = facts["request_id"]
        began, status, sent = time.perf_counter(), 500, 0  # 500: what a crash is answered with, further out

        async def told(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = facts["request_id"]
                for name, value in state.get("headers", {}).items():
                    headers[name] = value
            sent += len(message.get("body", b""))
            await send(message)

        known = request_facts.set(facts)
        span = self._tracing.start(scope) if self._tracing else None
        try:
            await self._app(scope, receive, told)
        finally:
            if (answered := state.get("answered")) is not None:
                answered()
            # the route's template and known methods: paths and made-up methods would be a label each
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in METHODS else "other"
            seconds = time.perf_counter() - began
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.request_seconds.labels(route).observe(seconds)
            said = {"method": method, "route": route, "status": status, "ms": round(1000 * seconds, 1)}
            said |= {"sent_bytes": sent, **state.get("facts", {})}
            level = logging.DEBUG if route in QUIET and status < 500 else logging.INFO
            _log.log(level, "%s %s %d", method, route, status, extra={"facts": said})
            if span and self._tracing:
                self._tracing.end(span, said)
            request_facts.reset(known)


def _facts(headers: Headers) -> dict[str, Any]:
    """What every line logged for this request carries."""
    given = headers.get("x-request-id", "")
    facts = {"request_id": given if _REQUEST_ID.fullmatch(given) else make_id("req", datetime.now(UTC))}
    trace = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return facts | ({"trace_id": trace[1]} if trace else {})


MOST_BYTES = 256_000
"""Of one body: texts of a few thousand characters, several times over."""
_FORMS = (b"multipart/", b"application/x-www-form-urlencoded")
_PHOTOS = re.compile(
    r"/v1/detect|/v1/refunds/[^/]+|/v1/platforms/[^/]+/refunds|/track/[^/]+/(?:photos|appeal)|/v2/.*|/check|/samples/.*"
    r"|/new-case|/models/upload"
)
"""Paths whose endpoints read their own bodies (`serving.detection.body`)."""


class SmallBodies:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _PHOTOS.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            messages = await self._read(scope, receive)
        except Problem as problem:
            answer = await as_answer(scope, problem)
            await answer(scope, receive, send)
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)

    async def _read(self, scope: Scope, receive: Receive) -> list[Message]:
        """The whole body. Raises Problem 408, 413."""
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > MOST_BYTES:
            raise _too_large()
        if not (declared.isdigit() and int(declared)) and b"transfer-encoding" not in headers:
            return []
        # FastAPI takes anything but a form for JSON
        guard = None if headers.get(b"content-type", b"").lower().startswith(_FORMS) else JsonGuard()
        messages: list[Message] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.upload_timeout) as time_left:
                pace = Pace(self._settings, time_left)
                while True:
                    message = await receive()
                    messages.append(message)
                    piece = message.get("body", b"")
                    size += len(piece)
                    if size > MOST_BYTES:
                        raise _too_large()
                    if guard is not None:
                        guard.feed(piece)
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return messages
                    pace.arrived(size)
        except TimeoutError as error:
            raise too_slow(self._settings) from error


def _too_large() -> Problem:
    detail = (
        f"A body of this endpoint has at most {MOST_BYTES} bytes; photos go to /v1/detect or /v1/refunds."
    )
    return Problem(413, "too_large", detail, {"Connection": "close"})


class HeadAsGet:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_without_body)


HSTS = "max-age=31536000"
"""A year, as browsers' lists ask for; of this host alone, since we do not know what else the domain serves."""


class SecurityHeaders:
    """ASGI middleware. public_url: where browsers come; https there means that somebody before us ends TLS."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app, self._tls_before = app, public_url.startswith("https://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                if self._tls_before or scope.get("scheme") == "https":
                    headers["Strict-Transport-Security"] = HSTS
            await send(message)

        await self._app(scope, receive, told)
