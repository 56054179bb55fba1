"""What goes in and comes out, as OpenAPI shows it.

A version as JSON, for the API, the command line and the console alike.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from refundlens.serving.kit.clock import Timestamp
from refundlens.serving.kit.schema import Answer, Given
from refundlens.serving.registry import stages
from refundlens.serving.registry.follower import State
from refundlens.serving.registry.rescoring import RescoringState
from refundlens.serving.registry.service import SHARE
from refundlens.serving.registry.stages import Stage
from refundlens.serving.storage.tables import AuditEvent, ModelVersion, ShadowAgreement
from refundlens.serving.workflow.states import ReportState

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
_SHA256 = "19db5528a36fdfa27988be24c0c8968a62a7d4e1af776347438bd784c8a1cb21"
EXAMPLE: dict[str, Any] = {
    "id": "refundlens-s-0.2.1",
    "name": "refundlens-s",
    "version": "0.2.1",
    "sha256": _SHA256,
    "bytes": 3228288,
    "stage": "champion",
    "share": None,
    "previous": "refundlens-s-0.2.0",
    "reason": "more edits found at the same bound",
    "added_at": "2026-11-22T08:00:00.000Z",
    "promoted_at": "2026-11-22T09:00:00.000Z",
    "changed_at": "2026-11-22T09:00:00.000Z",
    "dataset": "3cde7bbe7771cee6065ee0913734ed816e3aa82cab6d26cffb6bc0039a6f42c2",
    "figures": [{"type": "roc_auc", "name": "ROC AUC, all pictures", "value": 0.8944}],
    "calibration": {"limit": 0.01, "confidence": 0.95, "conditions": 12, "with_threshold": 9},
    "missing": [],
}
RUNNING_EXAMPLE: dict[str, Any] = {
    "name": "refundlens-s",
    "version": "0.2.1",
    "sha256": _SHA256,
    "state": "following",
    "why": None,
    "shadow_why": None,
    "agreement": None,
}


RESCORING_EXAMPLE: dict[str, Any] = {
    "state": "done",
    "cases": 214,
    "changed": 1,
    "failed": 0,
    "moves": [{"stands": "established", "would": "needs_review", "by_person": False, "cases": 1}],
    "items": [
        {
            "report_id": "rpt_01KAMZ5S8GQ3V6T0C9R4X2Y7AB",
            "stands": "established",
            "would": "needs_review",
            "by_person": False,
            "was_model": "refundlens-s 0.2.0",
            "was_verdict": "fake",
            "was_probability": 0.973,
            "verdict": "inconclusive",
            "probability": 0.61,
        }
    ],
    "next_cursor": None,
}


class PromoteIn(Given):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"reason": "more edits found at the same bound"}}
    )

    reason: Reason | None = Field(
        default=None, description="why; shown to every engineer of the installation"
    )
    force: bool = Field(
        default=False, description="promote it though something is missing; for admins, with a reason"
    )


class RollbackIn(Given):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"reason": "it calls soft photos fake"}}
    )

    reason: Reason = Field(description="why; shown to every engineer of the installation")


class ShadowIn(Given):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"share": 0.1}})

    share: float = Field(default=SHARE, ge=0, le=1, description="of the photos; 0 ends it")


class FigureOut(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str = ""
    name: str = ""
    value: float


class CalibrationOut(BaseModel):
    limit: float = Field(description="largest rate of authentic photos called fake that it allows")
    confidence: float
    conditions: int = Field(description="sizes and compressions that it covers")
    with_threshold: int = Field(description="of those, the ones in which it may say fake")


class MissingOut(Answer):
    code: str
    text: str


class ModelOut(Answer):
    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: str = Field(description="name and version")
    name: str
    version: str
    sha256: str = Field(description="of the bundle; detections name it")
    bytes: int
    stage: Stage
    share: float | None = Field(description="of the photos that a shadow is shown")
    previous: str | None = Field(description="the champion before it, which a rollback brings back")
    reason: str | None = Field(description="of the last change")
    added_at: Timestamp
    promoted_at: Timestamp | None = Field(description="when it became champion last")
    changed_at: Timestamp
    dataset: str | None = Field(description="version of the dataset that it was trained on")
    figures: list[FigureOut] = Field(description="its card's headline figures")
    calibration: CalibrationOut
    missing: list[MissingOut] = Field(description="what keeps it from being promoted")


class HistoryOut(Answer):
    at: Timestamp
    action: str
    role: str
    actor: str
    before: str | None
    after: str | None
    data: dict[str, Any]


class ContrastOut(BaseModel):
    sha256: str = Field(description="of the photo")
    champion: str = Field(description="its verdict")
    challenger: str
    difference: float = Field(description="of the two probabilities, absolute")


class ShadowReportOut(Answer):
    """What a version said as a shadow beside one champion, in all processes together."""

    champion: str = Field(description="SHA-256 of its bundle")
    photos: int
    same_verdict: int
    difference: float = Field(description="mean absolute difference of the two probabilities")
    champion_seconds: float = Field(description="of inference, a photo, that the champion took")
    challenger_seconds: float = Field(description="the same of this version: what it would cost")
    verdicts: dict[str, int] = Field(description="photos by both verdicts, such as `authentic>fake`")
    worst: list[ContrastOut] = Field(description="photos on which they differ most: other verdicts first")
    updated_at: Timestamp


class ModelWhole(ModelOut):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **EXAMPLE,
                "card": "# refundlens-s 0.2.1",
                "conditions": [],
                "history": [],
                "shadowed": [],
            }
        }
    )

    card: str = Field(description="Markdown")
    conditions: list[dict[str, Any]] = Field(description="each with its range, photos, threshold and bound")
    history: list[HistoryOut] = Field(description="what your tenant's people did to it, the oldest first")
    shadowed: list[ShadowReportOut] = Field(description="what it said beside champions, the newest first")


class AgreementOut(BaseModel):
    name: str
    version: str
    sha256: str
    photos: int
    same_verdict: int
    difference: float = Field(description="mean absolute difference of the two probabilities")
    champion_seconds: float = Field(description="of inference, a photo, that the running model took")
    challenger_seconds: float = Field(description="the same of the shadow: what it would cost")


class MoveOut(Answer):
    stands: ReportState = Field(description="what holds now; `needs_review` where nobody has decided")
    would: ReportState = Field(description="where the photo alone would lead, were it screened today")
    by_person: bool = Field(description="a person decided what stands")
    cases: int


class RescoreOut(Answer):
    """An open case that this version would lead elsewhere. Nothing about it has changed."""

    report_id: str
    stands: ReportState
    would: ReportState
    by_person: bool
    was_model: str | None
    was_verdict: str | None = Field(
        description="of the screening; none where the detector could not judge it"
    )
    was_probability: float | None
    verdict: str | None
    probability: float | None


class RescoringOut(Answer):
    """What a version says, since it became champion, of the caller's open cases. It decides nothing."""

    model_config = ConfigDict(json_schema_extra={"example": RESCORING_EXAMPLE})

    state: RescoringState = Field(description="`none`: nothing was open, or it was never made champion")
    cases: int = Field(description="judged so far")
    changed: int = Field(description="that would lead elsewhere; `items` names them")
    failed: int = Field(description="whose photo could not be judged or is erased")
    moves: list[MoveOut]
    items: list[RescoreOut]
    next_cursor: str | None


