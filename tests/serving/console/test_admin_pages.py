"""The administrators' other pages: the audit log and its check, buyers, complaints, settings, health."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from refundlens.serving.buyers import integrity
from refundlens.serving.console.admin import frame, health
from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.identity import keys
from refundlens.serving.identity.keys import NewKeyRequest
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import SYSTEM, Role
from refundlens.serving.storage.tables import AuditEvent, Complaint, Refund, Tenant
from refundlens.serving.workflow.states import ReportState
from tests.support.desk import Desk

pytestmark = pytest.mark.slow

Make = Callable[..., Any]


@pytest.fixture
def root(workflow_app: FastAPI) -> Desk:
    return Desk(workflow_app, "root")


def _events(app: FastAPI, number: int) -> None:
    with app.state.database.transaction() as session:
        for row in range(number):
            audit.append(session, DEFAULT, app.state.clock(), SYSTEM, Fact("test.happened", f"obj_{row}"))


def _actions(app: FastAPI, start: str) -> list[str]:
    with app.state.database.reading() as session:
        asked = select(AuditEvent.action).where(AuditEvent.action.startswith(start)).order_by(AuditEvent.seq)
        return list(session.execute(asked).scalars())


def test_every_subject_opens_in_both_languages_and_for_admins_alone(workflow_app: FastAPI) -> None:
    for language in ("en", "zh"):
        desk = Desk(workflow_app, "root", language)
        for subject, path in frame.SUBJECTS.items():
            answer = desk.get(path)
            assert answer.status_code == 200, path
            assert texts(f"admin_{subject}", language)["title"] in unescape(answer.text)  # type: ignore[arg-type]
    for name in ("ann", "shop-1", "eve"):
        desk = Desk(workflow_app, name)
        assert {desk.get(path).status_code for path in frame.SUBJECTS.values()} == {403}


def test_the_log_is_read_newest_first_by_object_and_by_day(
    workflow_app: FastAPI, root: Desk, moving_clock: Any
) -> None:
    _events(workflow_app, 60)
    day = moving_clock().date()
    moving_clock.forward(days=1)
    _events(workflow_app, 3)
    root = Desk(workflow_app, "root")  # the session of yesterday is over
    first = root.get("/admin/audit").text
    assert first.count("test.happened") == 50 and first.index("obj_2<") < first.index("obj_1<")
    more = re.search(r'href="(/admin/audit\?before=\d+)" rel="next"', first)
    assert more and root.get(more[1]).text.count("test.happened") == 13
    assert root.get("/admin/audit?about=obj_1").text.count("test.happened") == 2
    assert root.get(f"/admin/audit?day={day}").text.count("test.happened") == 50
    assert root.get(f"/admin/audit?day={day}&about=obj_1").text.count("test.happened") == 1
    assert root.get(f"/admin/audit?day={day - timedelta(days=9)}").text.count("test.happened") == 0
    strange = root.get("/admin/audit?day=yesterday&about=obj_1")
    assert texts("page", "en")["not_understood"].format(said="yesterday") in strange.text
    assert strange.status_code == 200 and strange.text.count("test.happened") == 2


def test_the_check_tells_whole_from_broken_and_a_chain_written_anew(
    workflow_app: FastAPI, root: Desk
) -> None:
    _events(workflow_app, 5)
    words = texts("admin_audit", "en")
    whole = root.send(root.get("/admin/audit"), "/admin/audit/check")
    end = re.search(r"\d+:[0-9a-f]{64}", whole.text)
    assert words["whole"] in whole.text and end
    assert words["whole"] in root.send(whole, "/admin/audit/check", anchor=end[0]).text
    other = f"{end[0].partition(':')[0]}:{'0' * 64}"
    assert words["faults"]["another_anchor"] in root.send(whole, "/admin/audit/check", anchor=other).text
    assert root.send(whole, "/admin/audit/check", anchor="12").status_code == 422
    with workflow_app.state.database.transaction() as session:
        session.execute(update(AuditEvent).where(AuditEvent.object_id == "obj_2").values(actor="nobody"))
    broken = root.send(root.get("/admin/audit"), "/admin/audit/check").text
    assert words["faults"]["changed"] in broken and words["whole"] not in broken


def test_the_whole_log_can_be_taken_away(workflow_app: FastAPI, root: Desk) -> None:
    _events(workflow_app, 3)
    answer = root.get("/admin/audit/audit.jsonl")
    lines = answer.text.splitlines()
    assert len(lines) >= 4 and all('"hash":"' in line for line in lines)
    assert "attachment" in answer.headers["content-disposition"]


@pytest.fixture
def dispute(workflow_app: FastAPI, create_dispute: Make) -> Any:
    """A dispute that is over, with a final line in its buyer's record."""
    state = workflow_app.state
    buyer = state.secret.buyer(DEFAULT, "open_uid_1")
    with state.database.transaction() as session:
        made = create_dispute(
            session, state.clock(), buyer=buyer, tenant=DEFAULT, files=state.files, closed=True,
            state=ReportState.FINAL_ESTABLISHED,
        )  # fmt: skip
        integrity.enter_final(session, made.report, made.refund, state.clock(), state.settings)
        session.flush()
        session.expunge_all()
    return made


