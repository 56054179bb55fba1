"""Sees every request: gives it an id, counts and times it, writes its line in the log, and its span.

In: any HTTP request. Out: the same, its answer with `X-Request-Id` (the caller's own, or a new one). A `traceparent`
(W3C Trace Context) puts its trace id on every line logged for the request. ASGI, without Starlette's middleware class:
that one costs a task a request.
"""

import logging
import re
import time
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.ids import make_id
from serving.logs import request_facts
from serving.metrics import Metrics
from serving.tracing import Tracing

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
"""Routes asked every few seconds by machines: their lines are for debugging."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_log = logging.getLogger("serving.access")


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
