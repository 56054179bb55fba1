"""Nobody takes what others need: shares of rooms and meters, turns at drawing."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as some
from starlette.testclient import TestClient

from refundlens.serving.http.budgets import SHARES, WINDOW, Budgets, Caller, Meter, Room, site
from refundlens.serving.http.problems import Problem
from refundlens.serving.http.turns import Turns
from refundlens.serving.settings import Settings

LINKS = ("links", "")
ONE = Caller((("key", "k1"), ("tenant", "one")), pays=True)
ONE_MORE = Caller((("key", "k2"), ("tenant", "one")), pays=True)
TWO = Caller((("key", "k3"), ("tenant", "two")), pays=True)
LINK = Caller((("link", "r1"), LINKS), pays=False)
VISITOR = Caller((("visitors", ""),), pays=False)
CALLERS = [ONE, ONE_MORE, TWO, LINK, VISITOR, Caller((("link", "r2"), LINKS), pays=False)]


@given(some.lists(some.tuples(some.sampled_from(CALLERS), some.integers(1, 40)), max_size=80))
def test_whatever_some_take_a_tenant_that_has_nothing_gets_something(
    wishes: list[tuple[Caller, int]],
) -> None:
    """Visitors, links and one tenant cannot shut another out, in any order."""
    room = Room("bytes", 1000)
    for caller, amount in wishes:
        if caller is TWO:
            continue
        try:
            room.take(caller, amount)
        except Problem as refused:
            assert refused.status == 429, "there is room: it is this caller's share that is used up"
    room.take(TWO, 40)


@given(some.lists(some.tuples(some.sampled_from(CALLERS), some.integers(1, 400)), max_size=80))
def test_what_is_given_back_leaves_nothing_behind(wishes: list[tuple[Caller, int]]) -> None:
    room, held = Room("bytes", 1000), []
    for caller, amount in wishes:
        try:
            room.take(caller, amount)
            held.append((caller, amount))
        except Problem:
            assert held
        assert room.total <= 1000 or len(held) == 1
    for caller, amount in held:
        room.give_back(caller, amount)
    assert room.total == 0 and not any(room.held(caller) for caller in CALLERS)


def test_a_meter_is_refilled_and_each_kind_has_its_share() -> None:
    now = [0.0]
    meter = Meter("processors", 120, lambda: now[0])
    meter.pay(VISITOR, 120 * SHARES["visitors"] + 1)
    with pytest.raises(Problem) as refused:
        meter.check(VISITOR)
    assert refused.value.status == 429
    meter.check(ONE)
    now[0] += float(refused.value.headers["Retry-After"])
    meter.check(VISITOR)
    meter.pay(ONE, 60 + 1)
    with pytest.raises(Problem):
        meter.check(ONE)
    meter.check(ONE_MORE)
    now[0] += 2 * WINDOW
    meter.check(ONE)


def test_a_meter_without_a_limit_lets_all_pass() -> None:
    meter = Meter("nothing", 0, lambda: 0.0)
    meter.pay(ONE, 10**9)
    meter.check(ONE)


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_one_household_is_one_address(host: str, network: str) -> None:
    assert site(host) == network


def _order(wanted: list[Caller], places: int = 1) -> list[Caller]:
    """In which order these callers are drawn for, who all come while another is drawn for."""
    done: list[Caller] = []

    async def play() -> None:
        turns = Turns(places)
        async with turns.turn(VISITOR):

            async def one(caller: Caller) -> None:
                async with turns.turn(caller):
                    done.append(caller)

            tasks = [asyncio.create_task(one(caller)) for caller in wanted]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        turns.close()

    asyncio.run(play())
    return done


def test_tenants_take_turns_and_those_without_a_key_wait_for_them() -> None:
    done = _order([VISITOR, ONE, ONE, ONE, TWO, TWO, VISITOR])
    assert done == [ONE, TWO, ONE, TWO, ONE, VISITOR, VISITOR]


def test_who_waits_for_too_many_is_told_so_and_others_are_not() -> None:
    async def play() -> None:
        turns = Turns(1)
        refused = 0
        async with turns.turn(ONE):
            waiting = []
            for _ in range(40):
                task = asyncio.create_task(_turn(turns, VISITOR))
                await asyncio.sleep(0)
                if task.done() and isinstance(task.exception(), Problem):
                    refused += 1
                else:
                    waiting.append(task)
            waiting.append(asyncio.create_task(_turn(turns, TWO)))
            await asyncio.sleep(0)
            waiting[0].cancel()  # somebody hangs up
        await asyncio.gather(*waiting, return_exceptions=True)
        assert refused == 40 - 8 and turns._free == 1
        turns.close()

    asyncio.run(play())


async def _turn(turns: Turns, caller: Caller) -> None:
    async with turns.turn(caller):
        await asyncio.sleep(0)


def test_drawing_costs_its_caller_the_time_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = Budgets(Settings(demo=False), 1, lambda: 0.0)
    times = iter([0.0, 10.0, 10.0, 20.0])
    monkeypatch.setattr("refundlens.serving.kit.apart.time.thread_time", lambda: next(times))

    def fail() -> None:
        raise ValueError("no such picture")

    async def play(work: Callable[[], None]) -> None:
        turns = Turns(1)
        try:
            await turns.do(VISITOR, budgets, work)
        finally:
            turns.close()

    with pytest.raises(ValueError, match="no such"):
        asyncio.run(play(fail))
    with pytest.raises(Problem) as refused:
        asyncio.run(play(lambda: None))
    assert refused.value.status == 429


def test_every_request_counts_until_it_is_answered(client: TestClient, photo: Callable[..., bytes]) -> None:
    """Whatever becomes of it; and who has too many at once is told so."""
    room = client.app.state.budgets.requests  # type: ignore[attr-defined]
    for path in ("/v1/refunds", "/v1/none", "/v1/detections/det_none", "/v1/models?cursor=no"):
        client.get(path)
    client.post("/v1/detect", content=photo(), headers={"Content-Type": "image/jpeg"})
    client.post("/v1/detect", content=b"no", headers={"Content-Type": "text/plain"})
    assert room.total == 0
    room.whole = 2
    mine = Caller((("key", "x"), ("tenant", "tnt_default")), pays=True)
    with room.held_while(mine, 1), room.held_while(TWO, 1):
        refused = client.get("/v1/refunds")
        assert (refused.status_code, refused.json()["code"]) == (429, "share_taken")
    assert client.get("/v1/refunds").status_code == 200
