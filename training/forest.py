"""Packs the trees of scikit-learn's forests as `model.forest` reads them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refundlens.model.forest import LEAF


def packed(trees: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """trees: fitted `DecisionTreeClassifier`s of two classes -> the arrays of a `Forest`."""
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
