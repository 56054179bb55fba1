"""Compares a claim photo with reference pictures the merchant has (the listing, the photo taken before dispatch).

In: bytes of the references and of the photo. Out: one reason for each reference. A buyer who sends the merchant's own
picture back did not photograph a defect; that is a reason, and never changes the model's probability.

Only pixel-aligned pictures can be compared so far: the same framing at any size or compression. Everything else gets
a reason that says so, so that nobody believes a comparison took place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.detection import Details, Detection, Reason
from refundlens.model.photo.image import read_photo
from refundlens.model.verdict.selection import select
from refundlens.serving.kit.language import Language

GRID = 32
"""Cells a side of the comparison. A cell of a phone photo is about 30 to 100 pixels: finer than the defects claimed,
coarse enough that recompression and resizing average out."""
SAME_LEVELS = 3.0
"""Largest mean difference of a cell's luminance, in levels of 255, that recompression and resizing explain in most
cells. Of 30 garment photos sent again at half size and JPEG 50, at least 88 % of the cells stayed within it."""
SAME_SHARE = 0.8
"""Share of cells that must agree before two pictures are called one. Different garments photographed by one sender in
one place agree in 38 % at most (25 photos, all pairs). An edited copy with a small edit is still recognised."""
ASPECT_SLACK = 0.02
"""Largest relative difference of the aspect ratios: rounding of sizes, no crop."""

_TEXTS = {
    ("same_bytes", "en"): "This is the reference picture {name} itself, byte for byte.",
    ("same_bytes", "zh"): "这就是参考图 {name} 本身，文件逐字节相同。",
    (
        "same_pixels",
        "en",
    ): "This is the reference picture {name} again: {share:.0%} of the picture is the same, "
    "down to the framing.",
    ("same_pixels", "zh"): "这是参考图 {name} 的翻版：{share:.0%} 的画面与取景完全一致。",
    (
        "not_comparable",
        "en",
    ): "The reference picture {name} is another shot, so it could not be compared pixel by pixel.",
    ("not_comparable", "zh"): "参考图 {name} 是另一次拍摄，无法逐像素比对。",
}


@dataclass(frozen=True)
class Reference:
    """A reference picture, reduced to what the comparison needs. `cells` is float32 [GRID,GRID], levels of 255."""

    name: str
    sha256: str
    aspect: float
    cells: NDArray[np.float32]


def read_reference(name: str, data: bytes) -> Reference:
    """Prepare a reference. Raises `model.photo.image.ImageError` where it cannot be read."""
    aspect, cells = _reduce(data)
    return Reference(name, sha256(data).hexdigest(), aspect, cells)


def with_references(
    detection: Detection, data: bytes, references: Sequence[Reference], language: Language
) -> Detection:
    """The same detection with one more reason for each reference."""
    if not references:
        return detection
    aspect, cells = _reduce(data)
    compared = [_compare(detection.sha256, aspect, cells, reference, language) for reference in references]
    told, rest = select([*compared, *detection.reasons, *detection.details.reasons], detection.verdict)
    return detection.model_copy(update={"reasons": told, "details": Details(reasons=rest)})


def _reduce(data: bytes) -> tuple[float, NDArray[np.float32]]:
    """Aspect ratio (width / height) and mean luminance of GRID x GRID cells."""
    picture = Image.fromarray(read_photo(data).pixels)
    small = picture.convert("L").resize((GRID, GRID), Image.Resampling.BOX)
    return picture.width / picture.height, np.asarray(small, np.float32)


def _compare(
    digest: str, aspect: float, cells: NDArray[np.float32], reference: Reference, language: Language
) -> Reason:
    if digest == reference.sha256:
        text = _TEXTS["same_bytes", language].format(name=reference.name)
        return Reason(code="reference.same_picture", basis="observed", text=text)
    if abs(aspect / reference.aspect - 1) <= ASPECT_SLACK:
        share = float(np.mean(np.abs(cells - reference.cells) <= SAME_LEVELS))
        if share >= SAME_SHARE and not _flat(reference.cells):
            text = _TEXTS["same_pixels", language].format(name=reference.name, share=share)
            return Reason(code="reference.same_picture", basis="derived", text=text)
    text = _TEXTS["not_comparable", language].format(name=reference.name)
    return Reason(code="reference.not_comparable", basis="derived", text=text)


def _flat(cells: NDArray[np.float32]) -> bool:
    """Whether a picture has no structure to recognise: two sheets of white paper are not one photo."""
    return float(cells.std()) < 2 * SAME_LEVELS
