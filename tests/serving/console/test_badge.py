"""The number beside the navigation's names."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.serving.console import badge
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.workflow.states import ReportState


def shown(app: FastAPI, key: str) -> str:
    browser = TestClient(app, headers={"accept-language": "en"})
    browser.post("/login", data={"key": f"key-{key}", "next": "/badge"}, follow_redirects=False)
    answer = browser.get("/badge")
    return answer.text.strip() if answer.status_code == 200 else str(answer.status_code)


def test_what_does_not_wait_long_is_counted(
    workflow_app: FastAPI,
    create_dispute: Callable[..., Any],
    moving_clock: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = moving_clock()
    with workflow_app.state.database.transaction() as session:
        for number, hours in enumerate((-1, 3, 23, 25)):
            one = create_dispute(session, now, buyer=f"{number:064x}", content=b"%d" % number, tenant=DEFAULT,
                                 state=ReportState.NEEDS_REVIEW)  # fmt: skip
            one.refund.deadline_at = now + timedelta(hours=hours)
    assert ">2</a>" in shown(workflow_app, "shop-1") and "within 24 hours" in shown(workflow_app, "shop-1")
    assert shown(workflow_app, "shop-2") == ""
    assert ">4</a>" in shown(workflow_app, "ann") and 'href="/queue"' in shown(workflow_app, "ann")
    assert shown(workflow_app, "eve") == "403"
    assert TestClient(workflow_app).get("/badge", follow_redirects=False).status_code == 204
    monkeypatch.setattr(badge, "MOST", 3)
    assert ">3+</a>" in shown(workflow_app, "ann")
