"""What a photo shows that an aligned picture of the same scene does not: a map, and the spots it is made of.

In: RGB pixels of both and how one lies in the other. Out: a `Difference`. Both are brought to one size at which neither
is enlarged, the reference gets the photo's colours (`tone`), and what is left is measured in units of what compression
and resampling leave at such a place: more on edges than on plain ground.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from model.compare.align import Alignment, Pixels
from model.compare.tone import Values, match_tone
from model.regions import label

SIDE = 512
"""Longest side, in pixels, at which two photos are compared: a claimed defect of 1 % of a side has 6 pixels."""
EDGE_WEIGHT = 0.18
"""How far a pixel may be off for each level of the steepest step beside it: half a pixel of misalignment is 0.5, and
smoothing and averaging leave a third of that."""
FLOOR = 2.0
"""Levels of 255 by which plain ground is off after one strong JPEG compression, smoothed."""
STRONG, WEAK = 5.0, 2.5
"""Units of difference at which a spot begins, and down to which it reaches."""
LEAST_SHARE = 2e-4
"""Share of the compared picture that a spot has at least: 80 pixels at SIDE."""
MARGIN = 3
"""Pixels at the border of what both show that are left out: half of them come from one side only."""
BLURS = (0.0, 0.6, 0.9, 1.3, 1.8)
"""Smoothing tried, as standard deviations in pixels at SIDE."""
SPOTS = 8
"""Spots reported at most, the strongest first."""


@dataclass(frozen=True)
class Spot:
    """box: x0, y0, x1, y1 in pixels of the photo. share: of the compared picture. strength: mean difference in the
    units of the map. flat: share of it in a few plain colours, as drawings have. kept: how much of the reference's own
    texture shows in it, -1 to 1. rows, columns: its pixels on the grid of the map."""

    box: tuple[int, int, int, int]
    share: float
    strength: float
    contrast: float
    flat: float
    kept: float
    sharp: float
    thin: float
    vivid: float
    plain: float
    spread: float


@dataclass(frozen=True)
class Difference:
    """units: float32 [h,w], how many times what delivery explains, 0 where only one photo shows the place. overlap:
    share of the photo that the reference shows, too. same_detail: share of the textured places whose fine detail is the
    same in both, 0 to 1. noise: levels of 255 by which most places differ. spots: strongest first."""

    units: Values
    overlap: float
    same_detail: float
    noise: float
    spots: tuple[Spot, ...]


def differ(reference: Pixels, photo: Pixels, alignment: Alignment) -> Difference:
    """uint8 [H,W,3] both."""
    if alignment.mirrored:
        reference = np.ascontiguousarray(reference[:, ::-1])
    here, there, known = _on_one_grid(reference, photo, alignment)
    return _difference(here, there, known, photo.shape)


def _on_one_grid(
    reference: Pixels, photo: Pixels, alignment: Alignment
) -> tuple[Values, Values, NDArray[np.bool_]]:
    """(reference, photo, where both are known), float32 [h,w,3] each, on the photo's frame reduced to SIDE or to the
    reference's detail, whichever is less."""
    size = float(np.sqrt(abs(np.linalg.det(alignment.matrix[:, :2]))))
    height, width = photo.shape[:2]
    scale = min(SIDE / max(height, width), 1.0, 1.0 / size)
    grid = (max(1, round(width * scale)), max(1, round(height * scale)))
    there = cv2.resize(photo, grid, interpolation=cv2.INTER_AREA).astype(np.float32)
    fx, fy = grid[0] / width, grid[1] / height
    # the reference is averaged down first, as the photo was, and then only moved
    reduce = min(1.0, size * scale)
    small = (max(1, round(reference.shape[1] * reduce)), max(1, round(reference.shape[0] * reduce)))
    less = cv2.resize(reference, small, interpolation=cv2.INTER_AREA)
    gx, gy = small[0] / reference.shape[1], small[1] / reference.shape[0]
    matrix = _placed(fx, fy) @ np.vstack([alignment.matrix, [0, 0, 1]]) @ np.linalg.inv(_placed(gx, gy))
    here = cv2.warpAffine(less, matrix[:2], grid, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    shown = cv2.warpAffine(np.full(less.shape[:2], 255, np.uint8), matrix[:2], grid, flags=cv2.INTER_NEAREST)
    shown[[0, -1], :], shown[:, [0, -1]] = 0, 0
    known = cv2.erode(shown, np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)) > 0
    return here.astype(np.float32), there, known


def _placed(fx: float, fy: float) -> NDArray[np.float64]:
    """From pixels of a picture to pixels of its reduced form, centre to centre."""
    return np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1.0]])


def _difference(here: Values, there: Values, known: NDArray[np.bool_], shape: tuple[int, ...]) -> Difference:
    overlap = float(known.mean())
    if not known.any():
        return Difference(np.zeros(known.shape, np.float32), 0.0, 0.0, 0.0, ())
    # the finer of the two is smoothed until both have the same detail
    raw = there
    here, there = _same_blur(here, there, known)
    toned = match_tone(here, there, known)
    left = cv2.GaussianBlur(there - toned, (0, 0), 1.2)
    off = np.sqrt(np.square(left).mean(2)) 
    noise = float(np.median(off[known]))
    units = off / (max(FLOOR, 1.5 * noise) + EDGE_WEIGHT * _steps(toned))
    units[~known] = 0
    spots = _spots(units, off, toned, raw, known, shape)
    return Difference(np.asarray(units, np.float32), overlap, _same_detail(toned, there, known, units), noise, spots)


