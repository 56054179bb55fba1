"""A quick look during training: whole pictures of the validation split through tiling and pooling, as serving does."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from refundlens.datasets.row import Row, read_mask, read_rgb
from refundlens.model.network import pooling
from refundlens.model.network.network import Network
from refundlens.training.evaluation.metrics import pixel_f1, roc_auc

BATCH = 16
"""Tiles at once: bounds memory; the answer does not depend on it."""


@torch.no_grad()
def validation_score(network: Network, pixels: NDArray[np.uint8], device: torch.device) -> pooling.Scores:
    """Score a whole RGB picture uint8 [H,W,3] with the torch network."""

    def run(part: NDArray[np.uint8]) -> tuple[pooling.Floats, pooling.Floats]:
        kinds, maps = network(torch.from_numpy(part).to(device))
        return kinds.float().cpu().numpy(), maps.float().cpu().numpy()

    return pooling.score_picture(pixels, run, BATCH)


def validate(network: Network, dataset: Path, rows: Sequence[Row], device: torch.device) -> dict[str, float]:
    """ROC AUC over pictures by a plain pooled score, and mean pixel F1 of local edits."""
    network.eval()
    labels, scores, found = [], [], []
    for row in rows:
        pixels = read_rgb(dataset / row.file_name)
        scored = validation_score(network, pixels, device)
        labels.append(row.label)
        scores.append(pooling.plain_score(scored))
        if row.kind in ("ai_edited", "photoshopped") and row.mask_file_name:
            mask = read_mask(dataset / row.mask_file_name)
            heat = pooling.enlarge(pooling.sigmoid(scored.maps[0]), *mask.shape)
            found.append(pixel_f1(mask, heat).f1)
    result = {"pixel_f1": round(float(np.mean(found)), 4)} if found else {}
    if 0 < sum(labels) < len(labels):
        result["roc_auc"] = round(roc_auc(np.array(labels), np.array(scores)), 4)
    return result
