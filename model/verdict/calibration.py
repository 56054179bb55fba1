"""From pooled features to a probability that means what it says, and to a verdict that keeps its bound.

Fitted by `training.calibration.calibrate`, carried inside the ONNX bundle, applied here with NumPy alone.

**Probability.** A logistic regression on the pooled features, whose log odds are then weighed by the photo's delivery
condition (`model.verdict.condition_terms`), under equal prior odds of authentic and manipulated;
`model.verdict.calibration` converts.

**Verdict.** `fake` only from a threshold on: per condition (size and compression), the lowest one at which the upper
confidence bound on the rate of falsely accused photos stays within the limit. Why the bound holds:
- Going down from 1 and stopping at the first threshold that fails is fixed-sequence testing, so it holds though the
  threshold was chosen on the same photos (Angelopoulos et al., "Learn then Test", 2021). The candidates and the order
  are fixed beforehand, and whether a condition is tested depends on how many photos it has, never on their scores.
- The family is one condition: each condition's statement holds with the stated confidence by itself, not all of them
  at once.
- A condition with too few photos takes the threshold of the nearest wider one that has enough. The bound then speaks
  of the wider condition's photos. Whatever is done to a threshold afterwards can only raise it (the lifts below, a
  second look at the photo's own copy), and the photos above a higher threshold are among those above the lower one:
  the rate among the photos that the bound speaks of can only fall.

**Authentic** up to one probability, only where a condition has a miss bound: the upper confidence bound on the share of
manipulated pictures that are called so there, counted on pictures of real editors that took no part in training nor in
the choice of that probability; and only where that bound lies under the share of authentic photos that are called so:
a word that manipulated pictures get as easily as photos do says nothing.

**Suspects.** A second, lower set of thresholds with a looser bound, made in the same way, never changes what a photo is
called; `model.verdict.claim` counts such photos where a claim has several.

From equal odds to a service's own share of fakes.

`probability` in every answer holds where authentic and manipulated photos are equally frequent, because nobody can know
a service's share from here. A service that knows its own converts it with Bayes' rule: the odds are multiplied by
share / (1 - share). Where 2 photos in 100 are fake, an answer of 0.9 means 0.155:

>>> round(with_prior(0.9, 0.02), 3)
0.155
"""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from refundlens.model.detection import Conditions, MissedOn
from refundlens.model.names import Verdict
from refundlens.model.network.pooling import FEATURES
from refundlens.model.photo.formats import Format
from refundlens.model.verdict.condition_terms import ConditionTerms
from refundlens.model.verdict.reliability import ReliabilityTable

LOSSLESS = 101
"""Stands for the JPEG quality of files that are not JPEG, in a bin's range of qualities."""
UTMOST = 30.0
"""Log odds are cut here: beyond it a double's probability is 0 or 1."""

FORMATS: tuple[Format, ...] = ("jpeg", "png", "webp")
"""Formats that calibrations measured which do not say."""
LIKE_PNG: tuple[Format, ...] = ("bmp", "tiff")
"""Formats that keep the pixels as PNG does: measured where PNG was."""
Gap = Literal["too_large", "too_small", "quality", "not_jpeg", "enlarged"]
"""What keeps a photo outside the conditions covered."""


