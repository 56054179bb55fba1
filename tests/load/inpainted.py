"""Are holes that an inpainter filled found in photos that training never saw?

Authentic photos of the collected lists' validation split, a blob of 1 to 12 % of each removed by one of the networks in
a folder (`datasets.editors.available`), original and edit through one delivery. Prints how often the edit scores above
other originals and above its own, how well its map finds the blob, the same map test on the original, and verdicts.

    python -m tests.load.inpainted COLLECTED GENERATORS [--editor migan] [--photos 80] [--model BUNDLE]
"""

import argparse
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refundlens.datasets import photos
from refundlens.datasets.collection import read_index
from refundlens.datasets.degradations.chains import NAMED
from refundlens.datasets.editors.base import EditRequest
from refundlens.datasets.editors.pool import Workshop
from refundlens.model.detect import Detector
from refundlens.model.photo.shrinking import shrunk
from refundlens.model.progress import track
from refundlens.training.evaluation.metrics import roc_auc
from refundlens.training.evaluation.real_editors import Look, cells_of, look_at

SIDE = 1600
"""Pixels of the long side at most, before the edit."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collected", type=Path)
    parser.add_argument("generators", type=Path)
    parser.add_argument("--editor", default="migan")
    parser.add_argument("--photos", type=int, default=80)
    parser.add_argument("--delivery", default="q75_720", choices=NAMED)
    parser.add_argument("--model", type=Path)
    given = parser.parse_args()
    entries = [
        one for one in read_index(given.collected)
        if one.label == "authentic" and one.split == "validation" and not one.retouched and one.kind != "real_gallery"
    ]  # fmt: skip
    entries.sort(key=lambda one: _rank(one.file))
    editor = Workshop.from_folders(given.generators, None).editor(given.editor, "spliced")
    detector, steps = Detector(given.model, threads=1), NAMED[given.delivery]
    originals: list[Look] = []
    edits: list[Look] = []
    masks: list[NDArray[np.float32]] = []
    for entry in track(entries[: given.photos], given.photos, "photos"):
        photo = shrunk(photos.read(given.collected / entry.file), SIDE)
        nothing = np.zeros(photo.shape[:2], np.float32)
        edit = editor.edit(
            EditRequest(photo, photo, nothing, "other"), np.random.default_rng(_rank(entry.file))
        )
        originals.append(look_at(detector, entry, photo, steps))
        edits.append(look_at(detector, entry, edit.pixels, steps))
        masks.append(edit.changed)
    _print(originals, edits, masks)


def _print(originals: Sequence[Look], edits: Sequence[Look], masks: Sequence[NDArray[np.float32]]) -> None:
    labels = np.repeat([0, 1], [len(originals), len(edits)])
    scores = np.array([one.score for one in (*originals, *edits)])
    above = np.mean([edit.score > own.score for own, edit in zip(originals, edits, strict=True)])
    print(f"{len(edits)} photos: AUC {roc_auc(labels, scores):.3f}, above its own original in {above:.1%}")
    for name, looks in (("edits", edits), ("originals", originals)):
        inside = [_inside(one, mask) for one, mask in zip(looks, masks, strict=True)]
        verdicts = dict(Counter(one.verdict or "uncalibrated" for one in looks))
        print(f"{name}: pixel AUC {np.nanmean(inside):.3f}, verdicts {verdicts}")


def _inside(look: Look, mask: NDArray[np.float32]) -> float:
    """Pixel AUC of the map: the blob's cells against the others."""
    cells = cells_of(mask, look.heat.shape)
    return roc_auc(cells.ravel().astype(int), look.heat.ravel()) if cells.any() else float("nan")


def _rank(name: str) -> int:
    return int(hashlib.sha256(f"inpainted {name}".encode()).hexdigest()[:12], 16)


if __name__ == "__main__":
    main()
