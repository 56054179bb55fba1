"""Fits the forest that tells copied parts of a photo from parts that look alike, and measures it.

    python -m refundlens.training.copy_move COLLECTED --photos 600         fits, and writes model/photo/copy_move.npz
    python -m refundlens.training.copy_move COLLECTED --measure            on the validation split, which it never saw

In: a collected folder (`refundlens data collect`). Fitted to photos of the training split as they are and twice with a
part copied within each, all three delivered alike. The score from which a part counts as copied is the lowest at which,
over repositories left out, at most `LIMIT` of honest photos are accused with `CONFIDENCE`; how much a part found speaks
for a manipulated photo is counted on the same ones. Extremely randomised trees (Geurts et al. 2006) of scikit-learn.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.datasets import photos
from refundlens.datasets.collection import Entry, read_index
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import NAMED
from refundlens.datasets.editors.base import EditRequest, Mask
from refundlens.datasets.editors.classical import ClassicalEditor
from refundlens.datasets.row import read_mask
from refundlens.model.photo.copy_move import FIGURES, FILE, POINTS, copy_forest, look, placed
from refundlens.model.photo.copy_move import SIDE as SEEN_SIDE
from refundlens.model.photo.shrinking import shrunk
from refundlens.model.progress import track
from refundlens.model.verdict.bounds import interval, upper_bound
from refundlens.training.evaluation.metrics import pixel_f1, roc_auc
from refundlens.training.forest import packed

TREES, LEAST_LEAF = 100, 4
FOLDS = 5
SEED = 11
LIMIT, CONFIDENCE = 0.01, 0.95
SIDE = 1600
"""Pixels of the long side at most, before a part is copied."""
COPIES = 2
"""In each photo, one at a time."""
DELIVERIES = ("q75_720", "jpeg80", "q60_768", "png")
"""Each photo comes in one of them; the bound is counted over all."""


@dataclass(frozen=True)
class Example:
    """figures: float32 [len(FIGURES)], none where nothing seems to be there twice. repository: whose photo it is."""

    figures: NDArray[np.float32] | None
    copied: bool
    repository: str


def examples_of(number: int, entry: Entry, folder: Path) -> list[Example]:
    """The photo as it is, and twice with a part copied. number: another one draws other parts and another delivery."""
    rng = np.random.default_rng([SEED, number])
    photo = shrunk(photos.read(folder / entry.file), SIDE)
    request = EditRequest(photo, photo, np.zeros(photo.shape[:2], np.float32), "other")
    copies = [ClassicalEditor("copy_move").edit(request, rng).pixels for _ in range(COPIES)]
    chain = NAMED[DELIVERIES[int(rng.integers(len(DELIVERIES)))]]
    made = []
    for pixels, copied in ((photo, False), *((one, True) for one in copies)):
        candidate = look(deliver(pixels, chain).pixels)
        made.append(Example(candidate.figures if candidate else None, copied, entry.repository))
    return made


def gather_copies(folder: Path, count: int, workers: int) -> list[Example]:
    """Of photos of the training split. Raises CollectionError for no collected folder."""
    entries = [
        one for one in read_index(folder)
        if one.split == "train" and one.label == "authentic" and one.kind != "forgery_original"
    ]  # fmt: skip
    random.Random(SEED).shuffle(entries)
    entries = entries[:count]
    with ProcessPoolExecutor(workers, initializer=_one_thread) as pool:
        found = pool.map(partial(examples_of, folder=folder), range(len(entries)), entries, chunksize=4)
        return [example for several in track(found, len(entries), "photos") for example in several]


def fit_forest(examples: Sequence[Example]) -> tuple[dict[str, NDArray[Any]], str]:
    """The arrays of the file, and how well it does over repositories left out."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import GroupKFold, cross_val_predict

    told = [one for one in examples if one.figures is not None]
    figures = np.array([one.figures for one in told])
    copied = np.array([one.copied for one in told])
    trees = ExtraTreesClassifier(TREES, min_samples_leaf=LEAST_LEAF, random_state=SEED)
    left_out = cross_val_predict(
        trees, figures, copied, groups=[one.repository for one in told], cv=GroupKFold(FOLDS),
        method="predict_proba",
    )[:, 1]  # fmt: skip
    scores = iter(left_out)
    scored = [(one.copied, float(next(scores)) if one.figures is not None else 0.0) for one in examples]
    honest = np.array([score for copied, score in scored if not copied])
    moved = np.array([score for copied, score in scored if copied])
    threshold = least_score(honest)
    labels = np.repeat([0, 1], [len(honest), len(moved)])
    area = roc_auc(labels, np.concatenate([honest, moved]))
    accused, found = int((honest >= threshold).sum()), int((moved >= threshold).sum())
    words = (
        f"over repositories left out: area under the curve {area:.3f}; from {threshold:.3f} on {found} of "
        f"{len(moved)} copied parts are found and {accused} of {len(honest)} honest photos accused "
        f"(at most {upper_bound(accused, len(honest), CONFIDENCE):.2%} with {CONFIDENCE:.0%})"
    )
    stored: dict[str, NDArray[Any]] = packed(trees.fit(figures, copied).estimators_)
    ratio = interval(found, len(moved), CONFIDENCE)[0] / LIMIT
    stored |= {"least": np.array(threshold, np.float32), "ratio": np.array(ratio, np.float32)}
    return stored | {"figures": np.array(FIGURES), "seen": np.array([SEEN_SIDE, POINTS])}, words


