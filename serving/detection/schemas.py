"""What the API answers, for OpenAPI: shapes and an example. The detection's own shape comes from `model.detection`.

The line that `detect --json` prints for a photo: the contract's object, or a clear error. In input order.
"""

from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from refundlens.model.detection import (
    Conditions,
    DefectFound,
    Details,
    Detection,
    MissedOn,
    ModelName,
    Reason,
    Region,
    Reliability,
    Stability,
)
from refundlens.model.names import Kind, Verdict

EXAMPLE: dict[str, Any] = {
    "id": "det_01KDVDBH00Q8J3V5ZK2M7N9P4R",
    "created_at": "2026-01-01T00:00:00.000Z",
    "file": "a.jpg",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "width": 1080,
    "height": 1440,
    "verdict": "fake",
    "probability": 0.973,
    "kind": {"authentic": 0.027, "ai_generated": 0.05, "ai_edited": 0.90, "photoshopped": 0.023},
    "defects": [{"type": "hole", "box": [412, 300, 520, 388], "probability": 0.81, "fake_probability": 0.96}],
    "regions": [{"box": [400, 290, 530, 400], "probability": 0.97}],
    "conditions": {
        "long_side": 1440,
        "judged_long_side": 1440,
        "jpeg_quality": 82,
        "quantisations": 2,
        "sharpness": 0.4,
        "enlarged": False,
        "supported": True,
    },
    "false_accusation_bound": 0.01,
    "miss_bound": 0.17,
    "miss_bound_of": {
        "kinds": {"ai_edited": 45, "ai_generated": 60},
        "editors": 9,
        "pictures": 105,
        "missed": 11,
    },
    "suspect": True,
    "suspect_bound": 0.016,
    "stability": {"stable": True, "measured": True, "probability_reencoded": 0.962, "shift": 0.35},
    "reasons": [
        {
            "code": "pixel.local_regeneration",
            "basis": "inferred",
            "text": "A region of this picture looks regenerated.",
        }
    ],
    "details": {
        "reasons": [
            {
                "code": "metadata.camera",
                "basis": "declared",
                "text": "The metadata names a camera (Canon EOS 20D). This supports the photo but proves nothing.",
            }
        ]
    },
    "model": {
        "name": "refundlens-s",
        "version": "1.0.0",
        "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    },
    "timings_ms": {"decode": 5.1, "infer": 38.0, "total": 45.2},
    "reliability": {"mean": 0.61, "low_share": 0.08, "over_regions": 0.7},
    "heatmap_url": "/v1/detections/det_01KDVDBH00Q8J3V5ZK2M7N9P4R/heatmap",
    "reliability_url": "/v1/detections/det_01KDVDBH00Q8J3V5ZK2M7N9P4R/reliability",
}
EXAMPLE_ERROR: dict[str, Any] = {
    "index": 1,
    "file": "b.jpg",
    "error": {"code": "empty_file", "message": "the file is empty: upload it again"},
}


class DetectionOut(BaseModel):
    """The contract's line for one photo, with the id under which it is kept."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE}, protected_namespaces=())

    id: str
    created_at: str = Field(description="RFC 3339, UTC")
    file: str | None = Field(description="the name the upload carried, if any")
    sha256: str
    width: int
    height: int
    verdict: Verdict
    probability: float = Field(
        description="calibrated probability that the pixels were made or changed by an editor"
    )
    kind: dict[Kind, float]
    defects: list[DefectFound]
    regions: list[Region]
    conditions: Conditions
    false_accusation_bound: float | None
    miss_bound: float | None = Field(
        default=None,
        description="upper confidence bound on the share of manipulated photos called authentic, in this condition",
    )
    miss_bound_of: MissedOn | None = Field(
        default=None,
        description="what that was counted on: pictures of editors the model was never trained on",
    )
    suspect: bool = Field(
        default=False,
        description="above the lower threshold that counts only where several photos of a claim are judged together",
    )
    suspect_bound: float | None = Field(
        default=None,
        description="upper confidence bound on authentic photos above that threshold, in this condition",
    )
    stability: Stability = Field(
        description="whether one more upload (JPEG at quality 85) would leave the verdict as it is; "
        "a photo called fake was really compressed again and judged a second time"
    )
    reasons: list[Reason] = Field(description="at most three that matter for the verdict")
    details: Details = Field(
        default_factory=Details, description="everything else, among it all other reasons"
    )
    model: ModelName
    timings_ms: dict[str, float]
    reliability: Reliability | None = Field(
        description="how far the heat map can be trusted, 0 to 1; null where the model was calibrated without it"
    )
    heatmap_url: str
    reliability_url: str | None


class ImageFault(BaseModel):
    """Why a picture got no verdict."""

    code: str
    message: str


class NotJudged(BaseModel):
    """Stands in the place of a detection for a picture that could not be judged; its neighbours are not affected."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_ERROR})

    index: int = Field(description="place in the request, from 0")
    file: str | None
    error: ImageFault


class Detections(BaseModel):
    """One entry for each picture, in input order."""

    detections: list[DetectionOut | NotJudged]


class Health(BaseModel):
    """checks: of readiness, `ok` each."""

    status: str
    checks: dict[str, str] | None = None


class ErrorBody(TypedDict):
    """Why a file got no verdict. `code` is stable; `message` says the fix."""

    code: str
    message: str


Line = dict[str, Any]


def detection_line(file: str | None, detection: Detection) -> Line:
    """The contract's line for a photo that was judged. `file` comes first, as there."""
    return {"file": file, **detection.public()}


def error_line(file: str | None, code: str, message: str) -> Line:
    """The contract's line for a file that was not."""
    return {"file": file, "error": ErrorBody(code=code, message=message)}
