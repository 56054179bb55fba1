"""Answers made from rows: told otherwise, narrowed by the reader, times as the API writes them."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from refundlens.serving.http.paging import encode, page
from refundlens.serving.kit.clock import NEVER, Timestamp
from refundlens.serving.kit.principal import OURSELVES, Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.kit.schema import Answer
from refundlens.serving.reports.schemas import AppealOut, DecisionOut, Person, Step

AT = datetime(2026, 11, 22, 8, 0, 0, 120_000, tzinfo=UTC)


def reader(role: Role, subject: str = "somebody") -> Principal:
    return Principal("tnt_one", "", role, subject)


class Note(Answer):
    text: str
    by: Person
    at: Timestamp
    until: Timestamp | None


def row(**more: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"text": "a", "by": "ann", "at": AT, "until": NEVER, **more})


def test_times_are_rfc_3339_and_never_is_none() -> None:
    assert Note.of(row()).body() == {
        "text": "a",
        "by": None,
        "at": "2026-11-22T08:00:00.120Z",
        "until": None,
    }
    assert Note.model_json_schema(mode="serialization")["properties"]["at"] == {
        "type": "string",
        "format": "date-time",
        "title": "At",
    }


def test_what_is_told_otherwise_goes_before_the_column_and_the_rest_stays() -> None:
    told = Note.of(row(), reader(Role.ADMIN), text="b")
    assert (told.text, told.by) == ("b", "ann")
    with pytest.raises(ValueError, match="until"):
        Note.of(SimpleNamespace(text="a", by=None, at=AT))


def test_a_page_s_bytes_are_what_its_rows_say_one_by_one() -> None:
    rows = [row(text="破洞"), row(until=AT), row()]
    found = page(rows, 2, Note.of, lambda one: [one.text])
    sent = json.loads(bytes(found.response(running=None).body))
    assert sent == {
        "items": [Note.of(one).body() for one in rows[:2]],
        "next_cursor": encode(["a"]),
        "running": None,
    }


@pytest.mark.parametrize(
    ("who", "name"),
    [
        (reader(Role.ADJUDICATOR), "ann"),
        (reader(Role.ENGINEER), "ann"),
        (reader(Role.MERCHANT), None),
        (reader(Role.MERCHANT, "ann"), "ann"),
        (reader(Role.BUYER, "buyer"), None),
        (None, None),
    ],
)
def test_who_judged_is_told_to_colleagues_and_to_whoever_it_was(
    who: Principal | None, name: str | None
) -> None:
    assert Note.of(row(), who).by == name
    decision = {"id": "dcs", "established": True, "appeal_id": None, "reason_code": "other", "reason": "x"}
    made = DecisionOut.of(SimpleNamespace(**decision, decided_by="ann", created_at=AT), who)
    assert made.body()["decided_by"] == name


def test_we_ourselves_are_named_to_anybody() -> None:
    assert Note.of(row(by="detector"), reader(Role.BUYER)).by == "detector"
    assert Note.of(row(by=OURSELVES.subject), None).by == "system"


def test_names_of_answers_differ_from_those_of_columns_where_they_must() -> None:
    step = SimpleNamespace(
        seq=1, at=AT, action="report.submit", role="merchant", actor="x", before=None, after="submitted"
    )
    body = Step.of(step, None, model=None).body()
    assert (body["event"], body["from"], body["to"]) == ("report.submit", None, "submitted")
    appeal = SimpleNamespace(
        id="apl", report_id="rpt", side="buyer", was="established", grounds="g", state="open", due_at=AT,
        created_at=AT, decided_at=None,
    )  # fmt: skip
    assert AppealOut.of(appeal).body()["against"] == "established"
    assert AppealOut.of(appeal, allowed_actions=["decide_appeal"]).allowed_actions == ["decide_appeal"]
