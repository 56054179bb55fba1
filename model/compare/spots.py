"""The places where two aligned photos differ, and whether each looks drawn (text, arrows, stickers, stamps) or
painted.

In: the map of difference and both pictures on its grid. Out: `Spot`s. People draw on photos in good faith: a spot is
described by figures that tell a drawing (one ink, sharp edges, thin strokes, many parts in a row) from a defect
(shading, the goods' own texture, a soft edge), and a small forest (`marks`) weighs them.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare import marks
from refundlens.model.compare.tone import Values

Mask = NDArray[np.bool_]

STRONG, WEAK = 5.0, 2.5
"""Units of difference at which a spot begins, and down to which it reaches."""
LEAST_SHARE = 2e-4
"""Share of the compared picture that a spot has at least: 40 pixels of the grid."""
LEAST_PIXELS = 12
GAP = 5
"""Pixels between parts that make one spot: the letters of a line, the drops of a splash."""
RING = 4
"""Width in pixels of a spot's surroundings."""
SURROUNDED = 0.85
"""Share of the surroundings that must be the same scene before a spot counts as added to it: at the border of what
both show, a collage or a frame begins."""
UNSURE = 0.5
"""What a spot at the border comes to at most."""
MOST = 8
"""Spots reported at most."""
FRAME = 6
"""Pixels around a spot that its description looks at."""
FIGURES = (
    "size", "contrast", "units", "spread", "wide_spread", "slope", "off_slope", "ground", "off_ink", "sharp",
    "thickness", "thick_pixels", "fill", "solid", "outline", "saturation", "light", "extreme", "ink_extreme",
    "ink_saturation", "most_cover", "cover_spread", "two_levels", "texture_kept", "texture", "texture_before", "plain",
    "darker", "tint", "parts", "hollow", "aspect",
)  # fmt: skip
"""Names of the figures that describe a spot, in order."""


@dataclass(frozen=True)
class Spot:
    """box: x0, y0, x1, y1 in pixels of the photo. share: of the compared picture. strength: mean units of the map.
    painted: 0 to 1, how much it looks like a defect painted into the photo; a drawing comes near 0."""

    box: tuple[int, int, int, int]
    share: float
    strength: float
    painted: float


def find_spots(
    units: Values, reference: Values, photo: Values, shown: Mask, scale: tuple[float, float]
) -> tuple[Spot, ...]:
    """units float32 [h,w]; both pictures float32 [h,w,3]. shown: bool [h,w], what both show. scale: of the photo's
    own pixels to these, across and down. The likeliest painted first, MOST at most."""
    found, known = [], int(shown.sum())
    for mask in masks(units, known):
        rows, columns = np.nonzero(mask)
        left, right = columns.min() * scale[0], (columns.max() + 1) * scale[0]
        top, bottom = rows.min() * scale[1], (rows.max() + 1) * scale[1]
        painted = marks.painted(describe_spots(mask, units, reference, photo, known))
        if _surrounded(mask, shown) < SURROUNDED:
            painted = min(painted, UNSURE)
        box = (int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom)))
        found.append(Spot(box, float(mask.sum() / known), float(units[mask].mean()), painted))
    return tuple(sorted(found, key=lambda spot: (-spot.painted, -spot.share))[:MOST])


def _surrounded(mask: Mask, shown: Mask) -> float:
    """Share of a spot's surroundings that both photos show, 0 to 1; beyond the frame nothing is shown."""
    square = np.ones((2 * RING + 1, 2 * RING + 1), np.uint8)
    ring = (cv2.dilate(np.pad(mask, RING).astype(np.uint8), square) > 0) & ~np.pad(mask, RING)
    return float(np.pad(shown, RING)[ring].mean())


def masks(units: Values, known: int) -> list[Mask]:
    """The spots' pixels, bool [h,w] each: parts that are strong somewhere, near parts together."""
    weak = units >= WEAK
    count, labels, stats, _ = cv2.connectedComponentsWithStats(weak.astype(np.uint8), connectivity=8)
    peaks = np.zeros(count, np.float32)
    np.maximum.at(peaks, np.asarray(labels, np.int64).ravel(), units.ravel())
    kept = (stats[:, cv2.CC_STAT_AREA] >= max(LEAST_PIXELS, LEAST_SHARE * known)) & (peaks >= STRONG)
    kept[0] = False
    parts = kept[labels]
    joined = cv2.dilate(parts.astype(np.uint8), np.ones((2 * GAP + 1, 2 * GAP + 1), np.uint8))
    number, groups = cv2.connectedComponents(joined, connectivity=8)
    return [parts & (groups == group) for group in range(1, number)]


def describe_spots(
    mask: Mask, units: Values, reference: Values, photo: Values, known: int
) -> NDArray[np.float32]:
    """The FIGURES of one spot: float32 [len(FIGURES)]."""
    rows, columns = np.nonzero(mask)
    window = np.s_[
        max(rows.min() - FRAME, 0) : rows.max() + FRAME + 1,
        max(columns.min() - FRAME, 0) : columns.max() + FRAME + 1,
    ]
    part, before, after = mask[window], reference[window], photo[window]
    step = after - before
    size = np.sqrt(np.square(step).mean(2))
    inside = size[part]
    core = part & (size >= 0.6 * np.percentile(inside, 90))  # without the soft rim that smoothing makes
    core = core if core.sum() >= 6 else part
    figures = [
        np.log(part.sum() / known),
        np.percentile(inside, 85),
        units[mask].mean(),
        *_colours(before[core], after[core]),
        *_ink(before[part], step[part], before[core], after[core]),
        *_edges(size, part),
        *_shape(part),
        *_texture(before, after, core),
        float(step[core].mean() < 0),
        np.ptp(step[core].mean(0)),
    ]
    named = dict(zip(_ORDER, figures, strict=True))
    return np.nan_to_num(np.array([named[name] for name in FIGURES], np.float32))


