"""The adjudicators' and engineers' pages without JavaScript: queues, workbench, decisions, races, hidden opinions."""

import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image as Picture
from starlette.testclient import TestClient

from refundlens.model.bundle import load
from refundlens.model.detect import Detector
from refundlens.serving.console.review import markdown, plots
from refundlens.serving.console.review.statistics import BEFORE, DAYS, Day, Drift, drift, tenths
from refundlens.serving.detection.store import save_map
from refundlens.serving.drawing.noise import LONGEST, residual
from refundlens.serving.drawing.views import framed_overlay
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.jobs.handlers import run_timer
from refundlens.serving.kit.clock import NEVER
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.registry import service as model_versions
from refundlens.serving.registry.bundles import examine
from refundlens.serving.reports.held import UNDO
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import sqlite_file
from refundlens.serving.storage.queue import take
from refundlens.serving.storage.tables import (
    AuditEvent,
    Decision,
    DetectionRecord,
    Image,
    Label,
    Refund,
    Report,
    Tenant,
)
from refundlens.serving.storage.tables.events import Lane
from refundlens.serving.workflow.states import ReportState
from tests.support.desk import Desk

pytestmark = pytest.mark.slow

AREAS = ("queue", "appeals", "models")
Photo = Callable[..., bytes]


def _pass_ten_seconds(app: FastAPI) -> None:
    """What the worker does when decisions can be undone no more; no worker runs here."""
    state = app.state
    state.clock.now += UNDO
    for job in take(state.database, state.clock(), 60, 50, Lane.TIMER):
        with state.database.transaction() as session:
            run_timer(Context(session, state.settings, state.clock()), job)


@pytest.fixture
def settings(settings: Settings, empty_database: Path) -> Settings:
    """With tables that are there already: each test has an application of its own, and making them takes a second."""
    settings.data_dir.mkdir(parents=True)
    shutil.copy(empty_database, sqlite_file(settings.data_dir))
    return settings


@pytest.fixture
def ann(workflow_app: FastAPI) -> Desk:
    return Desk(workflow_app, "ann")


@pytest.fixture
def bob(workflow_app: FastAPI) -> Desk:
    return Desk(workflow_app, "bob")


@pytest.fixture
def eve(workflow_app: FastAPI) -> Desk:
    return Desk(workflow_app, "eve")


@pytest.fixture
def dispute(workflow_app: FastAPI, moving_clock: Any, photo: Photo) -> Callable[..., Report]:
    """Writes a screened report of the default tenant straight into the tables; photos and maps are in the store."""

    def make(
        number: int = 1,
        *,
        state: ReportState = ReportState.NEEDS_REVIEW,
        hours: float = 10,
        amount: int = 12800,
        probability: float = 0.6,
        verdict: str = "inconclusive",
        content: bytes | None = None,
        text: str = "There is a hole in it.",
        tenant: str = DEFAULT,
    ) -> Report:
        now = moving_clock()
        content = content or photo(size=(320, 240 + 8 * number))
        files = workflow_app.state.files
        both = {"tenant_id": tenant, "created_at": now}
        with workflow_app.state.database.transaction() as session:
            refund = Refund(
                **both, id=make_id("rfd", now), refund_id=f"R-{number}", version=1, account="shop-1",
                amount_minor=amount, currency="CNY", status="open", buyer="b" * 64, updated_at=now,
                deadline_at=now + timedelta(hours=hours), claim_type="hole", claim_text=text, outcome="undecided",
            )  # fmt: skip
            session.add(refund)
            session.flush()
            image = Image(
                **both, id=make_id("img", now), refund_id=refund.id, source="refund", sha256=files.put(content),
                media_type="image/jpeg", width=320, height=240 + 8 * number, bytes=len(content),
                supplied_by="platform",
            )  # fmt: skip
            session.add(image)
            session.flush()
            cells = np.zeros((30 + number, 40), np.float32)
            cells[10:20, 10:20] = 0.9
            body = {
                "id": make_id("det", now), "verdict": verdict, "probability": probability, "width": 320,
                "height": 240 + 8 * number, "false_accusation_bound": 0.01,
                "reasons": [
                    {"code": "policy.inconclusive_band", "basis": "derived", "details": {}},
                    {"code": "metadata.camera", "basis": "declared", "details": {"camera": "<b>Lens</b>"}},
                ],
                "regions": [{"box": [80, 80, 160, 160], "probability": 0.9}], "defects": [],
                "conditions": {"long_side": 320, "jpeg_quality": 90, "quantisations": 1, "sharpness": 0.5,
                               "supported": number % 2 == 1},
            }  # fmt: skip
            screening = DetectionRecord(
                **both, id=body["id"], image_id=image.id, verdict=verdict, probability=probability, bound=0.01,
                model_version="refundlens-tiny 0.0.1", body=body, heatmap=save_map(files, cells),
                reliability=save_map(files, 1 - cells),
            )  # fmt: skip
            session.add(screening)
            session.flush()
            report = Report(
                **both, id=make_id("rpt", now), refund_id=refund.id, image_id=image.id, claim_id=make_id("clm", now),
                account="shop-1", version=2, state=state.value, live=None if state in ReportState.terminal() else 1,
                note="see the <i>rim</i>", reported_by="clerk", screening_id=screening.id, verdict=verdict,
                doubt=1 - abs(2 * probability - 1), due_at=refund.deadline_at or NEVER, amount_rank=-amount,
                decided_by="detector" if state is not ReportState.NEEDS_REVIEW else None, updated_at=now,
            )  # fmt: skip
            session.add(report)
        return report

    return make


