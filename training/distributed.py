"""One training on several processes: one a GPU, or, for tests, several on the processor.

In: the variables that `torchrun` sets. Out: a `Team` that gives each process its part of every batch and averages
gradients, so that N processes do what one does with `accumulate: N`: the same global batch, the same loss curve. Batch
norms see each process's own part, as they see each micro-batch there.

    torchrun --nproc-per-node 4 -m refundlens.training.cli train CROPS RUN --config training/configs/gpu-large.yaml
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from refundlens.training.crops import twins_of


@dataclass(frozen=True)
class Team:
    """rank: of this process, from 0. size: of processes. local: rank on this machine, which is its GPU's number."""

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes files, watches and draws the progress bar."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        return torch.device("cuda", self.local) if torch.cuda.is_available() else torch.device("cpu")

    def part(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """This process's twins of a batch. Raises ValueError where there are too few for everybody."""
        if self.size == 1:
            return batch
        twins = len(batch["kind"]) // 2
        if twins % self.size:
            raise ValueError(
                f"{twins} pairs a step cannot be shared by {self.size} processes; set pairs to a multiple"
            )
        share = twins // self.size
        return twins_of(batch, share * self.rank, share * (self.rank + 1))

    def joined(self, network: nn.Module) -> nn.Module:
        """What to call instead of the network, so that everybody's gradients are averaged."""
        if self.size == 1:
            return network
        return DistributedDataParallel(network, [self.local] if torch.cuda.is_available() else None)

    def mean(self, told: dict[str, float]) -> dict[str, float]:
        """Named losses, averaged over all processes."""
        if self.size == 1:
            return told
        values = torch.tensor(list(told.values()), dtype=torch.float64, device=self.device)
        distributed.all_reduce(values)
        return dict(zip(told, (values / self.size).tolist(), strict=True))


@contextmanager
def team_of() -> Iterator[Team]:
    """The team that `torchrun` started, or a process alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team()
        return
    team = Team(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_RANK", "0")))
    if torch.cuda.is_available():
        torch.cuda.set_device(team.local)
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield team
        distributed.barrier()
    finally:
        distributed.destroy_process_group()
