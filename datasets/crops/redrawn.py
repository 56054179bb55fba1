"""Windows of photos decoded again by networks, or with a hole filled by one; made once, as they cost seconds each.

In: masters of photos and the editors at hand. Out: `.npz` files with the window, the same window redrawn, where a
defect was painted before (nothing in more than half of them: being redrawn, not being damaged, is what marks an edit),
and of holes where they were.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.crops.masters import Masters
from refundlens.datasets.defects import paint
from refundlens.datasets.editors import INPAINTERS
from refundlens.datasets.editors.base import EditRequest, Pixels
from refundlens.datasets.editors.pool import Workshop
from refundlens.model.names import DEFECTS

SIDE = 384
"""Pixels of a window."""
PAINTED = 0.4
"""Share of windows on which a defect is painted before they are redrawn."""
SCALES = (0.35, 1.0)
"""Factor by which the photo is shrunk before, where it stays large enough."""
LARGE = 0.6
"""Share of holes that are filled before the photo is shrunk, as in a camera's original."""


def redraw(
    masters: Masters,
    photos: Sequence[str],
    workshop: Workshop,
    shares: dict[str, float],
    out: Path,
    count: int,
    seed: int,
) -> Iterator[Path]:
    """Make windows 0 to `count`-1 that are not there yet; each depends on the seed and its number alone.

    shares: how often each editor is drawn, by its name in `workshop`.
    """
    out.mkdir(parents=True, exist_ok=True)
    names = [name for name in shares if name in workshop.names]
    weights = np.array([shares[name] for name in names]) / sum(shares[name] for name in names)
    for number in range(count):
        path = out / f"{seed:02d}-{number:05d}.npz"
        if path.exists():
            continue
        rng = np.random.default_rng([seed, number])
        editor = names[int(rng.choice(len(names), p=weights))]
        name = photos[int(rng.integers(len(photos)))]
        part = _window(rng, masters, name)
        if part is None:
            continue
        local = editor.startswith(INPAINTERS)
        photo = part if local and rng.random() < LARGE else _fitted(part)
        painted, region, defect = photo, np.zeros(photo.shape[:2], np.float32), ""
        if rng.random() < PAINTED:
            defect = DEFECTS[int(rng.integers(len(DEFECTS)))]
            try:
                made = paint(photo, defect, rng)
                painted, region = made.pixels, made.region
            except ValueError:  # no place for it on this photo
                defect = ""
        request = EditRequest(photo, painted, region, "other")
        edit = workshop.editor(editor, "spliced" if local else "whole").edit(request, rng)
        photo, drawn, region, changed = (_fitted(one) for one in (photo, edit.pixels, region, edit.changed))
        hole = {"changed": np.rint(changed * 255).astype(np.uint8)} if local else {}
        beside = path.with_name(path.name + ".new")
        with beside.open("wb") as file:
            np.savez(
                file,
                photo=photo,
                drawn=drawn,
                region=region > 0.5,
                defect=defect,
                editor=editor,
                source=name,
                **hole,
            )
        beside.replace(path)
        yield path


def _window(rng: np.random.Generator, masters: Masters, name: str) -> Pixels | None:
    """A part of the photo that fits into SIDE once it is shrunk; none of photos that are too small."""
    whole = masters.open(name)
    height, width = whole.shape[:2]
    if min(height, width) < SIDE * 0.66:
        return None
    scale = max(float(rng.uniform(*SCALES)), min(1.0, SIDE / min(height, width)))
    side = round(SIDE / scale)
    tall, wide = min(side, height), min(side, width)
    y, x = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
    return np.ascontiguousarray(whole[y : y + tall, x : x + wide])


def _fitted(part: NDArray[Any]) -> NDArray[Any]:
    """Shrunk so that the long side has SIDE pixels, both sides multiples of 8."""
    height, width = part.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (8 * (round(width * scale) // 8), 8 * (round(height * scale) // 8))
    if size == (width, height):
        return part
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), part.dtype)
