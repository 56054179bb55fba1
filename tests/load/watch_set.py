"""What networks make of the pairs that watch a training run, beside each other and together.

    python -m tests.load.watch_set CROPS WEIGHTS [WEIGHTS ...]

CROPS: of `refundlens data crops`, whose folder `watch` is looked at. WEIGHTS: model.pt of a run, or the bundled ones in
training/weights. Of several, also their average weights, where all are of one architecture, and the mean of their
scores, weighed alike.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from refundlens.datasets.crops.store import WATCH
from refundlens.model.network.network import Network, NetworkConfig
from refundlens.training.config import TrainConfig
from refundlens.training.feeds import CropFeed


class Committee(nn.Module):
    """The mean of several networks' scores: (kinds [B,K], maps [B,C,h,w]) of uint8 tiles [B,H,W,3], logits."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        kinds, maps = zip(*(member(tiles) for member in self.members), strict=True)
        return torch.stack(kinds).mean(dim=0), torch.stack(maps).mean(dim=0)


def opened(path: Path) -> Network:
    """The network of a file of weights."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    network = Network(NetworkConfig.model_validate(saved["config"] | {"pretrained": False}))
    network.load_state_dict(saved["state"])
    return network.eval()


def averaged(networks: Sequence[Network]) -> Network | None:
    """A network with the mean of these weights; None where they are not of one architecture."""
    states = [network.state_dict() for network in networks]
    if len({tuple((name, value.shape) for name, value in state.items()) for state in states}) > 1:
        return None
    mean = Network(networks[0].config.model_copy(update={"pretrained": False})).eval()
    mean.load_state_dict(
        {name: torch.stack([state[name].double() for state in states]).mean(dim=0) for name in states[0]}
    )
    return mean


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("crops", type=Path)
    asked.add_argument("weights", type=Path, nargs="+")
    given = asked.parse_args()
    if not (given.crops / WATCH).is_dir():
        asked.error(f"{given.crops} has no folder {WATCH}: make it with `refundlens data crops`")
    feed = CropFeed(given.crops, TrainConfig())
    networks = [opened(path) for path in given.weights]
    named: dict[str, nn.Module] = dict(zip(map(str, given.weights), networks, strict=True))
    if len(networks) > 1:
        named["mean of scores"] = Committee(networks)
        if (mean := averaged(networks)) is not None:
            named["average of weights"] = mean
    for name, network in named.items():
        told = feed.check(network, torch.device("cpu"))  # type: ignore[arg-type]  # called like one
        print(name, " ".join(f"{key} {value:.3f}" for key, value in told.items()), flush=True)


if __name__ == "__main__":
    main()
