"""The thresholds: per condition, the lowest one that keeps the false-accusation bound on photos like these.

In: a `Calibration` that gives probabilities, and samples that count. Out: the same with its bins filled. The unit is
the source photo: one called fake in one of its deliveries is one person wronged. `model.verdict.calibration` says why
the bounds hold; every step here is decided by the number of photos or can only raise a threshold.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from refundlens.model.photo.formats import Format
from refundlens.model.photo.resizing import LARGEST
from refundlens.model.verdict import bounds
from refundlens.model.verdict.calibration import (
    FORMATS,
    LOSSLESS,
    Bin,
    Calibration,
    CalibrationError,
    Part,
    log_odds_of,
    logistic,
    lowest_threshold,
)
from refundlens.model.verdict.stability import of_copy
from refundlens.training.calibration.scoring import Sample

LONG_SIDES = (240, 640, 1000, LARGEST + 1)
"""Edges in pixels of the conditions' sizes: thumbnails and listings, chat previews, chat photos. What is larger is
judged at a size within the last (`model.photo.resizing`)."""
QUALITIES = (30, 60, 80, LOSSLESS, LOSSLESS + 1)
"""Edges of the conditions' JPEG qualities: harsh, usual, careful; then files that are not JPEG."""
SHARPNESS_SHARE = 0.95
"""Central share of a condition's pictures whose range of sharpness is told. It excludes nothing: parts with open ends
raise the threshold where crisp or soft photos score higher."""
GRID = np.round(1 / (1 + np.exp(-np.arange(0.0, 14.0, 0.1))), 7)
"""Candidate thresholds, fixed before any photo is seen, as fixed-sequence testing asks: 0.5 to 0.999999, in even steps
of log odds, so that a sure network's thresholds have room above its surest mistake."""
LEAST_PHOTOS = bounds.trials_needed(0.05)
"""59 source photos: with fewer, not even one in twenty being accused would show, so a condition is not covered, and a
part of one not told apart."""
HIGH = 0.9
"""Quantile of the photos' scores by which a part is compared with the whole: high enough to speak of photos near the
threshold, low enough that 59 photos tell it to about 0.3 log odds."""
DESIGN_EFFECT = 1.7
"""How many photos of public collections count as one: those of a series are alike, and so are their scores (Kish,
"Survey Sampling", 1965). Measured above the 99 % quantile of refundlens-s 0.5.1's photos, 2.9 between series and 3.3
between repositories (`python -m tests.load.calibration_photos`); 1.7 is what its 554 photos can carry: with 3, a bound
of 1 % asks for 897, and nothing could be called fake. So a series unlike all of calibration's may still exceed the
bound. Photos whose sender nobody named count each."""
SUSPECT_FACTOR = 1.6
"""How much looser the bound of suspects is than that of fakes: as many photos as allow `fake` with none accused (299 at
1 %) then allow one (1.58 %). Two would ask for 2.1 times, which leaves a claim of four photos no room for suspects."""
SHIFT_SHARE = 0.95
"""Share of photos whose log odds move less than a condition's `shift` when they are compressed once more."""
LEAST_PAIRS = 30
"""Photos with a copy that a 95 % quantile needs: below, it would be the largest value and nothing else."""

Cell = tuple[tuple[int, int], tuple[int, int]]
"""A condition: its edges of size and of quality."""
ANY_SIZE, ANY_JPEG = (LONG_SIDES[0], LONG_SIDES[-1]), (QUALITIES[0], LOSSLESS)


@dataclass(frozen=True)
class Scored:
    """A sample with its calibrated log odds."""

    sample: Sample
    log_odds: float


def with_thresholds(
    calibration: Calibration,
    samples: Sequence[Sample],
    limit: float,
    confidence: float,
    moved: Sequence[Sample] | None = None,
) -> Calibration:
    """The same probabilities with thresholds counted on these authentic photos; a user's own photos do as well.

    moved: the samples whose copies tell a condition's `shift`, none for the same ones; where no copies were scored,
    the shift stays the one known before. Raises CalibrationError, with the number of photos needed, where no condition
    has enough.
    """
    counter = _counter(calibration, samples, limit, confidence)
    found_bins = counter.bins()
    moves = _moves(calibration, samples if moved is None else moved)
    known = {(one.long_side, one.jpeg_quality): one.shift for one in calibration.bins}
    bins = []
    for found in found_bins:
        if found.photos < counter.least:
            continue
        cell = (found.long_side, found.jpeg_quality)
        shift = _shift(moves, cell) if moves else known.get(cell)
        bins.append(found.model_copy(update={"shift": shift}))
    if not any(found.threshold is not None for found in bins):
        most = max((found.photos for found in found_bins), default=0)
        needed = photos_needed(limit, confidence, counter.effect)
        raise CalibrationError(
            f"a false-accusation bound of {limit:.2%} at {confidence:.0%} confidence needs at least {needed} authentic "
            f"source photos in a condition; the fullest has {most}. Add photos, or raise --limit"
        )
    facts = {
        "bins": keep_miss_bounds(calibration.bins, bins),
        "limit": limit,
        "confidence": confidence,
        "formats": _formats(counter.authentic),
    }
    return with_suspects(calibration.model_copy(update=facts), samples)


