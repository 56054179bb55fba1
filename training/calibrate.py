"""A network's scores -> probabilities that mean what they say and thresholds that keep their bound.

Two disjoint sets of source photos: one fits the logistic regression (the validation split and a fifth of the
calibration split), the other counts false accusations. The unit is the source photo: a photo whose nine deliveries are
all called fake is one person wronged, and a photo with one of nine called fake is one person wronged too.
"""

import hashlib
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from tqdm import tqdm

from datasets.records import Row
from model import bounds, conditions, pooling
from model.calibration import LOSSLESS, Bin, Calibration, CalibrationError, lowest_threshold
from model.detect import Detector
from model.detection import Conditions
from model.image import read_photo

LIMIT = 0.01
"""Default upper bound on the rate of authentic photos called fake."""
CONFIDENCE = 0.95
FIT_SHARE = 5
"""One calibration photo in this many fits the probability; the others only count accusations."""
LONG_SIDES = (240, 640, 1000, 1700)
"""Edges in pixels of the conditions' sizes: thumbnails and listings, chat previews, chat photos. Above lies the
camera's own size, for which a calibration set must hold camera originals."""
QUALITIES = (30, 60, 80, LOSSLESS, LOSSLESS + 1)
"""Edges of the conditions' JPEG qualities: harsh, usual, careful; then files that are not JPEG."""
SHARPNESS_SHARE = 0.95
"""Central share of a condition's pictures whose sharpness it is taken to cover. Its extremes are too few to speak for:
three crisp camera photos among hundreds of enlarged ones support no bound on crisp photos."""
SHARPNESS_SLACK = 0.02
"""How far beyond its calibration photos' sharpness a condition is taken to reach: the measure's own noise."""
MISSED = 0.05
"""Share of calibration's fakes that `authentic` may swallow; the rest between the thresholds goes to a person."""
RIDGE = 1.0
"""L2 penalty of the logistic regression on each standardised weight, as strong as one photo's evidence. A penalty that
does not fade with the number of photos keeps probabilities from ever meaning what they say."""
GRID = np.round(1 / (1 + np.exp(-np.arange(0.0, 14.0, 0.1))), 7)
"""Candidate thresholds, fixed before any photo is seen, as fixed-sequence testing asks: 0.5 to 0.999999, in even steps
of log odds, so that a sure network's thresholds have room above its surest mistake."""


Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Sample:
    """One scored picture: its pooled features float64 [F], its condition, its source photo."""

    source: str
    label: int
    features: NDArray[np.float64]
    conditions: Conditions


def score_rows(detector: Detector, dataset: Path, rows: Sequence[Row]) -> list[Sample]:
    """Score pictures of a dataset, in order, on all cores (give the detector one thread); progress on stderr."""

    def one(row: Row) -> Sample:
        photo = read_photo((dataset / row.file_name).read_bytes())
        return Sample(row.source, row.label, detector.score(photo.pixels).features, conditions.measure(photo))

    return run_all(one, rows, "calibrate")


def run_all(work: Callable[[Item], Result], items: Sequence[Item], what: str) -> list[Result]:
    """`work` over items on a thread a core (ONNX Runtime and the decoders release the GIL), in order, with a bar."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(tqdm(pool.map(work, items), total=len(items), desc=what, disable=not sys.stderr.isatty()))


def calibrate(
    samples: Iterable[Sample],
    limit: float = LIMIT,
    confidence: float = CONFIDENCE,
    fit_only: Iterable[Sample] = (),
) -> Calibration:
    """Fit the probability on one part of the photos, set every condition's threshold on the other.

    fit_only: samples that must not count accusations, such as those of the split that training was watched on.
    Raises CalibrationError where a class is missing, or no condition has enough photos for the limit.
    """
    known = list(samples)
    fit = [*fit_only, *(sample for sample in known if _fits(sample.source))]
    count = [sample for sample in known if not _fits(sample.source)]
    if {sample.label for sample in fit} != {0, 1}:
        raise CalibrationError(
            "fitting the probability needs authentic and manipulated photos in the validation and calibration "
            "splits; `refundlens data stats` shows what a dataset holds"
        )
    plain = fit_probability(fit, limit, confidence)
    return with_thresholds(plain, count, limit, confidence)


def _fits(source: str) -> bool:
    """Decided by the photo's hash, so that all its variants and edits stay together."""
    return int(hashlib.sha256(source.encode()).hexdigest(), 16) % FIT_SHARE == 0


