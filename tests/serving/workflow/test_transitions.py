"""The transition table against the contract, exhaustively."""

from itertools import product
from pathlib import Path

import pytest

from refundlens.serving.kit.roles import Role
from refundlens.serving.workflow import effects, guards
from refundlens.serving.workflow.states import Event, ReportState
from refundlens.serving.workflow.transitions import (
    TABLE,
    Effect,
    Guard,
    edges,
    events_from,
    find_edge,
    markdown,
)

S = ReportState
ROOT = Path(__file__).parents[3]
CONTRACT = {
    (None, S.SUBMITTED),
    (S.SUBMITTED, S.ESTABLISHED),
    (S.SUBMITTED, S.NOT_ESTABLISHED),
    (S.SUBMITTED, S.NEEDS_REVIEW),
    (S.NEEDS_REVIEW, S.ESTABLISHED),
    (S.NEEDS_REVIEW, S.NOT_ESTABLISHED),
    (S.ESTABLISHED, S.APPEALED),
    (S.NOT_ESTABLISHED, S.APPEALED),
    (S.APPEALED, S.FINAL_ESTABLISHED),
    (S.APPEALED, S.FINAL_NOT_ESTABLISHED),
    (S.ESTABLISHED, S.FINAL_ESTABLISHED),
    (S.NOT_ESTABLISHED, S.FINAL_NOT_ESTABLISHED),
    (S.SUBMITTED, S.WITHDRAWN),
    (S.NEEDS_REVIEW, S.WITHDRAWN),
    (S.SUBMITTED, S.EXPIRED),
    (S.NEEDS_REVIEW, S.EXPIRED),
}
"""Every change of state that the contract's drawing has."""


def test_changes_of_state_are_the_contracts() -> None:
    assert {(edge.state, edge.next) for edge in TABLE if edge.state != edge.next} == CONTRACT


def test_nothing_leaves_a_terminal_state() -> None:
    assert all(edge.next == edge.state for edge in TABLE if edge.state in S.terminal())


def test_only_people_and_the_detector_decide_and_only_adjudicators_answer_appeals() -> None:
    for edge in TABLE:
        if edge.event in (Event.UPHOLD, Event.OVERTURN):
            assert edge.roles == {Role.ADJUDICATOR}
            assert Guard.OTHER_JUDGE in edge.guards
        if edge.next is S.ESTABLISHED and edge.roles == {Role.DETECTOR}:
            assert Guard.BOUND_STATED in edge.guards


def test_every_way_to_a_merchants_win_enters_the_record_and_every_loss_takes_it_back() -> None:
    for edge in TABLE:
        if edge.next is S.FINAL_ESTABLISHED and edge.state is not edge.next:
            assert Effect.ENTER_FINAL in edge.effects
        if edge.event is Event.OVERTURN and Guard.WAS_ESTABLISHED in edge.guards:
            assert Effect.REVERSE_ENTRY in edge.effects
        if edge.next is S.ESTABLISHED and edge.state is not S.ESTABLISHED:
            assert Effect.ENTER_PENDING in edge.effects


@pytest.mark.parametrize("state,event", product([None, *S], Event))
def test_an_edge_is_found_exactly_where_the_table_has_one(state: ReportState | None, event: Event) -> None:
    rows = edges(state, event)
    assert len(rows) in (0, 1, 2)
    if len(rows) == 2:
        assert (find_edge(state, event, S.ESTABLISHED), find_edge(state, event, S.NOT_ESTABLISHED)) == rows
        assert find_edge(state, event) is None
    else:
        assert find_edge(state, event) == (rows[0] if rows else None)


def test_every_guard_and_effect_is_done_by_somebody() -> None:
    assert set(effects.EFFECTS) == set(Effect)
    assert set(guards.GUARDS) == set(Guard)
    assert {guard for edge in TABLE for guard in edge.guards} == set(Guard)
    assert {effect for edge in TABLE for effect in edge.effects} == set(Effect)


def test_allowed_events_follow_the_table() -> None:
    assert events_from(S.NEEDS_REVIEW, Role.ADJUDICATOR) == (
        Event.DECIDE_ESTABLISHED,
        Event.DECIDE_NOT_ESTABLISHED,
        Event.REQUEST_PHOTO,
    )
    assert events_from(S.NEEDS_REVIEW, Role.MERCHANT) == (Event.WITHDRAW,)
    assert events_from(S.EXPIRED, Role.MERCHANT) == ()


def test_the_documentation_shows_this_table() -> None:
    assert markdown() in (ROOT / "docs" / "workflow.md").read_text(encoding="utf-8")
