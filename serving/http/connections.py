"""Keeps connections from being taken by a few, and work from being done for those who have hung up:
how many an address may have, how long and how large a header may be, and whether its caller is still there.

In: uvicorn's protocol. Out: the same with a `Door` before it. uvicorn waits for a header for as long as it takes, reads
one of any size, and lets one address have all connections there are. What a reverse proxy sends comes from its address:
`REFUNDLENS_TRUSTED_PROXIES` says which addresses are proxies; these keep the limits for their own clients.
"""

import asyncio
import json
import time
from collections import Counter, OrderedDict
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Request
from starlette.types import Receive
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from refundlens.serving.http import tarpit
from refundlens.serving.http.budgets import Meter, caller_at, site
from refundlens.serving.http.problems import CALLER_GONE, MEDIA_TYPE, Problem
from refundlens.serving.settings import Settings

HEADER_SECONDS = 10.0
"""In which a request's line and headers must have come; a phone's take a tenth of a second."""
HEADER_BYTES = 32_768
"""Of a request's line and headers together: four times what browsers send at most."""
STALLED_SECONDS = 60.0
"""That a client may leave its answer unread in the middle."""


class Door:
    """Who is connected. most: connections in all; each: of one address, but for those of `proxies`. 0: no limit.
    refusals: what each address may be refused before it waits for it, but for those of `proxies`."""

    def __init__(self, most: int, each: int, proxies: frozenset[str], refusals: Meter) -> None:
        self._most, self._each, self._proxies, self._refusals = most, each, proxies, refusals
        self._by_address: Counter[str] = Counter()
        self._open: OrderedDict[GuardedProtocol, None] = OrderedDict()

    def enter(self, connection: "GuardedProtocol", host: str) -> int | None:
        """Let a connection in; else the status that says why not."""
        address = site(host)
        if self._each and address not in self._proxies and self._by_address[address] >= self._each:
            return 429
        if self._most and len(self._open) >= self._most and not self._make_room():
            return 503
        self._by_address[address] += 1
        self._open[connection] = None
        return None

    def leave(self, connection: "GuardedProtocol", host: str) -> None:
        if connection in self._open:
            del self._open[connection]
            address = site(host)
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def owed(self, host: str) -> float:
        """Seconds to let one more refusal of this address wait."""
        address = site(host)
        if address in self._proxies:
            return 0.0
        return tarpit.owed(self._refusals, caller_at(address))

    def used(self, connection: "GuardedProtocol") -> None:
        """It began a request: among those that idle, it is the last to go."""
        if connection in self._open:
            self._open.move_to_end(connection)

    def _make_room(self) -> bool:
        """Close the connection that has been idle for longest."""
        idle = next((one for one in self._open if one.idle), None)
        if idle is None:
            return False
        idle.transport.close()
        self.leave(idle, idle.host)
        return True


class GuardedProtocol(HttpToolsProtocol):
    """One connection. `door` is set by `guarded`."""

    door: Door

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.host = self.client[0] if self.client else ""
        self._head, self._refusal = 0, 400
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._in_header = True
        self._refused = False
        refused = self.door.enter(self, self.host)
        if refused is not None:
            self._hang_up(refused)
            return
        self._wait_for_header()

    def connection_lost(self, exc: Exception | None) -> None:
        self.door.leave(self, self.host)
        self._stop(self._timer)
        self._stop(self._stalled)
        super().connection_lost(exc)

    @property
    def idle(self) -> bool:
        """Whether nothing is being answered, nor asked."""
        return self._in_header and (self.cycle is None or self.cycle.response_complete)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing() or self._refused:
            return
        self._head += len(data) if self._in_header else 0
        super().data_received(data)
        if self._in_header and self._head > HEADER_BYTES and not self._refused:
            self._refuse(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._timer is None:
            self._wait_for_header()

    def on_headers_complete(self) -> None:
        self._stop(self._timer)
        self._timer, self._in_header, self._head = None, False, 0
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEADER_BYTES:
            self._refusal = 431
            raise ValueError("the header is too large")
        self.door.used(self)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_header = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop(self._stalled)
        self._stalled = None
        super().resume_writing()

    def _wait_for_header(self) -> None:
        self._timer = self.loop.call_later(HEADER_SECONDS, self._refuse, 408)

    def _stop(self, timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

    def _refuse(self, status: int) -> None:
        """Hang up, later where this address is refused again and again (`tarpit`); what it still sends is not read."""
        self._stop(self._timer)
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        if seconds := self.door.owed(self.host):
            self.flow.pause_reading()
            self._timer = self.loop.call_later(seconds, self._hang_up, status)
        else:
            self._hang_up(status)

    def _hang_up(self, status: int) -> None:
        """Say why, as a problem like any other, and close."""
        self._refused = True
        if self.transport.is_closing():
            return
        code, detail = _REFUSALS[status]
        body: dict[str, Any] = {"type": f"urn:refundlens:problem:{code}", "title": HTTPStatus(status).phrase}
        body |= {"status": status, "detail": detail, "code": code}
        content = json.dumps(body).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(content)}\r\nretry-after: 5\r\nconnection: close\r\n"
            "x-content-type-options: nosniff\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        self.transport.close()


_REFUSALS = {
    400: ("invalid_request", "This is no HTTP request."),
    408: (
        "header_timeout",
        f"The request's headers did not come within {HEADER_SECONDS:.0f} s.",
    ),
    429: (
        "too_many_connections",
        "This address has as many connections as one may have. Close some, or use them for several requests.",
    ),
    431: ("header_too_large", f"A request's line and headers have at most {HEADER_BYTES} bytes."),
    503: ("overloaded", "All connections are in use. Try again in a moment."),
}


def guarded(settings: Settings) -> type[GuardedProtocol]:
    """A protocol class for uvicorn, with a door of its own."""
    door = Door(
        settings.max_connections,
        settings.connections_per_address,
        frozenset(settings.trusted_proxies),
        tarpit.meter_of(settings, time.monotonic),
    )
    return type("GuardedHttpProtocol", (GuardedProtocol,), {"door": door})


Result = TypeVar("Result")


async def while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` gives; it is cancelled where the connection is closed first. Raises Problem 499 then.

    Only for requests whose body was read to its end, or is of no use to anybody: what is left of it is thrown away. A
    server that is told of no such thing (a request pipelined behind this one hides it from uvicorn) costs the work and
    nothing else.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_closed(request.receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        leaving.result()
        raise Problem(CALLER_GONE, "hung_up", "The connection was closed before the answer was there.")
    finally:
        working.cancel()
        leaving.cancel()
        # what they hold (a place, a photo) is given back before the request's own place is
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _closed(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
