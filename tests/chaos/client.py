"""A client that does what the documentation tells clients to do, and remembers what it asked and was told.

In: requests. Out: answers, each the last word on its request: a lost connection, "still running" and "busy" are not
answers, the same request is sent again then, under the same Idempotency-Key.
"""

import threading
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

AGAIN = frozenset({429, 502, 503, 504, 507})
IN_PROGRESS = "idempotency_in_progress"
PAUSE = 0.05
"""Seconds before a request is sent again."""
PATIENCE = 600.0
"""Seconds after which a request that gets no answer is evidence by itself."""
TIMEOUT = 30.0


def key_of(name: str) -> str:
    """A key as long as `serve` wants them."""
    return f"a-key-for-the-chaos-of-{name}"


@dataclass(frozen=True)
class Asked:
    """A request. who: the key's subject. key: its Idempotency-Key; PUT and GET need none."""

    who: str
    method: str
    path: str
    body: Any = None
    key: str | None = None


@dataclass(frozen=True)
class Answered:
    """The last word. lost: how many times the connection broke before it came."""

    status: int
    body: Any
    replayed: bool = False
    lost: int = 0

    @property
    def good(self) -> bool:
        return self.status < 300

    @property
    def code(self) -> str:
        return str(self.body.get("code", "")) if isinstance(self.body, dict) and not self.good else ""


@dataclass
class Memory:
    """What all clients asked and were told. faults: what a client must never see, in words.
    sent, heard: tries, and those that something came back of."""

    talks: list[tuple[Asked, Answered]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    sent: int = 0
    heard: int = 0
    lost: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, asked: Asked, answered: Answered) -> None:
        with self._lock:
            self.talks.append((asked, answered))
            self.lost += answered.lost

    def fault(self, text: str) -> None:
        with self._lock:
            self.faults.append(text)

    def count(self) -> None:
        with self._lock:
            self.sent += 1

    def good(self, method: str) -> list[tuple[Asked, Answered]]:
        """Requests of a method that were answered 2xx."""
        return [(asked, told) for asked, told in self.talks if asked.method == method and told.good]


class Client:
    """One thread's connection. bases: where the services are; one is chosen anew for each try."""

    def __init__(self, bases: list[str], memory: Memory, chance: Random) -> None:
        self._bases, self._memory, self._chance = bases, memory, chance
        self._http = httpx.Client(timeout=TIMEOUT, trust_env=False)

    def ask(self, asked: Asked) -> Answered:
        """Raises TimeoutError where no answer comes for minutes."""
        ends, lost = time.monotonic() + PATIENCE, 0
        while time.monotonic() < ends:
            self._memory.count()
            try:
                answer = self._send(asked)
            except httpx.TransportError:
                lost += 1
                time.sleep(PAUSE * (1 + self._chance.random()))
                continue
            self._memory.heard += 1
            told = _read(answer, lost)
            if told.status in AGAIN or told.code == IN_PROGRESS:
                time.sleep(PAUSE)
                continue
            if told.status >= 500:
                self._memory.fault(f"{asked.method} {asked.path} was answered {told.status}: {told.body}")
                time.sleep(PAUSE)
                continue
            if asked.method != "GET":
                self._memory.note(asked, told)
            return told
        self._memory.fault(f"{asked.method} {asked.path} got no answer within {PATIENCE:.0f} s")
        raise TimeoutError(asked.path)

    def ask_twice(self, asked: Asked) -> Answered:
        """A double click: the same request twice at once, maybe at two processes. With a key, both get one answer."""
        other = Client(self._bases, self._memory, Random(self._chance.random()))
        told: list[Answered] = []
        clicks = [
            threading.Thread(target=lambda who=who: told.append(who.ask(asked))) for who in (self, other)
        ]
        for click in clicks:
            click.start()
        for click in clicks:
            click.join()
        other.close()
        if (
            asked.key is not None
            and len(told) == 2
            and (told[0].good or told[1].good)
            and told[0].body != told[1].body
        ):
            self._memory.fault(f"a double click on {asked.path} got two answers: {told[0]} and {told[1]}")
        if not told:
            raise TimeoutError(asked.path)
        return told[0]

    def close(self) -> None:
        self._http.close()

    def _send(self, asked: Asked) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key_of(asked.who)}"}
        if asked.key is not None:
            headers["Idempotency-Key"] = asked.key
        base = self._chance.choice(self._bases)
        return self._http.request(asked.method, base + asked.path, json=asked.body, headers=headers)


def _read(answer: httpx.Response, lost: int) -> Answered:
    replayed = answer.headers.get("idempotent-replayed") == "true"
    return Answered(answer.status_code, answer.json(), replayed, lost)