class RunningOut(BaseModel):
    """What the process that answers does. Others on the same database follow within seconds."""

    model_config = ConfigDict(json_schema_extra={"example": RUNNING_EXAMPLE})

    name: str
    version: str
    sha256: str
    state: State = Field(
        description="`own`: it was told to run a bundle that the registry does not know; `failed`: the champion could "
        "not be loaded, and this one goes on"
    )
    why: str | None = Field(description="what went wrong in `failed`")
    shadow_why: str | None = Field(description="why the shadow could not be loaded")
    agreement: AgreementOut | None = Field(
        description="of the shadow with it, in this process since it began"
    )


class ModelPage(BaseModel):
    items: list[ModelOut]
    next_cursor: str | None
    running: RunningOut


def version_json(row: ModelVersion) -> dict[str, Any]:
    """A line of the list: what it is, its figures, its calibration in a few numbers, what keeps it from promotion."""
    return ModelOut.of(row, **_of_facts(row)).model_dump(mode="json", exclude_unset=True)


def show_whole(
    row: ModelVersion, history: Sequence[AuditEvent], shadowed: Sequence[ShadowAgreement]
) -> dict[str, Any]:
    """With its card, every condition of its calibration, what the caller's people did to it, and what it said as a
    shadow."""
    conditions = row.facts["calibration"]["conditions"]
    whole = ModelWhole.of(
        row,
        **_of_facts(row),
        conditions=conditions,
        history=history,
        shadowed=[shadow_report(one) for one in shadowed],
    )
    return whole.model_dump(mode="json", exclude_unset=True)


def shadow_report(row: ShadowAgreement) -> ShadowReportOut:
    """Means of the sums that are kept."""
    photos = max(row.photos, 1)
    same = sum(n for pair, n in row.verdicts.items() if len(set(pair.split(">"))) == 1)
    worst = [
        ContrastOut(sha256=sha256, champion=first, challenger=second, difference=apart)
        for sha256, first, second, apart in row.worst
    ]
    return ShadowReportOut.of(
        row,
        same_verdict=same,
        difference=row.difference / photos,
        champion_seconds=row.champion_seconds / photos,
        challenger_seconds=row.challenger_seconds / photos,
        worst=worst,
    )


def _of_facts(row: ModelVersion) -> dict[str, Any]:
    """What is told of a bundle's facts."""
    calibration = row.facts["calibration"]
    conditions = calibration["conditions"]
    return {
        "dataset": row.facts["dataset"],
        "figures": row.facts["figures"],
        "calibration": {
            **calibration,
            "conditions": len(conditions),
            "with_threshold": sum(one["threshold"] is not None for one in conditions),
        },
        "missing": stages.promotion_blockers(row),
    }
