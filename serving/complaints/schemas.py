"""What goes in and comes out, as OpenAPI shows it."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from refundlens.serving.kit.clock import Timestamp
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.kit.schema import Answer, Given, Statement
from refundlens.serving.workflow.states import ComplaintState

EXAMPLE_IN: dict[str, Any] = {
    "refund_id": "20261122000123",
    "kind": "empty_return",
    "text": "The parcel that came back weighed 40 g and was empty.",
}
EXAMPLE: dict[str, Any] = {
    "id": "cmp_01KAMZ5S8GQ3V6T0C9R4X2Y7AB",
    "refund_id": "20261122000123",
    "account": "shop-42",
    "version": 1,
    "kind": "empty_return",
    "text": "The parcel that came back weighed 40 g and was empty.",
    "state": "open",
    "answer": "",
    "filed_by": "shop-42-clerk",
    "decided_by": None,
    "created_at": "2026-11-22T08:00:00.000Z",
    "decided_at": None,
}
DECISION_EXAMPLE: dict[str, Any] = {
    "outcome": "confirmed",
    "answer": "The carrier's scale confirms an empty parcel; the platform was told.",
}
LONGEST = 4_000
"""Characters of a complaint or an answer: a page and a half."""


class ComplaintKind(StrEnum):
    """What is wrong with the refund; a photo that looks fake is a report's matter."""

    ABNORMAL_REFUND = "abnormal_refund"
    EMPTY_RETURN = "empty_return"
    WRONG_ITEM_RETURNED = "wrong_item_returned"
    ABUSE = "abuse"
    OTHER = "other"


class ComplaintIn(Given):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE_IN})

    refund_id: str = Field(min_length=1, max_length=64, description="the platform's id of a mirrored refund")
    account: str | None = Field(default=None, max_length=120, description="the shop, where several have it")
    platform: str | None = Field(default=None, max_length=40, description="the platform, where several do")
    kind: ComplaintKind
    text: Statement = Field(max_length=LONGEST)


class ComplaintDecisionIn(Given):
    """A specialist's answer, which ends the complaint."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": DECISION_EXAMPLE})

    outcome: Literal["confirmed", "dismissed"]
    answer: Statement = Field(max_length=LONGEST, description="shown to the merchant")


def _for_colleagues(name: str | None, info: ValidationInfo) -> str | None:
    """The shop is not told which person answered it."""
    reader = info.context
    return name if isinstance(reader, Principal) and reader.role is not Role.MERCHANT else None


class ComplaintOut(Answer):
    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: str
    refund_id: str
    account: str
    version: int
    kind: ComplaintKind
    text: str
    state: ComplaintState
    answer: str
    filed_by: str
    decided_by: Annotated[str | None, AfterValidator(_for_colleagues)]
    created_at: Timestamp
    decided_at: Timestamp | None


class ComplaintPage(BaseModel):
    items: list[ComplaintOut]
    next_cursor: str | None
