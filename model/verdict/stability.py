"""Does a verdict survive one more upload? A photo against its own JPEG copy of quality 85.

In: pixels, or two looks at one photo. Out: the copy's pixels, and a `Stability` that the answer carries.

Every chat and every shop compresses a photo again. Two copies of one photo must not be judged against each other, so a
photo that would be called fake is really compressed again, in memory, and scored a second time: it stays fake only if
the copy is fake too. That can only take accusations back, so every bound that was counted without it still holds.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.detection import Conditions, Stability
from refundlens.model.names import Verdict
from refundlens.model.verdict.calibration import Calibration

QUALITY = 85
"""libjpeg's quality of the copy: what one more upload to a chat or a shop does (the REENCODE of
training.evaluation.controls)."""
SUBSAMPLING = "4:2:0"
"""Of its colours: what phones and chat apps use."""
MOST_QUANTISATIONS = 2
"""`Conditions.quantisations` counts no further."""


def reencode(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The copy of a picture, uint8 RGB [H,W,3] in and out: saved as JPEG and read again. The same pixels, the same
    copy."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY, subsampling=SUBSAMPLING)
    with Image.open(file) as copy:
        return np.array(copy.convert("RGB"))


def of_copy(measured: Conditions) -> Conditions:
    """The condition of a photo's copy. Sharpness hardly moves at this quality, so it is not measured again."""
    count = min(measured.quantisations + 1, MOST_QUANTISATIONS)
    return measured.model_copy(update={"jpeg_quality": QUALITY, "quantisations": count})


@dataclass(frozen=True)
class Look:
    """One look at a photo: what its pixels gave in its condition, and what that alone would be called."""

    log_odds: float
    probability: float
    verdict: Verdict
    bound: float | None
    conditions: Conditions


def look(calibration: Calibration, features: NDArray[np.float64], measured: Conditions) -> Look:
    """Judge pooled features float64 [F] (in the order of model.network.pooling.FEATURES) in a condition."""
    log_odds = calibration.log_odds(features, measured)
    probability = calibration.probability(features, measured)
    verdict, bound = (
        calibration.decide(probability, measured) if measured.supported else ("inconclusive", None)
    )
    return Look(log_odds, probability, verdict, bound, measured)


def look_at_copy(calibration: Calibration, features: NDArray[np.float64], original: Conditions) -> Look:
    """The same for the photo's copy, as if it had been sent; by the photo's own thresholds where calibration knows no
    threshold for such copies."""
    measured = of_copy(original)
    seen = look(calibration, features, measured)
    if not original.supported or calibration.threshold(measured) is not None:
        return seen
    verdict, bound = calibration.decide(seen.probability, original)
    return Look(seen.log_odds, seen.probability, verdict, bound, measured)


def settle(first: Look, copy: Look | None) -> Verdict:
    """The verdict after a second look, if there was one.

    Fake only where both are: this takes accusations back and never makes one. Between the other two the copy decides,
    since all later copies of the photo are judged like it, and whoever wants its verdict can have it by an upload.
    """
    if copy is None or not first.conditions.supported or first.verdict == copy.verdict:
        return first.verdict
    return "inconclusive" if "fake" in (first.verdict, copy.verdict) else copy.verdict


def compare(calibration: Calibration, first: Look, copy: Look | None) -> Stability:
    """What the answer says of its own stability.

    With a copy: stable where both get the same verdict. Without: where the copy's condition gives the same verdict to
    the same log odds, and these keep further from every threshold of both conditions than the move that 95 % of
    calibration photos stay under; a photo outside the conditions covered, or a calibration that measured no moves, is
    never called stable.
    """
    if copy is not None:
        return Stability(
            stable=first.conditions.supported and first.verdict == copy.verdict,
            measured=True,
            probability_reencoded=copy.probability,
            shift=abs(first.log_odds - copy.log_odds),
        )
    shift = calibration.shift(first.conditions) if first.conditions.supported else None
    sent = of_copy(first.conditions)
    alike = calibration.bin(sent) is None or calibration.decide(first.probability, sent)[0] == first.verdict
    edges = (*calibration.edges(first.conditions), *calibration.edges(sent))
    distance = min((abs(first.log_odds - edge) for edge in edges), default=0.0)
    return Stability(
        stable=alike and shift is not None and distance > shift,
        measured=False,
        probability_reencoded=None,
        shift=shift,
    )
