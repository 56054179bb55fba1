"""Paint, then decode again through a diffusion autoencoder: the trace that every latent editor leaves.

In: an `EditRequest`. Out: an `Edit`, spliced back (ai_edited) or whole (ai_generated). Networks: TAEF2, the tiny twin
of FLUX.2's autoencoder (`load_taef2`), and small ones trained by `training.editors.autoencoders` (`load_small`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from refundlens.datasets.editors.base import Pixels
from refundlens.datasets.editors.compositing import pad_to_multiple, with_colours_of
from refundlens.datasets.editors.regeneration import Mode, RegeneratingEditor
from refundlens.datasets.editors.small_autoencoder import load

LATENT_NOISE = 0.12
"""Most noise added to the latent, in its own standard deviations: an inpainter's content differs from what it was
given; more than this shows as blotches."""
NOISE_SHARE = 0.6
"""How often noise is added at all: the rest are pure re-decodings, the hardest case."""


@dataclass(frozen=True)
class LatentCoder:
    """encode: [1,3,H,W] in 0..1, sides multiples of `factor` -> latent. decode: latent -> [1,3,H,W]."""

    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    factor: int


class AutoencoderEditor(RegeneratingEditor):
    """Re-decodes through `network`. `bfloat16` runs whole pictures under autocast: about three times as fast on a CPU
    with AMX, ten times slower on one without any bfloat16 unit. `keep_colours` matches the result to the picture above
    the scale of a latent cell: for networks trained so briefly that rare saturated colours come out wrong."""

    def __init__(
        self,
        name: str,
        network: LatentCoder,
        mode: Mode = "either",
        latent_noise: float = LATENT_NOISE,
        bfloat16: bool = False,
        keep_colours: bool = False,
    ) -> None:
        super().__init__(name, mode)
        self.network = network
        self.latent_noise = latent_noise
        self.bfloat16 = bfloat16
        self.keep_colours = keep_colours

    def regenerate(
        self, pixels: Pixels, rng: np.random.Generator, whole: bool
    ) -> tuple[Pixels, dict[str, Any]]:
        """Encode, add a little noise or none, decode."""
        strength = float(rng.uniform(0, self.latent_noise)) if rng.random() < NOISE_SHARE else 0.0
        seed = int(rng.integers(2**31))
        height, width = pixels.shape[:2]
        padded = pad_to_multiple(pixels, self.network.factor)
        picture = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16 and whole):
            latent = self.network.encode(picture)
            noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(seed))
            decoded = self.network.decode(latent + noise * latent.float().std() * strength)
        drawn = (decoded[0].float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        drawn = drawn[:height, :width].copy()
        if self.keep_colours:
            drawn = with_colours_of(drawn, pixels, self.network.factor)
        return drawn, {"latent_noise": round(strength, 4)}


class _TaefBlock(nn.Module):
    """relu(conv-relu-conv-relu-conv + skip), at the latent's resolution after a pooled side path."""

    def __init__(self, width: int, pooled: bool) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )  # fmt: skip
        self.pool: nn.Sequential | None = None
        if pooled:
            self.pool = nn.Sequential(
                nn.Conv2d(width, width * 4, 1, bias=False), nn.GroupNorm(4, width * 4), nn.ReLU(),
                nn.Conv2d(width * 4, width, 1, bias=False),
            )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        if self.pool is not None:
            features = features + self.pool(features)
        out: Tensor = nn.functional.relu(self.conv(features) + features)
        return out


class _SoftClamp(nn.Module):
    """Keeps latents within -3..3, smoothly."""

    def forward(self, latent: Tensor) -> Tensor:
        return torch.tanh(latent / 3) * 3


def taef2_encoder(width: int = 64, latent: int = 32) -> nn.Sequential:
    """TAEF2's encoder, its state-dict keys being the positions in this stack."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), _TaefBlock(width, False)]
    for pooled in (False, False, True):
        layers += [nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False)]
        layers += [_TaefBlock(width, pooled) for _ in range(3)]
    return nn.Sequential(*layers, nn.Conv2d(width, latent, 3, padding=1))


def taef2_decoder(width: int = 64, latent: int = 32) -> nn.Sequential:
    """TAEF2's decoder, its state-dict keys being the positions in this stack."""
    layers: list[nn.Module] = [_SoftClamp(), nn.Conv2d(latent, width, 3, padding=1), nn.ReLU()]
    for pooled in (True, False, False):
        layers += [_TaefBlock(width, pooled) for _ in range(3)]
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1, bias=False)]
    return nn.Sequential(*layers, _TaefBlock(width, False), nn.Conv2d(width, 3, 3, padding=1))


def _width_and_latent(decoder: dict[str, Tensor]) -> tuple[int, int]:
    return decoder["1.weight"].shape[0], decoder["1.weight"].shape[1]


def load_taef2(folder: Path) -> LatentCoder:
    """TAEF2 from `taef2_encoder.pth` and `taef2_decoder.pth` in a folder (madebyollin/taesd, MIT).

    Raises FileNotFoundError without the files, RuntimeError if the weights do not fit.
    """
    states = [
        torch.load(folder / f"taef2_{half}.pth", map_location="cpu", weights_only=True)
        for half in ("encoder", "decoder")
    ]
    sizes = _width_and_latent(states[1])
    encoder, decoder = taef2_encoder(*sizes), taef2_decoder(*sizes)
    encoder.load_state_dict(states[0])
    decoder.load_state_dict(states[1])
    return LatentCoder(encoder.eval(), decoder.eval(), 8)


def load_small(path: Path) -> LatentCoder:
    """One of our own autoencoders, as `training.editors.autoencoders` wrote it. Raises ValueError for another file."""
    network = load(path)
    return LatentCoder(network.encode, network.decode, network.spec.factor)
