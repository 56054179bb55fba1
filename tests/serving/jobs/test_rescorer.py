"""A new champion looks at open cases: what would change is told, and nothing changes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient
from typer.testing import CliRunner

from refundlens.serving.cli.main import app as cli
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.jobs import rescorer
from refundlens.serving.jobs.rescorer import Rescorer
from refundlens.serving.registry import rescoring, service
from refundlens.serving.registry.bundles import tried
from refundlens.serving.registry.stages import Stage
from refundlens.serving.storage import queue
from refundlens.serving.storage.tables import (
    AuditEvent,
    Job,
    Lane,
    ModelVersion,
    OutboxEvent,
    Report,
    Rescore,
)
from refundlens.serving.workflow.states import ReportState
from tests.serving.conftest import MovableClock
from tests.support.tiny import save_bundle

pytestmark = pytest.mark.slow

OPEN = (ReportState.ESTABLISHED, ReportState.NEEDS_REVIEW, ReportState.NOT_ESTABLISHED)


@pytest.fixture
def cases(
    workflow_app: FastAPI,
    create_dispute: Callable[..., Any],
    photo: Callable[..., bytes],
    moving_clock: MovableClock,
) -> dict[str, str]:
    """A report in each open state and a final one: all their photos look authentic to the tiny network, and all were
    screened as fake by a model before it. Names -> ids."""
    made = {}
    with workflow_app.state.database.transaction() as session:
        for number, state in enumerate((*OPEN, ReportState.FINAL_ESTABLISHED)):
            one = create_dispute(
                session, moving_clock.forward(seconds=1), buyer=f"{number}" * 64, state=state, tenant=DEFAULT,
                files=workflow_app.state.files, content=photo(size=(330 + number, 260)),
            )  # fmt: skip
            one.report.decided_by = "detector" if state is ReportState.ESTABLISHED else "ann"
            made[state.value] = one.report.id
    return made


@pytest.fixture
def promoted(workflow_app: FastAPI, moving_clock: MovableClock) -> Callable[[], str]:
    """Makes the running bundle the champion after another, as a promotion does; its id."""

    def promote() -> str:
        state = workflow_app.state
        with state.database.transaction() as session:
            row = session.execute(
                select(ModelVersion).where(ModelVersion.stage == Stage.CHAMPION.value)
            ).scalar_one()
            rescoring.ask(session, row.id, moving_clock())
            return str(row.id)

    return promote


def _turn(app: FastAPI, clock: MovableClock) -> None:
    """One turn of the job, as the worker takes it."""
    state = app.state
    (job,) = queue.take(state.database, clock.forward(seconds=30), 60, 9, Lane.SCREENING)
    assert job.kind == rescoring.KIND
    made = Rescorer(state.database, state.files, state.service.engine, state.settings, clock)
    asyncio.run(made.rescore(job))


def _all(app: FastAPI, clock: MovableClock) -> int:
    """Turns until nothing is left."""
    turns = 0
    while True:
        with app.state.database.reading() as session:
            if session.execute(select(Job.id).where(Job.kind == rescoring.KIND)).first() is None:
                return turns
        _turn(app, clock)
        turns += 1


def test_what_would_change_is_told_and_nothing_changes(
    workflow_app: FastAPI,
    as_caller: Callable[..., TestClient],
    cases: dict[str, str],
    promoted: Callable[[], str],
    moving_clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rescorer, "AT_A_TIME", 2)  # several turns: each goes on where the one before ended
    client = as_caller("eve")
    with workflow_app.state.database.reading() as session:
        before = {
            row.id: (row.state, row.version, row.verdict) for row in session.execute(select(Report)).scalars()
        }
    version = promoted()
    path = f"/v1/models/{version}/rescoring"
    assert client.get(path).json()["state"] == "running"
    assert _all(workflow_app, moving_clock) == 3  # two, one, none left
    told = client.get(path).json()
    assert (told["state"], told["cases"], told["failed"]) == ("done", 3, 0)
    found = {one["report_id"]: one for one in told["items"]}
    established = found[cases["established"]]
    assert (established["stands"], established["was_verdict"]) == ("established", "fake")
    assert established["would"] != "established" and established["by_person"] is False
    assert established["verdict"] in ("authentic", "inconclusive") and established["probability"] < 0.5
    assert cases["final_established"] not in found and told["changed"] == len(found)
    first = client.get(path, params={"limit": 1}).json()
    rest = (
        client.get(path, params={"limit": 1, "cursor": first["next_cursor"]}).json()
        if first["next_cursor"]
        else {}
    )
    assert [*first["items"], *rest.get("items", [])][: len(found)] == told["items"][:2]
    with workflow_app.state.database.reading() as session:
        after = {
            row.id: (row.state, row.version, row.verdict) for row in session.execute(select(Report)).scalars()
        }
        assert after == before, "a person decides, or nobody"
        assert session.execute(select(OutboxEvent)).first() is None
        event = session.execute(select(AuditEvent).where(AuditEvent.action == "model.rescored")).scalar_one()
        assert event.data == {"cases": 3, "changed": told["changed"], "failed": 0}
    assert as_caller("ann").get(path).status_code == 403
    assert client.get("/v1/models/none/rescoring").status_code == 404


def test_an_appealed_case_stands_as_it_stood_and_persons_decisions_are_told_apart(
    workflow_app: FastAPI, cases: dict[str, str], promoted: Callable[[], str], moving_clock: MovableClock
) -> None:
    state = workflow_app.state
    with state.database.transaction() as session:
        appealed = session.get_one(Report, cases["not_established"])
        appealed.was, appealed.state = appealed.state, ReportState.APPEALED.value
    version = promoted()
    _all(workflow_app, moving_clock)
    with state.database.reading() as session:
        rows = {row.report_id: row for row in session.execute(select(Rescore)).scalars()}
        told = {name: (rows[one].stands, rows[one].by_person) for name, one in cases.items() if one in rows}
        assert told == {
            "established": ("established", False),  # the detector's
            "needs_review": ("needs_review", False),
            "not_established": ("not_established", True),
        }
        moves = rescoring.summary(session, version, None).moves
        assert {(one.stands, one.by_person) for one in moves} <= set(told.values()) and moves


def test_asking_again_starts_anew_and_drops_what_was_under_way(
    workflow_app: FastAPI, cases: dict[str, str], promoted: Callable[[], str], moving_clock: MovableClock
) -> None:
    version = promoted()
    _all(workflow_app, moving_clock)
    with workflow_app.state.database.transaction() as session:
        rescoring.ask(session, "another", moving_clock())
        rescoring.ask(session, version, moving_clock())
        assert [job.ref for job in session.execute(select(Job)).scalars()] == [version]
        told = rescoring.summary(session, version, None)
        assert (told.state, told.cases) == ("running", 0), "of an earlier time as champion nothing is left"


def test_other_tenants_see_their_own_cases_only(
    workflow_app: FastAPI, cases: dict[str, str], promoted: Callable[[], str], moving_clock: MovableClock
) -> None:
    version = promoted()
    _all(workflow_app, moving_clock)
    with workflow_app.state.database.reading() as session:
        assert rescoring.summary(session, version, "tnt_other").cases == 0
        assert rescoring.changed(session, version, "tnt_other", 9) == []
        assert rescoring.summary(session, version, None).cases == 3


def test_an_erased_photo_and_a_case_of_the_same_model_are_left_alone(
    workflow_app: FastAPI, cases: dict[str, str], promoted: Callable[[], str], moving_clock: MovableClock
) -> None:
    state = workflow_app.state
    with state.database.transaction() as session:
        from refundlens.serving.storage.tables import DetectionRecord, Image

        report = session.get_one(Report, cases["established"])
        session.get_one(Image, report.image_id).erased_at = moving_clock()
        other = session.get_one(Report, cases["needs_review"])
        said = session.get_one(DetectionRecord, other.screening_id)
        said.body = {**said.body, "model": {"sha256": state.service.engine.detector.name.sha256}}
    version = promoted()
    _all(workflow_app, moving_clock)
    with state.database.reading() as session:
        rows = {row.report_id: row for row in session.execute(select(Rescore)).scalars()}
        assert set(rows) == {cases["established"], cases["not_established"]}
        assert rows[cases["established"]].error == "erased" and rows[cases["established"]].verdict is None
        told = rescoring.summary(session, version, None)
        assert (told.cases, told.failed) == (2, 1)


def test_the_job_waits_for_a_process_that_runs_the_champion_and_ends_with_it(
    workflow_app: FastAPI, cases: dict[str, str], moving_clock: MovableClock, tmp_path: Any
) -> None:
    state = workflow_app.state
    path = tmp_path / "next.onnx"
    save_bundle(path, version="0.0.9")
    found = tried(path)
    state.bundles.put(path.read_bytes())
    with state.database.transaction() as session:
        row = service.add(session, service.SERVICE, found, moving_clock())
        service.install(session, row.id, moving_clock(), "a test")
        newcomer = row.id
    _turn(workflow_app, moving_clock)  # this process runs the old one
    with state.database.transaction() as session:
        job = session.execute(select(Job).where(Job.kind == rescoring.KIND)).scalar_one()
        assert (job.ref, job.lease, job.attempts) == (newcomer, None, 0)
        assert session.execute(select(Rescore)).first() is None
        session.get_one(ModelVersion, newcomer).stage = Stage.RETIRED.value
    assert _all(workflow_app, moving_clock) == 1
    with state.database.reading() as session:
        assert session.execute(select(Rescore)).first() is None


def test_the_command_line_shows_all_tenants(
    workflow_app: FastAPI,
    cases: dict[str, str],
    promoted: Callable[[], str],
    moving_clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    promoted()
    _all(workflow_app, moving_clock)
    monkeypatch.setenv("REFUNDLENS_DATA_DIR", str(workflow_app.state.settings.data_dir))
    done = CliRunner().invoke(cli, ["models", "rescoring", "--json"])
    assert done.exit_code == 0, done.output
    assert '"cases": 3' in done.output and cases["established"] in done.output
    assert CliRunner().invoke(cli, ["models", "rescoring", "no-such"]).exit_code == 1
