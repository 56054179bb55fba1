"""What waits for each stage, and what a free thread does next. No threads in here: the engine's lock guards it.

Groups of callers, such as tenants, take turns by what was done for each; of one group, the photo of lowest rank goes
first, whatever its stage, so that what was begun is finished, only few photos are in
memory as pixels, and a large one makes way for small ones between any two batches (`priority_of`); a thread never waits
while there is something it can do. Jobs that nobody waits for any more are dropped when they are reached, before they
are decoded and before their tiles are run; those known to be given up, at once.

Whose turn it is: small photos go before large ones, for a while, and only as long as it makes nobody late.

In: when a request came, how long it takes, how long its caller waits, who is there already. Out: its rank; the lowest
goes first, at every stage.

A request counts as having come later by STRETCH times the time it takes when the engine does nothing else. So a photo
of 12 megapixels is judged tile by tile in the gaps that smaller ones leave, until that time is over; then those that
come after it wait for what is left of it. Photos of one size keep the order in which they came.
"""

import heapq
import itertools
import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from refundlens.serving.engine.job import PhotoJob, Priority, TiledPass
from refundlens.serving.engine.runner import ModelRunner

Stage = Literal["finish", "observe", "infer", "decode"]
STAGES: tuple[Stage, ...] = ("finish", "observe", "infer", "decode")
"""In the order they are chosen for one photo: what ends a photo frees memory, what begins one takes some. A photo waits
to be observed and for its tiles at once: where a thread is free, both are done side by side."""
CHANNELS = 3
CLASSES: dict[Priority, int] = {"interactive": 0, "bulk": 0, "visitor": 1, "shadow": 2}
"""Nobody of a higher class is worked for while somebody of a lower one waits."""
OTHER = 0.1
"""What decoding, observing or judging a photo costs beside running its tiles: a tenth each on processors."""
HEAD_START = 20.0
"""Tiles, decoding and judging counted: a photo of up to 900 pixels a side. A group that has taken less than its part
lately goes first with as much (borrowed virtual time, K. Duda and D. Cheriton, SOSP 1999): its photo waits for what is
under way and no more, however many another group has sent; over time each has its part all the same."""
LARGE_AREA = 4_000_000
"""Pixels from which decoding or judging a photo takes a thread a good part of a second, and cannot be interrupted."""


@dataclass(frozen=True)
class Drop:
    """A job that nobody waits for."""

    job: PhotoJob


@dataclass(frozen=True)
class Decode:
    job: PhotoJob


@dataclass(frozen=True)
class Observe:
    job: PhotoJob


@dataclass(frozen=True)
class TileSlice:
    """`count` tiles of a job's look, from `first` on. The look is its own: the job may end meanwhile and forget it."""

    job: PhotoJob
    look: TiledPass
    first: int
    count: int


@dataclass(frozen=True)
class Infer:
    """One batch: tiles of one or more photos for one model."""

    lane: ModelRunner
    slices: list[TileSlice]


@dataclass(frozen=True)
class Finish:
    job: PhotoJob


Task = Drop | Decode | Observe | Infer | Finish