def photos_needed(limit: float, confidence: float, effect: float = DESIGN_EFFECT) -> int:
    """Authentic source photos without which no condition can keep the limit. effect: how many count as one."""
    return math.ceil(effect * bounds.trials_needed(limit, 0, confidence))


def with_suspects(calibration: Calibration, samples: Sequence[Sample]) -> Calibration:
    """The same probabilities, thresholds and bounds, with the lower thresholds from which a photo is suspect.

    samples: those that the thresholds were counted on. The limit is SUSPECT_FACTOR times the calibration's.
    """
    limit = SUSPECT_FACTOR * calibration.limit
    counter = _counter(calibration, samples, limit, calibration.confidence)
    covered = tuple(one for one in counter.bins() if one.photos >= counter.least)
    return calibration.model_copy(update={"suspect": covered})


def keep_miss_bounds(known: Sequence[Bin], found: Sequence[Bin]) -> tuple[Bin, ...]:
    """Conditions counted anew with the miss bounds that the same conditions had before: these hold for the same
    probabilities, whatever the thresholds."""
    before = {(one.long_side, one.jpeg_quality): one for one in known}
    names = ("cleared", "miss_bound", "miss_bound_of", "miss_counted_on")
    kept = []
    for one in found:
        old = before.get((one.long_side, one.jpeg_quality))
        kept.append(
            one if old is None else one.model_copy(update={name: getattr(old, name) for name in names})
        )
    return tuple(kept)


def _formats(authentic: Sequence["Scored"]) -> tuple[Format, ...]:
    """Formats that enough photos came in, and those that need no more than the condition's own count."""
    photos: dict[Format, set[str]] = defaultdict(set)
    for one in authentic:
        photos[one.sample.format].add(one.sample.source)
    measured = {name for name, found in photos.items() if len(found) >= LEAST_PHOTOS}
    return tuple(sorted(measured | set(FORMATS)))


def _counter(
    calibration: Calibration, samples: Sequence[Sample], limit: float, confidence: float
) -> "_Counter":
    authentic = [_scored(calibration, sample) for sample in samples if sample.label == 0]
    return _Counter(authentic, limit, confidence)


def _scored(calibration: Calibration, sample: Sample) -> Scored:
    return Scored(sample, calibration.log_odds(sample.features, sample.conditions))


def _cells() -> list[Cell]:
    return [(size, quality) for size in pairwise(LONG_SIDES) for quality in pairwise(QUALITIES)]


def wider(cell: Cell) -> list[Cell]:
    """The conditions around one, nearest first. JPEG and other files never speak for each other."""
    size, quality = cell
    if quality[0] >= LOSSLESS:
        return [(ANY_SIZE, quality)]
    return [(size, ANY_JPEG), (ANY_SIZE, quality), (ANY_SIZE, ANY_JPEG)]


def empty(cell: Cell) -> Bin:
    """A condition of which nothing is known but its edges."""
    return Bin(long_side=cell[0], jpeg_quality=cell[1], sharpness=(0.0, 1.0), photos=0)


def _highest(scored: Sequence[Scored]) -> dict[str, float]:
    """Per source photo, the highest log odds any of its variants got."""
    highest: dict[str, float] = {}
    for one in scored:
        highest[one.sample.source] = max(highest.get(one.sample.source, -np.inf), one.log_odds)
    return highest


def _lifted(threshold: float, own: Mapping[str, float], whole: Mapping[str, float]) -> float:
    """The whole's threshold, raised by as much as these photos' high scores lie above the whole's; never lowered."""
    rise = float(np.quantile(list(own.values()), HIGH) - np.quantile(list(whole.values()), HIGH))
    return max(threshold, logistic(log_odds_of(threshold) + rise))