_ORDER = (
    "size", "contrast", "units",
    "spread", "wide_spread", "slope", "off_slope", "ground", "saturation", "light", "extreme",
    "off_ink", "ink_extreme", "ink_saturation", "most_cover", "cover_spread", "two_levels",
    "sharp",
    "thickness", "thick_pixels", "fill", "solid", "outline", "parts", "hollow", "aspect",
    "texture_kept", "texture", "texture_before", "plain",
    "darker", "tint",
)  # fmt: skip


def _colours(before: Values, after: Values) -> list[float]:
    """Of a core's colours [n,3]: how one they are, how far they are those of before, what colour it is."""
    middle = np.median(after, 0)
    away = np.abs(after - middle).max(1)
    x, y = before - before.mean(0), after - after.mean(0)
    slope = float((x * y).sum() / ((x * x).sum() + 50))
    shown = np.clip(middle, 0, 255)
    return [
        float(np.median(away)),
        float(np.percentile(away, 75)),
        slope,
        float(np.sqrt(np.square(y - slope * x).mean())),
        float(np.sqrt(np.square(x).mean())),
        float(np.ptp(shown)),
        float(shown.mean()),
        float(np.abs(middle - 127.5).max()),
    ]


def _ink(before: Values, step: Values, core_before: Values, core_after: Values) -> list[float]:
    """How well one ink, laid on more or less densely, explains a spot: the ink is the point of colour space where the
    lines through each pixel's before and after meet, the density how far along its line a pixel went."""
    length = np.linalg.norm(step, axis=1)
    line = step / np.maximum(length, 1)[:, None]
    weight = np.minimum(length, 60)
    across = (np.eye(3)[None] - line[:, :, None] * line[:, None, :]) * weight[:, None, None]
    anchor = weight.sum() * 0.02  # parallel lines meet nowhere; then the core's colour is the ink
    middle = np.median(core_after, 0)
    meeting = (across @ before[:, :, None]).sum(0)[:, 0] + anchor * middle
    ink = np.linalg.solve(across.sum(0) + np.eye(3) * anchor, meeting)
    reach = ink - before
    cover = np.clip((step * reach).sum(1) / np.maximum(np.square(reach).sum(1), 1), 0, 1)
    missed = np.linalg.norm(step - cover[:, None] * reach, axis=1)
    most = float(np.percentile(cover, 90))
    dense = cover[cover > 0.6 * most]
    return [
        float(np.percentile(missed, 60) / (np.percentile(length, 75) + 1)),
        float(np.abs(np.clip(ink, -60, 315) - 127.5).min()),
        float(np.ptp(np.clip(ink, 0, 255))),
        most,
        float(dense.std()) if len(dense) else 0.0,
        float(((cover < 0.25 * most) | (cover > 0.75 * most)).mean()),
    ]


def _edges(size: Values, part: Mask) -> list[float]:
    """How steeply the change sets in, as a share of it a pixel."""
    across, down = (np.abs(cv2.Sobel(size, cv2.CV_32F, *axis, ksize=3)) for axis in ((1, 0), (0, 1)))
    steep = np.maximum(across, down) / 8
    return [float(np.percentile(steep[part], 85) / (np.percentile(size[part], 85) + 1))]


def _shape(part: Mask) -> list[float]:
    """Strokes or a blot, one part or many."""
    drawn = part.astype(np.uint8)
    area = float(drawn.sum())
    side = area**0.5
    deep = cv2.distanceTransform(np.pad(drawn, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    hull = cv2.contourArea(cv2.convexHull(np.argwhere(part)[:, ::-1].astype(np.int32)))
    outline = float((cv2.morphologyEx(drawn, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0).sum())
    contours, _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = sum(cv2.contourArea(contour) for contour in contours)
    return [
        float(deep.max()) / side,
        float(np.percentile(deep[part], 75)),
        area / part.size,
        area / (hull + side),
        outline / side,
        float(np.log(len(contours))),
        area / (filled + side),
        float(np.log(part.shape[1] / part.shape[0])),
    ]


def _texture(before: Values, after: Values, core: Mask) -> list[float]:
    """Whether the ground's own fine detail shows in it, how much there is in it and was before, how plain it is."""
    fine, fine_before = (grey - cv2.GaussianBlur(grey, (0, 0), 2) for grey in (after.mean(2), before.mean(2)))
    one, other = fine[core], fine_before[core]
    kept = float((one * other).sum() / np.sqrt(np.square(one).sum() * np.square(other).sum() + 50))
    square = np.ones((3, 3), np.uint8)
    span = cv2.morphologyEx(after.mean(2), cv2.MORPH_GRADIENT, square)
    within = cv2.erode(core.astype(np.uint8), square) > 0
    plain = float(np.median(span[within])) if within.sum() > 5 else 30.0
    return [kept, float(np.log(one.std() + 0.5)), float(np.log(other.std() + 0.5)), plain]
