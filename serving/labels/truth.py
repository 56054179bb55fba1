"""What a label can say, and whose word counts most."""

from enum import StrEnum


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
