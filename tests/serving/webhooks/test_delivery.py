"""Deliveries against a receiver that really listens: once where all goes well, at least once where it does not."""

import asyncio
import json
import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from standardwebhooks import WebhookVerificationError

from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.storage.tables import AuditEvent, WebhookEndpoint
from refundlens.serving.webhooks import delivery, queue, sending
from refundlens.serving.webhooks.delivery import deliver_due
from refundlens.serving.webhooks.queue import PER_ENDPOINT, claim, record_outcome
from refundlens.serving.webhooks.sending import DeliveryResult, HttpSender, Message


class Telling:
    """A sender without a network. It says what it is told to, and remembers what it was given."""

    def __init__(self, answer: DeliveryResult) -> None:
        self.answer = answer
        self.sent: list[Message] = []

    async def send(self, message: Message) -> DeliveryResult:
        self.sent.append(message)
        return self.answer


def test_an_event_arrives_signed_and_is_not_sent_again(bench: Any, receiver: Any, verify: Any) -> None:
    endpoint = bench.endpoint(receiver.url)
    event = bench.publish(amount="12.00")
    assert bench.deliver() == 1
    (got,) = receiver.got
    told = verify(got, endpoint)
    assert told == {
        "type": "report.established",
        "timestamp": "2026-11-22T08:00:00.000Z",
        "data": {"id": "rpt_1", "amount": "12.00"},
    }
    assert got.id == event
    assert got.headers["content-type"] == "application/json"
    row = bench.one()
    assert (row.state, row.attempts, row.status, row.next_at) == ("delivered", 1, 204, None)
    assert bench.deliver() == 0 and len(receiver.got) == 1


def test_a_changed_body_or_another_endpoints_secret_does_not_verify(
    bench: Any, receiver: Any, verify: Any
) -> None:
    first, second = bench.endpoint(receiver.url), bench.endpoint(receiver.url + "/2")
    bench.publish()
    bench.deliver()
    got = next(got for got in receiver.got if got.path == "/hook")
    verify(got, first)
    with pytest.raises(WebhookVerificationError):
        verify(got, second)
    got.body = got.body.replace(b"rpt_1", b"rpt_2")
    with pytest.raises(WebhookVerificationError):
        verify(got, first)


def test_endpoints_get_the_types_they_want_and_their_own_tenants_only(bench: Any, receiver: Any) -> None:
    bench.endpoint(receiver.url + "/all")
    bench.endpoint(receiver.url + "/appeals", WebhookType.APPEAL_OPENED)
    bench.endpoint(receiver.url + "/other", tenant="tnt_two")
    bench.publish(WebhookType.REPORT_SUBMITTED)
    bench.publish(WebhookType.APPEAL_OPENED)
    bench.deliver()
    assert Counter(got.path for got in receiver.got) == {"/hook/all": 2, "/hook/appeals": 1}


def test_a_receiver_that_is_down_for_an_hour_gets_everything_when_it_is_back(
    bench: Any, receiver: Any, verify: Any
) -> None:
    endpoint = bench.endpoint(receiver.url)
    event = bench.publish()
    receiver.stop()
    began = bench.clock()
    while bench.clock() - began < timedelta(hours=1):
        assert bench.deliver() == 1
        assert bench.one().error == "could not connect"
        bench.until_due()
    assert bench.row(endpoint).failing_since == began
    receiver.start()
    bench.publish()
    bench.deliver()
    bench.deliver()
    assert len(receiver.got) == 2 and receiver.got[0].id == event
    verify(
        receiver.got[0], endpoint
    )  # its time is that of the attempt, else the receiver would call it too old
    assert json.loads(receiver.got[0].body)["timestamp"] == "2026-11-22T08:00:00.000Z"
    assert {row.state for row in bench.deliveries()} == {"delivered"}
    assert bench.row(endpoint).failing_since is None


def test_attempts_keep_to_the_schedule_and_then_end(bench: Any) -> None:
    bench.endpoint("http://127.0.0.1:9/hook")
    bench.publish()
    sender = Telling(DeliveryResult(500, "no"))
    assert bench.deliver(sender) == 1
    for planned in queue.WAITS[1:]:
        pause = bench.until_due()
        assert planned <= pause <= planned * (1 + queue.JITTER)
        assert bench.deliver(sender) == 1
    row = bench.one()
    assert (row.state, row.attempts, row.next_at, row.response) == ("failed", 10, None, "no")
    assert bench.next_due() is None
    assert {message.event_id for message in sender.sent} == {row.event_id}