def _buyer_page(root: Desk, reference: str) -> str:
    found = root.send(root.get("/admin/buyers"), "/admin/buyers/find", reference=reference)
    assert found.status_code == 303, found.text
    return str(found.headers["location"])


def test_a_buyer_is_found_by_reference_or_refund_and_a_line_is_taken_back(
    workflow_app: FastAPI, root: Desk, dispute: Any
) -> None:
    path = _buyer_page(root, "open_uid_1")
    assert _buyer_page(root, dispute.refund.refund_id) == path
    page = root.get(path)
    action = re.search(r'action="(/admin/buyers/\w+/lines/\w+/reverse)"', page.text)
    assert action and "<strong>75</strong>" in page.text
    problems = texts("admin", "en")["problems"]
    refused = root.send(page, action[1], reason="a court").text
    assert problems["not_confirmed"] in refused and texts("admin", "en")["nothing_done"] in refused
    assert problems["reason_missing"] in root.send(root.get(path), action[1], sure="yes").text
    assert root.send(root.get(path), action[1], sure="yes", reason="a court").status_code == 303
    page = root.get(path).text
    assert "<strong>100</strong>" in page and "a court" in page and "/reverse" not in page
    assert len(_actions(workflow_app, "integrity")) >= 2


def test_who_is_unknown_is_told(workflow_app: FastAPI, root: Desk) -> None:
    answer = root.send(root.get("/admin/buyers"), "/admin/buyers/find", reference="nobody")
    assert answer.status_code == 422 and texts("admin", "en")["problems"]["buyer_unknown"] in answer.text
    assert texts("admin", "en")["nothing_done"] not in answer.text, "a search changes nothing anyway"
    assert root.get("/admin/buyers/" + "0" * 64).status_code == 404


def test_erasing_wants_to_be_meant_and_then_nothing_is_left(
    workflow_app: FastAPI, root: Desk, dispute: Any
) -> None:
    path = _buyer_page(root, "open_uid_1")
    mark, files = path.rpartition("/")[2][:8], workflow_app.state.files
    for fields in ({"mark": mark}, {"sure": "yes", "mark": "00000000"}):
        assert root.send(root.get(path), f"{path}/erase", **fields).status_code == 422
    assert files.get(dispute.image.sha256)
    done = root.send(root.get(path), f"{path}/erase", sure="yes", mark=mark)
    assert done.status_code == 200 and "names of refunds 1," in done.text
    assert root.get(path).status_code == 404
    assert _actions(workflow_app, "buyer.") == ["buyer.erased"]


def test_a_buyer_with_an_open_dispute_is_not_erased(workflow_app: FastAPI, root: Desk, dispute: Any) -> None:
    path = _buyer_page(root, "open_uid_1")
    page = root.get(path)
    with workflow_app.state.database.transaction() as session:
        session.execute(update(Refund).values(status="open"))
    mark = path.rpartition("/")[2][:8]
    answer = root.send(page, f"{path}/erase", sure="yes", mark=mark)
    assert answer.status_code == 409 and texts("admin", "en")["problems"]["buyer_not_over"] in answer.text
    assert "/erase" not in root.get(path).text


def _complain(app: FastAPI, dispute: Any) -> str:
    with app.state.database.transaction() as session:
        identifier = make_id("cmp", app.state.clock())
        session.add(
            Complaint(
                id=identifier, tenant_id=DEFAULT, refund_id=dispute.refund.id, account="shop-1", version=1,
                kind="empty_return", text="an empty box came back", state="open", answer="", filed_by="clerk",
                created_at=app.state.clock(),
            )
        )  # fmt: skip
    return identifier


