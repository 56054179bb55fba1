"""Compares a claim photo with reference pictures the merchant has (the listing, the photo taken before dispatch).

In: bytes of the references and of the photo. Out: one reason for each reference (`model.compare.reference`). A buyer
who sends the merchant's own picture back did not photograph a defect, and one who sends it back with a defect
painted in made the defect. Both are reasons, and never change the model's probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from refundlens.model.detection import Detection, Reason
from refundlens.model.verdict.selection import with_reasons
from refundlens.model.verdict.texts import reason_text
from refundlens.serving.drawing.picture import pixels_of
from refundlens.serving.kit.language import Language

if TYPE_CHECKING:
    from refundlens.model.compare.reference import Comparison

SIDE = 1280
"""Pixels along the longer side that are compared: features and differences are looked for at 512."""

_CODES = {
    "same": "reference.same_picture",
    "marked": "reference.marked",
    "changed": "reference.defect_added",
    "camera_moved": "reference.camera_moved",
    "parts_moved": "reference.parts_moved",
    "other": "reference.not_comparable",
}


SAME_PLACE = frozenset(code for kind, code in _CODES.items() if kind != "other")
"""What is said only of the reference's own shot, or of another from nearly the same place: no buyer stands there, so a
person looks."""


@dataclass(frozen=True)
class Reference:
    """A reference picture. pixels: RGB uint8 [H,W,3], reduced to what the comparison needs."""

    name: str
    sha256: str
    pixels: NDArray[np.uint8]


def read_reference(name: str, data: bytes) -> Reference:
    """Prepare a reference. Raises `model.photo.image.ImageError` where it cannot be read."""
    return Reference(name, sha256(data).hexdigest(), pixels_of(data, SIDE))


def with_references(
    detection: Detection, data: bytes, references: Sequence[Reference], language: Language
) -> Detection:
    """The same detection with one more reason for each reference."""
    if not references:
        return detection
    return with_reasons(detection, compared(detection, data, references, language))


def compared(
    detection: Detection, data: bytes, references: Sequence[Reference], language: Language
) -> list[Reason]:
    """What each reference says of the photo."""
    pixels = pixels_of(data, SIDE)
    scale = detection.width / pixels.shape[1]
    return [_reason(detection.sha256, pixels, scale, one, language) for one in references]


def _reason(
    digest: str, pixels: NDArray[np.uint8], scale: float, reference: Reference, language: Language
) -> Reason:
    if digest == reference.sha256:
        text = reason_text("reference.same_bytes", language, name=reference.name)
        details: dict[str, object] = {"name": reference.name, "overlap": 1.0}
        return Reason(code=_CODES["same"], basis="observed", text=text, details=details)
    from refundlens.model.compare.reference import (
        compare,  # OpenCV is loaded where there is something to compare
    )

    found = compare(reference.pixels, pixels)
    details = _details(found, scale) | {"name": reference.name}
    text = reason_text(_CODES[found.kind], language, **details)
    return Reason(code=_CODES[found.kind], basis="derived", text=text, details=details)


def _details(found: "Comparison", scale: float) -> dict[str, object]:
    """boxes: what differs, in pixels of the photo as displayed. overlap: share of the photo that both show."""
    difference = found.difference
    spots = difference.spots if difference is not None and found.kind not in ("same", "other") else ()
    return {
        "boxes": [[round(side * scale) for side in spot.box] for spot in spots],
        "count": len(spots),
        "overlap": difference.overlap if difference is not None else 0.0,
        "bound": found.bound,
    }
