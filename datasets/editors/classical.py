"""Manipulation without a generator, as done by hand in a picture editor: kind photoshopped.

In: an `EditRequest`. Out: an `Edit` whose `changed` is exactly the pixels that differ from the photo, softened inside
by how much was blended. One class; `operation` picks the tool or leaves it to chance.
"""

from collections.abc import Callable
from typing import Any, Literal, get_args

import cv2
import numpy as np

from refundlens.datasets.editors.base import Edit, EditRequest, Mask, Pixels
from refundlens.datasets.editors.compositing import blend, extent, random_region, region_size, soft_mask

Operation = Literal["splice", "poisson", "copy_move", "inpaint", "brush"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

COPY_ROTATION = 25.0
"""Most degrees a copied patch is turned: people rarely turn more, a detector must not rely on none."""
COPY_SCALE = (0.8, 1.25)
"""By how much a copied patch is resized."""
COPY_PLAIN = 0.5
"""Share of copied patches that are neither turned nor resized, as a clone stamp lays them."""
INPAINT_RADIUS = (2.0, 6.0)
"""Pixels around a point that cv2.inpaint looks at."""
TRIES = 24
"""Places tried for the source of a copy before giving up on one that does not overlap the target."""

Drawn = tuple[Pixels, Mask, dict[str, Any]]


class ClassicalEditor:
    """Splice from another photo, Poisson blend, copy-move, inpainting (clone/heal) or the painted defect left as it is.

    operation None draws one at random for each request; those that need a donor are left out where there is none.
    A request without a region gets a random one.
    """

    name = "classical"

    def __init__(self, operation: Operation | None = None) -> None:
        self.operation = operation

    def edit(self, request: EditRequest, rng: np.random.Generator) -> Edit:
        """Raises ValueError if the chosen operation needs a donor, or a painted defect, and there is none."""
        operation = self.operation or _possible(request)[int(rng.integers(len(_possible(request))))]
        height, width = request.photo.shape[:2]
        region = request.region if (request.region > 0.5).any() else random_region(height, width, rng)
        pixels, mask, parameters = _TOOLS[operation](request, region, rng)
        changed = _differing(request.photo, pixels, mask)
        return Edit(pixels, changed, "photoshopped", f"classical.{operation}", parameters)


def _possible(request: EditRequest) -> list[Operation]:
    painted = bool((request.painted != request.photo).any())
    needs = {"splice": request.donor is not None, "poisson": request.donor is not None, "brush": painted}
    return [operation for operation in OPERATIONS if needs.get(operation, True)]


def _differing(photo: Pixels, pixels: Pixels, mask: Mask) -> Mask:
    """The mask where any channel differs; a pixel that kept its value was not changed, whatever the tool meant."""
    return np.where((photo != pixels).any(axis=2), np.maximum(mask, 1 / 255), 0).astype(np.float32)


def _patch(donor: Pixels, height: int, width: int, rng: np.random.Generator) -> Pixels:
    """A random piece of the donor of this size, the donor enlarged only if it is too small."""
    enlarge = max(1.0, height / donor.shape[0], width / donor.shape[1])
    if enlarge > 1:
        size = (int(np.ceil(donor.shape[1] * enlarge)), int(np.ceil(donor.shape[0] * enlarge)))
        donor = np.asarray(cv2.resize(donor, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    top = int(rng.integers(0, donor.shape[0] - height + 1))
    left = int(rng.integers(0, donor.shape[1] - width + 1))
    return donor[top : top + height, left : left + width]


def _donated(
    request: EditRequest, region: Mask, rng: np.random.Generator
) -> tuple[Pixels, Mask, dict[str, Any]]:
    """The photo with a donor's patch laid over the region's box -> (picture, soft mask, parameters)."""
    if request.donor is None:
        raise ValueError("this operation needs a donor photo")
    mask, parameters = soft_mask(region, rng)
    box = extent((mask > 0).astype(np.float32))
    pasted = request.photo.copy()
    box.cut(pasted)[:] = _patch(request.donor, box.bottom - box.top, box.right - box.left, rng)
    return pasted, mask, parameters


def _splice(request: EditRequest, region: Mask, rng: np.random.Generator) -> Drawn:
    pasted, mask, parameters = _donated(request, region, rng)
    return blend(request.photo, pasted, mask), mask, parameters


def _poisson(request: EditRequest, region: Mask, rng: np.random.Generator) -> Drawn:
    """Gradient-domain blend (Pérez et al. 2003): the patch takes on the photo's colours at its border.

    The solution may drift outside the mask by a rounding: it is taken only inside.
    """
    pasted, mask, parameters = _donated(request, region, rng)
    hard = (mask > 0.5).astype(np.uint8)
    # seamlessClone ignores what touches the border and centres the mask's box: frame the picture and aim at the box.
    frame = 2
    photo, source = (
        np.pad(p, ((frame, frame), (frame, frame), (0, 0)), "edge") for p in (request.photo, pasted)
    )
    framed = np.pad(hard * np.uint8(255), frame)
    x, y, width, height = cv2.boundingRect(framed)
    how = cv2.MIXED_CLONE if rng.random() < 0.3 else cv2.NORMAL_CLONE
    cloned = cv2.seamlessClone(source, photo, framed, (x + width // 2, y + height // 2), how)
    cloned = np.asarray(cloned[frame:-frame, frame:-frame], np.uint8)
    pixels = np.where(hard[..., None] > 0, cloned, request.photo)
    return pixels, hard.astype(np.float32), {**parameters, "mixed": how == cv2.MIXED_CLONE}


def _copy_move(request: EditRequest, region: Mask, rng: np.random.Generator) -> Drawn:
    """Cover the region with another part of the same photo, plainly or slightly turned and resized."""
    mask, parameters = soft_mask(region, rng)
    height, width = region.shape
    box = extent((mask > 0).astype(np.float32))
    shift_x, shift_y = _source_shift(mask, rng)
    angle, scale = (
        float(rng.uniform(-COPY_ROTATION, COPY_ROTATION)),
        float(np.exp(rng.uniform(*np.log(COPY_SCALE)))),
    )
    if rng.random() < COPY_PLAIN:
        angle, scale = 0.0, 1.0
    centre = ((box.left + box.right) / 2 + shift_x, (box.top + box.bottom) / 2 + shift_y)
    matrix = cv2.getRotationMatrix2D(centre, angle, scale)
    matrix[:, 2] -= (shift_x, shift_y)
    moved = cv2.warpAffine(
        request.photo, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    pixels = blend(request.photo, np.asarray(moved, np.uint8), mask)
    placed = {"shift": [shift_x, shift_y], "rotation": round(angle, 2), "scale": round(scale, 3)}
    return pixels, mask, {**parameters, **placed}


def _source_shift(mask: Mask, rng: np.random.Generator) -> tuple[int, int]:
    """From target to source in pixels: the place with the least overlap with the target among TRIES random ones."""
    height, width = mask.shape
    box = extent((mask > 0).astype(np.float32))
    best, least = (0, 0), np.inf
    for _ in range(TRIES):
        x = int(rng.integers(-box.left, width - box.right + 1))
        y = int(rng.integers(-box.top, height - box.bottom + 1))
        overlap = max(0, box.right - box.left - abs(x)) * max(0, box.bottom - box.top - abs(y))
        if overlap < least:
            best, least = (x, y), overlap
        if overlap == 0:
            break
    return best


def _inpaint(request: EditRequest, region: Mask, rng: np.random.Generator) -> Drawn:
    """Heal the region from its surroundings (Telea 2004, or Navier-Stokes): something was wiped away."""
    grow = max(1, round(region_size(region) * rng.uniform(0.02, 0.08)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
    hard = cv2.dilate((region > 0.5).astype(np.uint8), kernel)
    telea = bool(rng.random() < 0.5)
    radius = float(rng.uniform(*INPAINT_RADIUS))
    healed = cv2.inpaint(request.photo, hard, radius, cv2.INPAINT_TELEA if telea else cv2.INPAINT_NS)
    pixels = np.where(hard[..., None] > 0, np.asarray(healed, np.uint8), request.photo)
    method = "telea" if telea else "navier-stokes"
    return pixels, hard.astype(np.float32), {"method": method, "radius": round(radius, 2), "dilation": grow}


def _brush(request: EditRequest, region: Mask, rng: np.random.Generator) -> Drawn:
    """The painted defect as it is. The painter's soft border counts by how much it moved the pixel."""
    difference = np.abs(request.painted.astype(np.int16) - request.photo).max(axis=2)
    if not difference.any():
        raise ValueError("nothing is painted: the brush has nothing to leave")
    strength = np.clip(difference / max(8.0, float(np.percentile(difference[difference > 0], 50))), 0, 1)
    return request.painted, np.maximum(strength, np.where(difference > 0, region, 0)).astype(np.float32), {}


_TOOLS: dict[Operation, Callable[[EditRequest, Mask, np.random.Generator], Drawn]] = {
    "splice": _splice,
    "poisson": _poisson,
    "copy_move": _copy_move,
    "inpaint": _inpaint,
    "brush": _brush,
}
