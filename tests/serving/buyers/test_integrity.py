"""The ledger: lines are only added, the sum is final minus reversed, and expiry takes both away together."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from refundlens.model.texts.reader import LANGUAGES, Language
from refundlens.serving.buyers import integrity
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import Actor, Role
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import AuditEvent, IntegrityEntry, OutboxEvent
from refundlens.serving.workflow.states import ReportState

BUYER = "b" * 64
SETTINGS = Settings(integrity_days=365)
Make = Callable[..., Any]


def _lines(database: Database) -> list[IntegrityEntry]:
    with database.reading() as session:
        return list(session.execute(select(IntegrityEntry).order_by(IntegrityEntry.id)).scalars())


def _told(database: Database) -> list[dict[str, Any]]:
    with database.reading() as session:
        payloads = session.execute(select(OutboxEvent.payload).order_by(OutboxEvent.id)).scalars()
        return [json.loads(payload) for payload in payloads]


def test_a_pending_line_counts_nothing_and_is_told_to_nobody(
    database: Database, create_dispute: Make, moving_clock: Any
) -> None:
    with database.transaction() as session:
        made = create_dispute(session, moving_clock(), buyer=BUYER)
        for _ in range(2):
            integrity.enter_pending(session, made.report, made.refund, moving_clock(), SETTINGS)
        record = integrity.record(session, "tnt_one", BUYER, moving_clock())
    assert [(line.kind, line.points) for line in _lines(database)] == [("pending", 0)]
    assert (record.points, record.claims, record.score) == (0, 0, 100)
    assert _told(database) == []


def test_a_final_line_counts_until_it_expires(
    database: Database, create_dispute: Make, moving_clock: Any
) -> None:
    with database.transaction() as session:
        made = create_dispute(session, moving_clock(), buyer=BUYER, state=ReportState.FINAL_ESTABLISHED)
        for _ in range(2):
            line = integrity.enter_final(session, made.report, made.refund, moving_clock(), SETTINGS)
        record = integrity.record(session, "tnt_one", BUYER, moving_clock())
        later = integrity.record(session, "tnt_one", BUYER, moving_clock.forward(days=365))
    assert (record.points, record.claims, record.score, record.expired) == (1, 1, 75, 0)
    assert record.expires_at == line.expires_at
    assert (later.points, later.claims, later.score, later.expired) == (0, 0, 100, 1)
    assert (later.final_established, later.expires_at) == (1, None)
    told = _told(database)
    assert [event["type"] for event in told] == ["buyer.integrity_changed"]
    assert told[0]["data"]["score"] == 75
    assert BUYER not in json.dumps(told)


@pytest.mark.parametrize("final", [False, True])
def test_a_line_is_taken_back_once_and_nothing_is_deleted(
    database: Database, create_dispute: Make, moving_clock: Any, final: bool
) -> None:
    judge = Actor(Role.ADJUDICATOR, "ann")
    with database.transaction() as session:
        made = create_dispute(session, moving_clock(), buyer=BUYER)
        integrity.enter_pending(session, made.report, made.refund, moving_clock(), SETTINGS)
        if final:
            integrity.enter_final(session, made.report, made.refund, moving_clock(), SETTINGS)
        now = moving_clock.forward(days=30)
        back = integrity.reverse_entry(session, made.report, made.refund, now, "a court said so", judge)
        again = integrity.reverse_entry(session, made.report, made.refund, now, "a court said so", judge)
        record = integrity.record(session, "tnt_one", BUYER, now)
    assert back is not None
    assert again is None
    lines = _lines(database)
    assert [line.kind for line in lines] == ["pending", *(["final"] if final else []), "reversed"]
    assert back.points == (-1 if final else 0)
    assert back.reverses == lines[-2].id
    assert back.expires_at == lines[-2].expires_at, "or it would count without what it takes back"
    assert (record.points, record.score, record.reversed) == (0, 100, 1)
    assert _told(database)[-1]["data"]["kind"] == "reversed"
    with database.reading() as session:
        event = session.execute(select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(1)).scalar_one()
    assert (event.action, event.role, event.actor) == ("integrity.reversed", "adjudicator", "ann")
    assert "court" not in json.dumps(event.data)


def test_there_may_be_nothing_to_take_back(
    database: Database, create_dispute: Make, moving_clock: Any
) -> None:
    with database.transaction() as session:
        made = create_dispute(session, moving_clock(), buyer=BUYER)
        assert integrity.reverse_entry(session, made.report, made.refund, moving_clock()) is None
    assert _lines(database) == []


def test_photos_of_one_claim_count_once_in_the_score(
    database: Database, create_dispute: Make, moving_clock: Any
) -> None:
    with database.transaction() as session:
        first = create_dispute(session, moving_clock(), buyer=BUYER)
        second = create_dispute(session, moving_clock(), buyer=BUYER)
        second.report.refund_id = first.refund.id
        session.flush()
        for made in (first, second):
            integrity.enter_final(session, made.report, first.refund, moving_clock(), SETTINGS)
        record = integrity.record(session, "tnt_one", BUYER, moving_clock())
    assert (record.points, record.claims, record.score) == (2, 1, 75)


def test_another_tenant_s_buyer_of_the_same_hash_is_another_buyer(
    database: Database, create_dispute: Make, moving_clock: Any
) -> None:
    with database.transaction() as session:
        made = create_dispute(session, moving_clock(), buyer=BUYER)
        integrity.enter_final(session, made.report, made.refund, moving_clock(), SETTINGS)
        other = integrity.record(session, "tnt_two", BUYER, moving_clock())
    assert (other.refunds, other.final_established, other.score) == (0, 0, 100)


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)  # fmt: skip
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["pending", "final", "reverse"]), st.integers(0, 2), st.integers(0, 200)),
        max_size=10,
    )
)
def test_points_are_final_minus_reversed_whatever_happens(
    database: Database, create_dispute: Make, moving_clock: Any, steps: list[tuple[str, int, int]]
) -> None:
    """Lines of any order, at any time: counted by hand from the steps."""
    begun = moving_clock()
    standing: dict[int, Any] = {}
    reversed_: set[int] = set()
    with database.transaction() as session:
        made = [create_dispute(session, begun, buyer=BUYER) for _ in range(3)]
        for what, which, days in steps:
            now, one = moving_clock.forward(days=days), made[which]
            if what == "pending" and which not in reversed_ and which not in standing:
                integrity.enter_pending(session, one.report, one.refund, now, SETTINGS)
            elif what == "final" and which not in reversed_:
                line = integrity.enter_final(session, one.report, one.refund, now, SETTINGS)
                standing.setdefault(which, line.expires_at)
            elif what == "reverse":
                if integrity.reverse_entry(session, one.report, one.refund, now) is not None:
                    reversed_.add(which)
                standing.pop(which, None)
        now = moving_clock()
        record = integrity.record(session, "tnt_one", BUYER, now)
        session.rollback()
    counting = [expiry for expiry in standing.values() if expiry > now]
    assert record.points == record.claims == len(counting)
    assert record.score == max(0, 100 - 25 * len(counting))
    assert record.reversed == len(reversed_)
    assert record.expires_at == max(counting, default=None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_say_the_score_as_it_is_reckoned(language: Language) -> None:
    for area, key in (("queue", "score_formula"), ("admin_buyers", "formula")):
        numbers = re.findall(r"\d+", texts(area, language)[key])
        assert numbers == [str(integrity.FULL_SCORE), str(integrity.CLAIM_COSTS), "0"], area
