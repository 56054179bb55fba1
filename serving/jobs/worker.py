"""The loops of the worker.

In: the application's parts. Out: jobs and webhooks done as they fall due, until `run` is cancelled; jobs under way then
are given back, webhooks left to their leases.

What is done every hour: photos and events past their keeping, unclaimed files, answers and sessions that have ended,
drift, and once a day the photos that people are asked about.

In: the job that every database has once. Out: the same job, an hour later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from refundlens.serving.buyers.retention import erase_old_photos, sweep_unclaimed
from refundlens.serving.drift.figures import look_for_drift
from refundlens.serving.engine.job import Overloaded
from refundlens.serving.http.idempotency import LIFETIME
from refundlens.serving.jobs import handlers
from refundlens.serving.jobs.rescorer import Rescorer
from refundlens.serving.jobs.screener import Screener
from refundlens.serving.kit.clock import Clock
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.notifier import Notifier
from refundlens.serving.labels.sampling import draw_samples
from refundlens.serving.observability import WorkflowMetrics
from refundlens.serving.registry import rescoring
from refundlens.serving.settings import Settings
from refundlens.serving.storage import queue
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.queue import LeasedJob, LeaseLost, finish_job
from refundlens.serving.storage.tables import ConsoleSession, Lane, LoginDraft, StoredAnswer
from refundlens.serving.webhooks.delivery import deliver_due
from refundlens.serving.webhooks.pruning import prune_events
from refundlens.serving.webhooks.sending import Sender
from refundlens.serving.workflow import timers as clocks

KIND, REF = "tidy", "all"
EVERY = timedelta(hours=1)


def tidy(
    database: Database,
    files: FileStore,
    settings: Settings,
    metrics: WorkflowMetrics,
    now: datetime,
    job: LeasedJob,
) -> None:
    """Raises LeaseLost, OSError."""
    photos = 1
    while photos:  # a batch a transaction, so that nobody waits long for the lock
        with database.transaction() as session:
            photos = erase_old_photos(session, files, now, settings)
    events = 1
    while events:
        with database.transaction() as session:
            events = prune_events(session, now, settings)
    with database.reading() as session:
        sweep_unclaimed(session, files, now)
    for tenant, figure in look_for_drift(database, now, metrics):
        _log.warning("drift of %s: %s is %s, before %s", tenant, figure.name, figure.value, figure.before)
    drawn = draw_samples(database, now)
    if drawn:
        _log.info("%d photos wait for somebody to label them", drawn)
    with database.transaction() as session:
        finish_job(session, job)
        _forget(session, now)
        queue.enqueue(session, Lane.TIMER, KIND, REF, now + EVERY, now)


def _forget(session: Session, now: datetime) -> None:
    session.execute(delete(StoredAnswer).where(StoredAnswer.created_at < now - LIFETIME))
    session.execute(delete(ConsoleSession).where(ConsoleSession.expires_at < now))
    session.execute(delete(LoginDraft).where(LoginDraft.expires_at < now))


LOOK_AGAIN = 0.5
"""Seconds between looks when nobody notifies: work that other processes made, and clocks that run out."""
BUSY = timedelta(seconds=1)
"""A photo that the engine has no time for is tried again after that."""
AT_ONCE = 16
"""Jobs under way in one process; photos of all of them queue in the engine."""
RENEWED = 1 / 3
"""Share of a lease after which it is renewed: two renewals may fail before it ends."""
DELIVERIES = 200
"""Webhooks under way at once: a failing receiver holds its place for fifteen seconds, and a hundred may fail."""
_log = logging.getLogger(__name__)


class Worker:
    def __init__(
        self,
        database: Database,
        files: FileStore,
        screener: Screener,
        rescorer: Rescorer,
        sender: Sender,
        settings: Settings,
        clock: Clock,
        notifier: Notifier,
        metrics: WorkflowMetrics,
    ) -> None:
        self._database, self._files, self._sender = database, files, sender
        self._screener, self._rescorer = screener, rescorer
        self._settings, self._clock, self._notifier, self._metrics = settings, clock, notifier, metrics
        self._tidies = False

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forever("screenings", partial(self._jobs, Lane.SCREENING)))
            group.create_task(self._forever("clocks", partial(self._jobs, Lane.TIMER)))
            group.create_task(self._forever("webhooks", self._webhooks))

    async def _forever(self, name: str, turn: Callable[[], Awaitable[int]]) -> None:
        """One turn after another; a database that is away for a while stops nothing for good."""
        while True:
            try:
                done = await turn()
            except Exception:
                _log.exception("the worker's %s stopped; trying again", name)
                await asyncio.sleep(LOOK_AGAIN * 4)
                continue
            if done == 0:
                await self._notifier.wait(LOOK_AGAIN)

    async def _webhooks(self) -> int:
        return await deliver_due(
            self._database, self._clock, self._sender, self._settings.lease_seconds, DELIVERIES
        )

    async def _jobs(self, lane: Lane) -> int:
        """Take what is due and do it, taking more as places get free; ends when nothing is left."""
        if not self._tidies:  # here, where a database that is away is tried again
            await asyncio.to_thread(queue.ensure, self._database, KIND, REF, self._clock())
            self._tidies = True
        running: set[asyncio.Task[None]] = set()
        count = 0
        try:
            while True:
                taken = await asyncio.to_thread(self._take, AT_ONCE - len(running), lane)
                count += len(taken)
                running |= {asyncio.create_task(self._do(job)) for job in taken}
                if not running:
                    return count
                _, running = await asyncio.wait(
                    running, timeout=LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _take(self, limit: int, lane: Lane) -> list[LeasedJob]:
        now = self._clock()
        if limit <= 0 or not queue.anything_due(self._database, now, lane):
            return []
        return queue.take(self._database, now, self._settings.lease_seconds, limit, lane)

    async def _do(self, job: LeasedJob) -> None:
        """Do one job; whatever goes wrong is this job's alone."""
        try:
            await self._by_kind(job)
            result = "done"
            self._notifier.notify()  # who waits for its outcome looks now
        except LeaseLost:
            result = "cancelled"
            _log.info("job %s of %s was cancelled or taken over", job.kind, job.ref)
        except Overloaded:
            result = "put_off"
            await asyncio.to_thread(queue.put_off, self._database, job, self._clock() + BUSY)
        except (
            asyncio.CancelledError
        ):  # the service stops: another process need not wait for the lease to end
            with suppress(SQLAlchemyError):
                queue.put_off(self._database, job, self._clock())
            raise
        except Exception as error:
            result = "failed"
            _log.exception("job %s of %s failed", job.kind, job.ref)
            until = queue.retry_at(self._clock(), job.attempts)
            words = f"{type(error).__name__}: {error}"
            await asyncio.to_thread(queue.put_off, self._database, job, until, words)
        self._metrics.jobs.labels(job.kind, result).inc()

    async def _by_kind(self, job: LeasedJob) -> None:
        if job.kind in clocks.SCREENINGS:
            await self._judging(job, self._screener.screen(job))
        elif job.kind == rescoring.KIND:
            await self._judging(job, self._rescorer.rescore(job))
        elif job.kind == KIND:
            await asyncio.to_thread(
                tidy, self._database, self._files, self._settings, self._metrics, self._clock(), job
            )
        else:
            await asyncio.to_thread(self._ring, job)

    async def _judging(self, job: LeasedJob, judging: Awaitable[None]) -> None:
        """Photos may wait in the engine for longer than a lease lasts: while this process lives, they stay its own."""
        keeping = asyncio.create_task(self._keep(job))
        try:
            await judging
        finally:
            keeping.cancel()

    async def _keep(self, job: LeasedJob) -> None:
        """Renew a job's lease until cancelled, or until it is not ours any more."""
        span = timedelta(seconds=self._settings.lease_seconds)
        kept = True
        while kept:
            await asyncio.sleep(span.total_seconds() * RENEWED)
            with suppress(SQLAlchemyError):  # the database is busy or away; the lease lasts a while yet
                kept = await asyncio.to_thread(queue.renew_lease, self._database, job, self._clock() + span)

    def _ring(self, job: LeasedJob) -> None:
        with self._database.transaction() as session:
            handlers.run_timer(Context(session, self._settings, self._clock()), job)
