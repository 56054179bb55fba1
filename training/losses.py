"""What the network is told it did wrong: kind, map and defect losses of a batch of tiles."""

import torch
from torch import Tensor
from torch.nn import functional

from refundlens.model.names import KINDS
from refundlens.training.config import LossConfig
from refundlens.training.data import IGNORE, MANIPULATED

AUTHENTIC = KINDS.index("authentic")
SMOOTH = 1.0
"""Added to both sides of the Dice ratio, in cells: an empty map that stays empty is right."""


def losses(kinds: Tensor, maps: Tensor, batch: dict[str, Tensor], config: LossConfig) -> dict[str, Tensor]:
    """kinds [N,4] and maps [N,5,h,w] logits against a batch of `training.data` -> named scalar losses with "total"."""
    kind = _kind(kinds.float(), batch["kind"], config.label_smoothing)
    logits, wanted = maps.float(), batch["maps"]
    cells = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(dim=(2, 3))
    known = batch["map_weight"][:, 0] > 0
    changed = (cells[:, 0] * known).sum() / known.sum().clamp(min=1)
    weight = batch["map_weight"][:, 1:]
    defect = (cells[:, 1:] * weight).sum() / weight.sum().clamp(min=1.0)
    dice = _dice(logits[known, 0], wanted[known, 0]) if known.any() else logits.sum() * 0.0
    twin = _twins(kinds.float(), batch["kind"], batch.get("aligned"))
    total = kind + config.map * changed + config.dice * dice + config.defect * defect * len(weight[0])
    total = config.labels * (total + config.twin * twin)
    named = {"kind": kind, "map": changed, "dice": dice, "defect": defect, "twin": twin}
    if config.look and "hung" in batch:
        named["look"] = _look(kinds.float(), batch["hung"])
        total = total + config.look * named["look"]
    if "taught_kinds" in batch:
        named["teachers"] = _taught(kinds.float(), logits[:, 0], batch["taught_kinds"], batch["taught_map"])
        total = total + config.teachers * named["teachers"]
    return {"total": total, **named}


def _kind(kinds: Tensor, wanted: Tensor, smoothing: float) -> Tensor:
    """Mean over the tiles that count, nought where none does: cross-entropy, and for tiles that are manipulated while
    nobody knows how, minus the logarithm of the probability that they are not authentic."""
    unnamed = wanted == MANIPULATED
    named = torch.where(unnamed, IGNORE, wanted)
    count = (wanted != IGNORE).sum().clamp(min=1)
    told = functional.cross_entropy(
        kinds, named, ignore_index=IGNORE, label_smoothing=smoothing, reduction="sum"
    )
    odds = torch.logsumexp(kinds[:, 1:], dim=1) - kinds[:, AUTHENTIC]
    return (told + functional.softplus(-odds)[unnamed].sum()) / count


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


def _look(kinds: Tensor, hung: Tensor) -> Tensor:
    """How far apart the authentic tiles of galleries and inputs score from all other authentic ones: squared difference
    of their means over the variance within both (Fisher's criterion). Where it is nought, a collection's look is no
    evidence."""
    odds = (torch.logsumexp(kinds[:, 1:], dim=1) - kinds[:, AUTHENTIC])[0::2]
    groups = [odds[hung], odds[~hung]]
    if min(map(len, groups)) < 2:
        return kinds.sum() * 0.0
    within = torch.stack([group.detach().var() for group in groups]).mean() + SMOOTH
    return (groups[0].mean() - groups[1].mean()).square() / within


def _taught(kinds: Tensor, logits: Tensor, wanted: Tensor, heat: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the teachers' probabilities, of kinds (logits and wanted [N,4]) and of the map's
    cells (logits and heat [N,h,w]), in nats: the sum of both means; 0 where the network says what they say."""
    of_kinds = functional.kl_div(kinds.log_softmax(dim=1), wanted, reduction="batchmean")
    sure = functional.binary_cross_entropy(heat, heat)  # the least that the cross-entropy can be
    return of_kinds + functional.binary_cross_entropy_with_logits(logits, heat) - sure


def _dice(logits: Tensor, wanted: Tensor) -> Tensor:
    """Soft Dice loss per tile (Milletari et al., V-Net, 3DV 2016): small regions weigh as much as large ones."""
    found = torch.sigmoid(logits).flatten(1)
    truth = wanted.flatten(1)
    overlap = 2 * (found * truth).sum(dim=1) + SMOOTH
    return (1 - overlap / (found.sum(dim=1) + truth.sum(dim=1) + SMOOTH)).mean()