def test_a_specialist_answers_a_complaint_and_others_do_not_see_it(
    workflow_app: FastAPI, dispute: Any
) -> None:
    complaint, state = _complain(workflow_app, dispute), workflow_app.state
    with state.database.transaction() as session:
        wanted = NewKeyRequest(Role.ADJUDICATOR, "li", scopes=("complaints:read", "complaints:write"))
        key = keys.create_key(session, DEFAULT, state.clock(), SYSTEM, wanted).text
        wanted = NewKeyRequest(Role.ADJUDICATOR, "zhou", scopes=("complaints:read",))
        reads = keys.create_key(session, DEFAULT, state.clock(), SYSTEM, wanted).text
    li, zhou = Desk(workflow_app, "", key=key), Desk(workflow_app, "", key=reads)
    assert Desk(workflow_app, "ann").get("/complaints").status_code == 403
    assert li.get("/queue").status_code == 403 and li.get("/admin/keys").status_code == 403
    page, action = li.get(f"/complaints/{complaint}"), f"/complaints/{complaint}/decide"
    assert "an empty box came back" in page.text and 'href="/queue"' not in page.text
    given = {"outcome": "confirmed", "answer": "The parcel weighed 12 g."}
    assert zhou.send(zhou.get(f"/complaints/{complaint}"), action, **given, sure="yes").status_code == 403
    unsure = li.send(page, action, **given)
    assert unsure.status_code == 422 and given["answer"] in unsure.text, "what was typed is not lost"
    assert li.send(li.get(f"/complaints/{complaint}"), action, **given, sure="yes").status_code == 303
    assert texts("admin_complaints", "en")["none_open"] in li.get("/complaints").text
    assert given["answer"] in li.get(f"/complaints/{complaint}").text
    assert _actions(workflow_app, "complaint") == ["complaint.decided"]


def test_two_specialists_do_not_answer_over_each_other(
    workflow_app: FastAPI, root: Desk, dispute: Any
) -> None:
    complaint = _complain(workflow_app, dispute)
    page, action = root.get(f"/complaints/{complaint}"), f"/complaints/{complaint}/decide"
    hidden = root.hidden(page, action) | {"sure": "yes", "answer": "no"}
    assert root.http.post(action, data=hidden | {"outcome": "dismissed"}).status_code == 303
    late = root.http.post(action, data=hidden | {"outcome": "confirmed", "key": "other"})
    assert late.status_code in (409, 412)
    assert root.send(page, action, outcome="maybe", answer="x", sure="yes").status_code == 422


def test_settings_are_chosen_audited_and_go_back_to_the_default(workflow_app: FastAPI, root: Desk) -> None:
    def kept() -> Any:
        with workflow_app.state.database.reading() as session:
            return session.get_one(Tenant, DEFAULT).settings

    def choose(**fields: str) -> Any:
        return root.send(root.get("/admin/settings"), "/admin/settings/choose", **fields)

    assert choose(hide_opinion="yes", miss_limit="7.5 %").status_code == 303
    assert kept() == {"hide_opinion": True, "miss_limit": 0.075}
    assert 'value="7.5"' in root.get("/admin/settings").text
    assert choose(hide_opinion="yes", miss_limit="7.5").status_code == 303  # nothing new, nothing audited
    assert _actions(workflow_app, "tenant.set") == ["tenant.set"]
    for wrong in ("a lot", "101", "-1", "nan"):
        assert choose(miss_limit=wrong).status_code == 422
    assert choose().status_code == 303 and kept() == {}


def test_tenants_are_made_by_who_runs_the_installation(workflow_app: FastAPI, root: Desk) -> None:
    answer = root.send(root.get("/admin/settings"), "/admin/settings/tenants", name="market-2", admin="mei")
    key = re.search(r"rl_[0-9A-Z]{8}_[A-Za-z0-9_-]{43}", answer.text)
    assert key and "market-2" in root.get("/admin/settings").text
    mei = Desk(workflow_app, "", key=key[0])
    page = mei.get("/admin/settings").text
    assert "market-2" in page and "/admin/settings/tenants" not in page and DEFAULT not in page
    hidden = mei.hidden(mei.get("/admin/settings"), "/admin/settings/choose")
    refused = mei.http.post("/admin/settings/tenants", data=hidden | {"name": "x", "admin": "y"})
    assert refused.status_code == 403
    twice = root.send(root.get("/admin/settings"), "/admin/settings/tenants", name="market-2", admin="mei")
    assert twice.status_code == 409


def test_health_says_what_is_wrong_first(
    workflow_app: FastAPI, root: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = texts("admin_health", "en")
    workflow_app.state.ready = True
    assert words["names"]["database"] in root.get("/admin/health").text
    monkeypatch.setattr(health, "LOW_DISK", 10**18)
    page = root.get("/admin/health").text
    assert words["worst"]["failed"] in page and words["do"]["disk"] in page
    assert page.index(words["names"]["disk"]) < page.index(words["names"]["database"])
