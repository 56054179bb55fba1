"""GET /v1/events: the outbox as server-sent events, for pages that follow what happens.

In: a caller, and the id of the last event it saw. Out: the tenant's events from there on, in order; a merchant's are
those of its own shop. Between looks a stream costs a timer: no thread and no connection to the database is held.

Ids sort by time, but a transaction that began earlier may end later. So every look goes back over the last seconds and
gives what it has not given yet. Only an event that was late just while its stream was broken off can be missed; the
page reads everything anew when it connects again, and webhooks miss nothing.

`Services.closing` ends every stream: a server that is told to stop waits for open connections before anything else.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import StreamingResponse

from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.problems import Problem, responses
from refundlens.serving.identity.access import calls
from refundlens.serving.kit.clock import Clock
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.format import in_tenths
from refundlens.serving.kit.ids import first_id
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import KEY_ROLES, Role
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import OutboxEvent
from refundlens.serving.webhooks import repository
from refundlens.serving.webhooks.simulator import is_test

LOOK = 1.0
"""Seconds between looks: what another process did is seen within one."""
HEARTBEAT = 15.0
"""Seconds after which a silent stream says that it lives; proxies cut what is silent for 30 to 60."""
LONGEST = 900.0
"""Seconds a stream lasts. Browsers connect again by themselves, and a key revoked meanwhile is refused then."""
LATE = timedelta(seconds=10)
"""How late an event may be seen: transactions take milliseconds, waiting for their turn seconds."""
AT_ONCE = 200
"""Events read in one look; where there are more, the next look follows at once."""
MOST_STREAMS = 200
"""In one process: each costs a short query a second."""
RETRY_MS = 3000
"""How long a browser waits before it connects again."""
_EXAMPLE = (
    f"retry: {RETRY_MS}\n\n"
    "id: evt_01KAMZ5S8GQ3V6T0C9R4X2Y7AD\nevent: report.established\n"
    'data: {"type":"report.established","timestamp":"2026-11-22T08:00:00.000Z","data":{"id":"rpt_01KAMZ5S8G"}}\n\n'
)

router = APIRouter(prefix="/v1", tags=["events"])


class EventsResponse(StreamingResponse):
    media_type = "text/event-stream"


READERS = tuple(role for role in KEY_ROLES if role is not Role.PLATFORM)
"""A platform's key mirrors refunds; what becomes of them it learns by webhooks, if the tenant wants."""
_FOR_ENGINEERS = ("model.", "detection.")
"""Types of events that engineers see: as in the API, disputes are not theirs."""


class Reading:
    """What one stream has given, and what is next. Its calls ask the database: make them on a thread, one at a time."""

    def __init__(self, database: Database, clock: Clock, principal: Principal) -> None:
        self._database, self._clock, self._principal = database, clock, principal
        self._floor = ""
        self._given: set[str] = set()

    def begin(self, last: str | None) -> None:
        """After this event; where it is none of the tenant's, with what happens from now on."""
        with self._database.reading() as session:
            known = last and repository.event(session, self._principal.tenant, last)
        if last and known:
            self._floor, self._given = last, {last}
            return
        self._floor = first_id("evt", self._clock() - LATE)
        while self.next()[1]:
            pass  # what happened just before is passed over, page by page

    def next(self) -> tuple[list[OutboxEvent], bool]:
        """Events not given yet that this caller may see, and whether to ask again at once."""
        tenant = self._principal.tenant
        horizon = first_id("evt", self._clock() - LATE)
        with self._database.reading() as session:
            ids = repository.event_ids(session, tenant, self._floor, AT_ONCE)
            fresh = [identifier for identifier in ids if identifier not in self._given]
            found = repository.events(session, tenant, fresh) if fresh else []
        full = len(ids) == AT_ONCE
        # a full page is passed for good, else a burst of events would hold the stream where it is
        self._floor = ids[-1] if full else max(self._floor, horizon)
        self._given = {identifier for identifier in (*self._given, *fresh) if identifier >= self._floor}
        return [event for event in found if self._may_see(event)], full

    def _may_see(self, event: OutboxEvent) -> bool:
        if is_test(event.payload):
            return False  # it never happened; only the endpoint that was tried is told
        if self._principal.role is Role.ENGINEER:
            return event.type.startswith(_FOR_ENGINEERS)
        if self._principal.role is not Role.MERCHANT:
            return True
        account = json.loads(event.payload)["data"].get("account")
        return account is not None and account == self._principal.account


@router.get(
    "/events",
    operation_id="stream_events",
    response_class=EventsResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}}},
        **responses(401, 403, 503),
    },
)
async def stream_events(
    call: Annotated[ApiCall, Depends(calls(*READERS))],
    last_event_id: Annotated[
        str | None, Header(max_length=40, description="browsers send it when they connect again")
    ] = None,
) -> EventsResponse:
    """What happens, as it happens: each event as webhooks carry it, under its type and id. A merchant gets those of its
    own shop. A comment comes every 15 s while nothing happens; after 15 minutes connect again."""
    if call.services.streams >= MOST_STREAMS:
        detail = f"{MOST_STREAMS} streams are open, which is the most. Ask for the reports every few seconds instead."
        raise Problem(503, "overloaded", detail, {"Retry-After": "10"})
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would collect events otherwise
    return EventsResponse(stream(call.services, call.principal, last_event_id), headers=headers)


async def stream(parts: Services, principal: Principal, last: str | None) -> AsyncIterator[str]:
    """The text of a stream."""
    loop = asyncio.get_running_loop()
    reading = Reading(parts.database, parts.clock, principal)
    with _counted(parts):
        await asyncio.to_thread(reading.begin, last)
        yield f"retry: {RETRY_MS}\n\n"  # whoever has read it misses nothing from here on
        began = spoke = loop.time()
        while not parts.closing and loop.time() - began < LONGEST:
            events, more = await asyncio.to_thread(reading.next)
            for event in events:
                yield f"id: {event.id}\nevent: {event.type}\ndata: {told(event, principal)}\n\n"
            if events:
                spoke = loop.time()
            elif loop.time() - spoke >= HEARTBEAT:
                spoke = loop.time()
                yield ": nothing new\n\n"
            if not more:
                await parts.notifier.wait(LOOK)


def told(event: OutboxEvent, reader: Principal) -> str:
    """The event's JSON; its probability in tenths for a reader who is no judge, as everywhere (`detection.oracle`)."""
    if reader.judges or '"probability":' not in event.payload:
        return event.payload
    payload = json.loads(event.payload)
    data = payload["data"]
    if isinstance(data.get("probability"), float):
        data["probability"] = in_tenths(data["probability"])
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


@contextmanager
def _counted(parts: Services) -> Iterator[None]:
    """One more stream while it lasts; on the event loop only."""
    parts.streams += 1
    try:
        yield
    finally:
        parts.streams -= 1
