"""The engine's threads: each takes from the scheduler whatever can be done now, does it, and puts the result back.

In: jobs. Out: each job's future is set, exactly once. On the CPU every thread does every stage, one thread a core, so
that none idles while another stage is busy. A GPU, and other machines, get runners of their own, so that
they never wait for a processor that is decoding.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from refundlens.serving.engine import scheduler, stages
from refundlens.serving.engine.job import LATER, Closed, Expired, Judgement, Overloaded, PhotoJob, Priority
from refundlens.serving.engine.runner import ModelRunner
from refundlens.serving.engine.scheduler import STAGES, Decode, Finish, Infer, Observe, Scheduler, Stage, Task
from refundlens.serving.engine.stages import Ahead, Load, ahead_of
from refundlens.serving.observability import EngineMetrics

SMALL_TILES = 16
"""Of a photo that an idle engine always tries, some 900 pixels a side: what a tile cost when the machine was busy, or
of another photo, says nothing of it, and trying costs less than a second anywhere."""
MARGIN = 1.3
"""Estimated waits are multiplied by this before a deadline is promised: photos differ, and one that expires when it is
nearly done has cost as much as one that is answered."""

_log = logging.getLogger(__name__)


class Workers:
    """lane: the model that new jobs go to; change it under the lock. workers: threads; most_bytes: decoded pixels in
    memory; on_finished: told of every verdict, on its thread."""

    def __init__(
        self,
        lane: ModelRunner,
        workers: int,
        most_bytes: int,
        metrics: EngineMetrics,
        on_finished: Callable[[PhotoJob, Judgement], None],
    ) -> None:
        self.lane = lane
        self.runners = lane.apart or workers
        self.changed = threading.Condition()
        """Guards the scheduler, the load, every runner's count and curve; notified at every change."""
        self._scheduler = Scheduler(most_bytes, max(1, workers - 1))
        self._load = Load(workers, lane.apart or None)
        self._metrics, self._on_finished = metrics, on_finished
        self._jobs: set[PhotoJob] = set()
        self._idle = 0
        self._closed = False
        self._started = False
        duties: list[Sequence[Stage]] = [("finish", "observe", "decode") if lane.apart else STAGES] * workers
        duties += [("infer",)] * lane.apart
        self._threads = [
            threading.Thread(target=self._work, args=(duty,), name=f"engine-{index}", daemon=True)
            for index, duty in enumerate(duties)
        ]

    def submit(self, jobs: Sequence[PhotoJob]) -> None:
        """Let jobs of one request wait for their turn, all or none.

        Raises Refused where they cannot be answered before the first of their deadlines, Closed after `close`.
        """
        with self.changed:
            self._check_open()
            rank = self._rank(jobs)
            for job in jobs:
                job.rank = rank
                job.lane = self.lane  # it may have been swapped since the job was made
                self._enter(job)
                self._scheduler.add(job, "decode")
            self.changed.notify_all()

    def submit_decoded(self, job: PhotoJob, most: int) -> bool:
        """Let a shadow's job, whose pixels are in memory, wait for its lane. False where there is no room for it, or
        `most` such jobs wait already."""
        with self.changed:
            waiting = sum(other.priority == "shadow" for other in self._jobs)
            if self._closed or waiting >= most or not self._scheduler.has_room(job.area):
                return False
            self._enter(job)
            self._scheduler.hold(job, job.area)
            self._look(job)
            return True

    def abandon(self, jobs: Sequence[PhotoJob]) -> None:
        """Nobody waits for these any more: those that wait for a stage end now, the others after theirs."""
        for job in jobs:
            if not job.future.cancel():
                continue  # it had ended
            with self.changed:
                waiting = self._scheduler.remove(job)
            if waiting:
                self._drop(job)

    def expected_wait(self, tiles: int, priority: Priority, group: str) -> float:
        """Seconds until `tiles` more tiles of this priority and group would be judged, if nobody is let past."""
        with self.changed:
            return self._load.seconds(self._ahead(tiles, priority, group, time.monotonic()), tiles)

    def waiting_tiles(self) -> int:
        """Tiles not scored yet, shadows' too."""
        with self.changed:
            return sum(job.left for job in self._jobs)

    @property
    def alive(self) -> bool:
        """Whether all threads are there; before the first job, they need not be."""
        return not self._closed and (not self._started or all(thread.is_alive() for thread in self._threads))

    def close(self) -> None:
        """End the threads after what each is doing; jobs that wait fail with Closed."""
        with self.changed:
            self._closed = True
            left = self._scheduler.clear()
            self.changed.notify_all()
        for job in left:
            self._end(job, Closed("the engine was closed"))
        if self._started:
            for thread in self._threads:
                thread.join()
        for job in list(self._jobs):  # those whose stage had ended when the threads did
            self._end(job, Closed("the engine was closed"))

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the engine was closed")
        if not self._started:  # at the first job: an engine that never gets one costs no threads
            self._started = True
            for thread in self._threads:
                thread.start()

    def _rank(self, jobs: Sequence[PhotoJob]) -> float:
        """Where the jobs of a new request stand. Raises Refused where their deadline is hopeless."""
        now, priority, tiles = time.monotonic(), jobs[0].priority, sum(job.tiles for job in jobs)
        group = jobs[0].group
        ahead = self._ahead(tiles, priority, group, now)
        wait = self._load.seconds(ahead, tiles)
        patience = min(job.deadline for job in jobs) - now
        if not self._jobs and tiles <= SMALL_TILES and patience > 0:
            return now
        spare = patience - wait * MARGIN
        if spare < 0:
            if not self._jobs:
                self._load.forgive()
            self._metrics.shed.labels("deadline").inc()
            raise Overloaded(wait)
        return scheduler.priority_of(now, self._later(tiles, priority), spare, ahead.last)

    def _ahead(self, tiles: int, priority: Priority, group: str, now: float) -> Ahead:
        return ahead_of(self._jobs, now + self._later(tiles, priority), now, group, tiles, priority)

    def _later(self, tiles: int, priority: Priority) -> float:
        """Seconds by which a request counts as having come later, by its size and its priority."""
        return LATER[priority] + scheduler.patience_of(self._load.seconds(Ahead(), tiles))

    def _work(self, duty: Sequence[Stage]) -> None:
        while (task := self._next(duty)) is not None:
            self._do(task)
            del task  # an idle thread would keep its photo, or an old model, until the next one comes

    def _next(self, duty: Sequence[Stage]) -> Task | None:
        """The next task; waits only while there is none. None when the engine is closed."""
        with self.changed:
            self._idle += 1
            try:
                while not self._closed:
                    task = self._scheduler.take(duty, time.monotonic(), self._idle)
                    if task is not None:
                        return task
                    self.changed.wait()
                return None
            finally:
                self._idle -= 1

    def _do(self, task: Task) -> None:
        jobs = [part.job for part in task.slices] if isinstance(task, Infer) else [task.job]
        try:
            if isinstance(task, Infer):
                self._infer(task)
            elif isinstance(task, Decode):
                stages.decode(task.job)
                with self.changed:
                    self._look(task.job)
            elif isinstance(task, Observe):
                self._observe(task.job)
            elif isinstance(task, Finish):
                self._finish(task.job)
            else:
                self._drop(task.job)
        except (
            Exception
        ) as error:  # nothing may end the thread: the photos it would never judge would wait for ever
            for job in jobs:
                self._end(job, error)
        finally:
            with self.changed:
                self._scheduler.done(task)
                self.changed.notify_all()

    def _drop(self, job: PhotoJob) -> None:
        if job not in self._jobs:  # it failed, and this was what was left of it
            return
        if time.monotonic() >= job.deadline:
            self._metrics.expired.labels(job.stage).inc()
        elif job.priority == "shadow":
            self._metrics.shed.labels("shadow_memory").inc()
        else:
            self._metrics.shed.labels("abandoned").inc()
        self._end(job, Expired(job.stage))

    def _look(self, job: PhotoJob) -> None:
        """Let a photo that is open wait for all that can be done with it. Under the lock."""
        for stage in ("observe", "infer"):
            self._scheduler.add(job, stage)
        self.changed.notify_all()

    def _observe(self, job: PhotoJob) -> None:
        stages.observe(job)
        with self.changed:
            if job in self._jobs:
                self._finish_when_known(job)
            else:  # it ended meanwhile, and nobody would let go what was seen
                job.forget()

    def _finish_when_known(self, job: PhotoJob) -> None:
        """Under the lock."""
        if job.known and job in self._jobs:
            self._scheduler.add(job, "finish")
            self.changed.notify_all()

    def _infer(self, task: Infer) -> None:
        seconds, failed = stages.infer(task)
        count = sum(part.count for part in task.slices)
        self._metrics.batch_tiles.observe(count)
        self._metrics.run_seconds.observe(seconds)
        for job, error in failed.items():  # before its tiles are counted, or it might seem whole
            _log.error("the network failed for a picture of %d tiles", job.tiles, exc_info=error)
            self._end(job, error)
        with self.changed:
            if not failed:
                task.lane.curve.observe(count, seconds)
            for part in task.slices:
                part.look.scored += part.count
                if part.look.scored == part.look.count:
                    part.job.inferred = time.monotonic()
                    self._finish_when_known(part.job)
            self.changed.notify_all()

    def _finish(self, job: PhotoJob) -> None:
        answer = stages.finish(job)
        if answer is None:
            with self.changed:
                if job not in self._jobs:  # it ended meanwhile, and nobody would let go what it held
                    return
                self._scheduler.hold(job, job.area)  # the copy's pixels
                self._scheduler.add(job, "infer")
                self.changed.notify_all()
            return
        if job.priority != "shadow":
            with self.changed:
                self._load.learn(job)
        try:
            self._on_finished(job, answer)
        except Exception:  # whatever else is done with a verdict must not cost the caller the verdict
            _log.exception("a verdict could not be passed on")
        self._end(job, answer)

    def _enter(self, job: PhotoJob) -> None:
        self._jobs.add(job)
        job.lane.jobs += 1

    def _end(self, job: PhotoJob, result: Judgement | Exception) -> None:
        """Set the job's future and forget the job. A job may end twice: its tiles were in two batches, and both
        failed, or it was dropped while a batch was under way; the first end counts."""
        if isinstance(result, Judgement):
            job.answer(result)
        else:
            job.fail(result)
        with self.changed:
            if job in self._jobs:
                self._jobs.remove(job)
                job.lane.jobs -= 1
                self._scheduler.release(job)
                job.forget()
                self.changed.notify_all()
