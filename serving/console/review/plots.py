"""Geometry of the models page's drawings: numbers in, rectangles and points for inline SVG out.

In: a calibration, days of drift, tenths of labelled photos. Out: plain numbers that a template writes as SVG
attributes; colours are the style sheet's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from refundlens.model.verdict.bounds import upper_bound
from refundlens.model.verdict.calibration import LOSSLESS, Bin, Calibration
from refundlens.serving.console.review.statistics import VERDICTS, Day, Tenth

WIDTH = 600.0
"""Of a drawing, in its own units."""
ROW, GAP = 22.0, 8.0
"""Height of a bar and space below it."""
SIDE = 240.0
"""Of the square calibration plot."""
DAY = 18.0
"""Width of a day's column."""
TALL = 120.0
"""Height of a day's column."""
DOT = 9.0
"""Radius of the dot of the tenth with the most photos."""


@dataclass(frozen=True)
class Zone:
    """A rectangle. name: its class."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Condition:
    """A condition's row. sizes: pixels, from and up to. qualities: none where the file is not JPEG. suspect: x of the
    lower threshold, none without one."""

    bin: Bin
    sizes: tuple[int, int]
    qualities: tuple[int, int] | None
    zones: tuple[Zone, ...]
    suspect: float | None
    y: float


@dataclass(frozen=True)
class Dot:
    """A tenth: x what was said, y what it was, with its 95 % bounds (y upwards is less)."""

    tenth: Tenth
    x: float
    y: float
    low: float
    high: float
    radius: float


def conditions(calibration: Calibration) -> list[Condition]:
    """Where each condition's verdicts lie between 0 and 1."""
    found = []
    for number, one in enumerate(calibration.bins):
        y = number * (ROW + GAP)
        clear = calibration.clear_below if one.clears else 0.0
        threshold = 1.0 if one.threshold is None else one.threshold
        edges = (("authentic", 0.0, clear), ("inconclusive", clear, threshold), ("fake", threshold, 1.0))
        zones = [
            Zone(name, start * WIDTH, y, (end - start) * WIDTH, ROW)
            for name, start, end in edges
            if end > start
        ]
        twin = next(
            (
                other.threshold
                for other in calibration.suspect
                if (other.long_side, other.jpeg_quality) == (one.long_side, one.jpeg_quality)
            ),
            None,
        )
        low, high = one.jpeg_quality
        found.append(
            Condition(
                one,
                (one.long_side[0], one.long_side[1] - 1),
                None if low >= LOSSLESS else (low, min(high - 1, 100)),
                tuple(zones),
                None if twin is None else twin * WIDTH,
                y,
            )
        )
    return found


def columns(days: Sequence[Day]) -> list[list[Zone]]:
    """Each day's verdicts, stacked to their shares."""
    found = []
    for number, day in enumerate(days):
        top, column = 0.0, []
        for verdict in VERDICTS:
            height = day.share(verdict) * TALL
            if height:
                column.append(Zone(verdict, number * DAY, top, DAY - 2, height))
            top += height
        found.append(column)
    return found


def line(days: Sequence[Day], what: str) -> str:
    """Points of a polyline of a share, days without photos left out."""
    points = [
        f"{number * DAY + DAY / 2 - 1:.1f},{(1 - day.share(what)) * TALL:.1f}"
        for number, day in enumerate(days)
        if day.photos
    ]
    return " ".join(points)


def curve(points: Sequence[tuple[float, float]]) -> str:
    """Points of a polyline in the square: (x, y) from 0 to 1, y upwards."""
    return " ".join(f"{x * SIDE:.1f},{(1 - y) * SIDE:.1f}" for x, y in points)


@dataclass(frozen=True)
class Series:
    """lines: polylines over one axis from 0 to the largest x and the largest y of all; "" for one without points."""

    lines: Sequence[str]
    longest: float
    highest: float


def series(lines: Sequence[Sequence[tuple[float, float]]]) -> Series:
    """Of (x, y)."""
    longest = max((x for line in lines for x, _ in line), default=0) or 1
    highest = max((y for line in lines for _, y in line), default=0) or 1
    points = [
        " ".join(f"{x / longest * WIDTH:.1f},{(1 - y / highest) * TALL:.1f}" for x, y in line)
        for line in lines
    ]
    return Series(points, longest, highest)


def dots(tenths: Sequence[Tenth]) -> list[Dot]:
    """What was said against what it was; the larger a dot, the more photos."""
    most = max((tenth.photos for tenth in tenths), default=0)
    found = []
    for tenth in tenths:
        if tenth.photos:
            share = tenth.fakes / tenth.photos
            above = upper_bound(tenth.fakes, tenth.photos)
            below = 1 - upper_bound(tenth.photos - tenth.fakes, tenth.photos)
            found.append(
                Dot(
                    tenth,
                    tenth.mean * SIDE,
                    (1 - share) * SIDE,
                    (1 - below) * SIDE,
                    (1 - above) * SIDE,
                    max(3.0, DOT * (tenth.photos / most) ** 0.5),
                )
            )
    return found
