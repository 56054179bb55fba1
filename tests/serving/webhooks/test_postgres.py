"""The same on a real PostgreSQL server, where processes do share: rows are locked, taken ones passed over."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from refundlens.serving.events import audit
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import AuditEvent, Job, Tenant, WebhookDelivery, WebhookEndpoint
from refundlens.serving.webhooks.queue import claim, record_outcome
from refundlens.serving.webhooks.sending import DeliveryResult

pytestmark = pytest.mark.slow


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """Takes the place of SQLite under `bench`."""
    opened = Database(postgres_url)
    opened.migrate()
    with opened.transaction() as session:
        session.add(Tenant(id="tnt_one", name="one", created_at=datetime(2026, 1, 1, tzinfo=UTC)))
        session.flush()
        audit.start(session, "tnt_one")
    yield opened
    opened.close()


def at_once(count: int, work: Any) -> None:
    """Run it in threads that start together; what one raises is raised."""
    start, raised = threading.Barrier(count), []

    def run() -> None:
        start.wait()
        try:
            work()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not raised, raised


def test_deliverers_that_share_a_database_send_each_message_once(bench: Any) -> None:
    for number in range(3):
        bench.endpoint(f"http://127.0.0.1:9/{number}")
    for _ in range(8):
        bench.publish()
    sent: Counter[tuple[str, str]] = Counter()
    lock = threading.Lock()

    class Counting:
        async def send(self, message: Any) -> DeliveryResult:
            with lock:
                sent[message.event_id, message.url] += 1
            await asyncio.sleep(0.002)
            return DeliveryResult(200)

    at_once(3, lambda: bench.deliver(Counting()))
    assert len(sent) == 24 and set(sent.values()) == {1}
    assert {(row.state, row.attempts) for row in bench.deliveries()} == {("delivered", 1)}
    assert bench.next_due() is None


def test_what_another_process_is_taking_is_passed_over_without_waiting(bench: Any) -> None:
    bench.endpoint("http://127.0.0.1:9/hook")
    first, second = bench.publish(), bench.publish()
    with bench.database.transaction() as session:
        of_first = select(WebhookDelivery.id).where(WebhookDelivery.event_id == first)
        held = select(Job).where(Job.ref.in_(of_first)).with_for_update()
        session.scalars(held).one()
        taken = claim(bench.database, bench.clock(), timedelta(seconds=30), 10, {})
        assert [one.event_id for one in taken] == [second]


def test_events_are_published_while_an_endpoint_is_being_changed(bench: Any) -> None:
    """The worker holds an endpoint's row while it records; those who publish do not wait for it."""
    endpoint = bench.endpoint("http://127.0.0.1:9/hook")
    with bench.database.transaction() as session:
        session.get_one(WebhookEndpoint, endpoint, with_for_update={"key_share": True})
        session.connection().exec_driver_sql("SELECT 1")
        publisher = threading.Thread(target=bench.publish)
        publisher.start()
        publisher.join(10)
        assert not publisher.is_alive()
    assert len(bench.deliveries()) == 1


def test_many_outcomes_at_once_disable_an_endpoint_once(bench: Any) -> None:
    endpoint = bench.endpoint("http://127.0.0.1:9/hook")
    for _ in range(4):
        bench.publish()
    taken = claim(bench.database, bench.clock(), timedelta(seconds=30), 10, {})
    left = iter(taken)
    at_once(4, lambda: record_outcome(bench.database, next(left), DeliveryResult(410), bench.clock()))
    assert bench.row(endpoint).disabled_reason == "its receiver answered 410 Gone"
    assert Counter(row.state for row in bench.deliveries()) == {"failed": 1, "cancelled": 3}
    with bench.database.reading() as session:
        assert len(session.scalars(select(AuditEvent)).all()) == 1