class CalibrationError(ValueError):
    """A calibration that cannot be used; the message says what to do."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Frozen):
    """A part of a condition, by sharpness [from, to) and number of compressions [from, to).

    photos: source photos it was measured on. threshold: its own, which is used instead of the condition's; none where
    none keeps the limit. own: whether its own photos sufficed for a bound; else it is the condition's, lifted where
    its photos score higher.
    """

    sharpness: tuple[float, float]
    quantisations: tuple[int, int]
    photos: int
    threshold: float | None
    own: bool

    def holds(self, conditions: Conditions) -> bool:
        return (
            self.sharpness[0] <= conditions.sharpness < self.sharpness[1]
            and self.quantisations[0] <= conditions.quantisations < self.quantisations[1]
        )


class Bin(_Frozen):
    """One delivery condition that calibration photos covered.

    long_side: pixels as scored, [from, to). jpeg_quality: [from, to), LOSSLESS for files that are not JPEG. sharpness:
    the range of the bulk of its photos, for readers; it excludes nothing. photos: source photos it was measured on.
    senders: people or repositories they are from, none where that was not counted. threshold: probability from which a
    photo is `fake`; none where no threshold keeps the limit. bound: upper confidence bound on the rate of authentic
    photos called fake at that threshold, which is the limit it was chosen under. accused: calibration photos at or
    above it. accused_senders: senders with such a photo. counted_on: sizes and qualities of the wider condition the
    threshold comes from, none where it is its own.
    parts: finer conditions within. shift: log odds that 95 % of its photos stay under when they are compressed once
    more (`model.verdict.stability`), none where that was not measured.
    cleared: share of its authentic photos called authentic in all their deliveries. miss_bound: upper confidence bound
    on the share of manipulated pictures called authentic in one; miss_bound_of: what that was counted on;
    miss_counted_on: the wider condition, where there were too few. All none where that was not measured.
    """

    long_side: tuple[int, int]
    jpeg_quality: tuple[int, int]
    sharpness: tuple[float, float]
    photos: int
    accused: int = 0
    threshold: float | None = None
    bound: float | None = None
    counted_on: tuple[tuple[int, int], tuple[int, int]] | None = None
    parts: tuple[Part, ...] = ()
    shift: float | None = None
    senders: int | None = None
    accused_senders: int | None = None
    cleared: float | None = None
    miss_bound: float | None = None
    miss_bound_of: MissedOn | None = None
    miss_counted_on: tuple[tuple[int, int], tuple[int, int]] | None = None

    @property
    def clears(self) -> bool:
        """Whether `authentic` says something here."""
        return self.miss_bound is not None and (self.cleared is None or self.miss_bound < self.cleared)

    def holds(self, conditions: Conditions) -> bool:
        quality = LOSSLESS if conditions.jpeg_quality is None else conditions.jpeg_quality
        return self.long_side[0] <= conditions.scored_side < self.long_side[1] and (
            self.jpeg_quality[0] <= quality < self.jpeg_quality[1]
        )

    def threshold_for(self, conditions: Conditions) -> float | None:
        """The threshold of the part that holds a photo, else the condition's."""
        for part in self.parts:
            if part.holds(conditions):
                return part.threshold
        return self.threshold


