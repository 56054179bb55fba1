"""Plays a load photo by photo: arrivals at random, replicas that take one after another, some of which die.

In: a `Farm`, a rate, a length, a seed. Out: `Played`. The same seed gives the same numbers. What is played is the queue
alone: one line for all replicas, as Ray Serve and Triton keep it, and the service's own rule of turning away what would
come too late. Times are drawn evenly within `SPREAD` of the mean, which is how photos of different sizes differ.
"""

import heapq
import random
from collections import deque
from dataclasses import dataclass
from itertools import count

SPREAD = 0.5
"""A photo takes its mean time, up to so much more or less of it."""


@dataclass(frozen=True)
class Farm:
    """replicas: places that judge a photo each at a time. seconds: that a photo takes there on average. patience: how
    long a caller waits in all. wire: of the patience, what the way there and back takes."""

    replicas: int
    seconds: float
    patience: float = 1.0
    wire: float = 0.005


@dataclass(frozen=True)
class Outage:
    """at: seconds from the beginning. share: of the replicas that die. back: seconds until they are there again."""

    at: float
    share: float
    back: float


@dataclass(frozen=True)
class Played:
    """Photos: answered in time, turned away (at once, or unjudged where its time was over), answered too late, sent
    again after their replica died, and lost. goodput: in time, a second. recovered: seconds from the fault until every
    photo was answered in time again; none without a fault, or where that never came. mean, p50, p99: seconds, of those
    that were answered."""

    arrived: int
    in_time: int
    refused: int
    late: int
    again: int
    lost: int
    goodput: float
    mean: float
    p50: float
    p99: float
    recovered: float | None


def play(farm: Farm, rate: float, seconds: float, seed: int = 0, fault: Outage | None = None) -> Played:
    """rate: photos a second, at random. Raises ValueError for a farm without replicas or a rate of nothing."""
    if farm.replicas < 1 or farm.seconds <= 0 or rate <= 0:
        raise ValueError("at least one replica, and times and rates above 0")
    return _Play(farm, rate, seconds, seed, fault).run()


ARRIVES, ENDS, DIES, RETURNS = range(4)


class _Play:
    def __init__(self, farm: Farm, rate: float, seconds: float, seed: int, fault: Outage | None) -> None:
        self._farm, self._rate, self._seconds, self._fault = farm, rate, seconds, fault
        self._random, self._order = random.Random(seed), count()
        self._events: list[tuple[float, int, int, int]] = []
        """(when, a number that makes it unique, what, replica or number of replicas)"""
        self._line: deque[float] = deque()
        """When each photo arrived that waits; the ones of a dead replica are in front again."""
        self._idle = list(range(farm.replicas))
        self._under_way: dict[int, tuple[float, int]] = {}
        """By replica: when its photo arrived, and the number of the event that ends it."""
        self._alive = farm.replicas
        self._dead: list[int] = []
        self._longest = farm.wire + farm.seconds * (1 + SPREAD)
        self._took: list[float] = []
        self._good: list[float] = []
        """When photos arrived that were answered in time."""
        self._bad: list[float] = []
        self._refused = self._late = self._again = self._arrived = 0

    def run(self) -> Played:
        self._put(self._random.expovariate(self._rate), ARRIVES, 0)
        if self._fault is not None:
            dying = max(1, round(self._fault.share * self._farm.replicas))
            self._put(self._fault.at, DIES, dying)
            self._put(self._fault.at + self._fault.back, RETURNS, dying)
        while self._events:
            now, number, what, which = heapq.heappop(self._events)
            if what == ARRIVES:
                self._arrive(now)
            elif what == ENDS:
                self._end(now, number, which)
            elif what == DIES:
                self._die(which)
            else:
                self._return(which)
            self._begin(now)
        return self._played()

    def _put(self, when: float, what: int, which: int) -> int:
        number = next(self._order)
        heapq.heappush(self._events, (when, number, what, which))
        return number

    def _arrive(self, now: float) -> None:
        self._arrived += 1
        waits = len(self._line) / max(1, self._alive) * self._farm.seconds
        if waits + self._longest > self._farm.patience:
            self._refused += 1
            self._bad.append(now)
        else:
            self._line.append(now)
        later = now + self._random.expovariate(self._rate)
        if later < self._seconds:
            self._put(later, ARRIVES, 0)

    def _begin(self, now: float) -> None:
        while self._line and self._idle:
            arrived = self._line.popleft()
            if now - arrived + self._longest > self._farm.patience:  # nobody would wait for it any more
                self._refused += 1
                self._bad.append(arrived)
                continue
            replica = self._idle.pop()
            took = self._farm.seconds * self._random.uniform(1 - SPREAD, 1 + SPREAD)
            self._under_way[replica] = (arrived, self._put(now + took, ENDS, replica))

    def _end(self, now: float, number: int, replica: int) -> None:
        arrived, expected = self._under_way.get(replica, (0.0, -1))
        if number != expected:
            return  # it died meanwhile
        del self._under_way[replica]
        self._idle.append(replica)
        took = now - arrived + self._farm.wire
        self._took.append(took)
        if took <= self._farm.patience:
            self._good.append(arrived)
        else:
            self._late += 1
            self._bad.append(arrived)

    def _die(self, dying: int) -> None:
        """Some of them, by chance. Their photos are sent again, before all others."""
        self._dead = self._random.sample(range(self._farm.replicas), dying)
        for replica in self._dead:
            if replica in self._under_way:
                self._line.appendleft(self._under_way.pop(replica)[0])
                self._again += 1
        gone = set(self._dead)
        self._idle = [replica for replica in self._idle if replica not in gone]
        self._alive -= dying

    def _return(self, coming: int) -> None:
        self._idle.extend(self._dead)
        self._alive += coming

    def _played(self) -> Played:
        took = sorted(self._took) or [0.0]
        done = len(self._good) + self._refused + self._late
        return Played(
            self._arrived,
            len(self._good),
            self._refused,
            self._late,
            self._again,
            self._arrived - done,
            len(self._good) / self._seconds,
            sum(took) / len(took),
            took[len(took) // 2],
            took[min(len(took) - 1, int(0.99 * len(took)))],
            self._recovered(),
        )

    def _recovered(self) -> float | None:
        """From the first whole second on of which, and after which, no photo was a bad one."""
        if self._fault is None:
            return None
        bad = {int(at - self._fault.at) for at in self._bad if at >= self._fault.at}
        good_from = max(bad, default=-1) + 1
        return float(good_from) if good_from < int(self._seconds - self._fault.at) else None
