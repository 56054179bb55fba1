"""Crops on disk -> batches of tiles with their targets.

In: a folder of `datasets.crops.store`. Out: the batches that `training.loop` steps on: twins are neighbours, authentic
first. Batch `step` depends on the seed, the step and the shards there are, which is what lets a killed run resume.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from refundlens.datasets.crops.store import CELL, Shard, open_shards, without
from refundlens.model.names import DEFECTS, KINDS
from refundlens.training.data import IGNORE, MANIPULATED

WHOLE = 0.85
"""Share of a crop from which generated pixels count as a generated picture rather than an edited region."""
LEAST = 0.02
"""Share of a crop from which an edit decides its kind."""
PER_PAIR = ("aligned", "hung")
"""What a batch holds once a pair, not once a tile."""
HUNG = ("whole:", "paired:")
"""Tags of pairs whose authentic picture comes from where generators' pictures come from: galleries, editors' inputs."""
LOOK_EVERY = 50
"""Steps after which new shards are looked for: they may still be written while training runs."""


class CropBatches:
    """Batches of `pairs` pairs. small: side in pixels of the crops until `grow` of the steps, whole ones after.

    leave_out: generators that are left out (`datasets.crops.store.without`). Raises FileNotFoundError where the folder
    holds no shard yet, PatternError for a pattern that names nothing.
    """

    def __init__(
        self,
        folder: Path,
        pairs: int,
        seed: int,
        steps: int,
        small: int,
        grow: float,
        leave_out: Sequence[str] = (),
    ) -> None:
        self.folder, self.pairs, self.seed, self.steps, self.small, self.grow = (
            folder,
            pairs,
            seed,
            steps,
            small,
            grow,
        )
        self.leave_out = leave_out
        self.shards = self._opened()

    def batch(self, step: int) -> dict[str, Tensor]:
        """tiles uint8 [2P,S,S,3], kind int64 [2P], maps float32 [2P,5,S/8,S/8], map_weight float32 [2P,5]; aligned
        and hung (the authentic one has the look of generators' galleries) bool [P]."""
        if step % LOOK_EVERY == 0:
            self.shards = self._opened()
        rng = np.random.default_rng([self.seed, step])
        sizes = np.array([len(shard.numbers) for shard in self.shards])
        whole = self.shards[0].crops.shape[2]
        side = self.small if step < self.grow * self.steps else whole
        drawn = rng.choice(len(self.shards), self.pairs, p=sizes / sizes.sum())
        return batch_of(rng, [self.shards[int(number)] for number in drawn], side, whole)

    def _opened(self) -> list[Shard]:
        return without(open_shards(self.folder), self.leave_out)


def twins_of(batch: dict[str, Tensor], first: int, last: int) -> dict[str, Tensor]:
    """The pairs from `first` up to `last` of a batch: an authentic tile and its edited twin stay neighbours."""
    return {
        key: value[first:last] if key in PER_PAIR else value[2 * first : 2 * last]
        for key, value in batch.items()
    }


def batch_of(rng: np.random.Generator, shards: Sequence[Shard], side: int, whole: int) -> dict[str, Tensor]:
    """A pair of each shard as a batch (`CropBatches.batch`). side: in pixels of what is cut of `whole` crops."""
    parts = [_pair(rng, shard, side, whole) for shard in shards]
    return {
        key: (torch.stack if key in PER_PAIR else torch.cat)([part[key] for part in parts])
        for key in parts[0]
    }


def _pair(rng: np.random.Generator, shard: Shard, side: int, whole: int) -> dict[str, Tensor]:
    number = shard.numbers[int(rng.integers(len(shard.numbers)))]
    record = shard.records[number]
    y, x = (int(rng.integers((whole - side) // CELL + 1)) for _ in range(2))
    cells = side // CELL
    crops = shard.crops[number][:, y * CELL : y * CELL + side, x * CELL : x * CELL + side]
    maps = shard.maps[number][:, y : y + cells, x : x + cells].astype(np.float32) / 255
    turn, flip = int(rng.integers(4)), bool(rng.random() < 0.5)
    crops, maps = np.rot90(crops, turn, (1, 2)), np.rot90(maps, turn, (1, 2))
    if flip:
        crops, maps = crops[:, :, ::-1], maps[:, :, ::-1]
    share = float(maps[0].mean())
    kind = IGNORE
    if share >= LEAST:
        name = "photoshopped" if not record.generator else "ai_generated" if share >= WHOLE else "ai_edited"
        kind = KINDS.index(name)
    targets = np.zeros((2, 1 + len(DEFECTS), cells, cells), np.float32)
    targets[1, 0] = maps[0]
    weight = np.ones((2, 1 + len(DEFECTS)), np.float32)
    if record.defect is not None:
        targets[1, 1 + [*map(str, DEFECTS)].index(record.defect)] = maps[1]
    elif not record.aligned or record.generator:
        weight[:, 1:] = 0.0  # real pictures may show damage that nobody marked
    if not record.located:
        kind, weight[1] = MANIPULATED, 0.0
    return {
        "tiles": torch.from_numpy(np.array(crops)),
        "kind": torch.tensor([KINDS.index("authentic"), kind]),
        "maps": torch.from_numpy(targets),
        "map_weight": torch.from_numpy(weight),
        "aligned": torch.tensor(record.aligned),
        "hung": torch.tensor(record.tag.startswith(HUNG)),
    }
