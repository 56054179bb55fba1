"""Training on crops that stream from WebDataset tars, for what does not fit on the machine's own disk.

In: a folder of `datasets.crops.tars`. Out: batches as `training.crops` makes them, of pairs drawn from a buffer while
the tars are read in another order each time. A run that is resumed reads in an order of its own from there on: unlike
with memory-mapped shards, its curve is not the one that it would have had.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import webdataset
from torch import Tensor

from refundlens.datasets.crops.store import Pair, Shard, shard_files
from refundlens.datasets.crops.tars import pair_of
from refundlens.training.config import TrainConfig
from refundlens.training.crops import batch_of

BUFFER = 512
"""Pairs that a batch is drawn from: two shards' worth, 115 MB of crops."""


class StreamedBatches:
    """Batches as `training.losses` reads them."""

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        self.config = config
        self.tars = [str(path) for path in shard_files(folder, "tar")]

    def batches(self, step: int) -> Iterator[dict[str, Tensor]]:
        """From this step to the last one."""
        pairs = self._pairs(step)
        for index in range(step, self.config.steps):
            rng = np.random.default_rng([self.config.seed, index])
            drawn = [next(pairs) for _ in range(self.config.pairs)]
            shards = [Shard(one.crops[None], one.maps[None], (one.record,)) for one in drawn]
            small = index < self.config.data.grow * self.config.steps
            whole = shards[0].crops.shape[2]
            yield batch_of(rng, shards, self.config.data.small if small else whole, whole)

    def _pairs(self, step: int) -> Iterator[Pair]:
        """Without end, from another process where the settings name workers: reading never waits for a step."""
        workers = min(self.config.data.workers, len(self.tars))
        source = (
            webdataset.WebDataset(
                self.tars, resampled=True, shardshuffle=False, seed=self.config.seed + step, nodesplitter=None
            )
            .shuffle(BUFFER, rng=random.Random(self.config.seed + step))
            .map(pair_of)
        )
        loader = torch.utils.data.DataLoader(
            source, batch_size=None, num_workers=workers, prefetch_factor=self.config.pairs if workers else None,
            generator=torch.Generator(),
        )  # fmt: skip
        while True:
            yield from loader
