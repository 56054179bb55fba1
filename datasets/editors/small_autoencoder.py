"""Small image autoencoders of our own, with the bottlenecks and decoders that real editors have.

In: RGB batches float32 [N,3,H,W] in 0..1, sides multiples of `spec.factor`. Out: the same picture, decoded again.
The traces of a latent editor come from two places: what the bottleneck cannot carry, and how the decoder enlarges.
`AutoencoderSpec` names both; `training.editors.autoencoders` trains them and writes the file that `load` reads.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from refundlens.datasets.editors import stored

Upsampling = Literal["nearest", "bilinear", "transposed", "shuffle"]

CODE_LEVELS = 8
"""Levels per latent channel of a quantised bottleneck: with 4 channels, 8^4 = 4096 codes, VQGAN's order of size."""


@dataclass(frozen=True)
class AutoencoderSpec:
    """What distinguishes one small autoencoder.

    factor: pixels per latent cell along a side (4 or 8). channels: of the latent (Stable Diffusion 4, SD3 and FLUX.1
    16). upsampling: how the decoder doubles. quantised: whether the latent is rounded to codes (as VQGAN does, by
    finite scalar quantisation, arXiv 2309.15505, which cannot collapse in a short training). adversarial: trained with
    a patch discriminator. widths: feature channels at full resolution, half, quarter and so on.
    """

    name: str
    factor: Literal[4, 8]
    channels: int
    upsampling: Upsampling
    quantised: bool = False
    adversarial: bool = False
    widths: tuple[int, ...] = (16, 32, 64, 96)

    def __post_init__(self) -> None:
        if 2 ** (len(self.widths) - 1) != self.factor:
            raise ValueError(
                f"{self.name}: a factor of {self.factor} needs {self.factor.bit_length()} widths"
            )


class _Block(nn.Module):
    """Two 3x3 convolutions and a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        last = nn.Conv2d(width, width, 3, padding=1)
        self.body = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), last)
        # Starts as the identity: without normalisation layers this is what lets a high learning rate work.
        nn.init.zeros_(last.weight)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = features + self.body(nn.functional.relu(features))
        return out


def _double(kind: Upsampling, inner: int, outer: int) -> nn.Module:
    """The layer that doubles the resolution: [N,inner,h,w] -> [N,outer,2h,2w]."""
    if kind == "transposed":
        return nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1)
    if kind == "shuffle":
        return nn.Sequential(nn.Conv2d(inner, outer * 4, 3, padding=1), nn.PixelShuffle(2))
    if kind == "nearest":
        return nn.Sequential(
            nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(inner, outer, 3, padding=1)
        )
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        nn.Conv2d(inner, outer, 3, padding=1),
    )


class SmallAutoencoder(nn.Module):
    """About a million parameters; the decoder is the larger half, because its traces are what matters."""

    def __init__(self, spec: AutoencoderSpec) -> None:
        super().__init__()
        self.spec = spec
        widths = spec.widths
        # The encoder leaves no trace of its own, so it starts at half resolution and stays cheap.
        down: list[nn.Module] = [
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, widths[1], 3, padding=1),
            _Block(widths[1]),
        ]
        for inner, outer in pairwise(widths[1:]):
            down += [nn.Conv2d(inner, outer, 3, stride=2, padding=1), _Block(outer)]
        self.encoder = nn.Sequential(*down, nn.ReLU(), nn.Conv2d(widths[-1], spec.channels, 1))
        up: list[nn.Module] = [nn.Conv2d(spec.channels, widths[-1], 3, padding=1), _Block(widths[-1])]
        for inner, outer in pairwise(reversed(widths)):
            up += [_Block(inner), _double(spec.upsampling, inner, outer)]
        self.decoder = nn.Sequential(*up, nn.ReLU(), nn.Conv2d(widths[0], 3, 3, padding=1))

    def encode(self, pictures: Tensor) -> Tensor:
        """[N,3,H,W] in 0..1 -> latent [N,channels,H/factor,W/factor]."""
        latent: Tensor = self.encoder(pictures * 2 - 1)
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """Latent -> [N,3,H,W], about 0..1 (not clamped: training needs the gradient)."""
        if self.spec.quantised:
            latent = _round_to_codes(latent)
        out: Tensor = self.decoder(latent) * 0.5 + 0.5
        return out

    def forward(self, pictures: Tensor) -> Tensor:
        return self.decode(self.encode(pictures))


def _round_to_codes(latent: Tensor) -> Tensor:
    """Bounded latent on a grid of CODE_LEVELS values in -1..1; the gradient passes straight through."""
    half = (CODE_LEVELS - 1) / 2
    bounded = torch.tanh(latent) * half
    rounded = torch.round(bounded + 0.5) - 0.5
    return (bounded + (rounded - bounded).detach()) / half


def save(network: SmallAutoencoder, path: Path) -> None:
    """Write {"spec": ..., "state": ...}, complete or not at all."""
    stored.write(path, "spec", network.spec, network.state_dict())


def load(path: Path) -> SmallAutoencoder:
    """Read what `save` wrote. Raises ValueError if the file is something else."""
    fields, state = stored.read(path, "spec", "autoencoder")
    network = SmallAutoencoder(AutoencoderSpec(**fields))
    network.load_state_dict(state)
    return network.eval()
