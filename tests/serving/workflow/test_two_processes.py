"""Two services on one PostgreSQL: what one of them is at, the other leaves alone."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.jobs.worker import Worker
from refundlens.serving.kit.clock import utc_now
from refundlens.serving.storage import queue
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import Job, Lane, OutboxEvent, Refund, Report

pytestmark = pytest.mark.slow

PATIENCE = 30


@pytest.fixture
def both(serve: Any, live_settings: Any, postgres_url: str) -> Iterator[list[Any]]:
    """Two live servers without workers; nothing moves by itself."""
    shared = live_settings.model_copy(update={"database_url": postgres_url, "worker": False})
    yield [serve(shared), serve(shared)]


def _post(live: Any, path: str, body: Any, key: str) -> httpx.Response:
    headers = {"Authorization": "Bearer key-shop-1", "Idempotency-Key": key}
    return httpx.post(live.base + path, json=body, headers=headers, timeout=PATIENCE)


def _put(live: Any, refund_id: str, body: Any) -> httpx.Response:
    headers = {"Authorization": "Bearer key-shop-1"}
    return httpx.put(f"{live.base}/v1/refunds/{refund_id}", json=body, headers=headers, timeout=PATIENCE)


def test_a_request_that_one_process_is_answering_is_told_so_by_the_other(
    both: list[Any], story: Any, photo: Callable[..., bytes]
) -> None:
    first, second = both
    image = _put(first, "r1", story.refund(photo())).json()["images"][0]["id"]
    body = {"refund_id": "r1", "image": image}
    told: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: told.append(_post(first, "/v1/reports", body, "k")))
    with first.app.state.database.transaction() as session:
        session.execute(select(Refund).with_for_update()).one()
        asking.start()  # it waits for the refund that we hold
        early = story.until("a waiting request", lambda: _while_it_waits(second, body, told))
        assert (early.status_code, early.json()["code"]) == (409, "idempotency_in_progress")
    asking.join(PATIENCE)
    again = _post(second, "/v1/reports", body, "k")
    assert told[0].status_code == 201 and again.json() == told[0].json()
    assert again.headers["idempotent-replayed"] == "true"
    with second.app.state.database.reading() as session:
        assert len(session.execute(select(Report)).all()) == 1


def _while_it_waits(live: Any, body: Any, told: list[httpx.Response]) -> httpx.Response | None:
    """The other process's answer, once the first one has the key."""
    waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
    with live.app.state.database.reading() as session:
        if not session.connection().exec_driver_sql(waiting).first():
            return None
    assert not told
    return _post(live, "/v1/reports", body, "k")


def test_a_refund_that_both_mirror_at_once_is_there_once(
    both: list[Any], story: Any, photo: Callable[..., bytes]
) -> None:
    body, told, start = story.refund(photo()), [], threading.Barrier(8)

    def mirror(live: Any) -> None:
        start.wait(PATIENCE)
        told.append(_put(live, "r1", body))

    threads = [threading.Thread(target=mirror, args=(both[number % 2],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(answer.status_code for answer in told) == [200] * 7 + [201]
    assert len({answer.json()["images"][0]["id"] for answer in told}) == 1


def test_a_screening_stays_ours_for_as_long_as_it_takes(database: Database, live_settings: Any) -> None:
    """Its lease is renewed while the photos wait in the engine; when we stop, it ends."""
    now = utc_now()
    with database.transaction() as session:
        session.add(
            Job(
                id="job_1",
                lane=Lane.SCREENING,
                kind="screen",
                ref="clm_1",
                data={},
                due_at=now,
                created_at=now,
            )
        )
    (job,) = queue.take(database, now, 1, 5, Lane.SCREENING)

    class Slow:
        async def screen(self, job: Any) -> None:
            ends = utc_now() + timedelta(seconds=PATIENCE)
            while _leased_until(database) <= now + timedelta(seconds=1):
                assert utc_now() < ends, "nobody renewed it"
                await asyncio.sleep(0.05)

    settings = live_settings.model_copy(update={"lease_seconds": 1})
    worker = Worker(database, None, None, None, None, settings, utc_now, None, None)  # type: ignore[arg-type]
    asyncio.run(worker._judging(job, Slow().screen(job)))
    assert queue.take(database, now + timedelta(seconds=1), 1, 5, Lane.SCREENING) == [], (
        "still ours where it would have ended"
    )
    assert queue.take(database, utc_now() + timedelta(seconds=2), 1, 5, Lane.SCREENING), (
        "and free when we stopped"
    )


def _leased_until(database: Database) -> Any:
    with database.reading() as session:
        return session.execute(select(Job.due_at)).scalar_one()


def test_the_latest_warning_is_given_again_only_when_the_deadline_moves(
    serve: Any, live_settings: Any, story: Any, photo: Callable[..., bytes]
) -> None:
    live = serve(live_settings)
    deadline = (live.clock() + timedelta(minutes=20)).isoformat()
    body = story.refund(photo("GIF"), deadline=deadline)
    image = _put(live, "r1", body).json()["images"][0]["id"]
    report = _post(live, "/v1/reports", {"refund_id": "r1", "image": image}, "k").json()["id"]
    story.until("the warning", lambda: _warnings(live, report))
    _put(live, "r1", {**body, "platform_version": 2})
    with live.app.state.database.reading() as session:
        waiting = session.execute(select(Job.kind).where(Job.ref == report)).scalars().all()
    assert waiting == ["deadline"] and _warnings(live, report) == 1
    later = (live.clock() + timedelta(minutes=25)).isoformat()
    _put(live, "r1", {**body, "platform_version": 3, "deadline_at": later})
    story.until("the next warning", lambda: _warnings(live, report) == 2)


def _warnings(live: Any, report: str) -> int:
    with live.app.state.database.reading() as session:
        told = select(OutboxEvent.id).where(
            OutboxEvent.type == WebhookType.REPORT_DEADLINE_WARNING.value, OutboxEvent.object_id == report
        )
        return len(session.execute(told).all())
