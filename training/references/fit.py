"""Fits the forest that tells painted defects from drawings, and writes `model/compare/marks.npz`.

    python -m refundlens.training.references.fit PICTURES --photos 180

In: a folder with `index.csv`; only photos of its training split are used. Out: the file, and how well it does on photos
it was not fitted to. Extremely randomised trees (Geurts et al. 2006) of scikit-learn, which NumPy reads. Chosen by
cross-validation over origins of the training split (99 photos): gradient boosting, alone or with the trees, came within
0.001 of them, fewer figures a split and larger leaves as well.
"""

import argparse
import csv
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare.align import align
from refundlens.model.compare.difference import overlay
from refundlens.model.compare.figures import describe_spot
from refundlens.model.compare.marks import FILE
from refundlens.model.compare.spots import masks
from refundlens.model.progress import track
from refundlens.training.forest import packed
from refundlens.training.references import examples
from refundlens.training.references.examples import Pair

TREES, LEAST_LEAF, TRIED = 150, 2, 14
"""Trees; examples at the end of a branch; figures tried at each. More trees gained nothing that was measured."""
FOLDS = 5
SEED = 77
PHOTOS = 180
"""Photos that the bundled forest was fitted to."""
OF_PAINT = 0.3
"""Share of a spot that must lie where the photo was painted for the spot to count as painted."""


def photos(folder: Path, split: str, count: int) -> Iterator[tuple[str, examples.Pixels]]:
    """(name of its origin, pixels) of authentic photos of a split, in a random order that stays."""
    with (folder / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["class"] == "authentic"]
    random.Random(1).shuffle(rows)
    read = ((row["group"], examples.load(str(folder / row["file"]))) for row in rows)
    return itertools.islice(((group, pixels) for group, pixels in read if pixels is not None), count)


@dataclass(frozen=True)
class Examples:
    """figures: float32 [n,f] of each spot; painted: bool [n]; origins, pairs: int [n], the photo's origin and the pair.
    truth: bool [pairs], whether a pair was painted at all."""

    figures: NDArray[np.float32]
    painted: NDArray[np.bool_]
    origins: NDArray[np.int64]
    pairs: NDArray[np.int64]
    truth: NDArray[np.bool_]


def gather_pairs(folder: Path, count: int) -> Examples:
    """Every spot found on photos of the training split that were seen again. Raises ValueError where none is."""
    origins: dict[str, int] = {}
    rows: list[tuple[NDArray[np.float32], bool, int, int]] = []
    truth: list[bool] = []
    donor: examples.Pixels | None = None
    for number, (group, pixels) in enumerate(track(photos(folder, "train", count), count, "photos")):
        rng = np.random.default_rng([SEED, number])
        for pair in () if donor is None else examples.for_fitting(pixels, donor, number, rng):
            if pair.seen < examples.VISIBLE:
                continue
            origin = origins.setdefault(group, len(origins))
            rows += [(*described, origin, len(truth)) for described in _spots(pair)]
            truth.append(pair.painted)
        donor = pixels
    if not rows:
        raise ValueError(
            f"{folder}: no spot to learn from; index.csv needs two authentic photos or more of the training split"
        )
    figures, painted, of_origin, of_pair = zip(*rows, strict=True)
    return Examples(*map(np.array, (figures, painted, of_origin, of_pair, truth)))


def _spots(pair: Pair) -> Iterator[tuple[NDArray[np.float32], bool]]:
    """(figures, whether painted) of a pair's spots, none where it cannot be aligned. On painted photos, too, what
    filters and compression left is honest."""
    alignment = align(pair.reference, pair.photo)
    if alignment is None:
        return
    laid = overlay(pair.reference, pair.photo, alignment)
    region = np.zeros(laid.units.shape, bool)
    if pair.region is not None:
        size = (laid.units.shape[1], laid.units.shape[0])
        region = cv2.resize(pair.region, size, interpolation=cv2.INTER_AREA) > 0.25
        region = cv2.dilate(region.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    for mask in masks(laid.units, int(laid.known.sum())):
        figures = describe_spot(mask, laid.units, laid.reference, laid.photo, laid.known)
        yield figures, bool(region[mask].mean() > OF_PAINT)


def main() -> None:
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.metrics import roc_auc_score

    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("folder", type=Path, help="pictures and their index.csv")
    asked.add_argument("--photos", type=int, default=PHOTOS)
    asked.add_argument("--out", type=Path, default=FILE)
    given = asked.parse_args()
    found = gather_pairs(given.folder, given.photos)

    def fitted(kept: NDArray[np.bool_]) -> Any:
        forest = ExtraTreesClassifier(
            TREES, min_samples_leaf=LEAST_LEAF, max_features=TRIED, random_state=SEED
        )
        return forest.fit(found.figures[kept], found.painted[kept])

    said = np.zeros(len(found.painted))
    for fold in range(FOLDS):
        out = found.origins % FOLDS == fold
        said[out] = fitted(~out).predict_proba(found.figures[out])[:, 1]
    of_pair = np.zeros(len(found.truth))
    np.maximum.at(of_pair, found.pairs, said)
    print(f"{len(said)} spots in {len(of_pair)} photos, {found.painted.mean():.0%} of them painted")
    print(f"origins not fitted to: area under the curve {roc_auc_score(found.truth, of_pair):.4f}")
    with given.out.open("wb") as file:
        stored: dict[str, Any] = packed(fitted(np.ones(len(said), bool)).estimators_)
        np.savez_compressed(file, **stored)


if __name__ == "__main__":
    main()
