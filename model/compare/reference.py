"""What a reference says of a photo: the same photo, the same with marks drawn on it, with a defect added, another shot
from nearly the same place, or another shot altogether.

In: RGB pixels of a photo that the merchant has (the listing's, the one taken before dispatch, one of an earlier
claim) and of the claim's. Out: a `Comparison`.

A defect that a real second photo shows is not accused: another shot leaves other fine detail everywhere, and only of
one and the same shot can it be said that a spot was put in. A stand takes second photos with the same fine detail:
such a photo is told by a perspective that no copy has (`align`), or by parts that lie elsewhere (`parts`).
`training.references.moved` measures what is left. The bound is measured by `training.references.measure`
on honest photos of the validation split: crops, sizes, qualities, tones, filters, collages, and things drawn on them.
"""

from dataclasses import dataclass
from typing import Literal

from refundlens.model.compare.align import Alignment, Pixels, align
from refundlens.model.compare.difference import Difference, differ
from refundlens.model.verdict.bounds import upper_bound

Kind = Literal["same", "marked", "changed", "camera_moved", "parts_moved", "other"]

SAME_DETAIL = 0.4
"""Share of textured places with the same fine detail from which two photos are one shot. Of 198 second shots of one
thing all came to 0.19 at most but one, taken from a tripod, with 0.34; of 1,900 copies, however filtered and painted,
all to 0.42 at least but one, with 0.35: that one is lost, since at 0.3 the second shot was said to be painted."""
LEAST_OVERLAP = 0.05
"""Share of the photo that the reference must show to be compared."""
PAINTED = 0.8
"""`Spot.painted` from which a spot is a defect added; under it, it may be something drawn in good faith."""
PERSPECTIVE = 0.25
"""Pixels of `Alignment.perspective` from which the camera stood elsewhere: half a millimetre at the corner of an A4
sheet that fills the picture."""
ACCUSED, HONEST = 0, 445
"""Honest photos accused at that threshold, and all that were tried: docs/reuse.md tells of the run."""


@dataclass(frozen=True)
class Comparison:
    """kind: `other`: another shot, or too different to say. `same`: nothing was added where both show the scene.
    `marked`: something differs that may be honest, such as a drawing. `changed`: a defect was added.
    `camera_moved`, `parts_moved`: another shot from nearly the same place, so what differs may be real. painted:
    0 to 1, the most that any spot looks painted. bound: on the rate of honest photos called `changed`, none for
    other kinds."""

    kind: Kind
    painted: float
    bound: float | None
    alignment: Alignment | None
    difference: Difference | None


def compare(reference: Pixels, photo: Pixels) -> Comparison:
    """uint8 [H,W,3] both, in any sizes. Takes some tenths of a second."""
    alignment = align(reference, photo)
    if alignment is None:
        return Comparison("other", 0.0, None, None, None)
    difference = differ(reference, photo, alignment)
    if difference.same_detail < SAME_DETAIL or difference.overlap < LEAST_OVERLAP:
        return Comparison("other", 0.0, None, alignment, difference)
    painted = difference.painted
    if alignment.perspective >= PERSPECTIVE:
        return Comparison("camera_moved", painted, None, alignment, difference)
    if difference.moved:
        return Comparison("parts_moved", painted, None, alignment, difference)
    if painted >= PAINTED:
        return Comparison("changed", painted, false_accusation_bound(), alignment, difference)
    return Comparison("marked" if difference.spots else "same", painted, None, alignment, difference)


def false_accusation_bound() -> float:
    """Clopper and Pearson's 95 % upper bound on the rate of honest photos called `changed`."""
    return upper_bound(ACCUSED, HONEST)
