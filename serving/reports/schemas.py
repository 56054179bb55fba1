"""What goes in and comes out, as OpenAPI shows it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from refundlens.model.detection import Reason
from refundlens.model.names import Verdict
from refundlens.serving.kit.clock import Timestamp
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.schema import Answer, Given, Statement
from refundlens.serving.workflow.states import (
    AppealState,
    Outcome,
    PhotoRequestState,
    PhotoWish,
    ReportState,
    Supplier,
)

MOST_PHOTOS = 16
"""Reported in one click; as many as one request to /v1/detect may bring."""
REASON_CODES = ("edit_visible", "generation_visible", "other_photo_differs", "source_found", "no_trace",
                "real_damage_shown", "photo_too_poor", "other")  # fmt: skip
"""What an adjudicator's decision rests on; the free text says more."""
FOR_FAKE = frozenset(REASON_CODES[:4])
FOR_GENUINE = frozenset(REASON_CODES[4:7])
"""Which decision a reason speaks for; `other` for either."""
ReasonCode = Literal[
    "edit_visible",
    "generation_visible",
    "other_photo_differs",
    "source_found",
    "no_trace",
    "real_damage_shown",
    "photo_too_poor",
    "other",
]
PhotoName = Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Za-z0-9_]+$")]
"""A photo's id, or its SHA-256."""
_TEXT = Field(max_length=5_000)
EXAMPLE: dict[str, Any] = {
    "id": "rpt_01KAMZ7H2VJ4D8Q0S6W1Y3B5CE",
    "version": 2,
    "state": "needs_review",
    "refund_id": "20261122000123",
    "account": "shop-42",
    "platform": "taobao",
    "claim_id": "clm_01KAMZ7H2VJ4D8Q0S6W1Y3B5CD",
    "image": {
        "id": "img_01KAMZ5S8GQ3V6T0C9R4X2Y7AB",
        "source": "refund",
        "supplied_by": "platform",
        "name": "a.jpg",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "width": 1080,
        "height": 1440,
        "url": "/v1/images/img_01KAMZ5S8GQ3V6T0C9R4X2Y7AB",
    },
    "note": "",
    "reported_by": "alice",
    "verdict": "inconclusive",
    "probability": 0.62,
    "false_accusation_bound": 0.01,
    "rule": None,
    "review_reason": "inconclusive",
    "reuse": {"claims": 0, "elsewhere": 0},
    "reasons": [{"code": "policy.inconclusive_band", "basis": "derived", "text": "A person should look."}],
    "detection_id": "det_01KAMZ7K5X0N2P4R6T8V0X2Z4B",
    "heatmap_url": "/v1/detections/det_01KAMZ7K5X0N2P4R6T8V0X2Z4B/heatmap",
    "evidence_url": "/v1/reports/rpt_01KAMZ7H2VJ4D8Q0S6W1Y3B5CE/evidence.jpg",
    "decided_by": None,
    "decided_at": None,
    "due_at": "2026-11-24T08:00:00.000Z",
    "due": "refund",
    "allowed_actions": ["decide", "request_photo"],
    "outcome": "undecided",
    "outcome_final": False,
    "appeal": None,
    "photo_requests": [],
    "decisions": [],
    "refusal": None,
    "track_urls": {"merchant": "/track/eyJ…", "buyer": "/track/eyK…"},
    "timeline": [
        {
            "seq": 17,
            "at": "2026-11-22T08:00:00.000Z",
            "event": "report.submit",
            "role": "merchant",
            "actor": "alice",
            "from": None,
            "to": "submitted",
            "model": None,
        }
    ],
    "created_at": "2026-11-22T08:00:00.000Z",
    "updated_at": "2026-11-22T08:00:01.400Z",
}


class _In(Given):
    model_config = ConfigDict(extra="forbid")


class ReportIn(_In):
    """ "This photo is fake." One photo, or several of the same refund, which are judged together."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"refund_id": "20261122000123", "image": EXAMPLE["image"]["id"]}},
    )

    refund_id: str = Field(min_length=1, max_length=64)
    account: str | None = Field(
        default=None, max_length=120, description="the shop, where several have this number"
    )
    platform: str | None = Field(
        default=None, max_length=40, description="the platform, where several have it"
    )
    image: PhotoName | list[PhotoName] = Field(description="a photo's id or SHA-256, or a list of them")
    note: str = Field(default="", max_length=2_000, description="what the merchant wants to add")


class DecisionIn(_In):
    """An adjudicator's decision."""

    decision: Literal["established", "not_established"]
    reason_code: ReasonCode
    reason: Statement = _TEXT


class PhotoRequestIn(_In):
    """Which photo the buyer is asked for."""

    wish: PhotoWish
    message: str = Field(default="", max_length=1_000)


class AppealIn(_In):
    """An objection. The buyer's comes by the status link, or from an adjudicator who passes it on."""

    grounds: Statement = _TEXT


class AppealDecisionIn(_In):
    """Another adjudicator's answer."""

    decision: Literal["uphold", "overturn"]
    reason_code: ReasonCode
    reason: Statement = _TEXT


