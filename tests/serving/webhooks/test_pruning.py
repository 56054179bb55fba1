"""Events go when their time is over, with their deliveries, and not while one is on its way."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from refundlens.serving.jobs.worker import KIND, REF, tidy
from refundlens.serving.observability import WorkflowMetrics
from refundlens.serving.settings import Settings
from refundlens.serving.storage import queue
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.tables import Lane, OutboxEvent
from refundlens.serving.webhooks.pruning import BATCH, prune_events

KEPT = Settings(keep_events_days=30)


def _events(bench: Any) -> set[str]:
    with bench.database.reading() as session:
        return {row.id for row in session.query(OutboxEvent).all()}


def _prune(bench: Any) -> int:
    with bench.database.transaction() as session:
        return prune_events(session, bench.clock(), KEPT)


def test_old_events_go_with_their_deliveries_and_new_ones_stay(bench: Any, receiver: Any) -> None:
    bench.endpoint(receiver.url)
    old = {bench.publish() for _ in range(3)}
    bench.deliver()
    bench.clock.forward(days=29)
    new = bench.publish()
    bench.deliver()
    assert _prune(bench) == 0 and _events(bench) == old | {new}
    bench.clock.forward(days=1, seconds=1)
    assert _prune(bench) == 3 and _prune(bench) == 0
    assert _events(bench) == {new} and bench.one().event_id == new


def test_what_is_on_its_way_stays_until_it_has_ended(bench: Any, receiver: Any, reply: Any) -> None:
    bench.endpoint(receiver.url)
    waiting = bench.publish()
    bench.clock.forward(days=31)
    assert _prune(bench) == 0 and _events(bench) == {waiting}
    bench.deliver()
    assert receiver.ids == [waiting]
    assert _prune(bench) == 1 and not _events(bench) and not bench.deliveries()


@pytest.mark.slow
def test_the_hourly_job_takes_all_that_are_due_batch_after_batch(bench: Any, tmp_path: Path) -> None:
    for _ in range(BATCH + 5):
        bench.publish()
    bench.clock.forward(days=31)
    now = bench.clock()
    with bench.database.transaction() as session:
        queue.enqueue(session, Lane.TIMER, KIND, REF, now, now)
    (job,) = queue.take(bench.database, now, 60, 1, Lane.TIMER)
    tidy(bench.database, FileStore(tmp_path / "files"), KEPT, WorkflowMetrics(CollectorRegistry()), now, job)
    assert not _events(bench)
