"""The registry itself: who may become champion, one at a time, audited and told to every tenant."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from refundlens.model.detect import Detector
from refundlens.model.verdict.calibration import Calibration
from refundlens.serving.events import verify
from refundlens.serving.events.audit import text_hash
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Changed, Conflict, Forbidden, Invalid
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.registry import repository, service
from refundlens.serving.registry.bundles import ModelError, tried
from refundlens.serving.registry.rescoring import KIND
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import AuditEvent, Job, ModelVersion, OutboxEvent
from tests.support.tiny import PASSED

Add = Callable[..., str]


@pytest.fixture
def change(database: Database, engineer: Any, moving_clock: Any) -> Callable[..., Any]:
    """Calls the service in a transaction of its own, as the engineer unless somebody else is named."""

    def call(name: str, version: str, *given: Any, by: Any = engineer, **more: Any) -> ModelVersion:
        with database.transaction() as session:
            context = Context(session, Settings(), moving_clock.forward(seconds=1), by)
            row: ModelVersion = getattr(service, name)(context, version, *given, **more)
            return row

    return call


def _stages(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return {row.version: row.stage for row in repository.list_versions(session, 50)}


def _rescored(database: Database) -> list[str]:
    with database.reading() as session:
        return [job.ref for job in session.execute(select(Job).where(Job.kind == KIND)).scalars()]


def test_a_champion_is_promoted_and_rolled_back(database: Database, add: Add, change: Any) -> None:
    one, two, three = add("1"), add("2"), add("3")
    for version in (one, two, three):
        change("promote", version)
    assert _stages(database) == {"1": "retired", "2": "retired", "3": "champion"}
    assert _rescored(database) == [three]
    assert change("rollback", three, "too many accusations").id == two
    assert change("rollback", two, "and so was that").id == one
    assert _stages(database) == {"1": "champion", "2": "retired", "3": "retired"}
    assert _rescored(database) == [one], "open cases are shown to who judges now"
    with pytest.raises(Conflict) as nothing:
        change("rollback", one, "again")
    assert nothing.value.code == "nothing_before"
    with pytest.raises(Conflict) as other:
        change("rollback", three, "once more")
    assert other.value.code == "not_champion"


def test_every_change_is_in_the_log_of_who_made_it_and_told_to_every_tenant(
    database: Database, add: Add, change: Any
) -> None:
    one, two = add("1"), add("2")
    change("promote", one)
    change("promote", two, "finds more")
    change("rollback", two, "but wrongly")
    with database.reading() as session:
        lines = [
            (row.action, row.before, row.after) for row in repository.history(session, "tnt_default", two)
        ]
        assert lines == [
            ("model.added", None, "candidate"),
            ("model.promoted", "candidate", "champion"),
            ("model.rolled_back", "champion", "retired"),
        ]
        rows = repository.history(session, "tnt_default", two)
        assert [row.actor for row in rows] == ["eve"] * 3
        assert rows[1].data["reason"] == text_hash("finds more"), "free text is in no chain"
        assert repository.history(session, "tnt_two", two) == []
        assert [row.action for row in repository.history(session, "tnt_default", one)][-2:] == [
            "model.retired",
            "model.restored",
        ]
        assert verify.verify(session, "tnt_default").broken is None
        told = session.execute(select(OutboxEvent).order_by(OutboxEvent.id)).scalars().all()
    assert {(row.tenant_id, row.type) for row in told} == {
        (tenant, kind)
        for tenant in ("tnt_default", "tnt_one", "tnt_two")
        for kind in ("model.promoted", "model.rolled_back")
    }
    last = json.loads(told[-1].payload)["data"]
    assert (last["id"], last["instead_of"]) == (one, two)


def test_a_refused_change_leaves_nothing(database: Database, add: Add, change: Any) -> None:
    one = add("1", card=" ")
    with database.reading() as session:
        before = len(session.execute(select(AuditEvent)).all())
    with pytest.raises(Conflict) as refused:
        change("promote", one)
    assert refused.value.code == "not_fit"
    assert "no card" in refused.value.detail
    with database.reading() as session:
        assert len(session.execute(select(AuditEvent)).all()) == before
    assert _stages(database) == {"1": "candidate"}


def test_the_gate_says_all_that_is_missing(add: Add, change: Any, detector: Detector) -> None:
    calibration = detector.calibration
    assert calibration is not None
    never = [one.model_copy(update={"threshold": None, "bound": None}) for one in calibration.bins]
    mute: Calibration = calibration.model_copy(update={"bins": tuple(never)})
    card = "---\ntags:\n- onnx\n- not-for-serving\nlicense: x\n---\n"
    one = add("1", card=card, calibration=mute.to_json())
    with pytest.raises(Conflict) as refused:
        change("promote", one)
    assert "never says fake" in refused.value.detail and "not-for-serving" in refused.value.detail


def test_only_an_admin_may_pass_the_gate_and_must_say_why(
    database: Database, add: Add, change: Any, admin: Any
) -> None:
    one = add("1", card="")
    with pytest.raises(Forbidden):
        change("promote", one, "urgent", True)
    with pytest.raises(Invalid) as silent:
        change("promote", one, force=True, by=admin)
    assert silent.value.code == "reason_required"
    change("promote", one, "the old one is worse", True, by=admin)
    with database.reading() as session:
        last = repository.history(session, "tnt_default", one)[-1]
    assert last.data["forced"] == ["card"] and last.actor == "root"


@pytest.mark.parametrize(
    ("gate", "code", "words"),
    [
        (None, "ungated", "never stood at the gate"),
        ({**PASSED, "passed": False, "failed": ["misses hole"]}, "gate", "misses hole"),
    ],
)
def test_what_did_not_pass_the_gate_is_promoted_only_by_an_admin_who_says_why(
    database: Database, add: Add, change: Any, admin: Any, gate: Any, code: str, words: str
) -> None:
    one = add("1", training=None if gate is None else json.dumps({"gate": gate}))
    for who in ({}, {"by": admin}):
        with pytest.raises(Conflict) as refused:
            change("promote", one, "better", **who)
        assert refused.value.code == "not_fit" and words in refused.value.detail
    with pytest.raises(Forbidden):
        change("promote", one, "urgent", True)
    with pytest.raises(Invalid):
        change("promote", one, None, True, by=admin)
    assert _stages(database) == {"1": "candidate"}
    change("promote", one, "measured by hand", True, by=admin)
    with database.reading() as session:
        last = repository.history(session, "tnt_default", one)[-1]
    assert (last.action, last.actor, last.data["forced"]) == ("model.promoted", "root", [code])
    assert last.data["reason"] == text_hash("measured by hand")


def test_a_shadow_takes_the_place_of_the_one_before(database: Database, add: Add, change: Any) -> None:
    one, two, three = add("1"), add("2"), add("3")
    change("promote", one)
    change("promote", two)
    with pytest.raises(Conflict) as champion:
        change("shadow", two, 0.5)
    assert champion.value.code == "is_champion"
    change("shadow", one, 0.5)
    assert change("shadow", three, 0.25).share == 0.25
    assert _stages(database) == {"1": "retired", "2": "champion", "3": "shadow"}
    ended = change("shadow", three, 0.0)
    assert (ended.stage, ended.share) == ("candidate", None)
    with pytest.raises(Conflict) as over:
        change("shadow", three, 0.0)
    assert over.value.code == "not_shadow"
    change("shadow", three)
    promoted = change("promote", three)
    assert (promoted.stage, promoted.share) == ("champion", None)


def test_the_database_holds_one_champion_at_most(database: Database, add: Add, change: Any) -> None:
    one, two = add("1"), add("2")
    change("promote", one)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(update(ModelVersion).where(ModelVersion.id == two).values(stage="champion"))


def test_who_saw_an_older_version_of_a_row_is_told(add: Add, change: Any) -> None:
    one, two = add("1"), add("2")
    change("shadow", one)
    with pytest.raises(Changed):
        change("promote", one, if_match='"1"')
    assert change("promote", one, if_match='"2"').revision == 3
    assert change("promote", two, if_match="*").previous == one


def test_what_cannot_judge_is_not_taken(make_bundle: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not calibrated"):
        tried(make_bundle("1", calibration=None))
    with pytest.raises(ModelError, match="cannot name a version"):
        tried(make_bundle("a b"))
    with pytest.raises(ModelError, match="cannot name a version"):
        tried(make_bundle("1" * 40))


def test_a_name_belongs_to_one_bundle(database: Database, add: Add) -> None:
    one = add("1")
    assert add("1") == one, "the very bundle is known already"
    with pytest.raises(Conflict) as taken:
        add("1", blind=True)
    assert taken.value.code == "version_taken"
    assert _stages(database) == {"1": "candidate"}


def test_engineers_of_other_tenants_change_nothing(database: Database, add: Add, moving_clock: Any) -> None:
    """One model judges for all tenants; those who run the installation choose it."""
    one = add("1")
    stranger = Principal("tnt_two", "", Role.ADMIN, "root")
    for change in (service.promote, service.shadow):
        with pytest.raises(Forbidden), database.transaction() as session:
            change(Context(session, Settings(), moving_clock(), stranger), one)
    assert _stages(database) == {"1": "candidate"}
