"""Every report ends in a verdict or with a person, well before the refund's deadline, whatever the engine does.

The whole workflow over HTTP and the real worker, with an engine that is too slow, one that dies, and one that lies
about its queue. The clock is the test's: an engine that takes a minute moves it by one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from refundlens.serving.engine.job import Closed, Expired, Overloaded
from refundlens.serving.jobs import worker
from refundlens.serving.jobs.screener import MOST_ATTEMPTS, Screener
from refundlens.serving.jobs.worker import Worker
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.storage import queue
from refundlens.serving.storage.tables import Job, Lane, Report

pytestmark = pytest.mark.slow

DEADLINE = timedelta(hours=48)
MOST_TRIES = 8
"""Far more than any photo should be tried; the fault that this file is about tried one 35 times."""


class _Engine:
    """Does what a test says whenever a photo comes, and counts."""

    def __init__(self, answer: Callable[[float], Awaitable[Any]]) -> None:
        self._answer = answer
        self.asked = 0

    async def detect(self, data: bytes, claim: object = None, patience: float = 0.0, group: str = "") -> Any:
        self.asked += 1
        return await self._answer(patience)


@pytest.fixture
def reported(
    as_caller: Any, story: Any, photo: Callable[..., bytes], moving_clock: Any
) -> Callable[..., str]:
    """Mirrors a refund and reports its photo; the report's path."""

    def report(refund_id: str = "r1", deadline: timedelta | None = DEADLINE) -> str:
        when = None if deadline is None else rfc3339(moving_clock() + deadline)
        shop = as_caller("shop-1")
        body = story.refund(photo(), deadline=when)
        image = shop.put(f"/v1/refunds/{refund_id}", json=body).json()["images"][0]["id"]
        made = shop.post("/v1/reports", json={"refund_id": refund_id, "image": image})
        assert made.status_code == 201, made.text
        return f"/v1/reports/{made.json()['id']}"

    return report


@pytest.fixture
def work(
    workflow_app: FastAPI, moving_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[_Engine, Callable[[], bool], float], None]:
    """Lets the real worker work with an engine until something holds, moving the clock a little at each look."""
    monkeypatch.setattr(worker, "LOOK_AGAIN", 0.01)
    state = workflow_app.state
    # leases are renewed by the real clock, and this one runs ahead of it
    settings = state.settings.model_copy(update={"lease_seconds": 1_000_000})

    def until(engine: _Engine, holds: Callable[[], bool], step: float) -> None:
        screener = Screener(state.database, state.files, engine, settings, moving_clock, state.finder)  # type: ignore[arg-type]
        made = Worker(
            state.database, state.files, screener, None, None, settings, moving_clock,  # type: ignore[arg-type]
            state.notifier, state.metrics.workflow,
        )  # fmt: skip

        async def run() -> None:
            loops = [asyncio.create_task(made._forever(lane, partial(made._jobs, lane))) for lane in Lane]
            for _ in range(2_000):
                if await asyncio.to_thread(holds):
                    break
                moving_clock.forward(seconds=step)
                await asyncio.sleep(0.01)
            for loop in loops:
                loop.cancel()

        asyncio.run(run())

    return until


def _report(as_caller: Any, path: str) -> Any:
    return as_caller("ann").get(path).json()


def _leaves_submitted(as_caller: Any, path: str, engine: _Engine | None = None) -> Callable[[], bool]:
    def holds() -> bool:
        tired = engine is not None and engine.asked > MOST_TRIES
        return tired or _report(as_caller, path)["state"] != "submitted"

    return holds


@pytest.mark.parametrize("takes", [31, 3600], ids=["half a minute", "an hour"])
def test_a_photo_that_takes_too_long_reaches_a_person(
    as_caller: Any, reported: Any, work: Any, moving_clock: Any, takes: int
) -> None:
    async def slow(patience: float) -> None:
        moving_clock.forward(seconds=min(takes, patience))
        raise Expired("infer")

    path, engine, began = reported(), _Engine(slow), moving_clock()
    work(engine, _leaves_submitted(as_caller, path, engine), 1)
    assert engine.asked <= MOST_TRIES
    report = _report(as_caller, path)
    assert (report["state"], report["review_reason"]) == ("needs_review", "too_slow")
    assert moving_clock() - began < DEADLINE / 2


@pytest.mark.parametrize("death", [Closed("gone"), RuntimeError("CUDA error"), MemoryError()], ids=type)
def test_an_engine_that_dies_leaves_the_photo_to_a_person(
    as_caller: Any, reported: Any, work: Any, death: Exception
) -> None:
    async def die(patience: float) -> None:
        raise death

    path, engine = reported(), _Engine(die)
    work(engine, _leaves_submitted(as_caller, path, engine), 1)
    assert engine.asked <= MOST_TRIES
    report = _report(as_caller, path)
    assert (report["state"], report["review_reason"]) == ("needs_review", "engine_failed")


