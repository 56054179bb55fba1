"""Holds back the answers to a caller that is refused again and again, so that a flood of requests that get nothing
costs others next to nothing (a tarpit; Liston, LaBrea, 2001).

In: any HTTP request. Out: its answer, at once for everybody who is refused now and then, or asks for pages without a
key as people do; else only when this caller's share of refusals has filled again. A program that waits for its answers
is slowed to a few a second on each of its connections. What a refused request held is given back before: nothing but
the answer waits.
"""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from refundlens.serving.http.budgets import Caller, Meter, caller_at, site
from refundlens.serving.settings import Settings

WINDOW = 10.0
"""Seconds of refusals that a caller may have at once: a page with a broken link in every row is not slowed."""
LONGEST = 5.0
"""Seconds that an answer is held at most: no client's patience ends before."""
MOST_HELD = 1_000
"""Answers held at once; further ones go out as they are. Who hangs up instead of waiting leaves his behind."""
ANSWERED = frozenset({404, 409, 412, 428})
"""Statuses that are answers to a caller with a key: so it learns what is there and in which state."""
FREE = 0.1
"""What an answer to a caller without a key costs, in refusals: a hundred pages a second are no office's."""


def meter_of(settings: Settings, clock: Callable[[], float]) -> Meter:
    """What callers may be refused. clock: seconds, monotonic."""
    return Meter("refusals", settings.refusals_per_second * WINDOW, clock, WINDOW)


def owed(refusals: Meter, caller: Caller, cost: float = 1.0) -> float:
    """Seconds to hold one more refusal of this caller, which is put on its account."""
    refusals.pay(caller, cost)
    return min(LONGEST, refusals.owed(caller))


class Tarpit:
    """ASGI middleware, outside everything that counts or holds a request. refusals: what each caller may be refused."""

    def __init__(self, app: ASGIApp, refusals: Meter) -> None:
        self._app, self._refusals = app, refusals
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        held: list[Message] = []
        seconds = 0.0

        async def hold(message: Message) -> None:
            nonlocal seconds
            if message["type"] == "http.response.start":
                seconds = self._owed(scope, message["status"])
                if seconds and message["status"] < 400:  # it may be a stream without an end
                    await self._wait(seconds)
                    seconds = 0.0
            if seconds:
                held.append(message)
            else:
                await send(message)

        await self._app(scope, receive, hold)
        if held:
            await self._wait(seconds)
        for message in held:
            await send(message)

    async def _wait(self, seconds: float) -> None:
        self._held += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._held -= 1

    def _owed(self, scope: Scope, status: int) -> float:
        """Seconds to hold an answer of this status."""
        known: Caller | None = scope["state"].get("caller")
        pays = known is not None and known.pays
        refused = 400 <= status < 500 and not (pays and status in ANSWERED)
        if status >= 500 or (pays and not refused):
            return 0.0
        client = scope.get("client")
        caller = known or caller_at(site(client[0] if client else ""))
        seconds = owed(self._refusals, caller, 1.0 if refused else FREE)
        return seconds if self._held < MOST_HELD else 0.0