class RefusalIn(_In):
    """ "Refuse this refund." Two to two hundred characters, as the platforms want it."""

    message: str = Field(default="", max_length=200, description="without one, the verdict in a sentence")


OURSELVES = ("detector", "system", "buyer")
"""Actors that are no person with a key; they may be named to anybody."""


def _named(name: str | None, info: ValidationInfo) -> str | None:
    """Merchants and buyers are not told which person judged; everybody is told what they did themselves."""
    reader = info.context
    if name in OURSELVES or (isinstance(reader, Principal) and (reader.sees_names or reader.subject == name)):
        return name
    return None


Person = Annotated[str | None, AfterValidator(_named)]
"""Who did something, as far as the reader is told."""


class ImageRef(Answer):
    id: str
    source: str
    supplied_by: Supplier | None = Field(
        description="who sent it: what the merchant uploaded is judged by a person"
    )
    name: str | None
    sha256: str
    width: int
    height: int
    url: str | None


class AppealOut(Answer):
    id: str
    report_id: str
    side: Literal["buyer", "merchant"]
    against: ReportState = Field(validation_alias="was")
    grounds: str
    state: AppealState
    due_at: Timestamp | None
    created_at: Timestamp
    decided_at: Timestamp | None
    allowed_actions: list[str] = Field(default=[])


class AppealFileOut(Answer):
    """A PDF, a text or a video that the buyer attached; photos are among the refund's."""

    id: str
    name: str | None = Field(description="none once it was erased")
    media_type: str
    bytes: int
    url: str | None


class AppealDetail(AppealOut):
    files: list[AppealFileOut] = Field(default=[], description="for adjudicators; merchants see none")


class PhotoRequestOut(Answer):
    id: str
    wish: PhotoWish
    message: str
    state: PhotoRequestState
    due_at: Timestamp
    created_at: Timestamp
    ended_at: Timestamp | None


class DecisionOut(Answer):
    id: str
    established: bool
    appeal_id: str | None
    reason_code: str
    reason: str
    decided_by: Person = Field(description="none for merchants and buyers: judges are not named to the sides")
    created_at: Timestamp


class ReuseOut(Answer):
    """In how many other claims buyers used the same picture, or a lightly edited copy of it."""

    claims: int = Field(description="other claims here")
    elsewhere: int = Field(description="claims of other marketplaces, where both chose to compare prints")


class RefusalOut(Answer):
    id: str
    report_id: str
    refund_id: str
    message: str
    evidence_sha256: str = Field(validation_alias="evidence")
    evidence_url: str
    platform: dict[str, Any] = Field(
        description="the platform's own call, ready to be made; empty if it has none"
    )
    created_at: Timestamp
    undone_at: Timestamp | None


class Step(Answer):
    """One thing that happened, as the audit log has it."""

    model_config = ConfigDict(populate_by_name=True)

    seq: int
    at: Timestamp
    event: str = Field(validation_alias="action")
    role: str
    actor: Person
    before: str | None = Field(alias="from")
    after: str | None = Field(alias="to")
    model: str | None


class ReportOut(Answer):
    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: str
    version: int
    state: ReportState
    refund_id: str
    account: str
    platform: str | None = Field(
        description="whose that number is, with the shop; none where nobody named it"
    )
    claim_id: str
    image: ImageRef
    note: str
    reported_by: str
    verdict: Verdict | None
    probability: float | None
    false_accusation_bound: float | None = Field(validation_alias="bound")
    rule: str | None = Field(
        description="what made the claim fake: one_fake, several_fake, several_suspects…"
    )
    review_reason: str | None = Field(
        description="why the screening left it to a person: supplied_by_accuser, same_shot_as_listing, "
        "inconclusive, miss_bound_too_large, claim_bound_used_up; "
        "not judged: too_slow, engine_failed, file_missing, or what is wrong with the file"
    )
    reasons: list[Reason]
    detection_id: str | None
    heatmap_url: str | None
    evidence_url: str | None
    decided_by: Person
    decided_at: Timestamp | None
    due_at: Timestamp | None
    due: Literal["refund", "appeal_window", "appeal"] | None = Field(description="what happens at due_at")
    allowed_actions: list[str]
    outcome: Outcome
    outcome_final: bool
    appeal: AppealOut | None
    photo_requests: list[PhotoRequestOut]
    decisions: list[DecisionOut]
    refusal: RefusalOut | None
    track_urls: dict[str, str]
    timeline: list[Step]
    created_at: Timestamp
    updated_at: Timestamp

    reuse: ReuseOut | None = Field(
        default=None,
        description="where else the picture was used; none in lists, for buyers, and for photos without a print",
    )


class ReportPage(BaseModel):
    items: list[ReportOut]
    next_cursor: str | None


class ReportsOut(BaseModel):
    """The reports of one click on several photos."""

    items: list[ReportOut]


class AppealPage(BaseModel):
    items: list[AppealOut]
    next_cursor: str | None


class Steps(BaseModel):
    items: list[Step]
    next_cursor: str | None
