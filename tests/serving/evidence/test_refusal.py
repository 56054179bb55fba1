"""One click refuses, also while a clock changes the report that its evidence is drawn of."""

import re
from typing import Any

import pytest
from sqlalchemy import update

from refundlens.serving.reports import refusal, service
from refundlens.serving.storage.tables import Refusal, Report

pytestmark = pytest.mark.slow


@pytest.fixture
def changing(case: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has the report change so often right after its evidence was drawn; how often it was drawn."""
    draw, times = refusal.prepare_refusal, []

    def set_up(often: int) -> list[int]:
        async def drawn(*given: Any) -> Any:
            found = await draw(*given)
            times.append(found.version)
            if len(times) <= often:
                with case.app.state.database.transaction() as session:
                    session.execute(update(Report).values(version=Report.version + 1))
            return found

        monkeypatch.setattr(refusal, "prepare_refusal", drawn)
        return times

    return set_up


def _refusals(case: Any) -> int:
    with case.app.state.database.reading() as session:
        return int(session.query(Refusal).count())


def test_a_report_that_changes_meanwhile_is_drawn_anew(case: Any, changing: Any) -> None:
    times, path = changing(2), f"/v1/reports/{case.report_id}/refusal"
    shop, key = case.as_caller("shop-1"), {"Idempotency-Key": "click"}
    made = shop.post(path, json={"message": "edited"}, headers=key)
    assert made.status_code == 201, made.text
    assert times == [times[0], times[0] + 1, times[0] + 2] and _refusals(case) == 1
    again = shop.post(path, json={"message": "edited"}, headers=key)
    assert again.json() == made.json() and again.headers["Idempotent-Replayed"] == "true"


def test_the_console_draws_anew_too(case: Any, changing: Any) -> None:
    times, shop = changing(1), case.as_caller("shop-1")
    del shop.headers["Authorization"]
    assert shop.post("/login", data={"key": "key-shop-1"}, follow_redirects=False).status_code == 303
    page = shop.get(f"/reports/{case.report_id}").text
    form = re.search(r'<form[^>]*action="[^"]*/refuse".*?</form>', page, re.DOTALL)
    assert form
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
    sent = shop.post(
        f"/reports/{case.report_id}/refuse", data=hidden | {"message": "x"}, follow_redirects=False
    )
    assert sent.status_code == 303 and len(times) == 2 and _refusals(case) == 1


def test_what_never_rests_is_told(case: Any, changing: Any) -> None:
    times = changing(99)
    answer = case.as_caller("shop-1").post(
        f"/v1/reports/{case.report_id}/refusal", json={"message": "x"}, headers={"Idempotency-Key": "k"}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "changed_meanwhile")
    assert len(times) == service.DRAWN and _refusals(case) == 0
