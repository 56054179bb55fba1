"""Idempotency-Key where the answer is kept in the database: how long, and for which request alone."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from refundlens.serving.http.idempotency import Created, idempotent
from refundlens.serving.http.problems import Problem
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.tables import Label, StoredAnswer
from refundlens.serving.workflow.states import ReportState

Caller = Callable[[str], Any]
HEADERS = {"Idempotency-Key": "the same"}


@pytest.fixture
def disputes(
    workflow_app: FastAPI, create_dispute: Callable[..., Any], moving_clock: Any
) -> Callable[[int], list[Any]]:
    """So many undecided reports of shop-1."""

    def make(count: int) -> list[Any]:
        with workflow_app.state.database.transaction() as session:
            return [
                create_dispute(
                    session, moving_clock(), buyer="b" * 64, tenant=DEFAULT, content=str(number).encode(),
                    state=ReportState.NEEDS_REVIEW,
                )
                for number in range(count)
            ]  # fmt: skip

    return make


def _rows(app: FastAPI, table: Any) -> int:
    with app.state.database.reading() as session:
        return int(session.execute(select(func.count()).select_from(table)).scalar() or 0)


def test_a_key_is_remembered_for_a_day_and_then_names_a_new_request(
    workflow_app: FastAPI, as_caller: Caller, disputes: Any, moving_clock: Any
) -> None:
    body = {"truth": "ai_edited", "image_id": disputes(1)[0].image.id}

    def post() -> Any:
        answer = as_caller("eve").post("/v1/labels", json=body, headers=HEADERS)
        assert answer.status_code == 201, answer.text
        return answer

    first = post()
    moving_clock.forward(hours=23, minutes=59, seconds=59)
    again = post()
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    assert _rows(workflow_app, Label) == 1
    moving_clock.forward(seconds=2)
    fresh = post()
    assert "idempotent-replayed" not in fresh.headers
    assert fresh.json()["id"] != first.json()["id"]
    assert (_rows(workflow_app, Label), _rows(workflow_app, StoredAnswer)) == (2, 1)
    assert post().json() == fresh.json(), "and the new answer is the one that is remembered"


def test_an_old_key_may_come_with_another_body(as_caller: Caller, disputes: Any, moving_clock: Any) -> None:
    image, eve = disputes(1)[0].image.id, as_caller("eve")
    answers = []
    for truth in ("ai_edited", "authentic"):
        answers.append(eve.post("/v1/labels", json={"truth": truth, "image_id": image}, headers=HEADERS))
        moving_clock.forward(hours=24, seconds=1)
    assert [answer.status_code for answer in answers] == [201, 201]


def test_the_same_key_and_body_on_another_path_is_refused(as_caller: Caller, disputes: Any) -> None:
    """Else whoever decides two reports alike would be told that both are decided, and one is not."""
    one, other = (f"/v1/reports/{made.report.id}" for made in disputes(2))
    body = {"decision": "established", "reason_code": "other", "reason": "Seen."}
    ann = as_caller("ann")
    assert ann.post(f"{one}/decision", json=body, headers=HEADERS).status_code == 200
    refused = ann.post(f"{other}/decision", json=body, headers=HEADERS)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")
    assert ann.get(other).json()["state"] == "needs_review"
    assert ann.post(f"{other}/decision", json=body).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/things"), ("POST", "/v1/things/1"), ("DELETE", "/v1/things")]
)
def test_a_request_is_its_method_and_path_too(workflow_app: FastAPI, method: str, path: str) -> None:
    """Without either, a stored answer is given to a request that asks for something else."""
    principal = Principal(DEFAULT, "key_1", Role.MERCHANT, "shop-1")
    done: list[str] = []

    def ask(method: str, path: str) -> Response:
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
        request = Request({**scope, "server": ("shop", 80), "app": workflow_app})

        def do(session: Session) -> Created:
            done.append(f"{method} {path}")
            return Created({"done": done})

        return idempotent(Services.of(request), request, principal, "the same", {"as": "before"}, do)

    first, again = ask("POST", "/v1/things"), ask("POST", "/v1/things")
    assert (first.status_code, again.body) == (201, first.body)
    with pytest.raises(Problem) as raised:
        ask(method, path)
    assert (raised.value.status, raised.value.code) == (422, "idempotency_mismatch")
    assert done == ["POST /v1/things"]
