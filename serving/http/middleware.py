"""Sees every request: gives it an id, counts and times it, writes its line in the log, and its span.

In: any HTTP request. Out: the same, its answer with `X-Request-Id` (the caller's own, or a new one). A `traceparent`
(W3C Trace Context) puts its trace id on every line logged for the request. ASGI, without Starlette's middleware class:
that one costs a task a request.

Holds requests that bring words, not photos, to a small body: FastAPI reads a JSON body whole before it asks who is
calling, however long it is.

In: any HTTP request. Out: 413 before a long body is read where its length is declared, and as soon as it has become too
long where it is not. The endpoints that take photos read their own bodies, under limits of their own.

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

from refundlens.serving.http.problems import Problem, as_answer
from refundlens.serving.http.tracing import Tracing
from refundlens.serving.kit.ids import make_id
from refundlens.serving.observability import Metrics, request_facts

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
_PHOTOS = re.compile(r"/v1/detect|/v1/refunds/[^/]+|/track/[^/]+/(?:photos|appeal)|/v2/.*|/check|/samples/.*")
"""Paths whose endpoints read their own bodies (`serving.detection.body`)."""


class SmallBodies:
    """ASGI middleware. seconds: that a body may take to arrive."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _PHOTOS.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            messages = await self._read(scope, receive)
        except Problem as problem:
            await as_answer(scope, problem)(scope, receive, send)
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
        messages: list[Message] = []
        size = 0
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    message = await receive()
                    messages.append(message)
                    size += len(message.get("body", b""))
                    if size > MOST_BYTES:
                        raise _too_large()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return messages
        except TimeoutError as error:
            detail = f"The body did not arrive within {self._seconds:.0f} s."
            raise Problem(408, "upload_timeout", detail, {"Connection": "close"}) from error


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
