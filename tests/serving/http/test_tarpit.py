"""Refusals: now and then at once, in a flood ever later, and never at others' cost."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from refundlens.serving.http import tarpit
from refundlens.serving.http.budgets import Caller
from refundlens.serving.http.tarpit import Tarpit, meter_of
from refundlens.serving.settings import Settings

KEYED = Caller((("key", "key_one"), ("tenant", "acme")), pays=True)
FREE = 100
"""Refusals that an address has at once: an eighth of 80 a second, for ten seconds."""


class Flood:
    """Requests to a tarpit on a clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **given: Any) -> None:
        self.now = 0.0
        self.given_back = 0
        self.status = 429
        self.caller: Caller | None = None
        self.slept: list[float] = []
        monkeypatch.setattr(tarpit.asyncio, "sleep", self._sleep)
        self.tarpit = Tarpit(self._app, meter_of(Settings(demo=False, **given), lambda: self.now))

    async def _sleep(self, seconds: float) -> None:
        held = self.given_back != len(self.slept) + 1
        assert self.status < 400 or not held, "the request holds something while its answer waits"
        self.slept.append(seconds)
        self.now += seconds

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["caller"] = self.caller
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"why"})
        self.given_back = len(self.slept) + 1

    def ask(self, address: str = "192.0.2.1") -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "client": (address, 1)}
        asyncio.run(self.tarpit(scope, None, send))  # type: ignore[arg-type]
        return sent


def test_an_address_that_is_refused_again_and_again_waits_and_gets_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flood = Flood(monkeypatch)
    for _ in range(FREE):
        flood.ask()
    assert not flood.slept
    for _ in range(50):
        answer = flood.ask()
        assert [message["type"] for message in answer] == ["http.response.start", "http.response.body"]
    assert flood.now == pytest.approx(5.0), "ten a second"
    flood.ask("192.0.2.2")
    assert len(flood.slept) == 50, "another address waits for it"
    flood.now += tarpit.WINDOW
    flood.ask()
    assert len(flood.slept) == 50, "who stops is not slowed any more"


def test_answers_to_nobody_known_cost_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    flood = Flood(monkeypatch)
    flood.status = 200
    for _ in range(10 * FREE):
        flood.ask()
    assert not flood.slept
    for _ in range(100):
        flood.ask()
    assert flood.now == pytest.approx(1.0, abs=0.02), "a hundred a second"


@pytest.mark.slow
def test_what_is_answered_to_a_key_is_never_held_nor_what_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    flood = Flood(monkeypatch)
    for status in (500, 503):
        flood.status = status
        for _ in range(20 * FREE):
            flood.ask()
    flood.caller = KEYED
    for status in (200, 303, *tarpit.ANSWERED):
        flood.status = status
        for _ in range(500):
            flood.ask()
    assert not flood.slept


def test_a_key_has_an_account_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    flood = Flood(monkeypatch)
    for _ in range(FREE):
        flood.ask()
    flood.caller, flood.status = KEYED, 422
    flood.ask()
    assert not flood.slept, "whoever shares an address with a flood is not slowed"


def test_no_limit_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    flood = Flood(monkeypatch, refusals_per_second=0)
    for _ in range(1000):
        flood.ask()
    assert not flood.slept


def test_held_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarpit, "MOST_HELD", 0)
    flood = Flood(monkeypatch)
    for _ in range(FREE + 10):
        flood.ask()
    assert not flood.slept


@pytest.mark.slow
def test_headers_that_are_refused_wait_as_well(
    serve: Callable[[Settings], Any], live_settings: Settings
) -> None:
    """At the live service: a share of 0.5 a second and five at once; the last of eight waits for some seconds."""
    live = serve(live_settings.model_copy(update={"refusals_per_second": 4}))
    address = urlsplit(live.base)

    def refused() -> float:
        began = time.monotonic()
        with socket.create_connection(
            (address.hostname or "", address.port or 0), timeout=20, source_address=("127.0.0.2", 0)
        ) as made:
            made.sendall(b"no request\r\n\r\n")
            told = b"".join(iter(lambda: made.recv(4096), b""))
        assert b" 400 " in told and b"invalid_request" in told
        return time.monotonic() - began

    waited = [refused() for _ in range(8)]
    assert min(waited[6:]) > 0.5
