"""Where the heat map deserves trust: a cell's reliability, looked up by what the picture looks like around it.

Pixels that are clipped, flat or blurred carry little of what the network reads. How little is measured, not assumed:
`training.calibration.reliability` counts on calibration pictures with known masks, by how clipped, flat or blurred a
place is, how often the map marks manipulated cells and how often untouched ones. The difference (Youden's J) is the
reliability: 1 where the map is always right, 0 where it tells nothing. TruFor (Guillaro et al., CVPR 2023) trains a
network for such a map; ours is three short curves of measurements that a person can read.

In: RGB pixels, regions of the heat map, the table of a calibration. Out: float32 [h,w] on the grid of the heat map, and
its summary. NumPy alone; about 10 ms for 1.2 megapixels.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from refundlens.model.detection import Reason, Region, Reliability
from refundlens.model.network.tiles import STRIDE
from refundlens.model.verdict.texts import Language, reason_text

Fact = Literal["saturation", "contrast", "sharpness"]
FACTS: tuple[Fact, ...] = get_args(Fact)
"""What is measured around a cell."""
FLAWS = (("saturated", "saturated"), ("flat", "busy"), ("blurred", "grainy"))
"""What a place is called where that fact costs reliability, being under or over the fact's best value."""
Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
"""JPEG's luma (ITU-R BT.601)."""

BAND = 32
"""Rows of pixels worked on at once: their numbers stay in the processor's cache, three times as fast as all at once."""
REACH = 1
"""Cells around a cell that count with it: 3 x 3 cells are 24 x 24 pixels, what a texture needs to be told."""
MIDDLE, CLIPPED = 127.5, 122.5
"""Grey level in the middle, and how far from it a pixel counts as clipped: from 250 and to 5, since JPEG moves clipped
pixels by a few levels."""
ROUNDING = 0.25
"""Grey levels squared: variance that rounding and recompression leave in a flat place; it must not count as detail."""
LOW = 2 / 3
"""A cell is unreliable where the map is worth less than this part of what it is worth on the whole: a third less is
more than a point of a curve is uncertain by. Relative, because a model that is weak everywhere says so in its report,
and not in a reason about each photo."""
MOST = 0.5
"""Share of a picture, or of the regions found, from which unreliable cells are worth a reason: more than half."""


class Curve(BaseModel):
    """What the map is worth by one fact. at: values of the fact, ascending. worth: reliability there, 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: tuple[float, ...] = Field(min_length=1)
    worth: tuple[float, ...]

    @model_validator(mode="after")
    def _fits(self) -> "Curve":
        if len(self.at) != len(self.worth) or any(low >= high for low, high in pairwise(self.at)):
            raise ValueError("a reliability curve needs a worth for each value, and values that ascend")
        return self

    @property
    def best(self) -> float:
        """The value at which the map is worth most."""
        return self.at[self.worth.index(max(self.worth))]


class ReliabilityTable(BaseModel):
    """Measured reliability by each fact (`training.calibration.reliability`). overall: of all cells together. pictures:
    edited pictures it was measured on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    saturation: Curve
    contrast: Curve
    sharpness: Curve
    overall: float = Field(ge=0, le=1)
    pictures: int

    def curve(self, fact: Fact) -> Curve:
        return {"saturation": self.saturation, "contrast": self.contrast, "sharpness": self.sharpness}[fact]