def _hide(app: FastAPI) -> None:
    with app.state.database.transaction() as session:
        session.get_one(Tenant, DEFAULT).settings = {"hide_opinion": True}


def _order(page: Any) -> list[str]:
    return re.findall(r'id="(rpt_\w+)"', page.text)


def test_the_queue_goes_by_deadline_and_amount(ann: Desk, dispute: Callable[..., Report]) -> None:
    late, small, large = (
        dispute(1, hours=20),
        dispute(2, hours=1, amount=100),
        dispute(3, hours=1, amount=900),
    )
    page = ann.get("/queue")
    assert page.status_code == 200 and _order(page) == [large.id, small.id, late.id]
    assert "1 h 0 min" in page.text and "¥9.00" in page.text
    assert _order(ann.get("/queue?due=2h")) == [large.id, small.id]
    assert _order(ann.get("/queue?due=nonsense&sort=nonsense")) == [large.id, small.id, late.id]


def test_doubt_puts_the_queue_in_order(ann: Desk, dispute: Callable[..., Report]) -> None:
    sure, unsure = dispute(1, hours=1, probability=0.9), dispute(2, hours=9, probability=0.5)
    assert _order(ann.get("/queue")) == [sure.id, unsure.id]
    page = ann.get("/queue?sort=doubt")
    assert _order(page) == [unsure.id, sure.id]


