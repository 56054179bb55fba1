"""Complaints: filed by merchants, answered by specialists, apart from reports."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from refundlens.serving.identity.keys import NewKeyRequest, create_key
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.roles import SYSTEM, Role
from refundlens.serving.storage.tables import AuditEvent, OutboxEvent, Report

Caller = Callable[[str], Any]
TEXT = "The parcel that came back was empty."


@pytest.fixture
def refund(workflow_app: FastAPI, create_dispute: Callable[..., Any], moving_clock: Any) -> str:
    """The platform's id of a refund of shop-1."""
    with workflow_app.state.database.transaction() as session:
        made = create_dispute(session, moving_clock(), buyer="b" * 64, tenant=DEFAULT)
        return str(made.refund.refund_id)


@pytest.fixture
def specialist(workflow_app: FastAPI, moving_clock: Any) -> dict[str, str]:
    """Headers of an adjudicator whose key names complaints."""
    scopes = ("complaints:read", "complaints:write")
    wanted = NewKeyRequest(Role.ADJUDICATOR, "queue", "sam", None, scopes, None)
    with workflow_app.state.database.transaction() as session:
        made = create_key(session, DEFAULT, moving_clock(), SYSTEM, wanted)
    return {"Authorization": f"Bearer {made.text}"}


def _file(client: Any, refund: str) -> Any:
    return client.post("/v1/complaints", json={"refund_id": refund, "kind": "empty_return", "text": TEXT})


def test_a_complaint_is_filed_answered_and_touches_no_report(
    workflow_app: FastAPI, as_caller: Caller, refund: str, specialist: dict[str, str], moving_clock: Any
) -> None:
    shop, ann = as_caller("shop-1"), as_caller("ann")
    filed = _file(shop, refund)
    assert filed.status_code == 201
    path = f"/v1/complaints/{filed.json()['id']}"
    assert (filed.json()["state"], filed.headers["ETag"]) == ("open", '"1"')
    decision = {"outcome": "confirmed", "answer": "The carrier's scale confirms it."}
    assert ann.post(f"{path}/decision", json=decision).status_code == 403
    assert ann.post(f"{path}/decision", json=decision, headers=specialist).status_code == 428
    stale = {**specialist, "If-Match": '"9"'}
    assert ann.post(f"{path}/decision", json=decision, headers=stale).status_code == 412
    seen = {**specialist, "If-Match": ann.get(path, headers=specialist).headers["ETag"]}
    done = ann.post(f"{path}/decision", json=decision, headers=seen)
    assert (done.status_code, done.headers["ETag"]) == (200, '"2"')
    read = shop.get(path).json()
    assert (read["state"], read["answer"], read["decided_by"]) == ("confirmed", decision["answer"], None)
    assert done.json()["decided_by"] == "sam"  # its own colleagues are told who answered
    assert read["decided_at"] == rfc3339(moving_clock())
    again = ann.post(f"{path}/decision", json=decision, headers={**specialist, "If-Match": '"2"'})
    assert (again.status_code, again.json()["code"]) == (409, "complaint_closed")
    with workflow_app.state.database.reading() as session:
        events = session.execute(select(AuditEvent).where(AuditEvent.object_id == read["id"])).scalars().all()
        assert [event.action for event in events] == ["complaint.filed", "complaint.decided"]
        assert TEXT not in str([event.data for event in events])
        assert session.execute(select(Report.version)).scalars().all() == [1]
        assert session.execute(select(OutboxEvent)).first() is None


def test_who_sees_which_complaints(
    as_caller: Caller, refund: str, specialist: dict[str, str], moving_clock: Any
) -> None:
    shop, ann = as_caller("shop-1"), as_caller("ann")
    ids = []
    for _ in range(3):
        moving_clock.forward(seconds=1)
        ids.append(_file(shop, refund).json()["id"])
    first = shop.get("/v1/complaints?limit=2").json()
    rest = shop.get(f"/v1/complaints?limit=2&cursor={first['next_cursor']}").json()
    assert [one["id"] for one in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    queue = ann.get("/v1/complaints?state=open&limit=2", headers=specialist).json()
    more = ann.get(f"/v1/complaints?state=open&cursor={queue['next_cursor']}", headers=specialist).json()
    assert [one["id"] for one in queue["items"] + more["items"]] == ids, "who waited longest comes first"
    assert ann.get("/v1/complaints?state=confirmed", headers=specialist).json()["items"] == []
    assert as_caller("shop-2").get("/v1/complaints").json()["items"] == []
    assert as_caller("shop-2").get(f"/v1/complaints/{ids[0]}").status_code == 404
    assert _file(as_caller("shop-2"), refund).status_code == 404
    assert ann.get("/v1/complaints").status_code == 403
    assert ann.get(f"/v1/complaints/{ids[0]}").status_code == 403
    assert len(as_caller("root").get("/v1/complaints").json()["items"]) == 3
