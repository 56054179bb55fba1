"""Adjudicators who share a queue: nobody is at another's case, filters hold, second opinions, views, own decisions."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.serving.identity.access import COOKIE
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.jobs.handlers import run_timer
from refundlens.serving.kit.context import Context
from refundlens.serving.reports.held import UNDO
from refundlens.serving.storage.queue import take
from refundlens.serving.storage.tables import Decision, Lane, Report
from refundlens.serving.workflow.states import ReportState

pytestmark = pytest.mark.slow


def pass_ten_seconds(app: FastAPI) -> None:
    """What the worker does when decisions can be undone no more; no worker runs here."""
    state = app.state
    state.clock.now += UNDO
    for job in take(state.database, state.clock(), 60, 50, Lane.TIMER):
        with state.database.transaction() as session:
            run_timer(Context(session, state.settings, state.clock()), job)


class Judge:
    """A browser without JavaScript, logged in as an adjudicator."""

    def __init__(self, app: FastAPI, name: str) -> None:
        self.browser = TestClient(app, headers={"accept-language": "en"})
        self.browser.post("/login", data={"key": f"key-{name}", "next": "/queue"}, follow_redirects=False)
        assert COOKIE in self.browser.cookies

    def get(self, path: str) -> str:
        self.last = self.browser.get(path)
        assert self.last.status_code == 200, self.last.text[:500]
        return self.last.text

    def next(self, query: str = "") -> str:
        """The case that the button gives, or nothing."""
        self.get(f"/queue/next{query}")
        return self.last.url.path.removeprefix("/queue").removeprefix("/")

    def send(self, page: str, action: str, status: int = 200, **values: str) -> str:
        form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page, re.S)
        assert form, f"no form {action}"
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
        hidden = {name: value.replace("&amp;", "&") for name, value in hidden.items()}
        self.last = self.browser.post(action, data={**hidden, **values})
        assert self.last.status_code == status, self.last.text[:500]
        return self.last.text


@pytest.fixture
def judges(workflow_app: FastAPI) -> tuple[Judge, Judge]:
    return Judge(workflow_app, "ann"), Judge(workflow_app, "bob")


@pytest.fixture
def waiting(workflow_app: FastAPI, create_dispute: Callable[..., Any], moving_clock: Any) -> list[str]:
    """Three reports that need a person, by id, in the order of the queue."""
    made = []
    facts = ((20_000, "hole", "袖口有破洞", "shop-1", 0.2), (9_900, "stain", "a stain", "shop-2", 0.9),
             (500, "mould", "发霉", "shop-1", None))  # fmt: skip
    state = workflow_app.state
    with state.database.transaction() as session:
        for number, (amount, claim, said, shop, doubt) in enumerate(facts):
            one = create_dispute(session, moving_clock(), buyer=f"{number:064x}", files=state.files,
                                 content=b"photo %d" % number, state=ReportState.NEEDS_REVIEW, tenant=DEFAULT,
                                 account=shop)  # fmt: skip
            one.refund.amount_minor, one.refund.claim_type, one.refund.claim_text = amount, claim, said
            one.report.amount_rank, one.report.doubt, one.report.verdict = (
                -amount,
                doubt,
                doubt and "inconclusive",
            )
            made.append(one.report.id)
    return made


def test_two_adjudicators_are_never_at_one_case(judges: tuple[Judge, Judge], waiting: list[str]) -> None:
    ann, bob = judges
    assert [ann.next(), bob.next()] == waiting[:2]
    assert ann.next(f"?after={waiting[0]}") == waiting[2], "bob's is passed over"
    assert bob.next(f"?after={waiting[1]}") == waiting[0], "ann gave it back by taking another"
    shown = ann.get(f"/queue/{waiting[0]}")
    assert "bob is at this case until" in shown and 'name="decision"' not in shown
    assert "with bob" in ann.get("/queue") and "in your hands" in bob.get("/queue")


def test_a_decision_about_anothers_case_changes_nothing(
    judges: tuple[Judge, Judge], waiting: list[str], workflow_app: FastAPI, moving_clock: Any
) -> None:
    ann, bob = judges
    open_page = ann.get(f"/queue/{waiting[0]}")
    moving_clock.forward(minutes=16)  # ann went for lunch; the case is free again
    assert bob.next() == waiting[0]
    choice = {"decision": "established", "reason_code": "edit_visible", "reason": "I wrote this."}
    told = ann.send(open_page, f"/queue/{waiting[0]}/decision", 409, **choice)
    assert "bob is at this case" in told and "I wrote this." in told
    with workflow_app.state.database.reading() as session:
        assert session.get(Report, waiting[0]).state == "needs_review"
    bob.send(bob.get(f"/queue/{waiting[0]}"), f"/queue/{waiting[0]}/decision", **choice)
    pass_ten_seconds(workflow_app)
    with workflow_app.state.database.reading() as session:
        assert [one.decided_by for one in session.query(Decision).all()] == ["bob"]


def test_a_case_given_back_is_free(judges: tuple[Judge, Judge], waiting: list[str]) -> None:
    ann, bob = judges
    page = ann.get(f"/queue/{ann.next()}")
    ann.send(page, f"/queue/{waiting[0]}/give-back")
    assert ann.last.url.path == "/queue" and bob.next() == waiting[0]


def test_a_second_opinion_is_another_persons(judges: tuple[Judge, Judge], waiting: list[str]) -> None:
    ann, bob = judges
    page = ann.get(f"/queue/{ann.next()}")
    ann.send(page, f"/queue/{waiting[0]}/second-opinion", words="Is that <b>moiré</b>?")
    assert ann.last.url.path == f"/queue/{waiting[1]}", "on to the next"
    assert ann.next(f"?after={waiting[2]}") != waiting[0], "it comes to ann no more by itself"
    assert "ann wants a second opinion" in bob.get("/queue?second=1")
    shown = bob.get(f"/queue/{bob.next()}")
    assert bob.last.url.path == f"/queue/{waiting[0]}" and "Is that &lt;b&gt;moiré&lt;/b&gt;?" in shown
    assert "ann would rather have somebody else decide" in shown and 'name="decision"' in shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("shop=shop-1", [0, 2]),
        ("claim=stain", [1]),
        ("language=zh", [0, 2]),
        ("language=en", [1]),
        ("least=99&most=150", [1]),
        ("verdict=fake", []),
        ("sort=amount", [0, 1, 2]),
        ("sort=doubt", [2, 1, 0]),
        ("sort=nonsense&claim=x&least=x&language=fr", [0, 1, 2]),
    ],
)
def test_the_queue_is_narrowed_and_sorted(
    judges: tuple[Judge, Judge],
    waiting: list[str],
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    found: list[int],
) -> None:
    monkeypatch.setattr("refundlens.serving.console.review.queues.ROWS", 1)
    path, seen = f"/queue?{query}", []
    for _ in range(4):
        page = judges[0].get(path)
        seen += re.findall(r'<a id="(rpt_\w+)"', page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        if not following:
            break
        path = following[1].replace("&amp;", "&")
    assert seen == [waiting[number] for number in found]


def test_who_decides_stays_in_the_view(
    judges: tuple[Judge, Judge], waiting: list[str], workflow_app: FastAPI, moving_clock: Any
) -> None:
    ann, _ = judges
    page = ann.get("/queue/next?shop=shop-1&sort=amount")
    first = ann.last.url.path
    choice = {"decision": "not_established", "reason_code": "no_trace", "reason": ""}
    ann.send(page, f"{first}/decision", **choice)
    assert ann.last.url.path == f"/queue/{waiting[2]}"
    query = parse_qs(urlsplit(str(ann.last.url)).query)
    assert (query["shop"], query["sort"]) == (["shop-1"], ["amount"])
    pass_ten_seconds(workflow_app)
    ann.send(ann.last.text, f"/queue/{waiting[2]}/decision", **choice)
    assert ann.last.url.path == "/queue" and waiting[1] not in ann.last.text, "shop-2's is not in the view"
    pass_ten_seconds(workflow_app)
    mine = ann.get("/queue/mine")
    assert re.findall(r'href="/queue/(rpt_\w+)"', mine) == [waiting[2], waiting[0]]
    assert "You have not decided anything yet." in judges[1].get("/queue/mine")


def test_views_are_ones_own(judges: tuple[Judge, Judge], waiting: list[str]) -> None:
    ann, bob = judges
    ann.send(ann.get("/queue?shop=shop-1"), "/queue/views", name="Shop one")
    ann.send(ann.get("/queue?shop=shop-2"), "/queue/views", name="Shop one")
    page = ann.get("/queue")
    assert 'href="/queue?shop=shop-2">Shop one<' in page and page.count("Shop one</a>") == 1
    assert "Shop one" not in bob.get("/queue")
    action = re.search(r'action="(/queue/views/viw_\w+/delete)"', page)
    assert action and "Shop one" not in ann.send(page, action[1])


def test_nothing_is_free(judges: tuple[Judge, Judge], waiting: list[str], workflow_app: FastAPI) -> None:
    ann, bob = judges
    with workflow_app.state.database.transaction() as session:
        for one in waiting[1:]:
            session.get(Report, one).state = "withdrawn"
    assert ann.next() == waiting[0] and bob.next() == ""
    assert "No case is free" in bob.last.text


def test_a_filter_that_is_not_understood_is_said(workflow_app: FastAPI) -> None:
    judge = Judge(workflow_app, "ann")
    page = judge.browser.get("/queue?least=many&most=5").text
    assert "“many” is not understood" in page and "“5”" not in page
