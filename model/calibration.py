"""From pooled features to a probability that means what it says, and to a verdict that keeps its bound.

Fitted by `training.calibrate`, carried inside the ONNX bundle, applied here with NumPy alone.

The probability is a logistic regression on the pooled features (Platt scaling with more than one input), under equal
prior odds of authentic and manipulated. The verdict is `fake` only from a threshold on: per condition (size and
compression), the lowest one at which the upper confidence bound on the rate of falsely accused photos stays within the
limit. Going down from 1 and stopping at the first threshold that fails is fixed-sequence testing, so the bound holds
though the threshold was chosen on the same photos (Angelopoulos et al., "Learn then Test", 2021).
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from model.detection import Conditions
from model.names import Verdict
from model.reliability import ReliabilityTable

LOSSLESS = 101
"""Stands for the JPEG quality of files that are not JPEG, in a bin's range of qualities."""


class CalibrationError(ValueError):
    """A calibration that cannot be used; the message says what to do."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bin(_Frozen):
    """One delivery condition that calibration photos covered.

    long_side: pixels, [from, to). jpeg_quality: [from, to), LOSSLESS for files that are not JPEG. sharpness: the range
    of the bulk of its photos. photos: source photos it was measured on. threshold: probability from which a photo is
    `fake`; none where no threshold keeps the limit. bound: upper confidence bound on the rate of authentic photos
    called fake at that threshold, which is the limit it was chosen under. accused: calibration photos at or above it.
    """

    long_side: tuple[int, int]
    jpeg_quality: tuple[int, int]
    sharpness: tuple[float, float]
    photos: int
    accused: int = 0
    threshold: float | None = None
    bound: float | None = None

    def holds(self, conditions: Conditions) -> bool:
        quality = LOSSLESS if conditions.jpeg_quality is None else conditions.jpeg_quality
        return self.long_side[0] <= conditions.long_side < self.long_side[1] and (
            self.jpeg_quality[0] <= quality < self.jpeg_quality[1]
        )


class Calibration(_Frozen):
    """weights, offset, mean, scale: the logistic regression on standardised features. clear_below: probability up to
    which a photo is `authentic`. limit, confidence: what the bounds were made for. bins: the conditions covered.
    reliability: how far the heat map can be trusted by kind of place; none where that was not measured."""

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    offset: float
    clear_below: float
    limit: float
    confidence: float
    bins: tuple[Bin, ...]
    reliability: ReliabilityTable | None = None

    def probability(self, features: NDArray[np.float64]) -> float:
        """Calibrated probability that the pixels were manipulated, for float64 [F] pooled features."""
        standard = (features - np.array(self.mean)) / np.array(self.scale)
        return float(1.0 / (1.0 + np.exp(-np.clip(standard @ np.array(self.weights) + self.offset, -30, 30))))

    def bin(self, conditions: Conditions) -> Bin | None:
        """The bin that covers a photo's condition; none where calibration knows nothing of it."""
        for candidate in self.bins:
            if candidate.holds(conditions):
                low, high = candidate.sharpness
                return candidate if low <= conditions.sharpness <= high else None
        return None

    def decide(self, probability: float, conditions: Conditions) -> tuple[Verdict, float | None]:
        """(verdict, bound). The bound is that of the condition's threshold, given with any verdict where there is one.

        `fake` needs a bin with a threshold. `authentic` needs a covered condition. All else goes to a person.
        """
        found = self.bin(conditions)
        if found is None:
            return "inconclusive", None
        if found.threshold is not None and probability >= found.threshold:
            return "fake", found.bound
        return ("authentic" if probability <= self.clear_below else "inconclusive"), found.bound

    def to_json(self) -> str:
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """Raises CalibrationError where the text is no calibration."""
        try:
            return cls.model_validate(json.loads(text))
        except ValueError as error:
            raise CalibrationError(
                f"the calibration cannot be read ({error}); run `refundlens calibrate`"
            ) from error


def lowest_threshold(
    highest: Mapping[str, float], candidates: Sequence[float], allowed: int
) -> tuple[float, int] | None:
    """Walk candidates downwards; return the last (threshold, photos at or above it) with at most `allowed` photos.

    highest: per authentic source photo, the highest probability any of its variants got. None where even the first
    candidate accuses too many.
    """
    scores = np.sort(np.fromiter(highest.values(), np.float64))
    best = None
    for candidate in sorted(candidates, reverse=True):
        accused = len(scores) - int(np.searchsorted(scores, candidate, side="left"))
        if accused > allowed:
            break
        best = (float(candidate), accused)
    return best
