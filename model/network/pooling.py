"""From the scores of many tiles to a few numbers for the whole picture.

A regenerated picture shows a little in every tile, a patched hole shows strongly in one. So both are kept: how strong
the strongest tiles are, and how strong the average one. Calibration weighs them. The number of tiles, which is the
picture's size and shape, goes along so that it can be kept from being evidence (`training.calibration.balance`); that
the strongest of forty innocent tiles is stronger than the strongest of six is left to what the condition changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refundlens.model.names import KINDS, Kind
from refundlens.model.network import tiles

Floats = NDArray[np.float32]
Run = Callable[[NDArray[np.uint8]], tuple[Floats, Floats]]
"""A network: tiles uint8 [N,TILE,TILE,3] -> kind logits [N,4], map logits [N,5,CELLS,CELLS]."""
FEATURES = (
    "strongest_tile", "strong_tiles", "mean_tile", "map_peak", "map_mean", "log_tiles",
    "strongest_generated", "strongest_edited", "strongest_photoshopped", "map_spread", "mean_odds",
)  # fmt: skip
"""The last five were added later: a calibration names those it was fitted on. By cross-validation over photos they
lower the log loss by 0.011 and raise the AUC by 0.011 (624 pictures of 168 photos, delivered like chat photos); more
of them (medians, areas above thresholds, smoothed peaks, quantiles of the map) gained nothing beside these."""
STRONG_SHARE = 0.25
"""Share of tiles that "strong_tiles" averages: a defect rarely covers more of a photo."""
PEAK_SHARE = 0.005
"""Share of the map's cells that "map_peak" averages: edits begin at 0.3 % of a picture."""
LEAST_PEAK = 4
"""Cells that "map_peak" averages at least: a single cell is noise."""
LIMIT = 12.0
"""Margins are clipped here: beyond it the network is only louder, not surer."""


@dataclass(frozen=True)
class Scores:
    """What the network said of one picture.

    kinds: logits float32 [tiles,4] in the order of `KINDS`. maps: logits float32 [5,h,w], a cell per 8 pixels;
    channel 0 "manipulated", the rest the defects.
    """

    kinds: Floats
    maps: Floats


def score_picture(pixels: NDArray[np.uint8], run: Run, batch: int) -> Scores:
    """Cut a picture uint8 RGB [H,W,3] into tiles, run the network over `batch` of them at a time, stitch the maps.

    Memory grows with the map, not with the tiles. Serving and training score through here alike.
    """
    grid = tiles.plan(*pixels.shape[:2])
    parts = [
        run(tiles.cut(pixels, grid, first, first + batch)) for first in range(0, len(grid.origins), batch)
    ]
    maps = np.concatenate([local for _, local in parts])
    return Scores(np.concatenate([kinds for kinds, _ in parts]), tiles.stitch(maps, grid))


def sigmoid(values: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -60, 60))), np.float32)


def heat(scores: Scores, probability: float) -> Floats:
    """The heat map, float32 [h,w], 0 to 1: no pixel is more surely manipulated than the picture it lies in."""
    return np.minimum(trace_map(scores), np.float32(probability))


def margins(kinds: Floats) -> Floats:
    """Log odds of "manipulated in any way" against "authentic" per tile, float32 [tiles]."""
    fake = kinds[:, 1:]
    top = fake.max(axis=1)
    total = top + np.log(np.exp(fake - top[:, None]).sum(axis=1))
    return np.asarray(np.clip(total - kinds[:, 0], -LIMIT, LIMIT), np.float32)


def features(scores: Scores) -> NDArray[np.float64]:
    """float64 [11], named by `FEATURES`."""
    odds = np.sort(margins(scores.kinds))[::-1]
    cells = np.sort(np.clip(scores.maps[0].ravel(), -LIMIT, LIMIT))[::-1]
    strong = max(1, round(len(odds) * STRONG_SHARE))
    peak = min(len(cells), max(LEAST_PEAK, round(len(cells) * PEAK_SHARE)))
    against = np.clip(scores.kinds[:, 1:] - scores.kinds[:, :1], -LIMIT, LIMIT).max(axis=0)
    return np.array(
        [
            odds[0], odds[:strong].mean(), odds.mean(), cells[:peak].mean(), cells.mean(), np.log(len(odds)),
            *against, cells.std(), np.log(np.exp(odds.astype(np.float64)).mean()),
        ],
        np.float64,
    )  # fmt: skip


def plain_score(scores: Scores) -> float:
    """An uncalibrated score for a glance during training: strong tiles and map peak, equally."""
    values = dict(zip(FEATURES, features(scores), strict=True))
    return float(values["strong_tiles"] + values["map_peak"])


def fake_shares(scores: Scores) -> dict[Kind, float]:
    """How a manipulated picture's probability is shared among the three kinds of manipulation; sums to 1.

    Tiles count by how manipulated they look.
    """
    fake = scores.kinds[:, 1:].astype(np.float64)
    shares = np.exp(fake - fake.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    weight = sigmoid(margins(scores.kinds)) + 1e-6
    mixed = (shares * weight[:, None]).sum(axis=0) / weight.sum()
    return dict(zip(KINDS[1:], mixed.tolist(), strict=True))


def trace_map(scores: Scores) -> Floats:
    """What the network's map says by itself, float32 [h,w], 0 to 1: for measuring how well it finds the place. The heat
    map of a doubtful picture is nowhere above one half, wherever it points."""
    return sigmoid(scores.maps[0])


def enlarge(grid: Floats, height: int, width: int) -> Floats:
    """A map with a cell per 8 pixels -> float32 [height,width], bilinear between the cells' centres."""
    centres = np.arange(max(height, width)) + 0.5
    return _between(grid, _cells(centres[:height], grid.shape[0]), _cells(centres[:width], grid.shape[1]))


def to_shown(grid: Floats, judged: tuple[int, int], shown: tuple[int, int]) -> Floats:
    """A map of the pixels that were scored -> the same for the displayed picture, a cell per 8 of its pixels.

    judged, shown: height and width in pixels (`model.photo.resizing`). The same array where they are alike.
    """
    if judged == shown:
        return grid
    places = []
    for axis in (0, 1):
        centres = (np.arange(-(-shown[axis] // tiles.STRIDE)) + 0.5) * tiles.STRIDE
        places.append(_cells(centres * judged[axis] / shown[axis], grid.shape[axis]))
    return _between(grid, *places)


def _between(grid: Floats, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Floats:
    """Values at places on the axes of cell centres, bilinear."""
    top, left = rows.astype(int), columns.astype(int)
    below, right = np.minimum(top + 1, grid.shape[0] - 1), np.minimum(left + 1, grid.shape[1] - 1)
    down = (rows - top)[:, None].astype(np.float32)
    across = (columns - left)[None].astype(np.float32)
    upper = grid[top][:, left] * (1 - across) + grid[top][:, right] * across
    lower = grid[below][:, left] * (1 - across) + grid[below][:, right] * across
    return np.asarray(upper * (1 - down) + lower * down, np.float32)


def _cells(centres: NDArray[np.floating[Any]], cells: int) -> NDArray[np.float64]:
    """Where places in pixels lie on the axis of cell centres, kept inside it."""
    return np.clip(centres / tiles.STRIDE - 0.5, 0, cells - 1)
