"""The record over HTTP: who sees what, and reversal by a person."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from fastapi import FastAPI

from refundlens.serving.buyers import integrity
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.workflow.states import ReportState

REF = "open_uid_8f3a"
Caller = Callable[[str], Any]


@pytest.fixture
def line(workflow_app: FastAPI, create_dispute: Callable[..., Any], moving_clock: Any) -> Any:
    """A final line of the buyer in shop-1."""
    state = workflow_app.state
    with state.database.transaction() as session:
        buyer, now = state.secret.buyer(DEFAULT, REF), moving_clock()
        made = create_dispute(session, now, buyer=buyer, tenant=DEFAULT, state=ReportState.FINAL_ESTABLISHED)
        return integrity.enter_final(session, made.report, made.refund, now, state.settings)


def test_a_merchant_sees_counts_and_score_of_its_own_buyers(as_caller: Caller, line: Any) -> None:
    answer = as_caller("shop-1").get(f"/v1/buyers/{REF}/integrity")
    assert answer.status_code == 200
    body = answer.json()
    assert body["buyer"] == f"buyer:{line.buyer}"
    assert body["counts"] == {
        "refunds": 1,
        "final_established": 1,
        "final_not_established": 0,
        "reversed": 0,
        "expired": 0,
    }
    assert (body["score"], body["points"], body["claims"]) == (75, 1, 1)
    assert datetime.fromisoformat(body["expires_at"]) == line.expires_at
    assert "entries" not in body
    assert as_caller("shop-2").get(f"/v1/buyers/{REF}/integrity").status_code == 404
    assert as_caller("eve").get(f"/v1/buyers/{REF}/integrity").status_code == 403


def test_an_adjudicator_sees_the_lines_by_either_name(as_caller: Caller, line: Any) -> None:
    ann = as_caller("ann")
    bodies = [ann.get(f"/v1/buyers/{name}/integrity").json() for name in (REF, f"buyer:{line.buyer}")]
    assert bodies[0] == bodies[1]
    assert [entry["id"] for entry in bodies[0]["entries"]] == [line.id]
    assert ann.get("/v1/buyers/nobody/integrity").status_code == 404


def test_a_final_line_is_reversed_once_by_a_person(as_caller: Caller, line: Any) -> None:
    path, ann = f"/v1/buyers/{REF}/integrity/{line.id}/reversal", as_caller("ann")
    body = {"reason": "The court found the photo to be genuine."}
    assert as_caller("shop-1").post(path, json=body).status_code == 403
    first = ann.post(path, json=body, headers={"Idempotency-Key": "one"})
    again = ann.post(path, json=body, headers={"Idempotency-Key": "one"})
    assert (first.status_code, first.json()) == (201, again.json())
    assert (first.json()["points"], first.json()["reverses"]) == (-1, line.id)
    other = ann.post(path, json=body)
    assert (other.status_code, other.json()["code"]) == (409, "already_reversed")
    record = ann.get(f"/v1/buyers/{REF}/integrity").json()
    assert (record["score"], record["counts"]["reversed"], len(record["entries"])) == (100, 1, 2)
    of_reversal = f"/v1/buyers/{REF}/integrity/{first.json()['id']}/reversal"
    assert ann.post(of_reversal, json=body).json()["code"] == "not_reversible"
    assert ann.post(f"/v1/buyers/other/integrity/{line.id}/reversal", json=body).status_code == 404