def test_a_photo_is_judged_although_nobody_can_tell_whether_it_is_in_other_claims(
    as_caller: Any, reported: Any, work: Any, workflow_app: FastAPI, detector: Any, photo: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """That is for the queue's order alone."""
    asked: list[object] = []

    def broken(*given: object) -> None:
        asked.append(given)
        raise RuntimeError("no index")

    async def judge(patience: float) -> Any:
        return SimpleNamespace(detection=detector.detect(photo()))

    def concluded() -> bool:
        with workflow_app.state.database.reading() as session:
            tired = engine.asked > MOST_TRIES
            return tired or session.execute(select(Report.state)).scalar_one() != "submitted"

    path, engine = reported(), _Engine(judge)
    monkeypatch.setattr(workflow_app.state.finder, "find", broken)
    work(engine, concluded, 1)
    monkeypatch.undo()
    report = _report(as_caller, path)
    assert asked and engine.asked == 1
    assert report["verdict"] is not None and report["review_reason"] not in ("engine_failed", "too_slow")


def test_a_photo_that_kills_the_process_is_not_tried_for_ever(
    as_caller: Any, reported: Any, work: Any, workflow_app: FastAPI, moving_clock: Any
) -> None:
    """Nothing is written when a process dies: only that it took the job."""
    database, path = workflow_app.state.database, reported()
    for _ in range(MOST_ATTEMPTS):
        assert queue.take(database, moving_clock(), 60, 1, Lane.SCREENING)
        moving_clock.forward(seconds=61)

    async def untouched(patience: float) -> None:
        raise AssertionError("it would die again")

    work(_Engine(untouched), _leaves_submitted(as_caller, path), 1)
    assert _report(as_caller, path)["review_reason"] == "engine_failed"


@pytest.mark.parametrize("wait", [0.0, 1e9], ids=["says at once", "says never"])
def test_an_engine_that_always_says_it_is_busy_is_not_believed_for_ever(
    as_caller: Any, reported: Any, work: Any, moving_clock: Any, wait: float
) -> None:
    async def lie(patience: float) -> None:
        raise Overloaded(wait)

    path, began = reported(), moving_clock()
    work(_Engine(lie), _leaves_submitted(as_caller, path), 30)
    assert _report(as_caller, path)["review_reason"] == "too_slow"
    assert moving_clock() - began < timedelta(hours=1)


def test_an_engine_that_takes_photos_and_never_answers_does_not_keep_them(
    as_caller: Any, reported: Any, work: Any, moving_clock: Any, workflow_app: FastAPI
) -> None:
    async def hang(patience: float) -> None:
        await asyncio.Event().wait()

    path, began = reported(), moving_clock()
    work(_Engine(hang), _leaves_submitted(as_caller, path), 30)
    assert _report(as_caller, path)["review_reason"] == "too_slow"
    assert moving_clock() - began < timedelta(hours=1)
    with workflow_app.state.database.reading() as session:
        assert session.execute(select(Job.kind).where(Job.lane == Lane.SCREENING.value)).all() == []


@pytest.mark.parametrize("later", [False, True], ids=["near from the start", "moved near"])
def test_half_of_what_is_left_before_the_deadline_is_the_persons(
    as_caller: Any, reported: Any, work: Any, moving_clock: Any, story: Any, photo: Any, later: bool
) -> None:
    async def hang(patience: float) -> None:
        await asyncio.Event().wait()

    near = moving_clock() + timedelta(minutes=10)
    path = reported(deadline=DEADLINE if later else timedelta(minutes=10))
    if later:
        body = story.refund(photo(), deadline=rfc3339(near))
        assert (
            as_caller("shop-1").put("/v1/refunds/r1", json=body | {"platform_version": 9}).status_code == 200
        )
    work(_Engine(hang), _leaves_submitted(as_caller, path), 10)
    assert near - moving_clock() > timedelta(minutes=4)
    report = _report(as_caller, path)
    assert (report["state"], report["review_reason"]) == ("needs_review", "too_slow")


def test_the_person_then_ends_it(as_caller: Any, reported: Any, work: Any, workflow_app: FastAPI) -> None:
    async def die(patience: float) -> None:
        raise RuntimeError("no model")

    path = reported()
    work(_Engine(die), _leaves_submitted(as_caller, path), 1)
    decision = {"decision": "not_established", "reason_code": "no_trace", "reason": "I see nothing."}
    assert as_caller("ann").post(f"{path}/decision", json=decision).status_code == 200
    ended = lambda: _report(as_caller, path)["state"] == "final_not_established"  # noqa: E731
    work(_Engine(die), ended, 3600)
    assert _report(as_caller, path)["outcome"] == "buyer_supported"


def test_a_service_that_stops_gives_its_photos_back_and_counts_no_attempt(
    as_caller: Any, reported: Any, work: Any, workflow_app: FastAPI
) -> None:
    async def hang(patience: float) -> None:
        await asyncio.Event().wait()

    reported()
    engine = _Engine(hang)
    work(engine, lambda: engine.asked == 1, 0)
    with workflow_app.state.database.reading() as session:
        job = session.execute(select(Job).where(Job.lane == Lane.SCREENING.value)).scalar_one()
    assert (job.attempts, job.lease) == (0, None)
