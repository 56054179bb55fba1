"""One thing happening to a report: what comes with it, what guards look at and effects work with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from refundlens.serving.kit.roles import Actor
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Refund, Report
from refundlens.serving.workflow.states import ReportState
from refundlens.serving.workflow.transitions import Edge, Effect


@dataclass(frozen=True)
class EventData:
    """What comes with an event. Only what its guards and effects use is set. miss_bound: of the detector's `authentic`.
    data: facts for the audit log."""

    reason_code: str = ""
    reason: str = ""
    side: str = ""
    wish: str = ""
    message: str = ""
    evidence: str = ""
    platform: dict[str, Any] = field(default_factory=dict)
    appeal_id: str | None = None
    miss_bound: float | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What guards ask beside report and refund. sides: subjects of all who have had a part in the report: who reported
    it, decided it, appealed; photo_awaited: whether the buyer was asked for one; refused: whether the refund is;
    photo_kept: whether the photo's bytes are."""

    sides: frozenset[str]
    photo_awaited: bool
    refused: bool
    photo_kept: bool = True


@dataclass(frozen=True)
class Transition:
    """One thing happening; what guards look at and effects work with. before: none where the report is made."""

    session: Session
    settings: Settings
    now: datetime
    actor: Actor
    edge: Edge
    before: ReportState | None
    report: Report
    refund: Refund
    given: EventData
    seen: Facts


Effects = dict[Effect, Callable[[Transition], None]]
"""What is to be done for each effect of the table."""
