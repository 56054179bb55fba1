"""How far the heat map can be trusted, measured by the kind of place: fills the table of `model.reliability`.

In: a detector, its calibration, a dataset's calibration rows. Out: a `ReliabilityTable`.

A local edit has cells that were manipulated and cells that were not; its authentic twin (same photo, same delivery) has
only the latter. Each cell falls into a class by the local saturation, contrast and sharpness. A class's reliability is
Youden's J at the threshold from which the detector reports a region: the share of its manipulated cells that the map
marks, less the share of its untouched cells that it marks, and 0 where that is negative. So a place where nothing is
ever marked and a place where everything is are worth the same: nothing. Pictures count alike, however large.

A class that few pictures have cells in is drawn towards what its three facts say one by one, and those towards the
whole. The authors of TruFor (CVPR 2023) let a network learn where its own map errs; this counts it.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.pictures import read_mask
from datasets.records import Row
from model import conditions, pooling, tiles
from model.calibration import Calibration
from model.detect import REGION_THRESHOLD, Detector
from model.image import read_photo
from model.reliability import FACTS, Fact, ReliabilityTable, classes, local_facts
from training.calibrate import run_all

PICTURES = 150
"""Edited pictures measured at most, each with its twin: two minutes on two cores."""
LEAST_PICTURES = 10
"""Edited pictures without which nothing is said: with fewer, one picture's luck would be a property of a texture."""
CHANGED, UNTOUCHED = 0.5, 0.02
"""Share of a cell's pixels from which it counts as manipulated, and up to which as untouched; between is neither."""
CELLS = 1000.0
"""Cells of a picture and side that count in full; of more, each counts for less, so that no large picture outvotes."""
SATURATION = (0.02, 0.25)
"""Edges of the share of clipped pixels: a highlight in the window; a quarter of it. Quantiles would all be zero."""
CONTRAST, SHARPNESS = (0.1, 0.25, 0.5, 0.75), (0.1, 0.33, 0.67)
"""Quantiles of the cells at which contrast and sharpness are cut: finer at the poor end, where reliability falls."""
PRIOR = 10.0
"""Pictures whose weight the expectation has against a class's own measurement."""
SEEN = 9
"""Manipulated cells (one window) with which a picture counts as evidence for a class."""
DIGITS = 4
"""Decimals kept: a ten-thousandth is far below what a hundred pictures can tell."""


@dataclass(frozen=True)
class Cells:
    """The cells of one picture whose truth is known. facts: float32 [3,n]; marked, changed: bool [n]."""

    facts: NDArray[np.float32]
    marked: NDArray[np.bool_]
    changed: NDArray[np.bool_]


def measure(
    detector: Detector, calibration: Calibration, dataset: Path, rows: Sequence[Row], limit: int = PICTURES
) -> ReliabilityTable | None:
    """The table for a detector under a calibration; none where too few local edits are known.

    rows: of splits that training did not learn from. limit: edited pictures to look at. Shows a progress bar.
    """
    chosen = _chosen(rows, limit)
    if len(chosen) < LEAST_PICTURES:
        return None

    def one(row: Row) -> Cells:
        photo = read_photo((dataset / row.file_name).read_bytes())
        found = detector.score(photo.pixels)
        heat = pooling.heat(found.scores, calibration.probability(found.features, conditions.measure(photo)))
        mask = np.zeros(photo.pixels.shape[:2], np.float32)
        if row.mask_file_name is not None:
            mask = read_mask(dataset / row.mask_file_name)
        return known_cells(heat, local_facts(photo.pixels), mask)

    authentic = {_twins_share(row): row for row in rows if row.label == 0}
    twins = {key: authentic[key] for row in chosen if (key := _twins_share(row)) in authentic}
    return fit(run_all(one, [*chosen, *twins.values()], "reliability"))


def _chosen(rows: Iterable[Row], limit: int) -> list[Row]:
    """Local edits with a known mask. Which, the files' names decide: neither their order nor chance."""
    edits = [row for row in rows if row.label == 1 and row.kind != "ai_generated" and row.mask_file_name]
    return sorted(edits, key=lambda row: hashlib.sha256(row.file_name.encode()).digest())[:limit]


def _twins_share(row: Row) -> str:
    return json.dumps([row.source, row.delivery, row.benign, row.width, row.height], sort_keys=True)


def known_cells(heat: NDArray[np.float32], facts: NDArray[np.float32], mask: NDArray[np.float32]) -> Cells:
    """The cells whose truth is clear. heat: float32 [h,w]; facts: float32 [3,h,w]; mask: shares, float32 [H,W]."""
    share = _cell_means(mask)
    clear = (share >= CHANGED) | (share <= UNTOUCHED)
    return Cells(facts[:, clear], heat[clear] >= REGION_THRESHOLD, share[clear] >= CHANGED)


