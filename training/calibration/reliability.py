"""How far the heat map can be trusted, measured by the kind of place: fills the table of `model.verdict.reliability`.

In: a detector, its calibration, a dataset's calibration rows. Out: a `ReliabilityTable`.

A local edit has cells that were manipulated and cells that were not; its authentic twin (same photo, same delivery) has
only the latter. By local saturation, by contrast and by sharpness, cells fall into classes. A class's reliability is
Youden's J at the threshold from which the detector reports a region: the share of its manipulated cells that the map
marks, less the share of its untouched cells that it marks, and 0 where that is negative. So a place where nothing is
ever marked and a place where everything is are worth the same: nothing. Pictures count alike, however large.

A class is drawn towards the whole, the more so the fewer pictures speak for it, and one for which hardly any does is
left to its neighbour. No order is imposed: that flat or blurred places are worth less is expected, but it is what is
measured that counts. The authors of TruFor (CVPR 2023) let a network learn where its own map errs; this counts it.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.row import Row, read_mask
from refundlens.model.detect import REGION_THRESHOLD, Detector
from refundlens.model.network import pooling, tiles
from refundlens.model.photo.image import read_photo
from refundlens.model.verdict.calibration import Calibration
from refundlens.model.verdict.reliability import FACTS, Curve, ReliabilityTable, local_facts
from refundlens.training.calibration.calibrate import run_all

PICTURES = 150
"""Edited pictures measured at most, each with its twin: two minutes on two cores."""
LEAST_PICTURES = 10
"""Edited pictures without which nothing is said: with fewer, one picture's luck would be a property of a texture."""
CHANGED, UNTOUCHED = 0.5, 0.02
"""Share of a cell's pixels from which it counts as manipulated, and up to which as untouched; between is neither."""
CELLS = 1000.0
"""Cells of a picture and side that count in full; of more, each counts for less, so that no large picture outvotes."""
SATURATION = (0.02, 0.25, 0.75)
"""Edges of the share of clipped pixels: a highlight in the window; a quarter of it; most of it. Quantiles would all be
zero."""
QUANTILES = (0.03, 0.1, 0.2, 0.35, 0.5, 0.75)
"""Shares of the cells at which contrast and sharpness are cut: finer at the poor end, where reliability falls."""
LEAST_SEEN = 5
"""Pictures without which a class gets no point of its own: one strange edit must not speak for a texture."""
PRIOR = 5.0
"""Pictures whose weight the whole has against a class's own measurement."""
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
        found = detector.score(photo.judged)
        mask = np.zeros(photo.judged.shape[:2], np.float32)
        if row.mask_file_name is not None:
            mask = read_mask(dataset / row.mask_file_name)
        return known_cells(pooling.trace_map(found.scores), local_facts(photo.judged), mask)

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
    overall = float(np.clip(np.nan_to_num(_count(pictures, 0, np.empty(0)).youden()[0]), 0, 1))
    curves = {fact: _curve(pictures, axis, overall) for axis, fact in enumerate(FACTS)}
    return ReliabilityTable(
        saturation=curves["saturation"],
        contrast=curves["contrast"],
        sharpness=curves["sharpness"],
        overall=round(overall, DIGITS),
        pictures=sum(bool(picture.changed.any()) for picture in pictures),
    )


@dataclass(frozen=True)
class Counts:
    """Cells by the classes of one fact. cells, marked: float64 [2,n], untouched and manipulated, and those of them that
    the map marks. pictures: float64 [n], those with evidence for a class."""

    cells: NDArray[np.float64]
    marked: NDArray[np.float64]
    pictures: NDArray[np.float64]

    def youden(self) -> NDArray[np.float64]:
        """Share marked of the manipulated less that of the untouched, -1 to 1; NaN where there are none of either."""
        share = np.divide(self.marked, self.cells, out=np.full_like(self.cells, np.nan), where=self.cells > 0)
        return np.asarray(share[1] - share[0])


def _count(pictures: Sequence[Cells], axis: int, edges: NDArray[np.float64]) -> Counts:
    """edges: inner edges of the classes, ascending."""
    size = len(edges) + 1
    found = Counts(np.zeros((2, size)), np.zeros((2, size)), np.zeros(size))
    for picture in pictures:
        index = np.searchsorted(edges, picture.facts[axis], side="right")
        for truth in (0, 1):
            side = picture.changed == bool(truth)
            weight = min(1.0, CELLS / max(1, int(side.sum())))
            found.cells[truth] += weight * np.bincount(index[side], minlength=size)
            found.marked[truth] += weight * np.bincount(index[side & picture.marked], minlength=size)
        found.pictures[:] += np.bincount(index[picture.changed], minlength=size) >= SEEN
    return found


def _curve(pictures: Sequence[Cells], axis: int, overall: float) -> Curve:
    """Youden's J by one fact, a point for each class at its median value, drawn towards that of all cells."""
    values = np.concatenate([picture.facts[axis] for picture in pictures])
    edges = np.array(SATURATION) if FACTS[axis] == "saturation" else np.unique(np.quantile(values, QUANTILES))
    index = np.searchsorted(edges, values, side="right")
    counts = _count(pictures, axis, edges)
    measured = counts.youden()
    points = {}
    for one in np.flatnonzero((counts.pictures >= LEAST_SEEN) & ~np.isnan(measured)).tolist():
        seen = float(counts.pictures[one])
        worth = (seen * float(measured[one]) + PRIOR * overall) / (seen + PRIOR)
        points[float(np.median(values[index == one]))] = round(min(max(worth, 0.0), 1.0), DIGITS)
    if not points:
        points = {float(np.median(values)): round(overall, DIGITS)}
    return Curve(at=tuple(points), worth=tuple(points.values()))
