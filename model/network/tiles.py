"""Native-resolution tiling, one code for training and serving.

A picture is never resized before the network sees it: resampling destroys the traces the residual branch reads
(docs/architecture.md). It is cut into fixed squares that overlap a little, scored, and the per-tile maps are
blended back.

>>> import numpy as np
>>> grid = plan(533, 400)
>>> len(grid.origins), grid.height, grid.width
(6, 533, 400)
>>> cut(np.zeros((533, 400, 3), np.uint8), grid).shape
(6, 224, 224, 3)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TILE = 224
"""Side of a tile in pixels: ImageNet's size, which the pretrained backbones know, and cheap on a CPU."""
OVERLAP = 16
"""Least overlap of neighbouring tiles in pixels: two cells of the map, enough to blend out the border."""
STRIDE = 8
"""Pixels per cell of the network's map."""
CELLS = TILE // STRIDE


@dataclass(frozen=True)
class Plan:
    """Where the tiles of one picture lie: `origins` are (y, x) of each tile's corner in the padded picture."""

    height: int
    width: int
    origins: tuple[tuple[int, int], ...]

    @property
    def padded_height(self) -> int:
        return max(self.height, TILE)

    @property
    def padded_width(self) -> int:
        return max(self.width, TILE)


def _starts(length: int) -> list[int]:
    """Corners that cover `length` pixels with the fewest tiles, spread evenly, on multiples of STRIDE."""
    if length <= TILE:
        return [0]
    count = -(-(length - OVERLAP) // (TILE - OVERLAP))
    last = length - TILE
    starts = [round(last * index / (count - 1) / STRIDE) * STRIDE for index in range(count - 1)]
    return [*starts, last]


def plan(height: int, width: int) -> Plan:
    """The tiles of a picture of this size, row by row. Raises ValueError if a side is under one pixel."""
    if height < 1 or width < 1:
        raise ValueError(f"a picture needs at least one pixel a side, got {width}x{height}")
    origins = tuple((y, x) for y in _starts(height) for x in _starts(width))
    return Plan(height, width, origins)


def cut(pixels: NDArray[np.uint8], grid: Plan, first: int = 0, last: int | None = None) -> NDArray[np.uint8]:
    """Tiles `first` to `last` of an RGB picture, uint8 [H,W,3] -> uint8 [N,TILE,TILE,3].

    A picture smaller than a tile is continued by reflection, so that its edge is not a trace of its own.
    """
    pixels = pad(pixels, grid)
    chosen = grid.origins[first:last]
    return np.stack([pixels[y : y + TILE, x : x + TILE] for y, x in chosen])


def pad(pixels: NDArray[np.uint8], grid: Plan) -> NDArray[np.uint8]:
    """The picture the origins lie in: uint8 [H,W,3] itself, or continued by reflection up to a tile's size."""
    bottom, right = grid.padded_height - grid.height, grid.padded_width - grid.width
    if bottom or right:
        return np.pad(pixels, ((0, bottom), (0, right), (0, 0)), mode="symmetric")
    return pixels


def _window() -> NDArray[np.float32]:
    """Blending weight of a tile's cells: 1 inside, falling towards the border, where context is missing."""
    ramp = np.minimum(np.arange(CELLS) + 1, CELLS - np.arange(CELLS)).astype(np.float32)
    side = np.minimum(ramp / (OVERLAP / STRIDE + 1), 1.0)
    return np.outer(side, side).astype(np.float32)


def stitch(maps: NDArray[np.float32], grid: Plan) -> NDArray[np.float32]:
    """Per-tile maps [N,C,CELLS,CELLS] blended to one map [C, ceil(H/STRIDE), ceil(W/STRIDE)], float32.

    The last row and column of tiles end at the picture's edge, which need not be a multiple of STRIDE: they are
    placed on the nearest cell.
    """
    if len(maps) != len(grid.origins):
        raise ValueError(f"{len(maps)} tile maps for {len(grid.origins)} tiles")
    rows, columns = -(-grid.padded_height // STRIDE), -(-grid.padded_width // STRIDE)
    total = np.zeros((maps.shape[1], rows, columns), np.float32)
    weight = np.zeros((rows, columns), np.float32)
    window = _window()
    for tile, (y, x) in zip(maps, grid.origins, strict=True):
        top, left = min(-(-y // STRIDE), rows - CELLS), min(-(-x // STRIDE), columns - CELLS)
        total[:, top : top + CELLS, left : left + CELLS] += tile * window
        weight[top : top + CELLS, left : left + CELLS] += window
    total /= weight
    return total[:, : -(-grid.height // STRIDE), : -(-grid.width // STRIDE)]