def least_score(honest: NDArray[np.floating[Any]]) -> float:
    """The lowest score that accuses few enough of these. Raises ValueError where no score does: there are too few."""
    for accused in range(len(honest), -1, -1):
        if upper_bound(accused, len(honest), CONFIDENCE) <= LIMIT:
            ranked = np.sort(honest)[::-1]
            return float(np.nextafter(ranked[accused], 2)) if accused < len(ranked) else 0.0
    raise ValueError(f"{len(honest)} honest photos are too few to accuse at most {LIMIT:.0%}: give more")


def measure(folder: Path, delivery: str) -> Iterator[str]:
    """Forgeries of the validation split against its authentic photos, all through one delivery."""
    entries = [one for one in read_index(folder) if one.split == "validation" and not one.retouched]
    forged = [one for one in entries if one.kind == "forgery"]
    honest = [one for one in entries if one.label == "authentic"]
    chain, (trees, least, _) = NAMED[delivery], copy_forest()
    scores: list[float] = []
    located: list[float] = []
    for entry in track([*honest, *forged], len(honest) + len(forged), "photos"):
        photo = photos.read(folder / entry.file)
        masks: list[Mask] = []
        if entry.kind == "forgery" and entry.mask:
            masks = [read_mask(folder / entry.mask)]
        delivered = deliver(photo, chain, [one for one in masks if one.shape == photo.shape[:2]])
        candidate = look(delivered.pixels)
        score = trees.mean(candidate.figures) if candidate else 0.0
        scores.append(score)
        if delivered.masks:
            height, width = delivered.pixels.shape[:2]
            found = np.zeros((height, width), np.float32)
            if candidate is not None:
                found = placed(candidate, score, height, width).mask.astype(np.float32)
            located.append(pixel_f1(delivered.masks[0], found).f1)
    count, said = len(honest), [score >= least for score in scores]
    labels = np.repeat([0, 1], [count, len(forged)])
    yield f"{len(forged)} forgeries against {count} photos, {delivery}: AUC {roc_auc(labels, np.array(scores)):.3f}"
    for what, answers in (("forgeries found", said[count:]), ("photos accused", said[:count])):
        low, high = interval(sum(answers), len(answers))
        yield f"{what}: {sum(answers)} of {len(answers)} ({low:.1%} to {high:.1%})"
    if located:
        yield f"pixel F1 of {len(located)} forgeries with a mask: {np.mean(located):.3f}"


def _one_thread() -> None:
    cv2.setNumThreads(1)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("folder", type=Path, help="a collected folder")
    asked.add_argument("--photos", type=int, default=600, help="of the training split")
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--out", type=Path, default=FILE)
    asked.add_argument(
        "--measure", action="store_true", help="what the file that is there does on validation"
    )
    asked.add_argument("--delivery", default="q75_720", choices=NAMED)
    given = asked.parse_args()
    if given.measure:
        for line in measure(given.folder, given.delivery):
            print(line)
        return
    stored, words = fit_forest(gather_copies(given.folder, given.photos, given.workers))
    print(words)
    with given.out.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **stored)


if __name__ == "__main__":
    main()