def _cell_means(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 [H,W] -> [ceil(H/8), ceil(W/8)]; cells on the edge average the pixels they have."""
    height, width = mask.shape
    rows, columns = np.arange(0, height, tiles.STRIDE), np.arange(0, width, tiles.STRIDE)
    sums = np.add.reduceat(np.add.reduceat(mask, rows, axis=0), columns, axis=1)
    counts = np.outer(np.minimum(height - rows, tiles.STRIDE), np.minimum(width - columns, tiles.STRIDE))
    return np.asarray(sums / counts, np.float32)


def fit(pictures: Sequence[Cells]) -> ReliabilityTable:
    """The table from the known cells of edited pictures and of authentic ones."""
    every = np.concatenate([picture.facts for picture in pictures], axis=1)
    edges: dict[Fact, tuple[float, ...]] = {
        "saturation": SATURATION,
        "contrast": tuple(np.quantile(every[1], CONTRAST).tolist()),
        "sharpness": tuple(np.quantile(every[2], SHARPNESS).tolist()),
    }
    shape = tuple(len(edges[fact]) + 1 for fact in FACTS)
    tally = Tally(shape)
    for picture in pictures:
        tally.add(picture, classes(picture.facts, edges))
    overall = float(np.clip(tally.whole(), 0, 1))
    alone = {fact: tally.alone(axis, overall) for axis, fact in enumerate(FACTS)}
    expected = np.full(shape, overall)
    for axis, fact in enumerate(FACTS):  # each fact scales the whole, as if the three acted independently
        scale = alone[fact] / overall if overall else np.zeros_like(alone[fact])
        expected *= np.expand_dims(scale, tuple(other for other in range(len(FACTS)) if other != axis))
    table = tally.joint(np.clip(expected, 0, 1))
    return ReliabilityTable(
        saturation=edges["saturation"],
        contrast=edges["contrast"],
        sharpness=edges["sharpness"],
        table=tuple(tuple(tuple(row) for row in plane) for plane in table.round(DIGITS).tolist()),
        alone={fact: tuple(values.round(DIGITS).tolist()) for fact, values in alone.items()},
        overall=round(overall, DIGITS),
        pictures=sum(bool(picture.changed.any()) for picture in pictures),
    )


class Tally:
    """Cells by class: how many there were and how many the map marked, untouched (0) and manipulated (1)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._count, self._marked = np.zeros((2, *shape)), np.zeros((2, *shape))
        self._seen = np.zeros(shape)
        self._seen_alone = [np.zeros(size) for size in shape]

    def add(self, picture: Cells, found: NDArray[np.intp]) -> None:
        """found: the class of each cell by each fact, intp [3,n]."""
        index = np.ravel_multi_index(tuple(found), self._shape)
        size = int(np.prod(self._shape))
        for truth in (0, 1):
            side = picture.changed == bool(truth)
            weight = min(1.0, CELLS / max(1, int(side.sum())))
            for table, cells in ((self._count, side), (self._marked, side & picture.marked)):
                table[truth] += weight * np.bincount(index[cells], minlength=size).reshape(self._shape)
        self._seen += (np.bincount(index[picture.changed], minlength=size) >= SEEN).reshape(self._shape)
        for axis, seen in enumerate(self._seen_alone):
            seen += np.bincount(found[axis][picture.changed], minlength=len(seen)) >= SEEN

    def whole(self) -> float:
        """Youden's J of all cells together, -1 to 1."""
        return float(_youden(self._marked.sum(axis=(1, 2, 3)), self._count.sum(axis=(1, 2, 3))))

    def alone(self, axis: int, overall: float) -> NDArray[np.float64]:
        """J by one fact's classes, float64 [classes], drawn towards that of all cells."""
        others = tuple(1 + other for other in range(len(self._shape)) if other != axis)
        measured = _youden(self._marked.sum(axis=others), self._count.sum(axis=others))
        return _drawn(measured, np.full(self._shape[axis], overall), self._seen_alone[axis])

    def joint(self, expected: NDArray[np.float64]) -> NDArray[np.float64]:
        """J by combination of classes, drawn towards what is expected of it; shaped as the table."""
        return _drawn(_youden(self._marked, self._count), expected, self._seen)


def _youden(marked: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share marked of the manipulated less that of the untouched; NaN where there are none of either."""
    share = np.divide(marked, count, out=np.full_like(count, np.nan), where=count > 0)
    return np.asarray(share[1] - share[0])


def _drawn(
    measured: NDArray[np.float64], expected: NDArray[np.float64], pictures: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The measurement, weighing as many pictures as it has, and the expectation, weighing PRIOR; within 0 to 1."""
    weight = np.where(np.isnan(measured), 0.0, pictures / (pictures + PRIOR))
    return np.clip(weight * np.nan_to_num(measured) + (1 - weight) * expected, 0.0, 1.0)