class ReliabilityMap:
    """The reliability of one picture's cells: what the worst of a cell's facts is worth. map: float32 [h,w], 0 to 1.

    The worst, because the facts overlap: a white wall is clipped and flat, and worth little once.
    """

    def __init__(self, pixels: NDArray[np.uint8], table: ReliabilityTable) -> None:
        """pixels: RGB uint8 [H,W,3]; the map has a cell per 8 pixels, as the heat map."""
        facts = local_facts(pixels)
        curves = [table.curve(fact) for fact in FACTS]
        pairs = list(zip(facts, curves, strict=True))
        worth = np.stack([np.interp(values, curve.at, curve.worth) for values, curve in pairs])
        over = np.stack([values > curve.best for values, curve in pairs])
        worst = np.argmin(worth, axis=0)
        self.map: Map = np.min(worth, axis=0).astype(np.float32)
        self._low = self.map < LOW * table.overall
        self._flaw = 2 * worst + np.take_along_axis(over, worst[None], axis=0)[0]

    def summary(self, regions: Sequence[Region]) -> Reliability:
        """mean and low_share of the whole picture; over_regions is the mean inside the boxes, none without any."""
        inside = self._inside(regions)
        return Reliability(
            mean=float(self.map.mean()),
            low_share=float(self._low.mean()),
            over_regions=float(self.map[inside].mean()) if inside.any() else None,
        )

    def reasons(self, regions: Sequence[Region], language: Language) -> list[Reason]:
        """What a person must know before trusting the map: nothing where most of it is reliable, else one reason.

        The regions found come before the picture: they are what a person would act on.
        """
        inside = self._inside(regions)
        places: tuple[tuple[str, Mask], ...] = (("regions", inside), ("picture", np.ones_like(inside)))
        for name, place in places:
            share = float(self._low[place].mean()) if place.any() else 0.0
            if share > MOST:
                fact, over = divmod(int(np.bincount(self._flaw[place & self._low]).argmax()), 2)
                flaw = FLAWS[fact][over]
                values = {"where": f"place.{name}", "what": f"flaw.{flaw}", "share": f"{share:.0%}"}
                text = reason_text("conditions.low_reliability", language, **values)
                return [Reason(code="conditions.low_reliability", basis="derived", text=text, details=values)]
        return []

    def _inside(self, regions: Sequence[Region]) -> Mask:
        inside = np.zeros(self.map.shape, np.bool_)
        for x0, y0, x1, y1 in (region.box for region in regions):
            inside[y0 // STRIDE : -(-y1 // STRIDE), x0 // STRIDE : -(-x1 // STRIDE)] = True
        return inside


def local_facts(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB uint8 [H,W,3] -> float32 [3, ceil(H/8), ceil(W/8)], in the order of `FACTS`, over 3 x 3 cells around each.

    saturation: share of clipped pixels, 0 to 1. contrast: standard deviation of the luma inside a cell, grey levels,
    root mean square over the cells; slow shading does not count. sharpness: energy of the differences of neighbouring
    pixels over that contrast, 0 (blurred) to about 1 (white noise).
    """
    height, width = pixels.shape[:2]
    whole = height // STRIDE * STRIDE
    bands = [_row_sums(pixels[y : min(y + BAND, whole)], STRIDE) for y in range(0, whole, BAND)]
    if whole < height:
        bands.append(_row_sums(pixels[whole:], height - whole))
    starts = np.arange(0, width, STRIDE)
    clipped, total, squares, energy = np.add.reduceat(np.concatenate(bands, axis=1), starts, axis=2)
    rows = np.minimum(height - np.arange(0, height, STRIDE), STRIDE)[:, None]
    columns = np.minimum(width - starts, STRIDE)
    count = (rows * columns).astype(np.float32)
    pairs = ((rows - 1) * columns + rows * (columns - 1)).astype(np.float32)
    area = _around(count)
    variance = np.maximum(_around(squares - total * total / count), 0) / area
    # a difference of two independent pixels has twice the variance of one
    detail = _around(energy) / np.maximum(_around(pairs), 1) / 2
    facts = np.stack([_around(clipped) / area, np.sqrt(variance), detail / (variance + ROUNDING)])
    return facts.astype(np.float32, copy=False)


def _row_sums(pixels: NDArray[np.uint8], rows: int) -> NDArray[np.float32]:
    """Sums over `rows` rows each, RGB uint8 [n*rows,W,3] -> float32 [4,n,W]: clipped pixels, luma, its squares, and
    the squares of the differences of neighbours inside a cell (across its border JPEG's own grid would count)."""
    width = pixels.shape[1]
    luma = pixels.astype(np.float32) @ _WEIGHTS - np.float32(MIDDLE)
    cells = luma.reshape(-1, rows, width)
    clipped = (np.abs(cells) >= CLIPPED).view(np.uint8).sum(axis=1, dtype=np.uint8)
    across = np.zeros_like(cells)
    np.subtract(cells[..., 1:], cells[..., :-1], out=across[..., :-1])
    across[..., STRIDE - 1 :: STRIDE] = 0
    down = cells[:, 1:] - cells[:, :-1]
    energy = _sum_of_squares(across) + _sum_of_squares(down)
    return np.stack([clipped.astype(np.float32), cells.sum(axis=1), _sum_of_squares(cells), energy])


def _sum_of_squares(cells: NDArray[np.float32]) -> Map:
    """[n,rows,W] -> [n,W], without the squares ever lying in memory."""
    return np.asarray(np.einsum("nrw,nrw->nw", cells, cells), np.float32)


def _around(cells: Map) -> Map:
    """Sum over each cell and its neighbours up to REACH away, as far as there are any; float32 [h,w]."""
    height, width = cells.shape
    padded = np.pad(cells, REACH)
    steps = range(2 * REACH + 1)
    down = sum((padded[y : y + height] for y in steps), np.zeros((height, width + 2 * REACH), np.float32))
    return sum((down[:, x : x + width] for x in steps), np.zeros_like(cells))