@pytest.mark.parametrize(("asked", "seconds"), [("3600", 3600), ("Sun, 22 Nov 2026 09:00:00 GMT", 3600)])
def test_retry_after_is_honoured(bench: Any, receiver: Any, reply: Any, asked: str, seconds: int) -> None:
    bench.endpoint(receiver.url)
    bench.publish()
    receiver.reply = reply(503, {"retry-after": asked})
    bench.deliver()
    assert bench.until_due() == timedelta(seconds=seconds)


def test_gone_disables_the_endpoint_and_cancels_what_waits(bench: Any) -> None:
    endpoint = bench.endpoint("http://127.0.0.1:9/hook")
    bench.publish()
    bench.deliver(Telling(DeliveryResult(500)))
    bench.publish()
    bench.deliver(Telling(DeliveryResult(410)))
    assert [row.state for row in bench.deliveries()] == ["cancelled", "failed"]
    assert bench.row(endpoint).disabled_reason == "its receiver answered 410 Gone"
    assert bench.row(endpoint).version == 2
    with bench.database.reading() as session:
        (fact,) = session.scalars(select(AuditEvent)).all()
    assert (fact.action, fact.object_id, fact.actor) == ("webhook_endpoint.disabled", endpoint, "system")
    bench.publish()
    assert len(bench.deliveries()) == 2


def test_an_endpoint_at_which_everything_fails_for_five_days_is_disabled(bench: Any) -> None:
    endpoint = bench.endpoint("http://127.0.0.1:9/hook")
    failing = Telling(DeliveryResult(error="could not connect"))
    bench.publish()
    bench.deliver(failing)
    for _ in range(4):
        bench.clock.forward(hours=24)
        bench.publish()
        bench.deliver(failing)
    assert bench.row(endpoint).disabled_reason is None
    bench.clock.forward(hours=24)
    bench.deliver(failing)
    assert bench.row(endpoint).disabled_reason == "everything failed for 5 days"
    assert {row.state for row in bench.deliveries()} <= {"failed", "cancelled"}


def test_one_success_ends_the_count_of_failing_days(bench: Any) -> None:
    endpoint = bench.endpoint("http://127.0.0.1:9/hook")
    bench.publish()
    for days in range(6):
        bench.deliver(Telling(DeliveryResult(500)))
        bench.clock.forward(hours=24)
        bench.publish()
        if days == 3:
            bench.deliver(Telling(DeliveryResult(200)))
    assert bench.row(endpoint).disabled_reason is None


def test_one_failure_after_a_quiet_week_disables_nothing(bench: Any) -> None:
    endpoint = bench.endpoint("http://127.0.0.1:9/hook")
    bench.publish()
    while bench.one().state == "pending":
        bench.deliver(Telling(DeliveryResult(500)))
        if bench.one().next_at:
            bench.until_due()
    bench.clock.forward(days=7)
    bench.publish()
    bench.deliver(Telling(DeliveryResult(500)))
    assert bench.row(endpoint).disabled_reason is None


def test_what_was_published_in_the_moment_of_disabling_is_cancelled(bench: Any) -> None:
    endpoint = bench.endpoint("http://127.0.0.1:9/hook")
    bench.publish()
    with bench.database.transaction() as session:
        session.get_one(WebhookEndpoint, endpoint).disabled_reason = "a test"
    sender = Telling(DeliveryResult(200))
    assert bench.deliver(sender) == 0 and not sender.sent
    assert bench.one().state == "cancelled"
    assert bench.next_due() is None


