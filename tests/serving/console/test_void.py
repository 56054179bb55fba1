"""A refund's record is voided on its page by administrators alone, with a tick and a reason; without a browser."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from refundlens.serving.kit.language import texts
from refundlens.serving.storage.tables import AuditEvent, Refund
from tests.support.desk import Desk

pytestmark = pytest.mark.slow

PATH = "/refunds/r1"
SAID = {"account": "shop-1", "platform": "", "reason": "It is shop-2's", "sure": "yes"}


@pytest.fixture
def mirrored(as_caller: Any, story: Any, photo: Callable[..., bytes]) -> None:
    assert as_caller("shop-1").put("/v1/refunds/r1", json=story.refund(photo())).status_code == 201


def _live(app: FastAPI) -> bool:
    with app.state.database.reading() as session:
        return session.execute(select(Refund.live)).scalar_one() is not None


def _voided(app: FastAPI) -> list[AuditEvent]:
    with app.state.database.reading() as session:
        asked = select(AuditEvent).where(AuditEvent.action == "refund.voided")
        return list(session.execute(asked).scalars())


@pytest.mark.usefixtures("mirrored")
@pytest.mark.parametrize("name", ["shop-1", "shop-2", "ann", "eve"])
def test_nobody_but_administrators_voids(workflow_app: FastAPI, name: str) -> None:
    desk = Desk(workflow_app, name)
    assert "/void" not in desk.get(PATH).text
    own = desk.hidden(desk.get("/notifications"), "/logout")
    assert desk.http.post(f"{PATH}/void", data=own | SAID | {"key": "1"}).status_code == 403
    assert _live(workflow_app) and _voided(workflow_app) == []


@pytest.mark.usefixtures("mirrored")
@pytest.mark.parametrize("lacks", ["sure", "reason", "csrf"])
def test_it_wants_a_tick_a_reason_and_the_page_s_own_form(workflow_app: FastAPI, lacks: str) -> None:
    root = Desk(workflow_app, "root")
    form = root.hidden(root.get(PATH), f"{PATH}/void") | SAID
    answer = root.http.post(f"{PATH}/void", data=form | {lacks: ""})
    assert answer.status_code == (403 if lacks == "csrf" else 422)
    if lacks == "sure":
        assert "It is shop-2&#39;s" in answer.text, "what was typed is not lost"
    assert _live(workflow_app) and _voided(workflow_app) == []


@pytest.mark.usefixtures("mirrored")
def test_it_is_audited_without_the_words_and_happens_once(workflow_app: FastAPI) -> None:
    root = Desk(workflow_app, "root")
    form = root.hidden(root.get(PATH), f"{PATH}/void") | SAID
    first, again = (root.http.post(f"{PATH}/void", data=form) for _ in range(2))
    assert (
        first.status_code == again.status_code == 303
        and first.headers["location"] == again.headers["location"]
    )
    assert not _live(workflow_app)
    (event,) = _voided(workflow_app)
    assert SAID["reason"] not in str(event.data)
    page = root.get(first.headers["location"]).text
    assert texts("admin_audit", "en")["voided"].format(number="r1") in page and event.object_id in page
    assert root.http.post(f"{PATH}/void", data=form | {"key": "another"}).status_code == 404