@dataclass(frozen=True)
class _Counter:
    """Counts accusations among authentic photos."""

    authentic: Sequence[Scored]
    limit: float
    confidence: float

    @property
    def least(self) -> int:
        """Photos that a condition needs to be covered: fewer where the limit itself asks for fewer."""
        return min(LEAST_PHOTOS, bounds.trials_needed(self.limit, 0, self.confidence))

    def bins(self) -> list[Bin]:
        """Every condition into which a photo fell."""
        return [found for cell in _cells() if (found := self.bin(cell)) is not None]

    def bin(self, cell: Cell) -> Bin | None:
        """One condition; none where no photo fell into it."""
        inside = self._inside(cell)
        if not inside:
            return None
        sharpness = [one.sample.conditions.sharpness for one in inside]
        low, high = np.quantile(sharpness, [(1 - SHARPNESS_SHARE) / 2, (1 + SHARPNESS_SHARE) / 2])
        highest = _highest(inside)
        senders = {one.sample.sender or one.sample.source for one in inside}
        facts = {"photos": len(highest), "senders": len(senders), "sharpness": (float(low), float(high))}
        filled = empty(cell).model_copy(update=facts)
        threshold, counted_on = self._threshold(cell, highest)
        if threshold is None:
            return filled
        # The count alone would give a smaller bound, but the threshold was picked by that count: what the walk over
        # candidates guarantees is the limit it was stopped at.
        return filled.model_copy(
            update={
                "threshold": threshold,
                "accused": sum(logistic(value) >= threshold for value in highest.values()),
                "accused_senders": len(
                    {
                        one.sample.sender or one.sample.source
                        for one in inside
                        if logistic(one.log_odds) >= threshold
                    }
                ),
                "bound": self.limit,
                "counted_on": counted_on,
                "parts": tuple(self._parts(inside, threshold)),
            }
        )

    def _inside(self, cell: Cell) -> list[Scored]:
        covering = empty(cell)
        return [
            one
            for one in self.authentic
            if covering.holds(one.sample.conditions) and not one.sample.conditions.enlarged
        ]

    @cached_property
    def effect(self) -> float:
        """How many photos count as one."""
        return DESIGN_EFFECT if any(one.sample.sender for one in self.authentic) else 1.0

    def _allowed(self, photos: int) -> int:
        """Accusations among so many photos; negative where they are too few for the limit."""
        allowed = bounds.errors_allowed(self.limit, int(photos / self.effect), self.confidence)
        return int(allowed * self.effect)

    def _enough(self, highest: Mapping[str, float]) -> bool:
        return self._allowed(len(highest)) >= 0

    def _lowest(self, highest: Mapping[str, float]) -> float | None:
        allowed = self._allowed(len(highest))
        probabilities = {source: logistic(value) for source, value in highest.items()}
        found = lowest_threshold(probabilities, GRID.tolist(), allowed)
        return None if found is None else found[0]

    def _threshold(self, cell: Cell, highest: Mapping[str, float]) -> tuple[float | None, Cell | None]:
        """A condition's threshold, and the wider condition it was counted on where that is not its own."""
        if self._enough(highest):
            return self._lowest(highest), None
        if len(highest) < LEAST_PHOTOS:
            return None, None
        for around in wider(cell):
            whole = _highest(self._inside(around))
            if self._enough(whole):
                borrowed = self._lowest(whole)
                return (None, None) if borrowed is None else (_lifted(borrowed, highest, whole), around)
        return None, None

    def _parts(self, inside: Sequence[Scored], threshold: float) -> list[Part]:
        """Finer conditions: by compressions seen, then by thirds of sharpness, as far as photos go."""
        whole, parts = _highest(inside), []
        for seen in _compressions(inside):
            group = [one for one in inside if seen[0] <= one.sample.conditions.quantisations < seen[1]]
            for reach in _thirds(group):
                part = [one for one in group if reach[0] <= one.sample.conditions.sharpness < reach[1]]
                own = _highest(part)
                if len(own) < LEAST_PHOTOS or len(part) == len(inside):
                    continue
                enough = self._enough(own)
                chosen = self._lowest(own) if enough else _lifted(threshold, own, whole)
                parts.append(
                    Part(sharpness=reach, quantisations=seen, photos=len(own), threshold=chosen, own=enough)
                )
        return parts


def _compressions(inside: Sequence[Scored]) -> list[tuple[int, int]]:
    """A JPEG saved once or more often; a file that is not JPEG with no trace of compression or with one (WebP too)."""
    first = 1 if inside[0].sample.conditions.jpeg_quality is None else 2
    return [(0, first), (first, 3)]


def _thirds(group: Sequence[Scored]) -> list[tuple[float, float]]:
    """Ranges of sharpness with a third of the pictures each; one for all where a third has too few photos."""
    everything = (-1.0, 2.0)  # beyond what sharpness can be on either side
    if not group:
        return []
    values = [one.sample.conditions.sharpness for one in group]
    low, high = (float(edge) for edge in np.quantile(values, [1 / 3, 2 / 3]))
    thirds = list(pairwise((everything[0], low, high, everything[1])))
    photos = [
        len({one.sample.source for one in group if reach[0] <= one.sample.conditions.sharpness < reach[1]})
        for reach in thirds
    ]
    return thirds if min(photos) >= LEAST_PHOTOS else [everything]


def _moves(calibration: Calibration, samples: Sequence[Sample]) -> list[tuple[Sample, float]]:
    """Samples with a copy, and how far the log odds lie apart between the two."""
    moves = []
    for sample in samples:
        if sample.copy is not None:
            before = calibration.log_odds(sample.features, sample.conditions)
            after = calibration.log_odds(sample.copy, of_copy(sample.conditions))
            moves.append((sample, abs(after - before)))
    return moves


def _shift(moves: Sequence[tuple[Sample, float]], cell: Cell) -> float | None:
    """What SHIFT_SHARE of the moves stay under: in the condition, else at its quality, else over all conditions."""
    around = ((ANY_SIZE, cell[1]), (ANY_SIZE, (QUALITIES[0], QUALITIES[-1])))
    for one in (cell, *around):
        covering = empty(one)
        values = [move for sample, move in moves if covering.holds(sample.conditions)]
        if len(values) >= LEAST_PAIRS:
            return float(np.quantile(values, SHIFT_SHARE, method="higher"))
    return None