def test_a_crash_between_sending_and_recording_sends_again_with_the_same_id(
    bench: Any, receiver: Any, verify: Any, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = bench.endpoint(receiver.url)
    event = bench.publish()

    class Dying(HttpSender):
        async def send(self, message: Message) -> DeliveryResult:
            await super().send(message)
            raise RuntimeError("killed")

    assert bench.deliver(Dying(bench.secret, bench.guard)) == 0
    assert bench.one().state == "pending" and bench.one().attempts == 0
    assert bench.deliver() == 0  # still leased to the one that died
    bench.clock.forward(seconds=bench.next_due().total_seconds())
    assert bench.deliver() == 1
    assert receiver.ids == [event, event]
    verify(receiver.got[1], endpoint)
    assert bench.one().state == "delivered"
    assert "broke off" in caplog.text


def test_an_outcome_counts_only_while_the_lease_is_ours(bench: Any) -> None:
    bench.endpoint("http://127.0.0.1:9/hook")
    bench.publish()
    lease = timedelta(seconds=30)
    (slow,) = claim(bench.database, bench.clock(), lease, 10, {})
    assert claim(bench.database, bench.clock(), lease, 10, {}) == []
    bench.clock.forward(seconds=31)
    (taken,) = claim(bench.database, bench.clock(), lease, 10, {})
    assert taken.delivery_id == slow.delivery_id and taken.job.lease != slow.job.lease
    assert not record_outcome(bench.database, slow, DeliveryResult(500), bench.clock())
    assert bench.one().attempts == 0
    assert record_outcome(bench.database, taken, DeliveryResult(200), bench.clock())
    assert not record_outcome(bench.database, taken, DeliveryResult(200), bench.clock())
    assert (bench.one().state, bench.one().attempts) == ("delivered", 1)


def test_a_cancelled_run_leaves_leases_that_end(bench: Any) -> None:
    bench.endpoint("http://127.0.0.1:9/hook")
    bench.publish()

    class Hanging:
        async def send(self, message: Message) -> DeliveryResult:
            await asyncio.Event().wait()
            return DeliveryResult(200)

    async def cancelled() -> None:
        task = asyncio.create_task(deliver_due(bench.database, bench.clock, Hanging(), 60, 10))
        async with asyncio.timeout(30):
            while not bench.next_due():
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert bench.next_due() == timedelta(seconds=60)


def test_two_deliverers_never_send_one_delivery_at_the_same_time(bench: Any) -> None:
    endpoints = [bench.endpoint(f"http://127.0.0.1:9/{number}") for number in range(3)]
    for _ in range(8):
        bench.publish()
    sent: Counter[tuple[str, str]] = Counter()
    lock = threading.Lock()

    class Counting:
        async def send(self, message: Message) -> DeliveryResult:
            with lock:
                sent[message.event_id, message.url] += 1
            await asyncio.sleep(0.002)
            return DeliveryResult(200)

    start = threading.Barrier(2)

    def work() -> None:
        start.wait()
        bench.deliver(Counting())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 8 * len(endpoints) and set(sent.values()) == {1}
    assert {(row.state, row.attempts) for row in bench.deliveries()} == {("delivered", 1)}


def test_a_dead_endpoint_holds_up_no_other(bench: Any) -> None:
    bench.endpoint("http://127.0.0.1:9/dead")
    bench.endpoint("http://127.0.0.1:9/alive")
    for _ in range(12):
        bench.publish()
    alive = asyncio.Event()

    class Half:
        arrived = 0
        hanging = 0

        async def send(self, message: Message) -> DeliveryResult:
            if message.url.endswith("dead"):
                self.hanging += 1
                assert self.hanging <= PER_ENDPOINT
                await alive.wait()  # the dead one ends only when the other has everything
                self.hanging -= 1
                return DeliveryResult(error="no answer")
            self.arrived += 1
            if self.arrived == 12:
                alive.set()
            return DeliveryResult(200)

    assert bench.deliver(Half()) == 24
    assert Counter(row.state for row in bench.deliveries()) == {"delivered": 12, "pending": 12}


def test_an_endpoint_that_fails_gets_one_message_at_a_time(bench: Any) -> None:
    bench.endpoint("http://127.0.0.1:9/hook")
    for _ in range(10):
        bench.publish()
    lease = timedelta(seconds=30)
    taken = claim(bench.database, bench.clock(), lease, 10, {})
    assert len(taken) == PER_ENDPOINT
    endpoint = taken[0].endpoint_id
    assert claim(bench.database, bench.clock(), lease, 10, {endpoint: PER_ENDPOINT}) == []
    record_outcome(bench.database, taken[0], DeliveryResult(500), bench.clock())
    assert claim(bench.database, bench.clock(), lease, 10, {endpoint: 1}) == []
    assert len(claim(bench.database, bench.clock(), lease, 10, {})) == 1


def test_messages_to_one_endpoint_go_out_in_order(bench: Any) -> None:
    bench.endpoint("http://127.0.0.1:9/hook")
    events = []
    for _ in range(12):
        events.append(bench.publish())
        bench.clock.forward(seconds=1)
    sender = Telling(DeliveryResult(200))
    bench.deliver(sender)
    assert [message.event_id for message in sender.sent] == events


def test_no_more_than_the_limit_are_under_way_at_a_time(bench: Any) -> None:
    for number in range(6):
        bench.endpoint(f"http://127.0.0.1:9/{number}")
    for _ in range(3):
        bench.publish()

    class Watching:
        now = most = 0

        async def send(self, message: Message) -> DeliveryResult:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.001)
            self.now -= 1
            return DeliveryResult(200)

    sender = Watching()
    assert bench.deliver(sender, limit=5) == 18
    assert sender.most <= 5
    assert {row.state for row in bench.deliveries()} == {"delivered"}


