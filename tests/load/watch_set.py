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
from torch import nn

from refundlens.datasets.crops.store import WATCH
from refundlens.model.network.network import Network
from refundlens.training.config import TrainConfig
from refundlens.training.feeds import CropFeed
from refundlens.training.teachers import Committee, open_network


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
    networks = [open_network(path) for path in given.weights]
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
