"""A quick look during training: whole pictures of the validation split through tiling and pooling, as serving does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from datasets.records import Row
from model import pooling, tiles
from model.network import Network
from training.metrics import pixel_f1, roc_auc

BATCH = 16
"""Tiles at once: bounds memory; the answer does not depend on it."""


@torch.no_grad()
def score(
    network: Network, pixels: "np.ndarray[Any, np.dtype[np.uint8]]", device: torch.device
) -> pooling.Scores:
    """Score a whole RGB picture uint8 [H,W,3] with the torch network."""
    grid = tiles.plan(*pixels.shape[:2])
    kinds, maps = [], []
    for first in range(0, len(grid.origins), BATCH):
        part = torch.from_numpy(tiles.cut(pixels, grid, first, first + BATCH)).to(device)
        kind, local = network(part)
        kinds.append(kind.float().cpu().numpy())
        maps.append(local.float().cpu().numpy())
    return pooling.Scores(np.concatenate(kinds), tiles.stitch(np.concatenate(maps), grid))


def validate(network: Network, dataset: Path, rows: Sequence[Row], device: torch.device) -> dict[str, float]:
    """ROC AUC over pictures by a plain pooled score, and mean pixel F1 of local edits."""
    network.eval()
    labels, scores, found = [], [], []
    for row in rows:
        pixels = np.array(Image.open(dataset / row.file_name).convert("RGB"))
        scored = score(network, pixels, device)
        labels.append(row.label)
        scores.append(pooling.plain_score(scored))
        if row.kind in ("ai_edited", "photoshopped") and row.mask_file_name:
            mask = np.asarray(Image.open(dataset / row.mask_file_name).convert("L"), np.float32) / 255
            heat = pooling.enlarge(pooling.sigmoid(scored.maps[0]), *mask.shape)
            found.append(pixel_f1(mask, heat).f1)
    result = {"pixel_f1": round(float(np.mean(found)), 4)} if found else {}
    if 0 < sum(labels) < len(labels):
        result["roc_auc"] = round(roc_auc(np.array(labels), np.array(scores)), 4)
    return result
