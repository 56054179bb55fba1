"""What a detection says, in the shapes of the public contract. Plain data: no scoring here."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from refundlens.model.names import Basis, Defect, Kind, Verdict

Box = tuple[int, int, int, int]
"""[x0, y0, x1, y1] in pixels of the picture as displayed."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, protected_namespaces=())


class DefectFound(_Frozen):
    """A hole, stain, mould or other damage, and how probable it is that this very damage was made by an editor."""

    type: Defect
    box: Box
    probability: float
    fake_probability: float


class Region(_Frozen):
    """A part of the picture that was probably manipulated. probability: of it, never more than the picture's; of a part
    that is there twice the forest's score (`model.photo.copy_move`), held under the picture's, too."""

    box: Box
    probability: float


class Conditions(_Frozen):
    """How the picture reached us, read or estimated from the file.

    long_side: pixels. judged_long_side: of the pixels that were scored, smaller for photos above 1,700 px
    (`model.photo.resizing`); None in answers of older versions, which scored all as they were. jpeg_quality: libjpeg's
    1 to 100 of the last compression, None where the file is not JPEG. quantisations: how many lossy compressions the
    pixels show (0 for a clean lossless file). sharpness: 0 (blurred or enlarged) to 1 (crisp). enlarged: whether this
    is a small picture that was enlarged, with no detail of its own to judge. supported: whether calibration covers this
    condition.
    """

    long_side: int
    judged_long_side: int | None = None
    jpeg_quality: int | None
    quantisations: int
    sharpness: float
    enlarged: bool = False
    supported: bool = True

    @property
    def scored_side(self) -> int:
        """Long side in pixels of what was scored: conditions are told apart by it."""
        return self.long_side if self.judged_long_side is None else self.judged_long_side


class MissedOn(_Frozen):
    """What a miss bound was counted on: pictures of real editors, none of which the model was trained on.

    kinds: pictures of each kind of manipulation. editors: generators and editors, or, of pictures whose editor nobody
    named, the collections they are from. pictures: in all; missed: of them called authentic at least once.
    """

    kinds: dict[Kind, int]
    editors: int
    pictures: int
    missed: int


class Reason(_Frozen):
    """One finding in a sentence a person can read. `code` is stable; `text` follows the asked language."""

    code: str
    basis: Basis
    text: str
    details: dict[str, Any] = Field(default_factory=dict, exclude=True)


class Details(_Frozen):
    """What a person need not read first. reasons: all that are not among the answer's own."""

    reasons: list[Reason] = Field(default_factory=list)


class Reliability(_Frozen):
    """How far the heat map of this picture can be trusted (`model.verdict.reliability`), 0 nowhere to 1 everywhere.

    mean: of the whole picture. low_share: share of it where the map is worth less than two thirds of what it is worth
    on the whole. over_regions: mean over the regions reported, none without any.
    """

    mean: float
    low_share: float
    over_regions: float | None


class Stability(_Frozen):
    """Whether the verdict survives one more upload (`model.verdict.stability`).

    stable: it does, or, where that was not tried, it is too far from any threshold for most photos to cross it.
    measured: the photo was compressed again and judged a second time. probability_reencoded: of that copy, by
    the network alone; none where there was no second look. shift: log odds of the network between photo and copy; where
    not measured, what 95 % of photos in this condition stay under; none where calibration measured none.
    """

    stable: bool
    measured: bool
    probability_reencoded: float | None = None
    shift: float | None = None


class ModelName(_Frozen):
    name: str
    version: str
    sha256: str


class Detection(_Frozen):
    """The answer for one picture.

    probability: that it was manipulated, where as many pictures are as are not: the network's, which alone is held
    against thresholds, and what a part that is there twice adds (`model.verdict.copied`).
    miss_bound, miss_bound_of: upper confidence bound on the share of manipulated pictures called `authentic` in this
    condition and what it was counted on, given with any verdict; none where that was not measured.
    suspect, suspect_bound: for `model.verdict.claim`, which judges several photos together: whether the network's
    probability reaches the lower threshold that this condition has beside the one for `fake`, and the bound of that
    threshold, given with any verdict; none where the condition has no such threshold. They change nothing about this
    picture's own verdict.
    reasons: at most three that matter (`model.verdict.selection`); details: everything else.
    heatmap: float32 [h,w], a cell per 8 pixels: probability that a pixel was manipulated. tracemap: the same
    before it is held under the picture's own probability, for measuring how well it finds the place. defectmap: the
    same for showing a defect of any type. reliabilitymap: the same for how far the heat map can be trusted there; none,
    as `reliability` is, from a bundle that was calibrated without it. No map is part of the JSON.
    """

    sha256: str
    width: int
    height: int
    verdict: Verdict
    probability: float
    kind: dict[Kind, float]
    defects: list[DefectFound]
    regions: list[Region]
    conditions: Conditions
    false_accusation_bound: float | None
    miss_bound: float | None = None
    miss_bound_of: MissedOn | None = None
    suspect: bool
    suspect_bound: float | None
    stability: Stability
    reasons: list[Reason]
    details: Details = Field(default_factory=Details)
    model: ModelName
    timings_ms: dict[str, float]
    heatmap: NDArray[np.float32] = Field(exclude=True, repr=False)
    defectmap: NDArray[np.float32] = Field(exclude=True, repr=False)
    tracemap: NDArray[np.float32] = Field(exclude=True, repr=False)
    reliability: Reliability | None = None
    reliabilitymap: NDArray[np.float32] | None = Field(default=None, exclude=True, repr=False)

    def public(self) -> dict[str, Any]:
        """The contract's JSON object (without `file`, which only the caller knows)."""
        return self.model_dump(mode="json")
