"""Finished networks that another one learns from beside its pictures' labels.

What a network knows is lost when it is trained on other pictures; taught by itself it keeps it (Li and Hoiem, "Learning
without forgetting", ECCV 2016), and taught by several it comes near their mean, which knows more than each (Hinton et
al., "Distilling the knowledge in a neural network", 2015).
"""

from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple

import torch
from torch import Tensor, nn

from refundlens.model.network.network import Network, NetworkConfig


class Committee(nn.Module):
    """The mean of several networks' scores: (kinds [N,4], maps [N,5,h,w]) of uint8 tiles [N,S,S,3], logits."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        kinds, maps = zip(*(member(tiles) for member in self.members), strict=True)
        return torch.stack(kinds).mean(dim=0), torch.stack(maps).mean(dim=0)


class Weights(NamedTuple):
    """Of a finished run. state: by name, as a network of this config has them."""

    config: NetworkConfig
    state: dict[str, Tensor]


def open_weights(path: Path) -> Weights:
    """What a model.pt holds. Raises ValueError for a file that holds no network."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        return Weights(NetworkConfig.model_validate(saved["config"]), dict(saved["state"]))
    except (KeyError, TypeError, ValueError, RuntimeError, OSError, EOFError, UnpicklingError) as error:
        raise ValueError(f"{path} holds no network: give the model.pt of a finished run") from error


def open_network(path: Path) -> Network:
    """The network of a model.pt, to be asked and not trained. Raises ValueError for a file that holds none."""
    saved = open_weights(path)
    network = Network(saved.config.model_copy(update={"pretrained": False}))
    try:
        network.load_state_dict(saved.state)
    except RuntimeError as error:
        raise ValueError(f"{path} holds weights of another version's network: train it anew") from error
    return network.eval().requires_grad_(False)


def open_committee(paths: Sequence[Path]) -> Committee | None:
    """None for no paths. Raises ValueError as `open_network` does."""
    return Committee([open_network(path) for path in paths]) if paths else None


@torch.no_grad()
def taught(committee: Committee, tiles: Tensor) -> dict[str, Tensor]:
    """What a batch holds of the teachers: taught_kinds float32 [N,4] and taught_map float32 [N,h,w], probabilities."""
    kinds, maps = committee(tiles)
    return {"taught_kinds": kinds.float().softmax(dim=1), "taught_map": maps[:, 0].float().sigmoid()}
