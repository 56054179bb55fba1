"""Any sequence of events, in any order, by anybody: only edges of the table are taken and the invariants hold."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from refundlens.serving.events.verify import verify
from refundlens.serving.kit.clock import NEVER, utc_now
from refundlens.serving.kit.errors import Conflict, Forbidden, Invalid
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.roles import Actor, Role
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import (
    Appeal,
    AuditEvent,
    Decision,
    Image,
    IntegrityEntry,
    Job,
    OutboxEvent,
    Refund,
    Report,
)
from refundlens.serving.workflow.change import EventData
from refundlens.serving.workflow.machine import apply
from refundlens.serving.workflow.states import Event, Outcome, ReportState
from refundlens.serving.workflow.transitions import TABLE

TENANT = "tnt_one"
ACTORS = [
    Actor(Role.MERCHANT, "shop"),
    Actor(Role.ADJUDICATOR, "ann"),
    Actor(Role.ADJUDICATOR, "bob"),
    Actor(Role.ENGINEER, "eve"),
    Actor(Role.ADMIN, "root"),
    Actor(Role.BUYER, "buyer"),
    Actor(Role.DETECTOR, "detector"),
    Actor(Role.SYSTEM, "system"),
]
EDGES = {(edge.state, edge.event, edge.next) for edge in TABLE}


class Disputes(RuleBasedStateMachine):
    """One refund with two photos, reported again and again."""

    database: Database
    reports = Bundle("reports")

    @initialize()
    def mirror(self) -> None:
        self.now = utc_now()
        self.settings = Settings(appeal_hours=1)
        self.seen: dict[str, list[tuple[str | None, Event, str]]] = {}
        self.open = True
        with self.database.transaction() as session:
            self.refund = make_id("rfd", self.now)
            self.buyer = self.refund.ljust(64, "x")
            session.add(
                Refund(
                    id=self.refund, tenant_id=TENANT, refund_id=self.refund, version=1, account="shop",
                    status="open", amount_minor=100, currency="CNY", buyer=self.buyer,
                    deadline_at=self.now + timedelta(days=30), outcome="undecided", outcome_final=False,
                    created_at=self.now, updated_at=self.now,
                )
            )  # fmt: skip
            session.flush()
            self.images = [make_id("img", self.now) for _ in range(3)]
            for image, source in zip(self.images, ("refund", "chat", "listing"), strict=True):
                session.add(
                    Image(
                        id=image, tenant_id=TENANT, refund_id=self.refund, source=source, bytes=1, width=1,
                        height=1, sha256=image.ljust(64, "x"), media_type="image/jpeg", created_at=self.now,
                    )
                )  # fmt: skip

    @rule(target=reports, photo=st.integers(0, 2), actor=st.sampled_from(ACTORS))
    def submit(self, photo: int, actor: Actor) -> Any:
        identifier = make_id("rpt", self.now)
        report = Report(
            id=identifier, tenant_id=TENANT, refund_id=self.refund, image_id=self.images[photo],
            claim_id=make_id("clm", self.now), account="shop", version=1, state="submitted",
            reported_by=actor.name, due_at=NEVER, amount_rank=-100, created_at=self.now, updated_at=self.now,
        )  # fmt: skip
        earlier = self._states(self.images[photo])
        taken = any(ReportState(state) in ReportState.live() for state in earlier)
        judged = any(state.startswith("final") for state in earlier)
        allowed = self.open and photo < 2 and not taken and not judged
        allowed = allowed and actor.role in (Role.MERCHANT, Role.ADMIN)
        assert self._try(report, Event.SUBMIT, actor, new=True) is allowed
        if allowed:
            self.seen[identifier] = [(None, Event.SUBMIT, "submitted")]
            return identifier
        return None

    @rule(
        report=reports,
        event=st.sampled_from([event for event in Event if event is not Event.SUBMIT]),
        actor=st.sampled_from(ACTORS),
        bound=st.booleans(),
        missed=st.sampled_from([None, 0.0, 0.2, 0.21, 1.0]),
    )
    def anything(
        self, report: str | None, event: Event, actor: Actor, bound: bool, missed: float | None
    ) -> None:
        if report is None:
            return
        with self.database.reading() as session:
            row = session.get_one(Report, report)
            before = row.state
        took = self._try(report, event, actor, bound=0.01 if bound else None, missed=missed)
        if took and event is Event.SCREENED_AUTHENTIC:
            assert missed is not None and missed <= self.settings.miss_limit
        with self.database.reading() as session:
            row = session.get_one(Report, report)
            if took:
                assert (before, event, row.state) in EDGES
                self.seen[report].append((before, event, row.state))
            else:
                assert row.state == before

    @rule()
    def close(self) -> None:
        self.open = False
        with self.database.transaction() as session:
            session.get_one(Refund, self.refund).status = "closed"

    @rule()
    def wait(self) -> None:
        self.now += timedelta(minutes=45)

    @invariant()
    def records_agree(self) -> None:
        if not hasattr(self, "refund"):
            return
        with self.database.reading() as session:
            rows = session.execute(select(Report).where(Report.refund_id == self.refund)).scalars().all()
            live = Counter(row.image_id for row in rows if ReportState(row.state) in ReportState.live())
            assert all(count == 1 for count in live.values())
            assert {row.id for row in rows} == set(self.seen)
            for row in rows:
                assert (row.live == 1) == (ReportState(row.state) in ReportState.live())
                assert row.version == len(self.seen[row.id])
            self._check_outcome(session, rows)
            self._check_integrity(session, rows)
            self._check_judges(session, rows)
            self._check_clocks(session, rows)

    def teardown(self) -> None:
        with self.database.reading() as session:
            assert verify(session, TENANT).broken is None
            for identifier, steps in self.seen.items() if hasattr(self, "seen") else ():
                query = select(AuditEvent).where(
                    AuditEvent.object_id == identifier, AuditEvent.action.startswith("report.")
                )
                rows = session.execute(query.order_by(AuditEvent.seq)).scalars().all()
                told = [(row.before, row.action.removeprefix("report."), row.after) for row in rows]
                assert told == [(before, event.value, after) for before, event, after in steps]

    def _try(
        self,
        report: Any,
        event: Event,
        actor: Actor,
        new: bool = False,
        bound: float | None = None,
        missed: float | None = None,
    ) -> bool:
        try:
            with self.database.transaction() as session:
                row = report if new else session.get_one(Report, report)
                if bound is not None:
                    row.bound = bound
                given = EventData(
                    side="buyer",
                    reason="words",
                    reason_code="other",
                    wish="close_up",
                    evidence="0" * 64,
                    miss_bound=missed,
                )
                refund = session.get_one(Refund, self.refund)
                apply(session, self.settings, self.now, actor, event, row, refund, given)
        except (Forbidden, Conflict, Invalid):
            return False
        return True

    def _states(self, image: str) -> list[str]:
        with self.database.reading() as session:
            return list(session.execute(select(Report.state).where(Report.image_id == image)).scalars())

    def _check_outcome(self, session: Any, rows: Any) -> None:
        counting = {row.was if row.state == "appealed" else row.state for row in rows}
        states = {ReportState(state) for state in counting} - {ReportState.WITHDRAWN, ReportState.EXPIRED}
        refund = session.get_one(Refund, self.refund)
        if states & ReportState.for_merchant():
            assert refund.outcome == Outcome.MERCHANT_SUPPORTED
        elif states and states <= ReportState.for_buyer():
            assert refund.outcome == Outcome.BUYER_SUPPORTED
        elif not states:
            assert refund.outcome == Outcome.UNDECIDED
        else:  # another report came since: the outcome stays what it was until that one is decided
            assert refund.outcome != Outcome.MERCHANT_SUPPORTED

    def _check_integrity(self, session: Any, rows: Any) -> None:
        entries = (
            session.execute(select(IntegrityEntry).where(IntegrityEntry.buyer == self.buyer)).scalars().all()
        )
        final = sum(row.state == ReportState.FINAL_ESTABLISHED for row in rows)
        assert sum(entry.points for entry in entries) == final

    def _check_judges(self, session: Any, rows: Any) -> None:
        for appeal in session.execute(
            select(Appeal).where(Appeal.report_id.in_([row.id for row in rows]))
        ).scalars():
            judges = (
                session.execute(select(Decision.decided_by).where(Decision.report_id == appeal.report_id))
                .scalars()
                .all()
            )
            assert len(judges) == len(set(judges))

    def _check_clocks(self, session: Any, rows: Any) -> None:
        for row in rows:
            kinds = set(session.execute(select(Job.kind).where(Job.ref == row.id)).scalars())
            undecided = ReportState(row.state) in ReportState.undecided()
            assert ("deadline" in kinds) == undecided
            assert ("finalise" in kinds) == (row.state in ("established", "not_established"))


@pytest.mark.slow
def test_any_sequence_keeps_to_the_table(database: Database) -> None:
    Disputes.database = database
    run_state_machine_as_test(
        Disputes,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_each_change_tells_its_webhook_once(database: Database) -> None:
    Disputes.database = database
    machine = Disputes()
    machine.mirror()
    report = machine.submit(0, ACTORS[0])
    machine.anything(report, Event.SCREENED_FAKE, ACTORS[6], True, None)
    machine.anything(report, Event.FINALISE, ACTORS[7], False, None)
    with database.reading() as session:
        query = select(OutboxEvent.type).where(OutboxEvent.object_id == report).order_by(OutboxEvent.id)
        types = Counter(session.execute(query).scalars())
    assert types["report.submitted"] == types["report.established"] == 1
    assert types["dispute.outcome_changed"] == 2  # supported, then finally so


@pytest.mark.parametrize("name", ["transitions.py", "states.py"])
def test_the_rules_know_neither_web_nor_database(name: str) -> None:
    text = (Path(__file__).parents[3] / "serving" / "workflow" / name).read_text(encoding="utf-8")
    assert "sqlalchemy" not in text and "fastapi" not in text
