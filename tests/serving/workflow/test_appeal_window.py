"""When a verdict may be appealed: until the window's end and not at it, though the timer that makes it final has not
rung. No worker runs behind these tests, so that only the guard is in the way."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.workflow.states import ReportState

pytestmark = pytest.mark.slow

Caller = Callable[[str], Any]
GROUNDS = {"grounds": "It is the other sleeve."}


@pytest.fixture
def decided(
    workflow_app: FastAPI, as_caller: Caller, create_dispute: Callable[..., Any], moving_clock: Any
) -> Callable[[str], dict[str, Any]]:
    """A report that a person has just decided, as the adjudicator's API shows it."""

    def decide(decision: str) -> dict[str, Any]:
        with workflow_app.state.database.transaction() as session:
            made = create_dispute(
                session, moving_clock(), buyer="b" * 64, tenant=DEFAULT, state=ReportState.NEEDS_REVIEW
            )
            path = f"/v1/reports/{made.report.id}"
        body = {"decision": decision, "reason_code": "other", "reason": "Seen beside the listing."}
        answer = as_caller("ann").post(f"{path}/decision", json=body)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = as_caller("ann").get(path).json()
        assert shown["state"] == decision
        return shown

    return decide


@pytest.fixture
def appeal(workflow_app: FastAPI, as_caller: Caller) -> Callable[[dict[str, Any]], Any]:
    """The losing side appeals: the merchant by its key, the buyer by the link from the report."""

    def bring(report: dict[str, Any]) -> Any:
        if report["state"] == "not_established":
            return as_caller("shop-1").post(f"/v1/reports/{report['id']}/appeals", json=GROUNDS)
        return TestClient(workflow_app).post(f"{report['track_urls']['buyer']}/appeal", json=GROUNDS)

    return bring


@pytest.mark.parametrize("decision", ["not_established", "established"])
@pytest.mark.parametrize(
    ("from_the_end", "status"),
    [
        (timedelta(seconds=-1), 201),
        (timedelta(0), 409),
        (timedelta(seconds=1), 409),
        (timedelta(days=30), 409),
    ],
)
def test_the_window_is_open_until_its_end(
    decided: Any, appeal: Any, as_caller: Caller, moving_clock: Any,
    decision: str, from_the_end: timedelta, status: int,
) -> None:  # fmt: skip
    report = decided(decision)
    due = datetime.fromisoformat(report["due_at"])
    assert due - moving_clock() == timedelta(hours=72), "the contract's window"
    moving_clock.now = due + from_the_end
    answer = appeal(report)
    assert answer.status_code == status, answer.text
    after = as_caller("ann").get(f"/v1/reports/{report['id']}").json()
    if status == 201:
        assert after["state"] == "appealed"
    else:
        assert answer.json()["code"] == "appeal_too_late"
        assert (after["state"], after["version"]) == (decision, report["version"]), "nothing has happened"


def test_nobody_is_offered_an_appeal_that_would_be_refused(
    decided: Any, as_caller: Caller, moving_clock: Any
) -> None:
    report = decided("not_established")
    path, shop = f"/v1/reports/{report['id']}", as_caller("shop-1")
    moving_clock.now = datetime.fromisoformat(report["due_at"]) - timedelta(seconds=1)
    assert "appeal" in shop.get(path).json()["allowed_actions"]
    moving_clock.forward(seconds=1)
    assert "appeal" not in shop.get(path).json()["allowed_actions"]
