"""Finds the product in a photo, well enough to put a defect on it.

Data in: uint8 RGB [H,W,3]. Data out: float32 [H,W], 1 on the product. The border's colours are taken for the
surroundings; GrabCut (Rother et al., 2004) on a small copy draws the line; an implausible answer is
replaced by an ellipse in the middle, where sellers and buyers hold the product.
"""

import cv2
import numpy as np

from refundlens.datasets.defects.canvas import Mask, Pixels

LONG_SIDE = 120
"""Pixels of the copy that GrabCut works on: about 25 ms; the outline is only needed to a few pixels."""
BORDER = 0.05
"""Share of each side taken for the surroundings."""
SURROUNDINGS = 4
"""Colours that the border is summed up by: table, wall, floor, shadow."""
PLAUSIBLE = (0.08, 0.85)
"""Share of the picture that a product covers; outside it the line is thought wrong."""
LEAST_IN_MIDDLE = 0.45
"""Share of the middle ninth that must belong to the product."""
ITERATIONS = 2


def find_foreground(pixels: Pixels) -> Mask:
    """Product mask, float32 [H,W], 0 to 1, soft at the outline. The same picture always gives the same
    mask."""
    height, width = pixels.shape[:2]
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    small = np.asarray(cv2.GaussianBlur(small, (3, 3), 0), np.uint8)
    chosen = _choose(small)
    soft = cv2.GaussianBlur(chosen.astype(np.float32), (0, 0), 0.8)
    large = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(large * 1.6 - 0.3, 0, 1), np.float32)


def _choose(small: Pixels) -> np.ndarray:
    """The outline that starts from the border's colours, else the one that starts from an ellipse, else the
    ellipse."""
    found = _refine(small, _unlike_border(small))
    if _plausible(found):
        return found
    ellipse = _ellipse(small.shape)
    found = _refine(small, np.where(ellipse, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)) & ellipse
    return found if _plausible(found) else ellipse


def _unlike_border(small: Pixels) -> np.ndarray:
    """GrabCut's starting state, uint8 [h,w]: probable product where the colour is not one of the border's."""
    # OpenCV draws from a generator of its own: unseeded, a mask would depend on what ran before
    cv2.setRNGSeed(0)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    distance = _distance_from_border(lab)
    height, width = distance.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    central = np.exp(-1.2 * (x * x + y * y)).astype(np.float32)
    score = np.clip(distance * (0.4 + central) * 4, 0, 255).astype(np.uint8)
    level, _ = cv2.threshold(score, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    state = np.where(score > level, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    state[score < level * 0.35] = cv2.GC_BGD
    rim_y, rim_x = max(1, round(height * 0.02)), max(1, round(width * 0.02))
    state[:rim_y], state[-rim_y:], state[:, :rim_x], state[:, -rim_x:] = (cv2.GC_BGD,) * 4
    return state


def _refine(small: Pixels, state: np.ndarray) -> np.ndarray:
    """GrabCut from a starting state; the largest connected piece of its answer, bool [h,w]."""
    if not 0.02 < (state == cv2.GC_PR_FGD).mean() < 0.98:  # it needs both sides to learn from
        return np.zeros(state.shape, bool)
    cv2.setRNGSeed(0)
    background, product = np.zeros((1, 65)), np.zeros((1, 65))
    whole = (0, 0, 1, 1)  # unused when it starts from a mask
    cv2.grabCut(small, state, whole, background, product, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return _largest(np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)))


def _distance_from_border(lab: Mask) -> Mask:
    """Distance in Lab from the nearest of the border's main colours."""
    height, width = lab.shape[:2]
    rim_y, rim_x = max(2, round(height * BORDER)), max(2, round(width * BORDER))
    inner = lab[rim_y:-rim_y]
    rims = (lab[:rim_y], lab[-rim_y:], inner[:, :rim_x], inner[:, -rim_x:])
    border = np.concatenate([rim.reshape(-1, 3) for rim in rims])
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 8, 0)
    labels = np.zeros((len(border), 1), np.int32)
    _, _, colours = cv2.kmeans(border, SURROUNDINGS, labels, stop, 1, cv2.KMEANS_PP_CENTERS)
    gaps = [np.sqrt(np.square(lab - colour).sum(axis=-1)) for colour in colours]
    return np.asarray(np.minimum.reduce(gaps), np.float32)


def _largest(found: np.ndarray) -> np.ndarray:
    closed = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return np.zeros(found.shape, bool)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _plausible(found: np.ndarray) -> bool:
    height, width = found.shape
    middle = found[height // 3 : height - height // 3, width // 3 : width - width // 3]
    return PLAUSIBLE[0] <= found.mean() <= PLAUSIBLE[1] and bool(middle.mean() >= LEAST_IN_MIDDLE)


def _ellipse(shape: tuple[int, ...]) -> np.ndarray:
    height, width = shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray((x / 0.6) ** 2 + (y / 0.65) ** 2 < 1)
