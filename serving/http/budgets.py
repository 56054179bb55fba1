"""What each caller may take of what all share, so that nobody can take what others need.

In: a request and an amount. Out: the amount, held or spent; or Problem 429, where this caller has its share, or 503,
where all have theirs. A caller counts for several parties at once: its key and its tenant; its status link and all
links; all visitors of the demo. Who is not known yet counts for its address.

Rooms are held for a while (bytes of bodies, photos that wait, drawings), meters are spent and fill again (seconds of
processors, values of JSON). Rooms may be used from any thread, meters from the event loop only.
"""

import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from fastapi import Request

from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.principal import Principal
from refundlens.serving.settings import Settings

SHARES = {
    "key": 1 / 2,
    "tenant": 3 / 4,
    "address": 1 / 8,
    "link": 1 / 32,
    "links": 1 / 8,
    "visitors": 1 / 16,
}
"""Of everything, by the kind of party. What is left is for the others: a tenant that takes all it can leaves a quarter,
links and visitors together never take more than three sixteenths."""
MOST_PARTIES = 10_000
"""Remembered by a meter; the one that spent longest ago goes first: it is full again by then."""
WINDOW = 60.0
"""Seconds in which an empty meter fills."""
LOGINS = 80
"""Wrong keys in a minute, of all addresses; each has an eighth: a person mistypes, and does not try ten in a minute."""
BEGUN_LOGINS = 240
"""Of browsers sent to the OpenID provider in a minute; an address has thirty, which an office behind one shares."""
REQUESTS = 512
"""Of all callers, begun and not answered: each may hold a thread, or a photo from the disk."""
DAY = 24 * 3600.0
RETRY_SECONDS = 2
"""After which a caller that has its share may try again: most of what is held is held for less."""
_SITE_BITS = 64
"""Of an IPv6 address; the rest is the same household's to choose."""

Party = tuple[str, str]
"""Kind and name."""


@dataclass(frozen=True)
class Caller:
    """parties: the narrowest first. pays: whether it has a key; others never delay those who have. judges: whether it
    is for this caller to know how sure the model is, in every digit."""

    parties: tuple[Party, ...]
    pays: bool
    judges: bool = False

    @property
    def group(self) -> str:
        """Among whom work takes turns: one tenant, all links, all visitors, one address."""
        return ":".join(self.parties[-1])


def group_of_tenant(tenant: str) -> str:
    """The group of a tenant's work, however it came."""
    return f"tenant:{tenant}"


def remember_principal(request: Request, principal: Principal) -> None:
    """Say whose request it is, from here on. Raises Problem 429 where this caller has too many at once."""
    if principal.visits:
        caller = Caller((("visitors", ""),), pays=False)
    else:
        parties = (("key", principal.key_id), ("tenant", principal.tenant))
        caller = Caller(parties, pays=True, judges=principal.judges)
    _remember(request, caller)


def remember_link(request: Request, report: str) -> None:
    """Say that it came by a status link, of this report. Raises Problem 429 where too many did."""
    _remember(request, Caller((("link", report), ("links", "")), pays=False))


def _remember(request: Request, caller: Caller) -> None:
    """The request counts as its caller's until it is answered (`http.middleware.Observing`)."""
    if getattr(request.state, "caller", None) is not None:
        return
    room = Services.of(request).budgets.requests
    room.take(caller, 1)
    request.state.caller = caller
    request.state.answered = lambda: room.give_back(caller, 1)


def caller_of(request: Request) -> Caller:
    """Whose request it is; as long as nobody has said so, that of its address."""
    known: Caller | None = getattr(request.state, "caller", None)
    return known or caller_at(address_of(request))


def caller_at(address: str) -> Caller:
    """Whoever is at an address, as `site` gives it, and has not said who it is."""
    return Caller((("address", address),), pays=False)


def address_of(request: Request) -> str:
    """Where it comes from: an IPv4 address, or the network of an IPv6 one."""
    return site(request.client.host if request.client else "")


