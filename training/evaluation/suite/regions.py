"""Does the map follow the edit, or the object? Regions without any painted defect, edited at random places.

In: authentic photos and editors. Out: one `Control` an editor. A detector that has learned what products or painted
defects look like marks the product; one that reads traces marks the region, wherever it lies.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.defects import find_foreground
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import NAMED
from refundlens.datasets.editors import Factory, available
from refundlens.datasets.editors.base import EditRequest
from refundlens.datasets.editors.regeneration import RegeneratingEditor
from refundlens.training.calibration.scoring import run_all
from refundlens.training.evaluation.controls import Control, random_mask
from refundlens.training.evaluation.metrics import roc_auc
from refundlens.training.evaluation.suite.reading import Reader, Reading

PHOTOS = 24
"""Photos that each editor edits: with some ten editors this is already a third of the suite's time."""
SENT = "q90"
"""The delivery of both the photos and their edits: a light one, since the question is where and not whether."""


@dataclass(frozen=True)
class Photo:
    """An authentic photo, uint8 [H,W,3], and its source's SHA-256 in hexadecimal, which seeds what is drawn for it."""

    source: str
    pixels: NDArray[np.uint8]


def seeded(photo: Photo, purpose: int) -> np.random.Generator:
    """A generator that is the photo's own: what is drawn depends on nothing but the photo and the purpose."""
    return np.random.default_rng([int(photo.source[:12], 16), purpose])


def region_controls(
    reader: Reader, photos: Sequence[Photo], generators: Path | None, small: Path | None
) -> list[Control]:
    """One control for every editor that the folders allow; "classical" needs none."""
    editors = available(generators, small)
    return [region_control(reader, photos[:PHOTOS], name, load) for name, load in sorted(editors.items())]


def region_control(reader: Reader, photos: Sequence[Photo], name: str, load: Factory) -> Control:
    """Edit a random region of each photo by one editor; compare edit with photo, and the map with the region.

    passed: cells of the edit stand out of the map better than cells of the product that nobody touched do.
    """
    editor = load()
    if isinstance(editor, RegeneratingEditor):
        editor.mode = "spliced"  # a whole regeneration has no region to follow
    pairs = []
    for index, photo in enumerate(photos):
        rng = seeded(photo, 1)
        height, width = photo.pixels.shape[:2]
        region = random_mask(height, width, rng)
        donor = photos[(index + 1) % len(photos)].pixels
        edit = editor.edit(EditRequest(photo.pixels, photo.pixels, region, "other", donor), rng)
        pairs.append((photo, edit.pixels, edit.changed))

    def one(pair: tuple[Photo, NDArray[np.uint8], NDArray[np.float32]]) -> tuple[Reading, Reading]:
        photo, edited, changed = pair
        sent = deliver(edited, NAMED[SENT], [changed, find_foreground(photo.pixels)])
        fake = reader.read(sent.data, {"edit": sent.masks[0], "object": sent.masks[1]})
        return reader.read(deliver(photo.pixels, NAMED[SENT]).data), fake

    return _summed_up(name, run_all(one, pairs, f"random regions, {name}"))


def _summed_up(name: str, read: Sequence[tuple[Reading, Reading]]) -> Control:
    real, fake = [pair[0].probability for pair in read], [pair[1].probability for pair in read]
    edits, objects = ([pair[1].maps[which] for pair in read] for which in ("edit", "object"))
    edit_auc, object_auc = (_mean(one.auc for one in some) for some in (edits, objects))
    known = not math.isnan(edit_auc) and not math.isnan(object_auc)
    return Control(
        name=f"random regions, {name}",
        meaning="Regions without any painted defect, edited at random places. auc: edits against the same "
        "photos. map_auc_edit: how often a cell of the edit is hotter than one outside; map_auc_object: the "
        "same for untouched cells of the product. The map must follow the edit and not the object.",
        pictures=len(read),
        values={
            "auc": roc_auc([0] * len(real) + [1] * len(fake), [*real, *fake]),
            "map_auc_edit": edit_auc,
            "map_auc_object": object_auc,
            "map_inside_edit": _mean(one.inside for one in edits),
            "map_outside_edit": _mean(one.outside for one in edits),
            "map_on_object": _mean(one.inside for one in objects),
            "map_off_object": _mean(one.outside for one in objects),
            "pixel_f1": _mean(one.pixels.f1 for one in edits),
        },
        passed=edit_auc > max(object_auc, 0.5) if known else None,
    )


def _mean(values: Iterable[float | None]) -> float:
    found = [value for value in values if value is not None and not math.isnan(value)]
    return float(np.mean(found)) if found else math.nan