@dataclass
class Scheduler:
    """most_bytes: pixels of all photos in memory, RGB; one photo is let in however large it is. slow_threads: threads
    that may decode or judge what others should not wait for (large photos, and those of who does not pay); with one
    fewer than there are, somebody is always there for a small one."""

    most_bytes: int
    slow_threads: int = 1_000
    slow_running: int = 0
    _members: dict[str, set[PhotoJob]] = field(default_factory=dict)
    _spent: dict[str, float] = field(default_factory=dict)
    """What was done for each group that has photos here, in tiles; it begins with what the least served has."""
    _ahead: dict[str, float] = field(default_factory=dict)
    """What is left of their head starts."""
    _before: dict[str, float] = field(default_factory=dict)
    """What was done for groups that have none now: who goes and comes again gets no head start anew."""
    held: int = 0
    _waiting: dict[Stage, list[tuple[float, int, PhotoJob]]] = field(
        default_factory=lambda: {stage: [] for stage in STAGES}
    )
    _order: "itertools.count[int]" = field(default_factory=itertools.count)

    def add(self, job: PhotoJob, stage: Stage) -> None:
        """Let a job wait for a stage."""
        job.stage = stage
        self._join(job)
        rank = -math.inf if job.future.done() else job.rank  # to be dropped at once: it holds memory
        heapq.heappush(self._waiting[stage], (rank, next(self._order), job))

    def remove(self, job: PhotoJob) -> bool:
        """Take a job out, whatever it waits for; False where it waits for nothing."""
        waited = [stage for stage in STAGES if self._remove(job, stage)]
        return bool(waited)

    def hold(self, job: PhotoJob, area: int) -> None:
        """Count `area` pixels more for a job."""
        job.held += area * CHANNELS
        self.held += area * CHANNELS

    def release(self, job: PhotoJob) -> None:
        """A job has ended, its pixels are gone."""
        self.held -= job.held
        job.held = 0
        members = self._members.get(job.group)
        if members is not None:
            members.discard(job)
            if not members:
                del self._members[job.group], self._ahead[job.group]
                self._before[job.group] = self._spent.pop(job.group)
                if not self._spent:
                    self._before.clear()  # nobody waits: nothing is owed

    def has_room(self, area: int) -> bool:
        return not self.held or self.held + area * CHANNELS <= self.most_bytes

    def take(self, stages: Collection[Stage], now: float, idle: int) -> Task | None:
        """What a thread that does `stages` does now; None if nothing can be done. idle: threads like it, itself
        included, that have nothing to do."""
        for stage in STAGES:
            queue = self._waiting[stage]
            if stage in stages and queue and (job := queue[0][2]).over(now):
                self.remove(job)  # whatever else it waits for: another thread would drop it once more
                return Drop(job)
        if "decode" in stages and (shed := self._shed(now)):
            return Drop(shed)
        able = {
            stage: first
            for stage in STAGES
            if stage in stages and (first := self._first(stage, now)) is not None and self._can(stage, first)
        }
        if not able:
            return None
        stage = min(able, key=lambda stage: self._turn(able[stage]))
        job = able[stage]
        self.slow_running += is_slow(job, stage)
        if stage == "infer":
            return self._batch(job, now, idle)
        self._remove(job, stage)
        self._charge(job, OTHER * job.tiles)
        if stage == "finish":
            return Finish(job)
        if stage == "observe":
            return Observe(job)
        self.hold(job, job.area)
        return Decode(job)

    def waiting(self, stage: Stage) -> list[PhotoJob]:
        """Jobs that wait for a stage, in no particular order."""
        return [job for _, _, job in self._waiting[stage]]

    def clear(self) -> set[PhotoJob]:
        """Take all jobs out."""
        jobs = {job for stage in STAGES for job in self.waiting(stage)}
        for queue in self._waiting.values():
            queue.clear()
        return jobs

    def done(self, task: Task) -> None:
        """A thread has done what it took."""
        if isinstance(task, Infer):
            self.slow_running -= is_slow(task.slices[0].job, "infer")
        elif not isinstance(task, Drop):
            self.slow_running -= is_slow(task.job, "decode")

    def _remove(self, job: PhotoJob, stage: Stage) -> bool:
        queue = self._waiting[stage]
        for entry in queue:
            if entry[2] is job:
                queue.remove(entry)
                heapq.heapify(queue)
                return True
        return False

    def _first(self, stage: Stage, now: float) -> PhotoJob | None:
        """Whose turn it is at a stage, as far as there are threads for its kind."""
        slow = self.slow_running < self.slow_threads
        able = (job for job in self.waiting(stage) if (slow or not is_slow(job, stage)) and not job.over(now))
        return min(able, key=self._turn, default=None)

    def _turn(self, job: PhotoJob) -> tuple[int, bool, float, float, float]:
        """The lowest goes first: who pays before who does not, before shadows; then who has a head start left; then the
        group for which the least was done (start-time fair queueing, P. Goyal et al., SIGCOMM 1996); then the lowest
        rank, and who came first."""
        spent = self._spent[job.group] if job.group in self._spent else self._least()
        return CLASSES[job.priority], self._ahead.get(job.group, 0.0) <= 0, spent, job.rank, job.arrived

    def _least(self) -> float:
        return min(self._spent.values(), default=0.0)

    def _join(self, job: PhotoJob) -> None:
        if not job.group:
            return
        self._members.setdefault(job.group, set()).add(job)
        if job.group not in self._spent:
            least = self._least()
            self._before = {who: spent for who, spent in self._before.items() if spent > least - HEAD_START}
            before = self._before.pop(job.group, least - HEAD_START)
            self._spent[job.group] = max(before, least)
            self._ahead[job.group] = min(max(least - before, 0.0), HEAD_START)

    def _charge(self, job: PhotoJob, tiles: float) -> None:
        if job.group in self._spent:
            self._spent[job.group] += tiles
            self._ahead[job.group] = max(0.0, self._ahead[job.group] - tiles)

    def _can(self, stage: Stage, job: PhotoJob) -> bool:
        return stage != "decode" or self.has_room(job.area)

    def _shed(self, now: float) -> PhotoJob | None:
        """A shadow's job to give up, where a photo waits for the memory it holds; not one that a thread looks at, whose
        memory would not be free yet."""
        first = self._first("decode", now)
        if first is None or first.priority == "shadow" or self.has_room(first.area):
            return None
        unseen = set(self.waiting("observe"))
        shadows = (job for job in self.waiting("infer") if job.priority == "shadow" and _untouched(job))
        given_up = next((job for job in shadows if job in unseen or job.observations is not None), None)
        if given_up:
            self.remove(given_up)
        return given_up

    def _batch(self, first: PhotoJob, now: float, idle: int) -> Infer:
        """Tiles of the photo whose turn it is, and of those of its class after it for the same model, as far as one
        batch goes."""
        lane, kind = first.lane, CLASSES[first.priority]
        able = (job for job in self.waiting("infer") if not job.over(now))
        # a visitor's may come before a shadow's, and yet have no thread
        ready = {job for job in able if CLASSES[job.priority] == kind}
        room = lane.batch(sum(_left(job) for job in ready if job.lane is lane), idle)
        slices = []
        while room and ready:
            job = min(ready, key=self._turn)
            if job.lane is not lane:
                break
            assert job.look is not None
            count = min(room, _left(job))
            slices.append(TileSlice(job, job.look, job.look.taken, count))
            job.look.taken += count
            room -= count
            self._charge(job, count)
            ready.remove(job)
            if not _left(job):
                self._remove(job, "infer")
        return Infer(lane, slices)