def test_pages_of_the_queue_hold_every_report_once(
    ann: Desk, dispute: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {dispute(number, hours=number).id for number in range(1, 6)}
    monkeypatch.setattr("refundlens.serving.console.review.queues.ROWS", 2)
    seen, path = [], "/queue"
    while path:
        page = ann.get(path)
        seen += _order(page)
        further = re.search(r'<a href="([^"]+)" rel="next"', page.text)
        path = further[1].replace("&amp;", "&") if further else ""
    assert len(seen) == 5 and set(seen) == made
    assert ann.get("/queue?cursor=nonsense").status_code == 400


def test_the_workbench_shows_the_case_and_escapes_it(ann: Desk, dispute: Callable[..., Report]) -> None:
    report = dispute(1, text='"><script>alert(1)</script>')
    page = ann.get(f"/queue/{report.id}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text and "&lt;script&gt;alert" in page.text
    assert "see the &lt;i&gt;rim&lt;/i&gt;" in page.text and "&lt;b&gt;Lens&lt;/b&gt;" in page.text
    assert not re.search(r"style=|onclick=", page.text), "the policy would block it"
    for kind in ("photo", "thumb", "heat", "reliability", "residual"):
        answer = ann.get(f"/queue/{report.id}/view/{kind}")
        assert answer.status_code == 200, kind
        assert answer.headers["cache-control"].startswith("private")
        assert answer.headers["x-content-type-options"] == "nosniff"
        Picture.open(io.BytesIO(answer.content)).load()


def test_the_page_is_there_in_chinese(workflow_app: FastAPI, dispute: Callable[..., Report]) -> None:
    report = dispute()
    desk = Desk(workflow_app, "ann", "zh-CN")
    assert (
        "待人工判定" in desk.get("/queue").text
        and "举报成立：判定为假图" in desk.get(f"/queue/{report.id}").text
    )


def test_deciding_takes_a_code_and_goes_on_to_the_next(
    ann: Desk, dispute: Callable[..., Report], workflow_app: FastAPI
) -> None:
    first, second = dispute(1, hours=1), dispute(2, hours=2)
    action = f"/queue/{first.id}/decision"
    answer = ann.send(
        ann.get(f"/queue/{first.id}"), action, decision="established", reason_code="edit_visible", reason=""
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"/queue/{second.id}?held={first.id}")
    assert "takes effect in ten seconds" in ann.get(answer.headers["location"]).text
    with workflow_app.state.database.reading() as session:
        assert session.query(Decision).count() == session.query(Label).count() == 0
    _pass_ten_seconds(workflow_app)
    assert "Decided: established" in ann.get(answer.headers["location"]).text
    with workflow_app.state.database.reading() as session:
        (made,) = session.query(Decision).all()
    assert made.reason == "The photo shows traces of an edit in the place of the claimed damage."
    page = ann.get(f"/queue/{second.id}")
    last = ann.send(
        page, f"/queue/{second.id}/decision", decision="not_established", reason_code="other", reason="Mine."
    )
    assert last.headers["location"] == f"/queue?held={second.id}"
    assert "Nothing waits for a decision" in ann.get(last.headers["location"]).text


def test_a_form_sent_twice_decides_once(
    ann: Desk, dispute: Callable[..., Report], workflow_app: FastAPI
) -> None:
    report = dispute()
    page, action = ann.get(f"/queue/{report.id}"), f"/queue/{report.id}/decision"
    answers = [
        ann.send(page, action, decision="established", reason_code="other", reason="x") for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [303, 303]
    _pass_ten_seconds(workflow_app)
    with workflow_app.state.database.reading() as session:
        assert session.query(Decision).count() == 1


def test_a_slip_of_the_finger_is_undone_and_leaves_no_trace(
    ann: Desk, bob: Desk, dispute: Callable[..., Report], workflow_app: FastAPI
) -> None:
    report = dispute()
    here = f"/queue/{report.id}"
    decided = ann.send(
        ann.get(here), f"{here}/decision", decision="established", reason_code="other", reason="Oh <no>."
    )
    listed = ann.get(decided.headers["location"])
    assert f'id="{report.id}"' not in listed.text, "nobody else is given the case meanwhile"
    theirs = bob.get(here)
    assert "ann: Decided: established" in theirs.text and f"{here}/undo" not in theirs.text
    back = ann.send(listed, f"{here}/undo")
    assert back.status_code == 200 and "Undone" in back.text and "Oh &lt;no&gt;." in back.text
    _pass_ten_seconds(workflow_app)
    with workflow_app.state.database.reading() as session:
        assert session.get_one(Report, report.id).state == "needs_review"
        assert session.query(Decision).count() == session.query(Label).count() == 0
    assert f'id="{report.id}"' in bob.get("/queue").text
    again = ann.send(back, f"{here}/decision", decision="not_established", reason_code="other", reason="Yes.")
    listed = ann.get(again.headers["location"])
    _pass_ten_seconds(workflow_app)
    late = ann.send(listed, f"{here}/undo")
    assert late.status_code == 409 and "in effect" in late.text
    with workflow_app.state.database.reading() as session:
        assert session.get_one(Report, report.id).state == "not_established"


def _second_photo(app: FastAPI, report: Report, content: bytes) -> str:
    """A report on another photo of the same refund, of another click; its id."""
    with app.state.database.transaction() as session:
        first = session.get_one(Report, report.id)
        image = session.get_one(Image, first.image_id)
        now = app.state.clock()
        copied = {column.key: getattr(image, column.key) for column in Image.__table__.columns}
        other = Image(**copied | {"id": make_id("img", now), "sha256": app.state.files.put(content)})
        session.add(other)
        session.flush()
        copied = {column.key: getattr(first, column.key) for column in Report.__table__.columns}
        same = Report(
            **copied | {"id": make_id("rpt", now), "image_id": other.id, "claim_id": make_id("clm", now)}
        )
        session.add(same)
        session.flush()
        return same.id


def test_one_decision_does_for_the_ticked_photos_of_a_refund_and_is_undone_as_one(
    ann: Desk, dispute: Callable[..., Report], workflow_app: FastAPI, photo: Photo
) -> None:
    report, stranger = dispute(1), dispute(2)
    contents = (photo(size=(320, 200 + number)) for number in (1, 2))
    ticked, left = (_second_photo(workflow_app, report, content) for content in contents)
    here = f"/queue/{report.id}"
    page = ann.get(here)
    assert re.findall(r'name="also" value="(\w+)"', page.text) == [ticked, left]
    given = {"decision": "established", "reason_code": "edit_visible", "reason": "Both."}
    refused = ann.send(page, f"{here}/decision", **given, also=[ticked, stranger.id])
    assert refused.status_code == 422, "no report of another refund"
    assert re.findall(r'name="also" value="(\w+)" checked', refused.text) == [ticked], (
        "what was ticked stays so"
    )

    def states() -> list[str]:
        with workflow_app.state.database.reading() as session:
            return [session.get_one(Report, one).state for one in (report.id, ticked, left, stranger.id)]

    listed = ann.get(ann.send(ann.get(here), f"{here}/decision", **given, also=[ticked]).headers["location"])
    back = ann.send(listed, f"{here}/undo")
    _pass_ten_seconds(workflow_app)
    assert back.status_code == 200 and states() == ["needs_review"] * 4
    assert re.findall(r'name="also" value="(\w+)" checked', back.text) == [ticked]
    assert ann.send(ann.get(here), f"{here}/decision", **given, also=[ticked]).status_code == 303
    _pass_ten_seconds(workflow_app)
    assert states() == ["established", "established", "needs_review", "needs_review"]


def test_a_ticked_report_that_changed_meanwhile_is_named_and_nothing_decided(
    ann: Desk, bob: Desk, dispute: Callable[..., Report], workflow_app: FastAPI, photo: Photo
) -> None:
    report = dispute(1)
    contents = (photo(size=(320, 200 + number)) for number in (1, 2, 3, 4))
    changed, taken, decided, fine = (_second_photo(workflow_app, report, content) for content in contents)
    here, database = f"/queue/{report.id}", workflow_app.state.database
    page = ann.get(here)
    bob.send(
        bob.get(f"/queue/{decided}"), f"/queue/{decided}/decision", decision="established",
        reason_code="edit_visible", reason="",
    )  # fmt: skip
    _pass_ten_seconds(workflow_app)
    bob.get(f"/queue/{taken}")
    with database.transaction() as session:
        session.get_one(Report, changed).version += 1
    given = {"decision": "not_established", "reason_code": "no_trace", "reason": "Not drawn.",
             "also": [changed, taken, decided, fine]}  # fmt: skip
    refused = ann.send(page, f"{here}/decision", **given)
    assert refused.status_code == 409
    said = re.search(r'id="failure">.*?</ul>', refused.text, re.DOTALL)
    assert said is not None
    words = dict(re.findall(r'href="/queue/(\w+)">[^<]*</a>: ([^<]*)</li>', said[0]))
    assert words == {
        changed: "changed while you had this page open; look at it again",
        taken: "somebody else is at it now",
        decided: "meanwhile established",
    }
    assert "Not drawn." in refused.text and 'value="no_trace" required' in refused.text
    assert set(re.findall(r'name="also" value="(\w+)" checked', refused.text)) == {changed, taken, fine}
    _pass_ten_seconds(workflow_app)
    with database.reading() as session:
        waiting = [session.get_one(Report, one).state for one in (report.id, changed, taken, fine)]
    assert waiting == ["needs_review"] * 4, "all or none"
    given["also"] = [changed, fine]
    assert ann.send(refused, f"{here}/decision", **given).status_code == 303, (
        "seen again, they may be decided"
    )


@pytest.mark.parametrize(
    ("decision", "reason"), [("established", "no_trace"), ("not_established", "edit_visible")]
)
def test_a_reason_that_speaks_for_the_other_side_is_asked_about(
    ann: Desk, dispute: Callable[..., Report], workflow_app: FastAPI, decision: str, reason: str
) -> None:
    report = dispute()
    here = f"/queue/{report.id}"
    asked = ann.send(
        ann.get(here), f"{here}/decision", decision=decision, reason_code=reason, reason="My words."
    )
    assert asked.status_code == 422 and "Which of the two do you mean?" in asked.text
    assert ">My words.</textarea>" in asked.text and re.search(rf'value="{reason}"[^>]* checked', asked.text)
    _pass_ten_seconds(workflow_app)
    with workflow_app.state.database.reading() as session:
        assert session.get_one(Report, report.id).state == "needs_review"


def test_who_comes_second_is_told_who_was_first_and_loses_no_words(
    ann: Desk, bob: Desk, dispute: Callable[..., Report], workflow_app: FastAPI, moving_clock: Any
) -> None:
    report = dispute()
    action = f"/queue/{report.id}/decision"
    pages = [bob.get(f"/queue/{report.id}")]
    moving_clock.forward(minutes=16)  # bob went away, and comes back too late
    pages.insert(0, ann.get(f"/queue/{report.id}"))
    assert (
        ann.send(pages[0], action, decision="established", reason_code="other", reason="x").status_code == 303
    )
    form = {"decision": "not_established", "reason_code": "no_trace", "reason": "I <see> none."}
    waits = bob.send(pages[1], action, **form)
    assert waits.status_code == 409 and "A colleague has just decided" in waits.text
    assert "I &lt;see&gt; none." in waits.text
    _pass_ten_seconds(workflow_app)
    lost = bob.send(pages[1], action, **form)
    assert lost.status_code in (409, 412)
    assert "ann was faster" in lost.text and "I &lt;see&gt; none." in lost.text and "established" in lost.text
    assert f'action="{action}"' not in lost.text, "there is nothing to decide any more"


def test_what_changed_meanwhile_keeps_the_form_as_it_was_typed(
    ann: Desk, bob: Desk, dispute: Callable[..., Report], moving_clock: Any
) -> None:
    report = dispute()
    page = ann.get(f"/queue/{report.id}")
    moving_clock.forward(minutes=16)  # ann's case is free again, and bob takes it
    asked = bob.send(
        bob.get(f"/queue/{report.id}"), f"/queue/{report.id}/photo-request", wish="close_up", message="?"
    )
    assert asked.headers["location"] == f"/queue/{report.id}?said=asked"
    assert "The buyer was asked" in bob.get(asked.headers["location"]).text
    moving_clock.forward(minutes=16)
    again = ann.send(
        page,
        f"/queue/{report.id}/decision",
        decision="established",
        reason_code="other",
        reason="Look <here>.",
    )
    assert again.status_code == 412 and "changed while you had it open" in again.text
    assert ">Look &lt;here&gt;.</textarea>" in again.text
    assert re.search(r'value="other"[^>]* checked', again.text)
    done = ann.send(
        again, f"/queue/{report.id}/decision", decision="established", reason_code="other", reason="Yes."
    )
    assert done.status_code == 303


def test_a_form_without_a_reason_is_told_what_is_missing(ann: Desk, dispute: Callable[..., Report]) -> None:
    report = dispute()
    answer = ann.send(ann.get(f"/queue/{report.id}"), f"/queue/{report.id}/decision", decision="established")
    assert answer.status_code == 422 and "choose a reason" in answer.text


def test_forms_need_their_token(ann: Desk, dispute: Callable[..., Report]) -> None:
    report = dispute()
    form = {"decision": "established", "reason_code": "other", "reason": "x", "key": "k", "csrf": "wrong"}
    assert ann.http.post(f"/queue/{report.id}/decision", data=form).status_code == 403


def test_nothing_of_another_tenant_is_there(
    ann: Desk, dispute: Callable[..., Report], workflow_app: FastAPI
) -> None:
    theirs, ours = dispute(1, tenant="tnt_two"), dispute(2)
    assert _order(ann.get("/queue")) == [ours.id]
    paths = [
        f"/queue/{theirs.id}",
        *(f"/queue/{theirs.id}/view/{kind}" for kind in ("photo", "heat", "residual")),
    ]
    paths.append(f"/queue/{ours.id}/photos/{theirs.image_id}/photo")
    assert {path: ann.get(path).status_code for path in paths} == dict.fromkeys(paths, 404)


def test_other_roles_stay_outside(workflow_app: FastAPI, eve: Desk, dispute: Callable[..., Report]) -> None:
    report = dispute()
    shop = Desk(workflow_app, "shop-1")
    for path in ("/queue", "/appeals", f"/queue/{report.id}", f"/queue/{report.id}/view/photo"):
        assert (shop.get(path).status_code, eve.get(path).status_code) == (403, 403), path
    assert shop.get("/models").status_code == 403
    stranger = TestClient(workflow_app, follow_redirects=False)
    assert stranger.get("/queue").headers["location"].startswith("/welcome?")


def test_an_opinion_stays_hidden_until_the_judge_has_looked(
    ann: Desk, bob: Desk, dispute: Callable[..., Report], workflow_app: FastAPI
) -> None:
    _hide(workflow_app)
    report = dispute(probability=0.613)
    dispute(2, hours=1, probability=0.99)
    listed = ann.get("/queue?sort=doubt")
    assert "61.3" not in listed.text and _order(listed)[1] == report.id, "the order would tell, too"
    page = ann.get(f"/queue/{report.id}")
    assert "Look for yourself first" in page.text
    assert "61.3" not in page.text and "view/heat" not in page.text and "A person should" not in page.text
    assert "Lens" in page.text, "what the file says of itself is nobody's opinion"
    for kind in ("heat", "reliability"):
        assert ann.get(f"/queue/{report.id}/view/{kind}").status_code == 403
    shown = ann.send(page, f"/queue/{report.id}/opinion", impression="fake")
    assert shown.headers["location"] == f"/queue/{report.id}"
    assert "61.3" in ann.get(f"/queue/{report.id}").text
    assert ann.get(f"/queue/{report.id}/view/heat").status_code == 200
    assert "61.3" not in bob.get(f"/queue/{report.id}").text, "each looks for themselves"
    with workflow_app.state.database.reading() as session:
        (event,) = session.query(AuditEvent).filter_by(action="review.opinion_shown").all()
    assert (event.actor, event.object_id, event.data["impression"]) == ("ann", report.id, "fake")
    assert "review.opinion_shown" not in ann.get(f"/queue/{report.id}").text
    assert ann.send(page, f"/queue/{report.id}/opinion", impression="nonsense").status_code == 422


def test_the_same_picture_elsewhere_is_shown_with_its_outcome(
    ann: Desk, dispute: Callable[..., Report], photo: Photo
) -> None:
    content = photo(size=(320, 248))
    earlier = dispute(7, content=content, state=ReportState.FINAL_ESTABLISHED)
    page = ann.get(f"/queue/{dispute(1, content=content).id}")
    assert "R-7" in page.text and f'href="/queue/{earlier.id}">established, final' in page.text


def test_an_erased_photo_is_said_to_be_erased(
    ann: Desk, dispute: Callable[..., Report], workflow_app: FastAPI
) -> None:
    report = dispute()
    with workflow_app.state.database.transaction() as session:
        session.get_one(Image, report.image_id).erased_at = workflow_app.state.clock()
    for kind in ("photo", "thumb", "heat", "residual"):
        assert ann.get(f"/queue/{report.id}/view/{kind}").status_code == 410, kind
    assert "This photo was erased" in ann.get(f"/queue/{report.id}").text
    assert "view/thumb" not in ann.get("/queue").text


@pytest.fixture
def appealed(
    ann: Desk, bob: Desk, as_caller: Callable[..., TestClient], dispute: Callable[..., Report]
) -> str:
    """An appeal against what ann decided."""
    report = dispute()
    ann.send(
        ann.get(f"/queue/{report.id}"), f"/queue/{report.id}/decision",
        decision="not_established", reason_code="no_trace", reason="No trace.",
    )  # fmt: skip
    _pass_ten_seconds(ann.http.app)
    made = as_caller("shop-1").post(f"/v1/reports/{report.id}/appeals", json={"grounds": "Look <left>."})
    assert made.status_code == 201
    return str(made.json()["id"])


def test_a_judge_may_not_answer_an_appeal_against_themselves(ann: Desk, appealed: str) -> None:
    listed = ann.get("/appeals")
    assert appealed in listed.text and "you decided this report before" in listed.text
    page = ann.get(f"/appeals/{appealed}")
    assert "Look &lt;left&gt;." in page.text and f"/appeals/{appealed}/decision" not in page.text
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token
    form = {"csrf": token[1], "key": "k1", "decision": "uphold", "reason_code": "other", "reason": "x"}
    answer = ann.http.post(f"/appeals/{appealed}/decision", data=form)
    assert answer.status_code == 409 and "decided by somebody else" in answer.text


def test_another_judge_answers_an_appeal(bob: Desk, appealed: str) -> None:
    assert "you decided this report before" not in bob.get("/appeals").text
    page = bob.get(f"/appeals/{appealed}")
    assert "No trace." in page.text and "Overturn: fake, final" in page.text
    answer = bob.send(
        page, f"/appeals/{appealed}/decision", decision="overturn", reason_code="edit_visible", reason=""
    )
    assert answer.status_code == 303 and answer.headers["location"].startswith("/appeals?held=rpt_")
    _pass_ten_seconds(bob.http.app)
    assert "Decided: established, final" in bob.get(answer.headers["location"]).text
    again = bob.send(
        page, f"/appeals/{appealed}/decision", decision="uphold", reason_code="other", reason="Other."
    )
    assert again.status_code == 422 and "sent before" in again.text


def test_an_appeal_is_not_answered_from_an_older_page(
    bob: Desk, appealed: str, workflow_app: FastAPI
) -> None:
    page = bob.get(f"/appeals/{appealed}")
    with workflow_app.state.database.transaction() as session:
        session.query(Report).one().version += 1
    answer = bob.send(
        page, f"/appeals/{appealed}/decision", decision="overturn", reason_code="edit_visible", reason=""
    )
    assert answer.status_code == 412 and "changed while you had it open" in answer.text


def test_the_models_page_shows_what_runs_and_who_disagrees(
    eve: Desk, ann: Desk, bob: Desk, appealed: str, dispute: Callable[..., Report], workflow_app: FastAPI
) -> None:
    bob.send(
        bob.get(f"/appeals/{appealed}"), f"/appeals/{appealed}/decision",
        decision="overturn", reason_code="edit_visible", reason="",
    )  # fmt: skip
    _pass_ten_seconds(workflow_app)
    with workflow_app.state.database.transaction() as session:
        session.query(DetectionRecord).one().verdict = "authentic"
    page = eve.get("/models")
    assert page.status_code == 200
    assert "refundlens-tiny 0.0.1" in page.text and "For tests." in page.text
    assert "an appeal, overturned" in page.text, "people said fake, the detector had said authentic"
    assert not re.search(r"style=|onclick=", page.text)
    assert re.search(r'<rect class="zone-fake" x="540.0"', page.text), "the tiny bundle's threshold is 0.9"


def test_an_engineer_changes_the_model_by_a_form(
    eve: Desk, workflow_app: FastAPI, moving_clock: Any, detector: Detector
) -> None:
    known = examine(detector, 1)
    newer = replace(known, name=known.name.model_copy(update={"version": "0.0.2", "sha256": "1" * 64}))
    by = Principal(DEFAULT, "", Role.ENGINEER, "eve")
    with workflow_app.state.database.transaction() as session:
        first, row = (model_versions.add(session, by, one, moving_clock()) for one in (known, newer))
        model_versions.install(session, first.id, moving_clock(), None)
    page, action = eve.get("/models"), f"/models/{row.id}/promote"
    unsure = eve.send(page, action, reason="better")
    assert unsure.status_code == 422 and "Tick the box" in unsure.text
    assert eve.send(eve.get("/models"), action, reason=" ", sure="yes").status_code == 422
    page = eve.get("/models")
    assert eve.send(page, action, reason="better", sure="yes").headers["location"] == "/models#versions"
    back = f"/models/{row.id}/rollback"
    page, stale = eve.get("/models"), eve.get("/models")
    assert "“better”" in page.text and eve.send(page, back, reason="", sure="yes").status_code == 422
    assert eve.send(eve.get("/models"), back, reason="worse", sure="yes").status_code == 303
    late = eve.send(stale, back, reason="worse still", sure="yes")
    assert late.status_code == 412 and "changed while you had the page open" in late.text
    with workflow_app.state.database.reading() as session:
        assert model_versions.find(session, row.id).stage == "retired"
        actions = [event.action for event in session.query(AuditEvent).order_by(AuditEvent.seq)]
    assert {"model.promoted", "model.rolled_back"} <= set(actions)


def test_what_never_stood_at_the_gate_is_promoted_by_an_admin_s_second_tick_only(
    eve: Desk, workflow_app: FastAPI, moving_clock: Any, detector: Detector
) -> None:
    known = examine(detector, 1)
    name = known.name.model_copy(update={"version": "0.0.2", "sha256": "1" * 64})
    ungated = replace(known, name=name, facts={**known.facts, "gate": None})
    by = Principal(DEFAULT, "", Role.ENGINEER, "eve")
    with workflow_app.state.database.transaction() as session:
        first, row = (model_versions.add(session, by, one, moving_clock()) for one in (known, ungated))
        model_versions.install(session, first.id, moving_clock(), None)
    action, root = f"/models/{row.id}/promote", Desk(workflow_app, "root")
    page = eve.get("/models")
    assert "never stood at the gate" in page.text and action not in page.text
    assert "从未经过门禁对比" in eve.http.get("/models?lang=zh").text
    eve.http.get("/models?lang=en")
    told = {"reason": "measured by hand", "sure": "yes", "force": "yes"}
    page = eve.get("/models")
    sent = eve.http.post(action, data=eve.hidden(page, f"/models/{row.id}/shadow") | told)
    assert sent.status_code == 403 and "Only an admin" in sent.text
    page = root.get("/models")
    assert 'name="force" value="yes" required' in page.text
    unsaid = root.send(page, action, reason="measured by hand", sure="yes")
    assert unsaid.status_code == 409 and "Something is missing" in unsaid.text
    assert root.send(root.get("/models"), action, **told).status_code == 303
    with workflow_app.state.database.reading() as session:
        assert model_versions.find(session, row.id).stage == "champion"
        last = session.query(AuditEvent).filter_by(action="model.promoted").order_by(AuditEvent.seq).all()[-1]
    assert (last.actor, last.data["forced"]) == ("root", ["ungated"])


def test_drift_compares_days_with_the_weeks_before(
    workflow_app: FastAPI, dispute: Callable[..., Report], moving_clock: Any
) -> None:
    now = moving_clock()
    moving_clock.forward(days=-(DAYS + 3))
    dispute(1, verdict="authentic")
    moving_clock.now = now
    dispute(2, verdict="fake")
    dispute(3, verdict="inconclusive")
    with workflow_app.state.database.reading() as session:
        found = drift(session, DEFAULT, now)
    assert len(found.days) == DAYS and sum(day.photos for day in found.days) == 2
    assert found.days[-1].verdicts == {"fake": 1, "inconclusive": 1, "authentic": 0}
    assert (found.days[-1].unsupported, found.before.unsupported) == (1, 0)
    assert (found.before.photos, found.before.share("authentic")) == (1, 1.0)
    assert (found.days[-1].first - found.before.first).days == DAYS + BEFORE - 1


def test_a_share_counts_as_shifted_only_beyond_chance() -> None:
    day = Day(date(2026, 1, 1), 100, {"fake": 30}, 0)
    before = Day(date(2026, 1, 1), 1000, {"fake": 100}, 0)
    assert Drift(before, (day,)).shifted(day, "fake")
    near = Day(date(2026, 1, 1), 100, {"fake": 13}, 0)
    assert not Drift(before, (near,)).shifted(near, "fake")


def test_tenths_count_what_turned_out_fake() -> None:
    labels = [
        Label(truth=truth, model_probability=p)
        for truth, p in (("fake", 0.95), ("authentic", 1.0), ("fake", 0.0))
    ]
    found = tenths(labels)
    assert (found[9].photos, found[9].fakes) == (2, 1) and found[9].mean == pytest.approx(0.975)
    assert (found[0].photos, found[0].fakes) == (1, 1)
    low, high = plots.dots(found)
    assert low.y == 0 and high.y == plots.SIDE / 2 and high.low > high.y > high.high >= 0


def test_conditions_of_the_bundle_fill_the_bar(bundle: Any) -> None:
    calibration = load(bundle).calibration
    assert calibration is not None
    for one in plots.conditions(calibration):
        assert sum(zone.width for zone in one.zones) == pytest.approx(plots.WIDTH)


def test_the_noise_view_is_bounded_and_shows_a_smooth_patch() -> None:
    rng = np.random.default_rng(3)
    pixels = rng.normal(128, 4, (600, LONGEST * 2 + 1, 1)).clip(0, 255).astype(np.uint8).repeat(3, axis=2)
    pixels[200:400, 800:1600] = 128
    shown = residual(pixels)
    assert max(shown.shape) <= LONGEST and shown.shape == (200, 1067)
    assert shown[80:120, 300:500].max() == 0 and shown[:50].mean() > 60


def test_the_noise_view_has_no_seams_between_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(4).integers(0, 255, (70, 50, 3)).astype(np.uint8)
    whole = residual(pixels)
    monkeypatch.setattr("refundlens.serving.drawing.noise.STRIP", 16)
    assert np.array_equal(residual(pixels), whole)


def test_an_overlay_lies_exactly_on_its_photo() -> None:
    cells = np.zeros((4, 5), np.float32)
    cells[:, 4] = 1  # cells that reach two pixels beyond a photo of 38 x 30
    drawn = np.asarray(Picture.open(io.BytesIO(framed_overlay(cells, (255, 0, 0), 38, 30))))
    assert drawn.shape == (30, 38, 4)
    assert drawn[:, 37, 3].min() > 200 and drawn[:, :27, 3].max() == 0


def test_a_card_is_drawn_and_brings_nothing_of_its_own() -> None:
    text = "# A\n\nOne **two**\nthree.\n\n- a\n  b\n- c\n\n| h | i |\n| --- | --- |\n| <b> | `k` |\n"
    drawn = markdown.html(text, 2, 'a "card"')
    assert "<h3>A</h3>" in drawn and "<p>One <strong>two</strong>\nthree.</p>" in drawn
    assert "<li>a\nb</li>" in drawn and drawn.count("<li>") == 2
    assert '<div class="scroll" tabindex="0" role="group" aria-label="a &#34;card&#34;"><table>' in drawn
    assert '<th scope="col">h</th>' in drawn and "<td>&lt;b&gt;</td>" in drawn and "<code>k</code>" in drawn
    assert "<h6>" in markdown.html("##### deep", 3, "")
    strange = (
        "<script>alert(1)</script>\n\n![x](http://else.where/p.png) [y](javascript:alert(1)) <http://else.where>\n\n"
        "[z]: http://else.where\n[z] &lt;b&gt; <b onclick=x>\n"
    )
    drawn = markdown.html(strange, 2, "")
    assert set(re.findall(r"<(/?\w+)", drawn)) <= {"p", "/p"}
