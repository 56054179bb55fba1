"""What the network is told it did wrong: kind, map and defect losses of a batch of tiles."""

import torch
from torch import Tensor
from torch.nn import functional

from refundlens.model.names import KINDS
from refundlens.training.config import LossConfig
from refundlens.training.data import IGNORE

AUTHENTIC = KINDS.index("authentic")
SMOOTH = 1.0
"""Added to both sides of the Dice ratio, in cells: an empty map that stays empty is right."""


def losses(kinds: Tensor, maps: Tensor, batch: dict[str, Tensor], config: LossConfig) -> dict[str, Tensor]:
    """kinds [N,4] and maps [N,5,h,w] logits against a batch of `training.data` -> named scalar losses with "total"."""
    kind = functional.cross_entropy(
        kinds.float(), batch["kind"], ignore_index=IGNORE, label_smoothing=config.label_smoothing
    )
    # mean over the cells that count; a batch in which every tile is to be ignored has no kind loss
    kind = torch.nan_to_num(kind, nan=0.0)
    logits, wanted = maps.float(), batch["maps"]
    cells = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(dim=(2, 3))
    changed = cells[:, 0].mean()
    weight = batch["map_weight"][:, 1:]
    defect = (cells[:, 1:] * weight).sum() / weight.sum().clamp(min=1.0)
    dice = _dice(logits[:, 0], wanted[:, 0])
    twin = _twins(kinds.float(), batch["kind"], batch.get("aligned"))
    total = kind + config.map * changed + config.dice * dice + config.defect * defect * len(weight[0])
    total = total + config.twin * twin
    return {"total": total, "kind": kind, "map": changed, "dice": dice, "defect": defect, "twin": twin}


def _twins(kinds: Tensor, wanted: Tensor, aligned: Tensor | None) -> Tensor:
    """Logistic ranking loss (Burges et al., RankNet, ICML 2005) on neighbours: an edited tile above its own twin.

    Twins share content, delivery and place, so that what the photo shows cancels out and the edit alone is left.
    """
    odds = torch.logsumexp(kinds[:, 1:], dim=1) - kinds[:, 0]
    told = (wanted[1::2] != IGNORE) & (wanted[1::2] != AUTHENTIC)
    if aligned is not None:
        told = told & aligned
    if not told.any():
        return kinds.sum() * 0.0
    return functional.softplus(odds[0::2] - odds[1::2])[told].mean()


def _dice(logits: Tensor, wanted: Tensor) -> Tensor:
    """Soft Dice loss per tile (Milletari et al., V-Net, 3DV 2016): small regions weigh as much as large ones."""
    found = torch.sigmoid(logits).flatten(1)
    truth = wanted.flatten(1)
    overlap = 2 * (found * truth).sum(dim=1) + SMOOTH
    return (1 - overlap / (found.sum(dim=1) + truth.sum(dim=1) + SMOOTH)).mean()