def fit_probability(samples: Sequence[Sample], limit: float, confidence: float) -> Calibration:
    """Logistic regression by L-BFGS with each class, and each photo within its class, weighing the same."""
    matrix = np.stack([sample.features for sample in samples])
    labels = np.array([sample.label for sample in samples], np.float64)
    weights = _weights(samples)
    mean = np.average(matrix, axis=0, weights=weights)
    scale = np.sqrt(np.average((matrix - mean) ** 2, axis=0, weights=weights)) + 1e-6
    penalty = RIDGE / len({(sample.label, sample.source) for sample in samples})
    standard = np.column_stack([(matrix - mean) / scale, np.ones(len(matrix))])

    def cost(free: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = standard @ free
        error = weights * (1 / (1 + np.exp(-logits)) - labels)
        ridge = np.append(free[:-1], 0.0)
        misfit = weights * (np.logaddexp(0, logits) - labels * logits)
        value = float(misfit.sum() + penalty / 2 * ridge @ ridge)
        return value, standard.T @ error + penalty * ridge

    solution = minimize(cost, np.zeros(standard.shape[1]), jac=True, method="L-BFGS-B").x
    fitted = Calibration(
        features=pooling.FEATURES, mean=tuple(mean), scale=tuple(scale), weights=tuple(solution[:-1]),
        offset=float(solution[-1]), clear_below=0.0, limit=limit, confidence=confidence, bins=(),
    )  # fmt: skip
    fakes = np.array(
        [fitted.probability(sample.features, sample.conditions) for sample in samples if sample.label == 1]
    )
    # never above one half: a photo that is more likely fake than not is not cleared
    clear = min(0.5, float(np.quantile(fakes, MISSED)))
    return fitted.model_copy(update={"clear_below": clear})


def _weights(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Sums to 1; half for each class, equal shares for the photos of a class, equal shares for a photo's variants."""
    variants: dict[tuple[int, str], int] = defaultdict(int)
    for sample in samples:
        variants[sample.label, sample.source] += 1
    photos = {label: sum(key[0] == label for key in variants) for label in (0, 1)}
    return np.array([0.5 / photos[s.label] / variants[s.label, s.source] for s in samples])


def with_thresholds(
    calibration: Calibration, samples: Sequence[Sample], limit: float, confidence: float
) -> Calibration:
    """The same probabilities with thresholds counted on these authentic photos; a user's own photos do as well.

    Raises CalibrationError, with the number of photos needed, where no condition has enough.
    """
    authentic = [sample for sample in samples if sample.label == 0]
    bins = [_bin(calibration, authentic, cell, limit, confidence) for cell in _cells()]
    covered = tuple(found for found in bins if found is not None)
    if not any(found.threshold is not None for found in covered):
        most = max((found.photos for found in covered), default=0)
        raise CalibrationError(
            f"a false-accusation bound of {limit:.2%} at {confidence:.0%} confidence needs at least "
            f"{bounds.trials_needed(limit, 0, confidence)} authentic source photos in a condition; the fullest has "
            f"{most}. Add photos, or raise --limit"
        )
    return calibration.model_copy(update={"bins": covered, "limit": limit, "confidence": confidence})


def _cells() -> list[tuple[tuple[int, int], tuple[int, int]]]:
    return [(size, quality) for size in pairwise(LONG_SIDES) for quality in pairwise(QUALITIES)]


def _bin(
    calibration: Calibration,
    authentic: Sequence[Sample],
    cell: tuple[tuple[int, int], tuple[int, int]],
    limit: float,
    confidence: float,
) -> Bin | None:
    """One condition, counted per source photo; none where no photo fell into it."""
    empty = Bin(long_side=cell[0], jpeg_quality=cell[1], sharpness=(0.0, 1.0), photos=0)
    inside = [sample for sample in authentic if empty.holds(sample.conditions)]
    if not inside:
        return None
    highest: dict[str, float] = {}
    for sample in inside:
        probability = calibration.probability(sample.features, sample.conditions)
        highest[sample.source] = max(highest.get(sample.source, 0.0), probability)
    sharpness = [sample.conditions.sharpness for sample in inside]
    low, high = np.quantile(sharpness, [(1 - SHARPNESS_SHARE) / 2, (1 + SHARPNESS_SHARE) / 2])
    reach = (float(low) - SHARPNESS_SLACK, float(high) + SHARPNESS_SLACK)
    filled = empty.model_copy(update={"photos": len(highest), "sharpness": reach})
    allowed = bounds.errors_allowed(limit, len(highest), confidence)
    chosen = lowest_threshold(highest, GRID.tolist(), allowed) if allowed >= 0 else None
    if chosen is None:
        return filled
    threshold, accused = chosen
    # The count alone would give a smaller bound, but the threshold was picked by that count: what the walk over
    # candidates guarantees is the limit it was stopped at.
    return filled.model_copy(update={"threshold": threshold, "accused": accused, "bound": limit})