class Calibration(_Frozen):
    """weights, offset, mean, scale: the logistic regression on standardised features. terms: what the condition
    changes; none leaves the log odds as they are. clear_below: probability up to which a photo is `authentic`. limit,
    confidence: what the bounds were made for.
    bins: the conditions covered. formats: those that photos came in. clear_side: long side in pixels under which no
    photo is called authentic, because no misses were counted there.
    reliability: how far the heat map can be trusted by kind of place; none where that was not measured. suspect: the
    same conditions with the lower thresholds of suspects and their bounds; none where these were not counted."""

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
    terms: ConditionTerms | None = None
    suspect: tuple[Bin, ...] = ()
    formats: tuple[Format, ...] = FORMATS
    clear_side: int = 0

    @model_validator(mode="after")
    def _fits(self) -> "Calibration":
        if not len(self.features) == len(self.mean) == len(self.scale) == len(self.weights):
            raise ValueError("mean, scale and weights must have one number for each feature")
        return self

    def log_odds(self, features: NDArray[np.float64], conditions: Conditions) -> float:
        """Calibrated log odds, within UTMOST, for pooled features float64 [F] named by
        `model.network.pooling.FEATURES`.

        Those that this calibration was not fitted on are left aside, so that older bundles keep working.
        """
        used = features[[FEATURES.index(name) for name in self.features]]
        standard = (used - np.array(self.mean)) / np.array(self.scale)
        value = float(standard @ np.array(self.weights) + self.offset)
        if self.terms is not None:
            value = self.terms.apply(value, conditions)
        return float(np.clip(value, -UTMOST, UTMOST))

    def probability(self, features: NDArray[np.float64], conditions: Conditions) -> float:
        """Calibrated probability that the pixels were manipulated; arguments as in `log_odds`."""
        return logistic(self.log_odds(features, conditions))

    def bin(self, conditions: Conditions) -> Bin | None:
        """The bin that covers a photo's condition; none where calibration knows nothing of it."""
        if conditions.enlarged:
            return None
        return next((one for one in self.bins if one.holds(conditions)), None)

    def gap(self, conditions: Conditions) -> Gap | None:
        """What keeps a photo outside the conditions covered; none where nothing does."""
        if self.bin(conditions) is not None:
            return None
        if conditions.enlarged:
            return "enlarged"
        if conditions.scored_side >= max((one.long_side[1] for one in self.bins), default=0):
            return "too_large"
        if conditions.scored_side < min(one.long_side[0] for one in self.bins):
            return "too_small"
        return "not_jpeg" if conditions.jpeg_quality is None else "quality"

    def measured(self, format: Format) -> bool:
        """Whether calibration's photos came in this format, or in one that keeps the same pixels."""
        return format in self.formats or (format in LIKE_PNG and "png" in self.formats)

    def threshold(self, conditions: Conditions) -> float | None:
        """Probability from which a photo in this condition is `fake`; none where it never is."""
        found = self.bin(conditions)
        return None if found is None else found.threshold_for(conditions)

    def edges(self, conditions: Conditions) -> tuple[float, ...]:
        """Log odds at which the verdict changes in this condition; none outside the conditions covered."""
        if self.bin(conditions) is None:
            return ()
        threshold = self.threshold(conditions)
        return tuple(log_odds_of(edge) for edge in (self.clear_below, threshold) if edge is not None)

    def shift(self, conditions: Conditions) -> float | None:
        """Log odds that 95 % of photos in this condition stay under when compressed once more, where measured."""
        found = self.bin(conditions)
        return None if found is None else found.shift

    def decide(self, probability: float, conditions: Conditions) -> tuple[Verdict, float | None]:
        """(verdict, bound). The bound is that of the condition's threshold, given with any verdict where there is one.

        `fake` needs a bin with a threshold, `authentic` one with a miss bound that says something. All else goes to a
        person.
        """
        found = self.bin(conditions)
        if found is None:
            return "inconclusive", None
        threshold = found.threshold_for(conditions)
        if threshold is not None and probability >= threshold:
            return "fake", found.bound
        seen = found.clears and conditions.scored_side >= self.clear_side
        clear = seen and probability <= self.clear_below
        return ("authentic" if clear else "inconclusive"), found.bound

    def suspicion(self, probability: float, conditions: Conditions) -> tuple[bool, float | None]:
        """(whether a photo is suspect, the bound on authentic photos that are), (False, None) where that is unknown.

        The bound is given whatever the probability. Every photo above the condition's threshold for `fake` is suspect
        too, as `model.verdict.claim` supposes, though a threshold counted on other photos may lie higher than that one.
        """
        if self.bin(conditions) is None:
            return False, None
        found = next((one for one in self.suspect if one.holds(conditions)), None)
        threshold = None if found is None else found.threshold_for(conditions)
        if found is None or threshold is None:
            return False, None
        fake = self.threshold(conditions)
        return probability >= (threshold if fake is None else min(threshold, fake)), found.bound

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


def logistic(log_odds: float) -> float:
    return float(1.0 / (1.0 + np.exp(-log_odds)))


def log_odds_of(probability: float) -> float:
    """Held within UTMOST, so that 0 and 1 have log odds too."""
    return float(np.clip(np.log(max(probability, 1e-300) / max(1.0 - probability, 1e-300)), -UTMOST, UTMOST))


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


def with_prior(probability: float, share: float) -> float:
    """Probability of manipulation where `share` of the photos (0 to 1, both ends excluded) are manipulated.

    probability: as answered, under equal odds. Raises ValueError where either is out of range.
    """
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"a probability lies between 0 and 1, got {probability}")
    if not 0.0 < share < 1.0:
        raise ValueError(f"the share of fakes must lie strictly between 0 and 1, got {share}")
    fake = probability * share
    return fake / (fake + (1.0 - probability) * (1.0 - share))
