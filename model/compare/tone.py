"""Gives a reference the colours of a photo of the same picture, so that what is left differs by content.

In: two aligned pictures and where both are known. Out: the reference in the photo's colours. Apps change brightness,
contrast, white balance and shade the corners: each channel of the photo is fitted as a smooth function of the
reference's colour and of the place, by weighted least squares whose weights forget what does not fit (Tukey's
biweight), so that a painted defect does not bend the fit.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]

SAMPLES = 2_000
"""Pixels the fit looks at; it has sixteen coefficients a channel."""
ROUNDS = 6
"""Of reweighting: the weights settle in four or five."""
LEVELS = 24
"""Steps of light at which the fit is mended."""
LEAST_OF_LEVEL = 0.015
"""Share of the pixels that a step needs: more than a spot has of one level."""
_TUKEY = 4.685
"""Deviations, in standard deviations, beyond which a pixel weighs nothing; the usual value."""
_LEAST_DEVIATION = 1.5
"""Levels of 255: under it a deviation is rounding."""
_LOCAL = 0.12
"""Size of the window, as a share of the longer side, over which "HDR" filters change light smoothly."""


def match_tone(reference: Values, photo: Values, known: NDArray[np.bool_]) -> Values:
    """float32 [h,w,3] both, bool [h,w]. The reference in the photo's colours, float32 [h,w,3]."""
    rows, columns = np.nonzero(known)
    if len(rows) < 200:  # too little to fit sixteen coefficients to
        return reference
    step = max(1, len(rows) // SAMPLES)
    rows, columns = rows[::step], columns[::step]
    terms = _terms(reference[rows, columns], rows, columns, known.shape)
    wanted = photo[rows, columns]
    factors = _robust(terms, wanted)
    height, width = known.shape
    everywhere = np.indices((height, width)).reshape(2, -1)
    fitted = _terms(reference.reshape(-1, 3), everywhere[0], everywhere[1], known.shape) @ factors
    curved = _by_light(np.asarray(fitted, np.float32).reshape(reference.shape), photo, known)
    return _local(curved, photo, known)


def match_light(reference: Values, photo: Values, known: NDArray[np.bool_]) -> Values:
    """The same with a gain and an offset a channel, for small parts of two shots: more would follow what differs."""
    result = reference.copy()
    for channel in range(3):
        values = reference[..., channel][known]
        terms = np.stack([np.ones_like(values), values / np.float32(255)], 1)
        offset, gain = _robust(terms, photo[..., channel][known][:, None])[:, 0]
        result[..., channel] = gain / 255 * reference[..., channel] + offset
    return result


def _terms(
    colours: Values, rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]
) -> Values:
    """What the fit is linear in: float32 [n,16]."""
    r, g, b = (colours / np.float32(255)).T
    y = (rows / max(shape[0] - 1, 1) * 2 - 1).astype(np.float32)
    x = (columns / max(shape[1] - 1, 1) * 2 - 1).astype(np.float32)
    light = (r + g + b) / 3
    terms = (np.ones_like(r), r, g, b, r * r, g * g, b * b, light**3, x, y, x * x, y * y, x * y, x * light, y * light,
             (x * x + y * y) * light)  # fmt: skip
    return np.stack(terms, 1)


def _robust(terms: Values, wanted: Values) -> Values:
    """Factors [terms,channels] by iteratively reweighted least squares; one weight a pixel for all channels."""
    weights = np.ones(len(terms), np.float32)
    factors = np.zeros((terms.shape[1], wanted.shape[1]), np.float32)
    ridge = np.eye(terms.shape[1], dtype=np.float32) * np.float32(1e-4 * len(terms))
    for _ in range(ROUNDS):
        weighed = terms * weights[:, None]
        factors = np.linalg.solve(weighed.T @ terms + ridge, weighed.T @ wanted)
        off = np.abs(wanted - terms @ factors).mean(1)
        spread = max(float(np.median(off)) * 1.4826, _LEAST_DEVIATION)
        weights = np.square(np.clip(1 - np.square(off / (_TUKEY * spread)), 0, 1))
    return factors


def _by_light(fitted: Values, photo: Values, known: NDArray[np.bool_]) -> Values:
    """Take out what a smooth function cannot follow: curves that bend where it is darkest and brightest, and
    clipping. Each channel is moved by the median of what is left at its level; a spot is no median."""
    result = fitted.copy()
    for channel in range(3):
        level, left = fitted[..., channel][known][::3], (photo - fitted)[..., channel][known][::3]
        step = np.clip(level / 255 * LEVELS, 0, LEVELS - 1).astype(np.int64)
        order = np.argsort(step, kind="stable")
        ends = np.searchsorted(step[order], np.arange(LEVELS + 1))
        enough = [
            index for index in range(LEVELS) if ends[index + 1] - ends[index] >= len(level) * LEAST_OF_LEVEL
        ]
        if len(enough) < 2:
            continue
        centres = [(index + 0.5) * 255 / LEVELS for index in enough]
        middles = [float(np.median(left[order[ends[index] : ends[index + 1]]])) for index in enough]
        result[..., channel] += np.interp(fitted[..., channel], centres, middles)
    return result


def _local(fitted: Values, photo: Values, known: NDArray[np.bool_]) -> Values:
    """Take out what is left of smooth light: a gain over large windows, from pixels that fit already."""
    off = np.abs(photo - fitted).mean(2)
    spread = max(float(np.median(off[known])) * 1.4826, _LEAST_DEVIATION)
    weight = (known & (off < _TUKEY * spread)).astype(np.float32)
    # so smooth a field needs no more than an eighth of the pixels
    height, width = known.shape
    few = (max(1, width // 8), max(1, height // 8))
    sigma = _LOCAL * max(few) / 2
    mass = cv2.GaussianBlur(cv2.resize(weight, few, interpolation=cv2.INTER_AREA), (0, 0), sigma) + 0.02
    missing = cv2.resize((photo - fitted) * weight[..., None], few, interpolation=cv2.INTER_AREA)
    field = cv2.GaussianBlur(missing, (0, 0), sigma) / mass[..., None]
    return np.asarray(fitted + cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
