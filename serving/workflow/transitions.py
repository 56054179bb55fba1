"""Everything that can happen to a report: one row an edge. Code, API, documentation and tests follow this table.

A row reads: in this state, when this happens, brought by one of these roles, and if this holds, the report goes to that
state and these things follow. What is not listed cannot happen. `refundlens workflow` prints it; docs/workflow.md
holds the print, and a test compares them.

>>> find(S.SUBMITTED, E.WITHDRAW).next
<ReportState.WITHDRAWN: 'withdrawn'>
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from refundlens.serving.kit.roles import Role as R
from refundlens.serving.workflow.states import Event as E
from refundlens.serving.workflow.states import ReportState
from refundlens.serving.workflow.states import ReportState as S


class Guard(StrEnum):
    """What must hold besides state and role. `serving.workflow.guards` checks each."""

    REFUND_OPEN = "the refund is open"
    PHOTO_REPORTABLE = "the photo is the buyer's, has no live report, and was not judged for good before"
    WAS_ESTABLISHED = "the appeal is against `established`"
    WAS_NOT_ESTABLISHED = "the appeal is against `not_established`"
    BOUND_STATED = "the verdict is `fake` under a stated false-accusation bound"
    MISS_WITHIN_LIMIT = "the verdict is `authentic` with a miss bound within the tenant's limit"
    INDEPENDENT = "the photo came from the platform or the buyer, or the installation is one merchant's own"
    OTHER_JUDGE = "the judge neither reported nor decided nor appealed here before"
    SCREENED = "the detector has looked at the photo"
    IN_TIME = "the appeal window is open"
    NOT_REFUSED = "the refund was not refused yet"
    NO_OPEN_WISH = "no other photo is being waited for"


class Effect(StrEnum):
    """What follows, in the transition's own transaction. `serving.workflow.effects` does each."""

    TELL = "webhook of the new state"
    START_CLOCKS = "timers: screening, warnings, the refund's deadline"
    STOP_CLOCKS = "undecided no more: warnings and deadline are off"
    OPEN_APPEAL_WINDOW = "timer: final when nobody appeals"
    OPEN_APPEAL = "an appeal, with its own clock"
    CLOSE_APPEAL = "the appeal has its answer"
    SET_OUTCOME = "the dispute's outcome follows"
    ENTER_PENDING = "integrity: a pending line"
    ENTER_FINAL = "integrity: a final line"
    REVERSE_ENTRY = "integrity: a line that takes the earlier one back"
    LABEL = "a labelled sample for retraining"
    RECORD_DECISION = "who decided, and why"
    ASK_BUYER = "a photo request, with its own clock"
    END_WISHES = "photo requests are over"
    RECORD_REFUSAL = "the refusal with its evidence"


@dataclass(frozen=True)
class Edge:
    """state: None where the report is made. next: may be `state`, then something happens without a change."""

    state: ReportState | None
    event: E
    roles: frozenset[R]
    next: ReportState
    guards: tuple[Guard, ...] = ()
    effects: tuple[Effect, ...] = ()


_G, _F = Guard, Effect
_OVER = (_F.STOP_CLOCKS, _F.END_WISHES)
_ESTABLISHED = (*_OVER, _F.OPEN_APPEAL_WINDOW, _F.ENTER_PENDING, _F.SET_OUTCOME, _F.TELL)
_NOT_ESTABLISHED = (*_OVER, _F.OPEN_APPEAL_WINDOW, _F.SET_OUTCOME, _F.TELL)
_DECIDED = (_F.RECORD_DECISION, _F.LABEL)
_ANSWERED = (_F.CLOSE_APPEAL, _F.RECORD_DECISION, _F.LABEL)
_DETECTOR = frozenset({R.DETECTOR})
_SYSTEM = frozenset({R.SYSTEM})
_MERCHANT = frozenset({R.MERCHANT})
_JUDGE = frozenset({R.ADJUDICATOR})
_BUYER = frozenset({R.BUYER, R.ADJUDICATOR})
"""A buyer's appeal comes by the status link, or from the platform, whose adjudicators pass it on."""

