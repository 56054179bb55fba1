"""What goes in and comes out, as OpenAPI shows it.

What a label can say, and whose word counts most.
"""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from refundlens.serving.kit.answer import Answer
from refundlens.serving.kit.clock import Timestamp
from refundlens.serving.kit.given import Given


class Truth(StrEnum):
    """What a photo is. FAKE: manipulated, nobody said how; the others are the detector's own kinds."""

    AUTHENTIC = "authentic"
    AI_GENERATED = "ai_generated"
    AI_EDITED = "ai_edited"
    PHOTOSHOPPED = "photoshopped"
    FAKE = "fake"

    @property
    def is_fake(self) -> bool:
        return self is not Truth.AUTHENTIC


class LabelSource(StrEnum):
    """Who said so."""

    DECISION = "decision"
    APPEAL_UPHELD = "appeal_upheld"
    APPEAL_OVERTURNED = "appeal_overturned"
    ENGINEER = "engineer"


WEIGHTS: dict[LabelSource, float] = {
    LabelSource.DECISION: 1.0,
    LabelSource.APPEAL_UPHELD: 2.0,
    LabelSource.ENGINEER: 2.0,
    LabelSource.APPEAL_OVERTURNED: 3.0,
}
"""How much a label is worth in training, and which of two wins. One judge's word is worth 1; two who agree, or an
engineer who looked into it, 2; a judge who overturns another knew both arguments, and shows where the first one, often
led by the detector, was wrong: such photos are what it must learn from most."""


class SampleReason(StrEnum):
    """Why a photo was drawn."""

    RANDOM = "random"
    UNCERTAIN = "uncertain"
    """The probability lay near one half."""
    DIFFERENT = "different"
    """Two models called it otherwise: champion and shadow, or the champion and the one before."""
    NOVEL = "novel"
    """Its size, compression and scores lie far from those of the four weeks before."""


EXAMPLE_IN: dict[str, Any] = {
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "truth": "ai_edited",
}
EXAMPLE: dict[str, Any] = {
    "id": "lbl_01KAMZ5S8GQ3V6T0C9R4X2Y7AB",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "image_id": "img_01KAMZ5S8GQ3V6T0C9R4X2Y7AC",
    "report_id": None,
    "truth": "ai_edited",
    "source": "engineer",
    "weight": 2.0,
    "model_version": "1.0.0",
    "model_probability": 0.412,
    "labelled_by": "lab@example.com",
    "created_at": "2026-11-22T08:00:00.000Z",
}


class LabelIn(Given):
    """What a photo is; the photo by one of its three names."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE_IN})

    truth: Truth = Field(description="`fake` where it is manipulated and nobody knows how")
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", description="of the photo's file")
    image_id: str | None = Field(default=None, max_length=40, description="of a refund's photo")
    detection_id: str | None = Field(default=None, max_length=40, description="of a refund's photo")

    @model_validator(mode="after")
    def _one(self) -> "LabelIn":
        if sum(name is not None for name in (self.sha256, self.image_id, self.detection_id)) != 1:
            raise ValueError("give one of `sha256`, `image_id` and `detection_id`")
        return self


class LabelOut(Answer):
    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE}, protected_namespaces=())

    id: str
    sha256: str
    image_id: str | None
    report_id: str | None
    truth: Truth
    source: LabelSource
    weight: float = Field(description="what it is worth in training; an overturned appeal most")
    model_version: str | None = Field(description="the detector that had judged the photo")
    model_probability: float | None = Field(description="what that detector had said")
    labelled_by: str
    created_at: Timestamp


SAMPLE_EXAMPLE: dict[str, Any] = {
    "id": "smp_01KAMZ5S8GQ3V6T0C9R4X2Y7AB",
    "image_id": "img_01KAMZ5S8GQ3V6T0C9R4X2Y7AC",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "detection_id": "det_01KAMZ5S8GQ3V6T0C9R4X2Y7AD",
    "reason": "uncertain",
    "score": 0.94,
    "verdict": "inconclusive",
    "probability": 0.53,
    "model_version": "refundlens-s 0.4.0",
    "created_at": "2026-11-22T08:00:00.000Z",
}


class SampleOut(Answer):
    """A photo that waits for a label. Look at it before you look at what the model said."""

    model_config = ConfigDict(json_schema_extra={"example": SAMPLE_EXAMPLE}, protected_namespaces=())

    id: str
    image_id: str
    sha256: str
    detection_id: str
    reason: SampleReason = Field(
        description="`random`: one photo in two hundred, whatever the detector said; `uncertain`; `different`: two "
        "models called it otherwise; `novel`: unlike those of the four weeks before"
    )
    score: float = Field(description="how uncertain, different or novel; compare within a reason only")
    verdict: str
    probability: float
    model_version: str
    created_at: Timestamp


class SamplePage(BaseModel):
    items: list[SampleOut]
    next_cursor: str | None


class LabelPage(BaseModel):
    items: list[LabelOut]
    next_cursor: str | None
