"""The figures that describe a spot: what tells a painted defect from a drawing, and from what filters leave.

In: a spot, the map of difference it was found on and both pictures on its grid. Out: FIGURES, float32. A drawing
has one ink, sharp edges, thin strokes, many parts in a row; a defect has shading, the goods' own texture, a soft edge;
what a filter leaves is nowhere far above what it leaves elsewhere in the same photo.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare.tone import Values

Mask = NDArray[np.bool_]

FRAME = 6
"""Pixels around a spot that its description looks at."""
RING = 4
"""Width in pixels of the border of a spot, which belongs neither to it nor to its surroundings."""
AROUND = 12
"""Width in pixels, border included, of the surroundings that a spot is compared with."""
COARSE = 4.0
"""Standard deviation in pixels over which a mosaic's blocks are averaged out."""
OTHERS = 2.5
"""Units from which a place elsewhere counts as different, too."""
FIGURES = (
    "size", "contrast", "units",
    "spread", "wide_spread", "slope", "off_slope", "ground", "saturation", "light", "extreme",
    "off_ink", "ink_extreme", "ink_saturation", "most_cover", "cover_spread", "two_levels",
    "sharp",
    "thickness", "thick_pixels", "fill", "solid", "outline", "parts", "hollow", "aspect",
    "texture_kept", "texture", "texture_before", "plain",
    "darker", "tint",
    "coarse_kept",
    "peak", "surrounded", "elsewhere", "stands_out", "around", "around_high", "others",
)  # fmt: skip
"""Their names, in order."""


def describe_spot(
    mask: Mask, units: Values, reference: Values, photo: Values, shown: Mask
) -> NDArray[np.float32]:
    """mask: bool [h,w], the spot. units float32 [h,w]; both pictures float32 [h,w,3]. shown: bool [h,w], what both
    show. Returns float32 [len(FIGURES)]."""
    window = _window(mask, FRAME)
    part, before, after = mask[window], reference[window], photo[window]
    step = after - before
    size = np.sqrt(np.square(step).mean(2))
    inside = size[part]
    core = part & (size >= 0.6 * np.percentile(inside, 90))  # without the soft rim that smoothing makes
    core = core if core.sum() >= 6 else part
    figures = [
        np.log(part.sum() / shown.sum()),
        np.percentile(inside, 85),
        units[mask].mean(),
        *_colours(before[core], after[core]),
        *_ink(before[part], step[part], before[core], after[core]),
        *_edges(size, part),
        *_shape(part),
        *_texture(before, after, core),
        float(step[core].mean() < 0),
        np.ptp(step[core].mean(0)),
        _coarse(before, after, part),
        *_surroundings(mask, units, shown),
    ]
    return np.nan_to_num(np.array(figures, np.float32))


def surrounded(mask: Mask, shown: Mask) -> float:
    """Share of a spot's border that both photos show, 0 to 1; beyond the frame nothing is shown."""
    ring = _grown(np.pad(mask, RING), RING) & ~np.pad(mask, RING)
    return float(np.pad(shown, RING)[ring].mean())


def _window(mask: Mask, frame: int) -> tuple[slice, slice]:
    """The box of a mask and so many pixels more."""
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    return (
        slice(max(rows[0] - frame, 0), rows[-1] + frame + 1),
        slice(max(columns[0] - frame, 0), columns[-1] + frame + 1),
    )


def _grown(mask: Mask, by: int) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)) > 0


def _surroundings(mask: Mask, units: Values, shown: Mask) -> list[float]:
    """How far a spot rises above what is left elsewhere in the same photo, and just around it."""
    peak = float(units[mask].max())
    near = _grown(mask, RING)
    outside = units[shown & ~near]
    elsewhere = float(np.percentile(outside, 99.9)) if outside.size else 0.0
    window = _window(mask, AROUND)
    ring = units[window][_grown(mask, AROUND)[window] & ~near[window] & shown[window]]
    around, high = (float(ring.mean()), float(np.percentile(ring, 95))) if ring.size else (0.0, 0.0)
    others = float((outside >= OTHERS).mean()) if outside.size else 0.0
    return [peak, surrounded(mask, shown), elsewhere, peak / (elsewhere + 0.5), around, high, others]


def _coarse(before: Values, after: Values, part: Mask) -> float:
    """Whether the ground shows in it once details are averaged out, as under a mosaic: correlation, -1 to 1."""
    one, other = (cv2.GaussianBlur(grey.mean(2), (0, 0), COARSE)[part] for grey in (before, after))
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).sum() / np.sqrt(np.square(one).sum() * np.square(other).sum() + 50))


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