TABLE: tuple[Edge, ...] = (
    Edge(None, E.SUBMIT, _MERCHANT, S.SUBMITTED, (_G.REFUND_OPEN, _G.PHOTO_REPORTABLE), (_F.START_CLOCKS, _F.TELL)),

    Edge(S.SUBMITTED, E.SCREENED_FAKE, _DETECTOR, S.ESTABLISHED, (_G.BOUND_STATED, _G.INDEPENDENT),
         _ESTABLISHED),
    Edge(S.SUBMITTED, E.SCREENED_AUTHENTIC, _DETECTOR, S.NOT_ESTABLISHED, (_G.MISS_WITHIN_LIMIT, _G.INDEPENDENT),
         _NOT_ESTABLISHED),
    Edge(S.SUBMITTED, E.SCREENED_UNSURE, _DETECTOR, S.NEEDS_REVIEW, (), (_F.TELL,)),

    Edge(S.NEEDS_REVIEW, E.DECIDE_ESTABLISHED, _JUDGE, S.ESTABLISHED, (_G.REFUND_OPEN, _G.OTHER_JUDGE),
         (*_DECIDED, *_ESTABLISHED)),
    Edge(S.NEEDS_REVIEW, E.DECIDE_NOT_ESTABLISHED, _JUDGE, S.NOT_ESTABLISHED, (_G.REFUND_OPEN, _G.OTHER_JUDGE),
         (*_DECIDED, *_NOT_ESTABLISHED)),
    Edge(S.NEEDS_REVIEW, E.REQUEST_PHOTO, _JUDGE, S.NEEDS_REVIEW, (_G.REFUND_OPEN, _G.NO_OPEN_WISH), (_F.ASK_BUYER,)),

    Edge(S.ESTABLISHED, E.APPEAL, _BUYER, S.APPEALED, (_G.IN_TIME,), (_F.OPEN_APPEAL,)),
    Edge(S.ESTABLISHED, E.REFUSE, _MERCHANT, S.ESTABLISHED, (_G.REFUND_OPEN, _G.NOT_REFUSED, _G.SCREENED),
         (_F.RECORD_REFUSAL,)),
    Edge(S.ESTABLISHED, E.FINALISE, _SYSTEM, S.FINAL_ESTABLISHED, (), (_F.ENTER_FINAL, _F.SET_OUTCOME)),
    Edge(S.NOT_ESTABLISHED, E.APPEAL, _MERCHANT, S.APPEALED, (_G.IN_TIME,), (_F.OPEN_APPEAL,)),
    Edge(S.NOT_ESTABLISHED, E.FINALISE, _SYSTEM, S.FINAL_NOT_ESTABLISHED, (), (_F.SET_OUTCOME,)),

    Edge(S.APPEALED, E.UPHOLD, _JUDGE, S.FINAL_ESTABLISHED, (_G.WAS_ESTABLISHED, _G.OTHER_JUDGE),
         (*_ANSWERED, _F.ENTER_FINAL, _F.SET_OUTCOME)),
    Edge(S.APPEALED, E.OVERTURN, _JUDGE, S.FINAL_NOT_ESTABLISHED, (_G.WAS_ESTABLISHED, _G.OTHER_JUDGE),
         (*_ANSWERED, _F.REVERSE_ENTRY, _F.SET_OUTCOME)),
    Edge(S.APPEALED, E.UPHOLD, _JUDGE, S.FINAL_NOT_ESTABLISHED, (_G.WAS_NOT_ESTABLISHED, _G.OTHER_JUDGE),
         (*_ANSWERED, _F.SET_OUTCOME)),
    Edge(S.APPEALED, E.OVERTURN, _JUDGE, S.FINAL_ESTABLISHED, (_G.WAS_NOT_ESTABLISHED, _G.OTHER_JUDGE),
         (*_ANSWERED, _F.ENTER_FINAL, _F.SET_OUTCOME)),

    Edge(S.FINAL_ESTABLISHED, E.REFUSE, _MERCHANT, S.FINAL_ESTABLISHED, (_G.REFUND_OPEN, _G.NOT_REFUSED, _G.SCREENED),
         (_F.RECORD_REFUSAL,)),

    Edge(S.SUBMITTED, E.WITHDRAW, _MERCHANT, S.WITHDRAWN, (), (*_OVER, _F.SET_OUTCOME, _F.TELL)),
    Edge(S.NEEDS_REVIEW, E.WITHDRAW, _MERCHANT, S.WITHDRAWN, (), (*_OVER, _F.SET_OUTCOME, _F.TELL)),
    Edge(S.SUBMITTED, E.CLOSE_REFUND, _SYSTEM, S.EXPIRED, (), (*_OVER, _F.SET_OUTCOME)),
    Edge(S.NEEDS_REVIEW, E.CLOSE_REFUND, _SYSTEM, S.EXPIRED, (), (*_OVER, _F.SET_OUTCOME)),
    Edge(S.SUBMITTED, E.PASS_DEADLINE, _SYSTEM, S.EXPIRED, (), (*_OVER, _F.SET_OUTCOME, _F.TELL)),
    Edge(S.NEEDS_REVIEW, E.PASS_DEADLINE, _SYSTEM, S.EXPIRED, (), (*_OVER, _F.SET_OUTCOME, _F.TELL)),
)  # fmt: skip
"""Order matters to readers only."""


def edges(state: ReportState | None, event: E) -> tuple[Edge, ...]:
    """The rows of a state and an event; two where an appeal's answer depends on what was appealed."""
    return tuple(edge for edge in TABLE if edge.state == state and edge.event == event)


def find_edge(state: ReportState | None, event: E, was: ReportState | None = None) -> Edge | None:
    """The one row; none where this cannot happen. was: what an appeal is against."""
    against = {S.ESTABLISHED: Guard.WAS_ESTABLISHED, S.NOT_ESTABLISHED: Guard.WAS_NOT_ESTABLISHED}
    for edge in edges(state, event):
        asked = {Guard.WAS_ESTABLISHED, Guard.WAS_NOT_ESTABLISHED} & set(edge.guards)
        if not asked or (was is not None and against.get(was) in asked):
            return edge
    return None


def events_from(state: ReportState, role: R) -> tuple[E, ...]:
    """What a role may do in a state, guards aside, in the table's order."""
    return tuple(dict.fromkeys(edge.event for edge in TABLE if edge.state == state and role in edge.roles))


def markdown(rows: Iterable[Edge] = TABLE) -> str:
    """The table for people."""
    lines = ["| state | event | by | next | if | then |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = (
            row.state or "(none)",
            row.event,
            ", ".join(sorted(row.roles)),
            row.next,
            "; ".join(row.guards) or "-",
            "; ".join(row.effects) or "-",
        )
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(lines)