def is_slow(job: PhotoJob, stage: Stage) -> bool:
    """Whether others should not wait for a thread that is at it: what cannot be interrupted, and visitors'."""
    return job.priority == "visitor" or (
        stage != "infer" and (job.area >= LARGE_AREA or job.priority == "bulk")
    )


def _left(job: PhotoJob) -> int:
    """Tiles not handed out yet."""
    return job.look.count - job.look.taken if job.look else 0


def _untouched(job: PhotoJob) -> bool:
    return job.look is not None and job.look.taken == 0


STRETCH = 4.0
"""Times its own time that a request lets smaller ones past. Where they take four fifths of the engine's time, a large
photo is done in the gaps by then, and nobody has waited for it; at worst it takes five times its time."""
GIVEN = 0.5
"""Share of its spare time that a request gives to others: who comes in it may bring twice as much as can be judged in
it, and then costs all there is to spare."""


def patience_of(alone: float) -> float:
    """Seconds by which a request counts as having come later that takes `alone` when nobody else is there."""
    return STRETCH * alone


def priority_of(now: float, later: float, spare: float, last: float) -> float:
    """The rank of a request that comes `now`.

    later: seconds by which it counts as having come later. spare: seconds that it can lose before its deadline is in
    danger; who comes when its part of that is over, goes behind it. last: the rank of the last one that goes before it
    as it is; it never goes before those, or a large photo in a hurry would break the promises they were given.
    """
    return min(now + later, max(now + GIVEN * spare, last))