def _same_blur(here: Values, there: Values, known: NDArray[np.bool_]) -> tuple[Values, Values]:
    """The same two, the finer of them smoothed until both have as much detail."""
    one, other = _energy(here.mean(2), known), _energy(there.mean(2), known)
    finer = here if one > other else there
    wanted, grey = min(one, other), finer.mean(2)
    gaps = [abs(np.log((_energy(_smooth(grey, sigma), known) + 1) / (wanted + 1))) for sigma in BLURS]
    smoothed = _smooth(finer, BLURS[int(np.argmin(gaps))])
    return (smoothed, there) if finer is here else (here, smoothed)


def _smooth(values: Values, sigma: float) -> Values:
    return values if sigma == 0 else np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def _energy(values: Values, known: NDArray[np.bool_]) -> float:
    """How much fine detail there is: the median of the largest third of Laplacians."""
    detail = np.abs(cv2.Laplacian(values, cv2.CV_32F))[known][::7]
    return float(np.percentile(detail, 80))


def _steps(values: Values) -> Values:
    """The steepest step beside each pixel, in levels, over the channels."""
    grey = values.mean(2)
    across = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.GaussianBlur(across, (0, 0), 1.0), np.float32)


def _same_detail(here: Values, there: Values, known: NDArray[np.bool_], units: Values) -> float:
    """Share of textured cells, 16 pixels wide, whose fine detail correlates."""
    a, b = (v.mean(2) - cv2.GaussianBlur(v.mean(2), (0, 0), 3) for v in (here, there))
    w = known.astype(np.float32)
    box = lambda v: cv2.blur(v * w, (17, 17))[8::16, 8::16]
    aa, bb, ab, m = box(a * a), box(b * b), box(a * b), cv2.blur(w, (17, 17))[8::16, 8::16]
    textured = (m > 0.8) & (aa > 4.0) & (bb > 4.0)
    if not textured.any():
        return 0.0
    c = ab[textured] / np.sqrt(aa[textured] * bb[textured])
    return float((c > 0.8).mean())


def _spots(units: Values, off: Values, here: Values, there: Values, known: NDArray[np.bool_], shape: tuple[int, ...]) -> tuple[Spot, ...]:
    labels, count = label(units >= WEAK)
    if not count:
        return ()
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    peaks = np.zeros(count + 1, np.float32)
    np.maximum.at(peaks, labels.ravel(), units.ravel())
    least = max(12, LEAST_SHARE * known.sum())
    kept = [i for i in range(1, count + 1) if sizes[i] >= least and peaks[i] >= STRONG]
    found = [_spot(labels == i, units, off, here, there, known, shape) for i in kept]
    return tuple(sorted(found, key=lambda spot: -spot.strength * spot.share**0.5)[:SPOTS])


def _spot(part, units, off, here, there, known, shape) -> Spot:
    rows, columns = np.nonzero(part)
    fy, fx = shape[0] / units.shape[0], shape[1] / units.shape[1]
    box = (int(columns.min() * fx), int(rows.min() * fy), int((columns.max() + 1) * fx), int((rows.max() + 1) * fy))
    core = cv2.erode(part.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if core.sum() < 12: core = part
    colours = there[core]
    flat = 0.0
    k = min(3, len(colours))
    pick = colours[:: max(1, len(colours) // 800)]
    cv2.setRNGSeed(0)
    _, lab, cen = cv2.kmeans(pick.astype(np.float32), min(3, len(pick)), None, (3, 10, 1.0), 1, cv2.KMEANS_PP_CENTERS)
    flat = float((np.abs(pick - cen[lab.ravel()]).max(1) <= 7).mean())
    grey = there.mean(2)
    rng_ = cv2.dilate(grey, np.ones((3, 3), np.uint8)) - cv2.erode(grey, np.ones((3, 3), np.uint8))
    inner = cv2.erode(core.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    plain = float((rng_[inner if inner.any() else core] < 5).sum() / core.sum())
    own = np.bincount(lab.ravel(), minlength=len(cen)).argmax()
    spread = float(np.median(np.abs(pick[lab.ravel() == own] - cen[own])))
    a = here[core].mean(1); b = there[core].mean(1)
    a = a - a.mean(); b = b - b.mean()
    kept = float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1.0))
    ring = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    contrast = float(off[part].mean())
    g = _steps(there - here)
    sharp = float(np.percentile(g[ring], 75) / (np.percentile(off[part], 90) + 1))
    thick = float(cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 3).max())
    thin = thick / len(rows) ** 0.5
    big = cen[np.bincount(lab.ravel(), minlength=len(cen)).argmax()]
    vivid = float(max(big.max() - big.min(), 2 * abs(big.mean() - 127.5)))
    return Spot(box, float(part.sum() / known.sum()), float(units[part].mean()), contrast, flat, kept, sharp, thin, vivid, plain, spread)
