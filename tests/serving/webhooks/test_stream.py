"""The stream of events: in order, each once, one's own only, and at an end when the server ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from refundlens.serving.http import problems
from refundlens.serving.identity.access import authenticated
from refundlens.serving.identity.keys import Authentication
from refundlens.serving.kit.notifier import Notifier
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.tables import OutboxEvent
from refundlens.serving.webhooks import stream as streams
from refundlens.serving.webhooks.stream import Reading, stream

ADMIN = Principal("tnt_one", "key_1", Role.ADMIN, "somebody")
FAST = 0.01


@pytest.fixture
def state(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An application's, whose streams look often."""
    monkeypatch.setattr(streams, "LOOK", FAST)
    return SimpleNamespace(
        database=bench.database, clock=bench.clock, notifier=Notifier(), closing=False, streams=0
    )


def reading(bench: Any, principal: Principal = ADMIN, last: str | None = None) -> Reading:
    made = Reading(bench.database, bench.clock, principal)
    made.begin(last)
    return made


def given(one: Reading) -> list[str]:
    return [event.id for event in one.next()[0]]


def test_events_come_in_order_and_once(bench: Any) -> None:
    bench.publish()
    one = reading(bench)
    assert given(one) == []
    expected = [bench.publish() for _ in range(3)]
    assert given(one) == expected and given(one) == []
    bench.clock.forward(hours=1)
    expected = [bench.publish()]
    assert given(one) == expected and given(one) == []


def test_who_connects_again_goes_on_after_the_last_event(bench: Any) -> None:
    events = []
    for _ in range(4):
        events.append(bench.publish())
        bench.clock.forward(minutes=10)
    one = reading(bench, last=events[1])
    assert given(one) == events[2:] and given(one) == []


@pytest.mark.parametrize("last", ["evt_none", "", "'; --", "evt_00000000000000000000000000"])
def test_an_unknown_last_event_begins_with_now(bench: Any, last: str) -> None:
    bench.publish()
    one = reading(bench, last=last)
    expected = bench.publish()
    assert given(one) == [expected]


def test_another_tenants_events_are_neither_given_nor_gone_on_from(bench: Any) -> None:
    foreign = bench.publish(tenant="tnt_two")
    bench.publish()
    bench.clock.forward(minutes=1)
    one = reading(bench, last=foreign)
    bench.publish(tenant="tnt_two")
    assert given(one) == []


def test_a_merchant_sees_its_own_shops_events(bench: Any) -> None:
    merchant = Principal("tnt_one", "key_2", Role.MERCHANT, "shop", account="shop-1")
    nobody = Principal("tnt_one", "key_3", Role.MERCHANT, "shop")
    first, second = reading(bench, merchant), reading(bench, nobody)
    own = bench.publish(account="shop-1")
    bench.publish(account="shop-2")
    bench.publish(account=None)
    bench.publish()
    assert given(first) == [own] and given(second) == []


def test_an_event_whose_transaction_ended_late_is_not_missed(bench: Any) -> None:
    one = reading(bench)
    begun = bench.clock()
    bench.clock.forward(seconds=5)
    later = bench.publish()
    assert given(one) == [later]
    bench.clock.now, ahead = begun, bench.clock()
    late = bench.publish()
    bench.clock.now = ahead
    assert late < later and given(one) == [late]


def test_many_events_come_page_by_page(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "AT_ONCE", 3)
    one = reading(bench)
    expected = [bench.publish() for _ in range(10)]
    found: list[str] = []
    more = True
    while more:
        events, more = one.next()
        found += [event.id for event in events]
    assert found == expected and given(one) == []
    again = reading(bench)
    assert given(again) == []


async def until(parts: AsyncIterator[str], wanted: str) -> str:
    async for part in parts:
        if wanted in part:
            return part
    raise AssertionError(f"it ended without {wanted}")


def test_the_streams_text_is_that_of_server_sent_events(bench: Any, state: Any) -> None:
    async def run() -> str:
        parts = stream(state, ADMIN, None)
        assert await anext(parts) == "retry: 3000\n\n"
        event = await asyncio.to_thread(bench.publish, note="two\nlines")
        part = await until(parts, event)
        assert state.streams == 1
        await parts.aclose()  # type: ignore[attr-defined]
        assert state.streams == 0
        return part

    lines = asyncio.run(run()).split("\n")
    with bench.database.reading() as session:
        stored = session.scalars(select(OutboxEvent)).one()
    assert lines[:2] == [f"id: {stored.id}", "event: report.established"]
    assert json.loads(lines[2].removeprefix("data: ")) == json.loads(stored.payload)
    assert lines[3:] == ["", ""]


def test_silence_is_filled_with_comments(state: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.02)
    assert asyncio.run(until(stream(state, ADMIN, None), ": nothing")) == ": nothing new\n\n"


def test_a_stream_ends_when_the_server_is_told_to(state: Any) -> None:
    async def run() -> list[str]:
        parts = stream(state, ADMIN, None)
        first = await anext(parts)
        state.closing = True
        return [first, *[part async for part in parts]]

    assert asyncio.run(run()) == ["retry: 3000\n\n"]


def test_a_stream_lasts_a_while_only(state: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST", 0.03)

    async def run() -> list[str]:
        return [part async for part in stream(state, ADMIN, None)]

    assert asyncio.run(run()) == ["retry: 3000\n\n"]


def test_a_waiting_stream_holds_no_connection(bench: Any, state: Any) -> None:
    class Listening(Notifier):
        """Tells how many connections are out while a stream waits at it."""

        out: int | None = None

        async def wait(self, seconds: float) -> bool:
            self.out = bench.database._engine.pool.checkedout()
            state.closing = True
            return False

    state.notifier = Listening()

    async def run() -> None:
        async for _ in stream(state, ADMIN, None):
            pass

    asyncio.run(run())
    assert state.notifier.out == 0


def test_over_http_by_role_and_with_an_end(state: Any) -> None:
    app = FastAPI()
    problems.install(app)
    app.include_router(streams.router)
    app.dependency_overrides[authenticated] = lambda: Authentication(ADMIN, None)
    for name, value in vars(state).items():
        setattr(app.state, name, value)
    app.state.closing = True
    with TestClient(app) as client:
        answer = client.get("/v1/events")
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store" and answer.text == "retry: 3000\n\n"
        app.state.streams = streams.MOST_STREAMS
        full = client.get("/v1/events")
        assert (full.status_code, full.json()["code"]) == (503, "overloaded")