def test_what_is_published_while_a_slow_receiver_is_waited_for_is_sent_meanwhile(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "LOOK_AGAIN", 0.01)
    bench.endpoint("http://127.0.0.1:9/slow", WebhookType.APPEAL_OPENED)
    bench.endpoint("http://127.0.0.1:9/quick", WebhookType.APPEAL_UPHELD)
    bench.publish(WebhookType.APPEAL_OPENED)
    arrived = asyncio.Event()

    class Slow:
        async def send(self, message: Message) -> DeliveryResult:
            if message.url.endswith("quick"):
                arrived.set()
            else:
                await asyncio.to_thread(bench.publish, WebhookType.APPEAL_UPHELD)
                await arrived.wait()
            return DeliveryResult(200)

    assert bench.deliver(Slow()) == 2


def test_answers_are_kept_short_and_readable(bench: Any, receiver: Any, reply: Any) -> None:
    bench.endpoint(receiver.url)
    bench.publish()
    receiver.reply = reply(500, body=b"\0\xff" + "é".encode() * 100_000)
    bench.deliver()
    text = bench.one().response
    assert len(text) == sending.KEPT_CHARACTERS
    assert text.startswith("\ufffd\ufffdé") and "\0" not in text


def test_redirects_are_not_followed(bench: Any, receiver: Any, reply: Any) -> None:
    bench.endpoint(receiver.url)
    bench.publish()
    receiver.reply = reply(302, {"location": receiver.url + "/elsewhere"})
    bench.deliver()
    assert [got.path for got in receiver.got] == ["/hook"]
    assert "redirects are not followed" in bench.one().error
    assert bench.one().state == "pending"


def test_a_receiver_that_never_answers_is_given_up(bench: Any, receiver: Any, reply: Any) -> None:
    bench.endpoint(receiver.url)
    bench.publish()
    release = threading.Event()

    def hang(_: Any) -> Any:
        release.wait(10)
        return reply(200)

    receiver.reply = hang
    sender = HttpSender(bench.secret, bench.guard, timeout=0.2)
    bench.deliver(sender)
    release.set()
    assert bench.one().error == "no answer within 0.2 seconds" and bench.one().status is None


def test_a_rotated_secret_and_the_one_before_it_both_sign_for_a_while(
    bench: Any, receiver: Any, verify: Any
) -> None:
    endpoint = bench.endpoint(receiver.url)
    with bench.database.transaction() as session:
        row = session.get_one(WebhookEndpoint, endpoint)
        row.secret_number, row.previous_until = 3, bench.clock() + timedelta(hours=24)
    bench.publish()
    bench.deliver()
    verify(receiver.got[0], endpoint, 3)
    verify(receiver.got[0], endpoint, 2)
    with pytest.raises(WebhookVerificationError):
        verify(receiver.got[0], endpoint, 1)
    bench.clock.forward(hours=24)
    bench.publish()
    bench.deliver()
    verify(receiver.got[1], endpoint, 3)
    with pytest.raises(WebhookVerificationError):
        verify(receiver.got[1], endpoint, 2)
