"""One photo and its edits, aligned pixel by pixel: the base picture, then each edit of that base.

In: a `Task` (photo, split, donors) and a recipe. Out: `Picture`s, not yet delivered. A family depends on
nothing but its task, the recipe and the seed, so that workers, order and resumption change nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import cv2
import numpy as np

from refundlens.datasets.defects import find_foreground, paint
from refundlens.datasets.degradations.apply import resize_pixels
from refundlens.datasets.editors.base import EditRequest, Mask, Pixels
from refundlens.datasets.editors.pool import Workshop
from refundlens.datasets.photos import read
from refundlens.datasets.recipe import CLASSICAL, Recipe, Slot
from refundlens.datasets.row import Split
from refundlens.datasets.task import Context, Task, stream
from refundlens.model.names import Defect, Kind

LEAST_REGION = 64
"""Changed pixels a manipulated picture must show: one cell of the network's map. A crop may leave fewer, and
a picture labelled "edited" without an edit in it would be a wrong label."""
LEAST_CHANGE = 1.0
"""Grey levels of 255 that the most changed tenth of a region must differ by: below that nothing was done."""
BRUSH = "classical.brush"
"""The one classical operation that leaves the painted defect; the others put other pixels in its place."""
ATTEMPTS = 3
"""Draws of painter and editor before a slot is given up: a photo may offer a painter no place."""
KERNELS = ("area", "bicubic", "lanczos", "bilinear")
"""Resampling of the base picture, drawn at random: no single kernel's trace may mark the data."""


@dataclass(frozen=True)
class Picture:
    """One picture before delivery, with what the row will say about it."""

    variant: str
    pixels: Pixels
    kind: Kind = "authentic"
    changed: Mask | None = None
    region: Mask | None = None
    defect: Defect | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def masks(self) -> list[Mask]:
        return [mask for mask in (self.changed, self.region) if mask is not None]


def families(task: Task, context: Context, workshop: Workshop) -> Iterator[list[Picture]]:
    """For each view of the photo: the base picture and its edits.

    Raises UnreadablePhotoError when the photo cannot be read (any more).
    """
    source = read(task.photo.path)
    large = max(source.shape[:2]) > context.recipe.base.large_above
    views = context.recipe.base.large_views if task.split == "train" and large else 1
    for view in range(views):
        base = normalise(source, context.recipe, stream(context, task, "base", view))
        yield [Picture(f"{view}a", base), *_edits(task, context, workshop, base, view)]


def normalise(source: Pixels, recipe: Recipe, rng: np.random.Generator) -> Pixels:
    """The picture that photo and edits start from: resampled, and cropped if large (see `recipe.Base`)."""
    base = recipe.base
    kernel = str(rng.choice(KERNELS))
    long_side = max(source.shape[:2])
    if long_side <= base.large_above:
        scale = rng.uniform(*base.small_scale)
        return _scaled(source, scale, kernel)
    share, least = base.large_crop
    if rng.random() < share:
        kept = rng.uniform(least, 1, 2)
        height, width = (
            max(1, round(side * part)) for side, part in zip(source.shape[:2], kept, strict=True)
        )
        top = int(rng.integers(0, source.shape[0] - height + 1))
        left = int(rng.integers(0, source.shape[1] - width + 1))
        source = np.ascontiguousarray(source[top : top + height, left : left + width])
    target = rng.uniform(*base.large_long_side)
    return _scaled(source, min(target / max(source.shape[:2]), base.small_scale[1]), kernel)


def _scaled(pixels: Pixels, scale: float, kernel: str) -> Pixels:
    height, width = pixels.shape[:2]
    return resize_pixels(pixels, (max(16, round(width * scale)), max(16, round(height * scale))), kernel)


def _edits(task: Task, context: Context, workshop: Workshop, base: Pixels, view: int) -> list[Picture]:
    pictures: list[Picture] = []
    foreground = find_foreground(base)
    for index, slot in enumerate(context.recipe.slots(task.split), context.recipe.first_slot):
        for attempt in range(ATTEMPTS):
            rng = stream(context, task, "edit", view, index, attempt)
            picture = _edit(
                task, context, workshop, base, foreground, slot, f"{view}{chr(ord('b') + index)}", rng
            )
            if picture is not None:
                pictures.append(picture)
                break
    return pictures


def _edit(
    task: Task,
    context: Context,
    workshop: Workshop,
    base: Pixels,
    foreground: Mask,
    slot: Slot,
    variant: str,
    rng: np.random.Generator,
) -> Picture | None:
    """One edit of the base, or None when it left no visible change."""
    recipe = context.recipe
    if slot == "any":
        slot = choose(recipe.any_shares, rng)
    name = _editor_name(recipe, workshop, slot, task.split, rng)
    if name is None:
        return None
    defect = choose(recipe.defects, rng)
    painted = paint(base, defect, rng, foreground)
    plain = rng.random() < recipe.no_defect.get(slot, 0.0)
    request = EditRequest(
        photo=base,
        painted=base if plain else painted.pixels,
        region=painted.region,
        defect=defect,
        donor=_donor(task, rng),
    )
    edit = workshop.editor(name, slot).edit(request, rng)
    changed = np.clip(edit.changed, 0, 1).astype(np.float32)
    if not _visible(base, edit.pixels, changed):
        return None
    shows_defect = not plain and (slot != CLASSICAL or edit.generator == BRUSH)
    return Picture(
        variant=variant,
        pixels=edit.pixels,
        kind=edit.kind,
        changed=changed,
        region=painted.region if shows_defect else None,
        defect=defect if shows_defect else None,
        facts={
            "editor": name,
            "generator": edit.generator,
            "painter": {"defect": defect, **painted.parameters} if shows_defect else None,
            "edit": {"slot": slot, **edit.parameters},
        },
    )


Name = TypeVar("Name", bound=str)


def choose(shares: Mapping[Name, float], rng: np.random.Generator) -> Name:
    """A key drawn by its share; shares need not sum to 1."""
    names = sorted(shares)
    weights = np.array([shares[name] for name in names], np.float64)
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def _editor_name(
    recipe: Recipe, workshop: Workshop, slot: Slot, split: Split, rng: np.random.Generator
) -> str | None:
    """An available editor for the slot; generators held out only in the test split. None when there is none."""
    if slot == CLASSICAL:
        return CLASSICAL if CLASSICAL in workshop.names else None
    held_out = split == "test" and rng.random() < recipe.held_out_share
    weights = recipe.weights(workshop.names, held_out) or (
        recipe.weights(workshop.names, not held_out) if split == "test" else {}
    )
    return choose(weights, rng) if weights else None


def _donor(task: Task, rng: np.random.Generator) -> Pixels | None:
    return read(task.donors[int(rng.integers(len(task.donors)))]) if task.donors else None


def _visible(base: Pixels, pixels: Pixels, changed: Mask) -> bool:
    inside = changed > 0.5
    if int(inside.sum()) < LEAST_REGION:
        return False
    difference = cv2.absdiff(base, pixels)[inside]
    # the strongest tenth: a copy-move between like textures changes few pixels, but it changes them
    return float(np.percentile(difference, 90)) >= LEAST_CHANGE
