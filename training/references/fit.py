"""Fits the forest that tells painted defects from drawings, and writes `model/compare/marks.npz`.

    python -m refundlens.training.references.fit /work/of/pictures --photos 115

In: a folder with `index.csv`; only photos of its training split are used. Out: the file, and how well it does on photos
it was not fitted to. Extremely randomised trees (Geurts et al. 2006) of scikit-learn, which NumPy reads: on the figures
of 689 photos they came to an area under the curve of 0.976 for whole photos, logistic regression to 0.942.
"""

import argparse
import csv
import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare.align import Alignment
from refundlens.model.compare.difference import overlay
from refundlens.model.compare.marks import FILE, LEAF
from refundlens.model.compare.spots import describe_spots, masks
from refundlens.model.progress import track
from refundlens.training.references import examples
from refundlens.training.references.examples import Pair

TREES, LEAST_LEAF, TRIED = 60, 3, 8
"""Trees; examples at the end of a branch; figures tried at each. More trees gained nothing that was measured."""
FOLDS = 5
SEED = 7


def photos(folder: Path, split: str, count: int) -> Iterator[tuple[str, examples.Pixels]]:
    """(name of its origin, pixels) of authentic photos of a split, in a random order that stays."""
    with (folder / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["class"] == "authentic"]
    random.Random(1).shuffle(rows)
    read = ((row["group"], examples.load(str(folder / row["file"]))) for row in rows)
    return itertools.islice(((group, pixels) for group, pixels in read if pixels is not None), count)


def known_layout(pair: Pair) -> Alignment:
    """How an uncropped photo lies on its reference."""
    sizes = zip(pair.photo.shape[1::-1], pair.reference.shape[1::-1], strict=True)
    fx, fy = (new / old for new, old in sizes)
    matrix = np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2]])
    return Alignment(matrix, mirrored=False, agreeing=99, share=1.0, miss=0.0)


def gather_pairs(
    folder: Path, count: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """(figures [n,f], whether painted [n], number of the photo's origin [n], of the pair [n]) of every spot found."""
    rng, seen = np.random.default_rng(SEED), list(photos(folder, "train", count))
    origins = {group: number for number, group in enumerate(dict.fromkeys(group for group, _ in seen))}
    rows: list[tuple[NDArray[np.float32], bool, int, int]] = []
    pairs = examples.drawn_and_painted((pixels for _, pixels in seen), rng)
    for number, pair in enumerate(track(pairs, examples.PAIRS * (len(seen) - 1), "pairs")):
        laid = overlay(pair.reference, pair.photo, known_layout(pair))
        known, origin = int(laid.known.sum()), origins[seen[1 + number // examples.PAIRS][0]]
        for mask in masks(laid.units, known):
            figures = describe_spots(mask, laid.units, laid.reference, laid.photo, known)
            rows.append((figures, pair.painted, origin, number))
    columns = tuple(zip(*rows, strict=True))
    return np.array(columns[0]), np.array(columns[1]), np.array(columns[2]), np.array(columns[3])


def packed(trees: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """scikit-learn's trees as `marks.Forest` reads them."""
    feature, threshold, left, right, share, roots = [], [], [], [], [], [0]
    for tree in (one.tree_ for one in trees):
        leaf = tree.children_left < 0
        feature.append(np.where(leaf, LEAF, tree.feature).astype(np.uint8))
        threshold.append(tree.threshold.astype(np.float32))
        left.append(np.maximum(tree.children_left, 0).astype(np.uint16))
        right.append(np.maximum(tree.children_right, 0).astype(np.uint16))
        share.append((tree.value[:, 0, 1] / tree.value[:, 0].sum(1)).astype(np.float32))
        roots.append(roots[-1] + tree.node_count)
    return {
        "feature": np.concatenate(feature),
        "threshold": np.concatenate(threshold),
        "left": np.concatenate(left),
        "right": np.concatenate(right),
        "share": np.concatenate(share),
        "roots": np.array(roots[:-1], np.int32),
    }


def main() -> None:
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.metrics import roc_auc_score

    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("folder", type=Path, help="pictures and their index.csv")
    asked.add_argument("--photos", type=int, default=115)
    asked.add_argument("--out", type=Path, default=FILE)
    given = asked.parse_args()
    figures, painted, origins, pairs = gather_pairs(given.folder, given.photos)

    def fitted(kept: NDArray[np.bool_]) -> Any:
        forest = ExtraTreesClassifier(
            TREES, min_samples_leaf=LEAST_LEAF, max_features=TRIED, random_state=SEED
        )
        return forest.fit(figures[kept], painted[kept])

    said = np.zeros(len(painted))
    for fold in range(FOLDS):
        out = origins % FOLDS == fold
        said[out] = fitted(~out).predict_proba(figures[out])[:, 1]
    of_pair = np.array([said[pairs == pair].max() for pair in np.unique(pairs)])
    truth = np.array([painted[pairs == pair][0] for pair in np.unique(pairs)])
    print(f"{len(painted)} spots in {len(truth)} photos, {painted.mean():.0%} of them painted")
    print(f"photos of origins not fitted to: area under the curve {roc_auc_score(truth, of_pair):.4f}")
    with given.out.open("wb") as file:
        stored: dict[str, Any] = packed(fitted(np.ones(len(painted), bool)).estimators_)
        np.savez_compressed(file, **stored)


if __name__ == "__main__":
    main()