def site(host: str) -> str:
    """The part of an address that one household or company has for itself."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> _SITE_BITS << _SITE_BITS))


class Room:
    """Something that callers hold. name: for people, such as "photos that wait". bounded: whether all of them together
    may hold no more than `whole`. shared: whether each may hold no more than its share."""

    def __init__(self, name: str, whole: float, bounded: bool = True, shared: bool = True) -> None:
        self.name, self.whole, self._bounded, self._shared = name, whole, bounded, shared
        self._held: Counter[Party] = Counter()
        self.total = 0.0
        self._changing = threading.Lock()

    def held(self, caller: Caller) -> float:
        """What the widest of its parties holds."""
        return self._held[caller.parties[-1]]

    def take(self, caller: Caller, amount: float) -> None:
        """Raises Problem 429 where a party would have more than its share, 503 where all is taken; who holds nothing
        gets its first, however large."""
        with self._changing:
            for party in caller.parties:
                held = self._held[party]
                if self._shared and held and held + amount > SHARES[party[0]] * self.whole:
                    raise _has_its_share(self.name, party[0])
            if self._bounded and self.total and self.total + amount > self.whole:
                raise full(self.name)
            self._change(caller, amount)

    def give_back(self, caller: Caller, amount: float) -> None:
        with self._changing:
            self._change(caller, -amount)

    @contextmanager
    def held_while(self, caller: Caller, amount: float) -> Iterator[None]:
        """`take`, until the block ends."""
        self.take(caller, amount)
        try:
            yield
        finally:
            self.give_back(caller, amount)

    def _change(self, caller: Caller, amount: float) -> None:
        self.total += amount
        for party in caller.parties:
            self._held[party] += amount  # type: ignore[assignment]  # a Counter holds any number
            if self._held[party] <= 0:
                del self._held[party]


class Meter:
    """Something that callers spend. whole: what all may spend in `window` seconds, 0 for no limit."""

    def __init__(self, name: str, whole: float, clock: Callable[[], float], window: float = WINDOW) -> None:
        self._name, self._whole, self._clock, self._window = name, whole, clock, window
        self._left: OrderedDict[Party, tuple[float, float]] = OrderedDict()
        """What is left, and when that was."""

    def check(self, caller: Caller) -> None:
        """Raises Problem 429 while a party has spent its share."""
        for party in caller.parties:
            if wait := self._seconds(party):
                raise _has_its_share(self._name, party[0], max(1, math.ceil(wait)))

    def owed(self, caller: Caller) -> float:
        """Seconds until none of its parties has a debt."""
        return max(map(self._seconds, caller.parties))

    def pay(self, caller: Caller, amount: float) -> None:
        """Of something that was done; it may leave a debt, which the next request waits for."""
        for party in caller.parties:
            self._left[party] = (self._now(party) - amount, self._clock())
            self._left.move_to_end(party)
        while len(self._left) > MOST_PARTIES:
            self._left.popitem(last=False)

    def _seconds(self, party: Party) -> float:
        """Until this party's debt is paid."""
        if not self._whole:
            return 0.0
        return max(0.0, -self._now(party)) / (SHARES[party[0]] * self._whole) * self._window

    def _now(self, party: Party) -> float:
        most = SHARES[party[0]] * self._whole
        left, since = self._left.get(party, (most, 0.0))
        return min(most, left + (self._clock() - since) * most / self._window)


def full(name: str) -> Problem:
    """503: all callers together have all there is."""
    detail = f"All that is set aside for {name} is taken. Try again in a moment."
    return Problem(503, "overloaded", detail, {"Retry-After": str(RETRY_SECONDS)})


def _has_its_share(name: str, kind: str, wait: int = RETRY_SECONDS) -> Problem:
    who = {"links": "All status links together have", "visitors": "The demo's visitors together have"}
    detail = (
        f"{who.get(kind, f'This {kind} has')} what one {'kind of caller' if kind in who else kind} may have of the "
        f"{name}; the rest is for others. Try again in {wait} s, or send less at a time."
    )
    return Problem(429, "share_taken", detail, {"Retry-After": str(wait)})


class Budgets:
    """Everything that is shared. cores: processors; clock: seconds, monotonic."""

    def __init__(self, settings: Settings, cores: int, clock: Callable[[], float]) -> None:
        self.announced = Room("memory for photos", settings.max_waiting_bytes, bounded=False)
        """Bytes that bodies say they have: a share each, but whoever says much and sends nothing keeps nobody out."""
        self.arrived = Room("memory for photos", settings.max_waiting_bytes, shared=False)
        self.requests = Room("requests at once", REQUESTS)
        self.photos = Room("photos that wait", settings.max_waiting)
        self.processors = Meter("processors", cores * WINDOW, clock)
        """Seconds spent on drawings and on reading bodies."""
        self.logins = Meter("logins", LOGINS, clock)
        """Of wrong keys, by address."""
        self.begun_logins = Meter("logins", BEGUN_LOGINS, clock)
        """Of browsers sent to the OpenID provider, by address."""
        self.questions = Meter("photos a day", settings.photos_per_day, clock, DAY)
        """Of callers who are no judges."""
        self.values = Meter("parsing", settings.json_values, clock)
