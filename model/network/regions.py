"""From a heat map to boxes and to a picture of itself. Pure NumPy and Pillow.

In: a map float32 [h,w], 0 to 1, whose cell (i, j) speaks of the picture's pixels [i*stride, (i+1)*stride).
Out: `Region` boxes in the displayed picture's pixels; an 8-bit grey PNG of the picture's size.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.detection import Region

Map = NDArray[np.float32]

MIN_CELLS = 3
"""Cells a region needs: at 8 pixels a cell, smaller specks come from single noisy cells, not from an edit."""
QUANTILE = 0.9
"""A region's probability is this quantile of its cells: its core, but not its one luckiest cell."""
_PNG_LEVEL = 3
"""zlib effort: a heat map is smooth and shrinks well at any level; 3 is several times faster than 6."""


def label(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
    """Number the 8-connected parts of a mask [h,w]: labels int64 [h,w] (0 outside, then 1 to n) and n.

    Works on horizontal runs: each run is one node, runs that touch in neighbouring rows are joined, and the least
    number spreads along the joins with pointer jumping, which takes a few rounds however the parts wind.
    """
    height, width = mask.shape
    labels = np.zeros((height, width), np.int64)
    if not mask.any():
        return labels, 0
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    roots = _join(*_touching(rows, starts, ends, height, width), len(rows))
    _, numbers = np.unique(roots, return_inverse=True)
    labels[mask] = np.repeat(numbers + 1, ends - starts)
    return labels, int(numbers.max()) + 1


def _touching(
    rows: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64], height: int, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of runs, one a row above the other, that share a cell's side or corner."""
    line = width + 2
    first_key, last_key = rows * line + starts, rows * line + ends
    # Ends are exclusive, so `<=` on both sides lets corners touch.
    low = np.searchsorted(last_key, (rows - 1) * line + starts, side="left")
    high = np.searchsorted(first_key, (rows - 1) * line + ends, side="right")
    counts = np.maximum(high - low, 0)
    lower = np.repeat(np.arange(len(rows)), counts)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(low, counts) + offsets, lower


def _join(upper: NDArray[np.int64], lower: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The least node of each node's connected part, given the joins."""
    parent = np.arange(count)
    while len(upper):
        one, other = parent[upper], parent[lower]
        if np.array_equal(one, other):
            break
        np.minimum.at(parent, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(parent, parent[parent]):
            parent = parent[parent]
    return parent


def find_regions(
    heat: Map, stride: int, width: int, height: int, threshold: float, limit: int = 8
) -> list[Region]:
    """Connected parts of the map at or above `threshold`, as boxes clipped to a picture of `width` x `height`.

    The largest evidence (probability x cells) comes first; parts under MIN_CELLS are dropped, except on maps so small
    that they have no more cells. At most `limit` regions.
    """
    labels, count = label(heat >= threshold)
    if not count:
        return []
    rows, columns = np.nonzero(labels)
    values, parts = heat[rows, columns], labels[rows, columns]
    order = np.lexsort((values, parts))
    rows, columns, values = rows[order], columns[order], values[order]
    sizes = np.bincount(parts, minlength=count + 1)[1:]
    first = np.cumsum(sizes) - sizes
    # Cells are sorted by value inside each part, so the quantile is a cell at a known place (nearest rank).
    chance = np.clip(values[first + np.ceil(QUANTILE * (sizes - 1)).astype(np.int64)], 0.0, 1.0)
    left, right = (
        np.minimum.reduceat(columns, first) * stride,
        (np.maximum.reduceat(columns, first) + 1) * stride,
    )
    top, bottom = np.minimum.reduceat(rows, first) * stride, (np.maximum.reduceat(rows, first) + 1) * stride
    right, bottom = np.minimum(right, width), np.minimum(bottom, height)
    kept = np.flatnonzero((sizes >= min(MIN_CELLS, heat.size)) & (left < right) & (top < bottom))
    ranked = kept[np.argsort(-(chance * sizes)[kept], kind="stable")][:limit]
    return [
        Region(box=(int(left[i]), int(top[i]), int(right[i]), int(bottom[i])), probability=float(chance[i]))
        for i in ranked
    ]


def heatmap_png(heat: Map, width: int, height: int, stride: int = 8) -> bytes:
    """The map as an 8-bit grey PNG of the displayed picture's size, 0 to 255 = probability; bilinear between cells.

    The last cells of a picture whose sides are no multiple of `stride` reach beyond it and are cut.
    """
    # Rounded to 8 bits before it is enlarged: an error of one level at most, in a fifth of the time of floats.
    grey = Image.fromarray(np.rint(np.clip(heat, 0.0, 1.0) * 255.0).astype(np.uint8))
    covered = (0.0, 0.0, width / stride, height / stride)
    large = grey.resize((width, height), Image.Resampling.BILINEAR, box=covered)
    out = io.BytesIO()
    large.save(out, "PNG", compress_level=_PNG_LEVEL)
    return out.getvalue()
