"""What goes in and comes out, as OpenAPI shows it."""

from typing import Any

from pydantic import ConfigDict, Field

from refundlens.serving.kit.clock import Timestamp
from refundlens.serving.kit.schema import Answer, Given, Statement
from refundlens.serving.workflow.states import EntryKind

ENTRY_EXAMPLE: dict[str, Any] = {
    "id": "int_01KAMZ5S8GQ3V6T0C9R4X2Y7AB",
    "report_id": "rpt_01KAMZ5S8GQ3V6T0C9R4X2Y7AC",
    "kind": "final",
    "points": 1,
    "reverses": None,
    "reason": "",
    "created_at": "2026-11-25T08:00:00.000Z",
    "expires_at": "2027-11-25T08:00:00.000Z",
}
EXAMPLE: dict[str, Any] = {
    "buyer": "buyer:5f0c2e7d9a4160b1c3e8f7a2d4b6958071e2f3a4b5c6d7e8f90123456789abcd",
    "counts": {
        "refunds": 14,
        "final_established": 2,
        "final_not_established": 3,
        "reversed": 1,
        "expired": 0,
    },
    "points": 1,
    "claims": 1,
    "score": 75,
    "formula": "100 - 25 x claims, at least 0",
    "expires_at": "2027-11-25T08:00:00.000Z",
    "entries": [ENTRY_EXAMPLE],
}
REVERSAL_EXAMPLE: dict[str, Any] = {"reason": "The court found the photo to be genuine."}


class Counts(Answer):
    """What happened, in numbers."""

    refunds: int = Field(description="mirrored here")
    final_established: int = Field(description="photos found fake for good, ever")
    final_not_established: int = Field(description="reports that ended in the buyer's favour")
    reversed: int = Field(description="lines taken back, on appeal or later")
    expired: int = Field(description="final lines that stood, and count no more")


class Entry(Answer):
    """A line of the ledger. Lines are only added: one that was wrong is followed by one that compensates it."""

    model_config = ConfigDict(json_schema_extra={"example": ENTRY_EXAMPLE})

    id: str
    report_id: str
    kind: EntryKind
    points: int
    reverses: str | None = Field(description="the line that this one takes back")
    reason: str
    created_at: Timestamp
    expires_at: Timestamp


class Integrity(Answer):
    """Facts first; the score says nothing that they do not."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    buyer: str = Field(description="a keyed hash of the platform's reference")
    counts: Counts
    points: int = Field(description="final lines minus reversed ones, of those that still count")
    claims: int = Field(description="refunds behind the points: photos of one claim count once")
    score: int = Field(ge=0, le=100, description="100 - 25 x claims, at least 0: from final verdicts only")
    formula: str
    expires_at: Timestamp | None = Field(description="when the last claim counts no more; null without any")
    entries: list[Entry] | None = Field(
        default=None, description="the ledger, oldest first; not shown to merchants, whose shops it spans"
    )


class ReversalIn(Given):
    """Why a final line is taken back: a court, a mistake."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": REVERSAL_EXAMPLE})

    reason: Statement = Field(max_length=200)
