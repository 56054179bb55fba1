"""Small inpainting networks of our own, in the manner of the ones people use: what they draw has the same marks.

In: RGB batches float32 [N,3,H,W] in 0..1 and the hole, float32 [N,1,H,W], 1 where a pixel is to be invented; sides
multiples of `FACTOR`. Out: the whole picture drawn again [N,3,H,W]; an editor keeps of it what it wants. No network has
a skip at full resolution: each pixel of the output has passed the upsampling whose trace the detector is to learn.
`training.editors.inpainters` trains them and writes the file that `load` reads.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from refundlens.datasets.editors import stored

Design = Literal["gated", "fourier", "noise"]

FACTOR = 16
"""Pixels that sides must be multiples of: the deepest level of the deepest design."""
DILATIONS = (1, 2, 4, 8)
"""Of the gated network's bottleneck, as DeepFill v2 has them: at an eighth of the size they see about 250 pixels."""
FOURIER_BLOCKS = 5
"""Residual blocks of the Fourier network: LaMa has 9 or 18 wider ones; one sees the whole picture already."""


@dataclass(frozen=True)
class InpainterSpec:
    """What distinguishes one small inpainter.

    design: "gated" (U-Net of gated convolutions, nearest enlarging; DeepFill v2, arXiv 1806.03589), "fourier" (Fourier
    convolutions, transposed convolutions; LaMa, arXiv 2109.07161) or "noise" (separable convolutions, noise at every
    level, bilinear enlarging and a pixel shuffle at last; MI-GAN, ICCV 2023). widths: channels at full resolution, half
    and so on. faithful: whether the design hands on the picture outside the hole, so that it may be given out whole.
    """

    name: str
    design: Design
    widths: tuple[int, ...]
    faithful: bool = True


def fill(pictures: Tensor, hole: Tensor) -> Tensor:
    """The pictures with the hole filled smoothly from its surroundings: averages of what is known, coarse to fine.

    Networks get this instead of a black hole: their short training then goes into texture and edges, not into colour.
    """
    known = 1 - hole
    levels = [(pictures * known, known)]
    while min(levels[-1][0].shape[-2:]) > 1:
        colour, share = (nn.functional.avg_pool2d(part, 2, ceil_mode=True) for part in levels[-1])
        levels.append((colour, share))
    colour, share = levels.pop()
    filled = colour / share.clamp_min(1e-4)
    for colour, share in reversed(levels):
        coarse = nn.functional.interpolate(filled, size=colour.shape[-2:], mode="bilinear")
        filled = colour + coarse * (1 - share)
    return filled


class _Gated(nn.Module):
    """A convolution whose other half says, pixel by pixel, how much of it counts."""

    def __init__(self, inner: int, outer: int, stride: int = 1, dilation: int = 1, size: int = 3) -> None:
        super().__init__()
        padding = dilation * (size // 2)
        self.conv = nn.Conv2d(inner, 2 * outer, size, stride, padding, dilation, padding_mode="reflect")

    def forward(self, features: Tensor) -> Tensor:
        values, gates = self.conv(features).chunk(2, dim=1)
        out: Tensor = nn.functional.elu(values) * torch.sigmoid(gates)
        return out


class _GatedNetwork(nn.Module):
    """U-Net with skips from half resolution down, enlarging by repeating pixels."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.first = _Gated(4, widths[0], size=5)
        self.down = nn.ModuleList(_Gated(inner, outer, stride=2) for inner, outer in pairwise(widths))
        self.middle = nn.ModuleList(_Gated(widths[-1], widths[-1], dilation=step) for step in DILATIONS)
        self.up = nn.ModuleList(
            _Gated(inner + (outer if level else 0), outer)
            for level, (outer, inner) in reversed(list(enumerate(pairwise(widths))))
        )
        self.last = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, given: Tensor, noise: torch.Generator | None) -> Tensor:
        features = self.first(given)
        skips: list[Tensor | None] = [None]  # none at full resolution: see the module's docstring
        for layer in self.down:
            features = layer(features)
            skips.append(features)
        skips.pop()
        for layer in self.middle:
            features = features + layer(features)
        for layer in self.up:
            features = nn.functional.interpolate(features, scale_factor=2, mode="nearest")
            skip = skips.pop()
            features = layer(features if skip is None else torch.cat([features, skip], dim=1))
        out: Tensor = self.last(features)
        return out


class _Spectral(nn.Module):
    """A 1x1 convolution of the picture's spectrum: every output pixel sees the whole picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before = nn.Conv2d(width, width // 2, 1)
        self.spectrum = nn.Conv2d(width, width, 1)
        self.after = nn.Conv2d(width // 2, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        features = nn.functional.relu(self.before(features))
        waves = torch.fft.rfft2(features, norm="ortho")
        parts = nn.functional.relu(self.spectrum(torch.cat([waves.real, waves.imag], dim=1)))
        real, imaginary = parts.chunk(2, dim=1)
        mixed = torch.fft.irfft2(torch.complex(real, imaginary), s=features.shape[-2:], norm="ortho")
        out: Tensor = self.after(features + mixed)
        return out


class _FourierConv(nn.Module):
    """One half of the channels looks near by, the other at the whole picture, and each tells the other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.near = nn.Conv2d(width, half, 3, padding=1, padding_mode="reflect")
        self.to_far = nn.Conv2d(half, half, 3, padding=1, padding_mode="reflect")
        self.far = _Spectral(half)

    def forward(self, features: Tensor) -> Tensor:
        near, far = features.chunk(2, dim=1)
        return torch.cat([self.near(features), self.to_far(near) + self.far(far)], dim=1)


class _FourierBlock(nn.Module):
    """Two Fourier convolutions and a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.ReLU(), _FourierConv(width), nn.ReLU(), _FourierConv(width))
        # Without normalisation layers a block must start almost as the identity for a high learning rate to work.
        self.strength = nn.Parameter(torch.full((1, width, 1, 1), 0.1))

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = features + self.strength * self.body(features)
        return out


class _FourierNetwork(nn.Module):
    """Down, Fourier blocks, up by transposed convolutions; no skips, as in LaMa."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(4, widths[0], 7, padding=3, padding_mode="reflect"), nn.ReLU()]
        for inner, outer in pairwise(widths):
            layers += [nn.Conv2d(inner, outer, 3, stride=2, padding=1), nn.ReLU()]
        layers += [_FourierBlock(widths[-1]) for _ in range(FOURIER_BLOCKS)]
        for inner, outer in pairwise(reversed(widths)):
            layers += [nn.ConvTranspose2d(inner, outer, 3, 2, padding=1, output_padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[0], 3, 7, padding=3, padding_mode="reflect"))

    def forward(self, given: Tensor, noise: torch.Generator | None) -> Tensor:
        out: Tensor = self.layers(given)
        return out


class _Separable(nn.Module):
    """A depthwise 3x3 convolution, noise of a learned strength, a 1x1 convolution; a skip where the widths agree."""

    def __init__(self, inner: int, outer: int, stride: int = 1, noisy: bool = False) -> None:
        super().__init__()
        self.depth = nn.Conv2d(inner, inner, 3, stride, padding=1, groups=inner)
        self.point = nn.Conv2d(inner, outer, 1)
        self.noise = nn.Parameter(torch.full((1, inner, 1, 1), 0.02)) if noisy else None
        self.residual = inner == outer and stride == 1

    def forward(self, features: Tensor, noise: torch.Generator | None = None) -> Tensor:
        inside = self.depth(features)
        if self.noise is not None and noise is not None:
            count, _, height, width = inside.shape
            inside = inside + self.noise * torch.randn((count, 1, height, width), generator=noise)
        out: Tensor = self.point(nn.functional.leaky_relu(inside, 0.2))
        return features + out if self.residual else out


class _NoiseNetwork(nn.Module):
    """U-Net of separable convolutions: bilinear enlarging, noise at every level, a pixel shuffle to full size."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.ModuleList([_Separable(inner, outer, stride=2), _Separable(outer, outer)])
            for inner, outer in pairwise(widths)
        )
        self.middle = nn.ModuleList(_Separable(widths[-1], widths[-1], noisy=True) for _ in range(3))
        self.up = nn.ModuleList(
            nn.ModuleList(
                [_Separable(inner + outer, outer, noisy=True), _Separable(outer, outer, noisy=True)]
            )
            for outer, inner in reversed(list(pairwise(widths[1:])))
        )
        self.shuffle = nn.Conv2d(widths[1], 4 * widths[0], 3, padding=1)
        self.last = nn.ModuleList(
            [_Separable(widths[0], widths[0], noisy=True), nn.Conv2d(widths[0], 3, 3, padding=1)]
        )

    def forward(self, given: Tensor, noise: torch.Generator | None) -> Tensor:
        features = self.first(given)
        skips = []
        for level in self.down:
            for layer in level:  # type: ignore[attr-defined]
                features = layer(features)
            skips.append(features)
        skips.pop()
        for layer in self.middle:
            features = layer(features, noise)
        for level in self.up:
            features = nn.functional.interpolate(features, scale_factor=2, mode="bilinear")
            features = torch.cat([features, skips.pop()], dim=1)
            for layer in level:  # type: ignore[attr-defined]
                features = layer(features, noise)
        features = nn.functional.pixel_shuffle(self.shuffle(features), 2)
        out: Tensor = self.last[1](nn.functional.leaky_relu(self.last[0](features, noise), 0.2))
        return out


_DESIGNS: dict[Design, type[_GatedNetwork] | type[_FourierNetwork] | type[_NoiseNetwork]] = {
    "gated": _GatedNetwork,
    "fourier": _FourierNetwork,
    "noise": _NoiseNetwork,
}


class SmallInpainter(nn.Module):
    """About a million parameters, most of them at low resolution, where they are cheap."""

    def __init__(self, spec: InpainterSpec) -> None:
        super().__init__()
        self.spec = spec
        self.network = _DESIGNS[spec.design](spec.widths)

    def forward(self, pictures: Tensor, hole: Tensor, noise: torch.Generator | None = None) -> Tensor:
        """[N,3,H,W] in 0..1 and the hole [N,1,H,W] -> [N,3,H,W], about 0..1 (not clamped: training needs the
        gradient). noise: where the "noise" design draws from; without it that design adds none."""
        given = torch.cat([fill(pictures, hole) * 2 - 1, hole], dim=1)
        out: Tensor = self.network(given, noise) * 0.5 + 0.5
        return out


def save(network: SmallInpainter, path: Path) -> None:
    """Write {"inpainter": spec, "state": weights}, complete or not at all."""
    stored.write(path, "inpainter", network.spec, network.state_dict())


def load(path: Path) -> SmallInpainter:
    """Read what `save` wrote. Raises ValueError if the file is something else."""
    fields, state = stored.read(path, "inpainter", "inpainter")
    network = SmallInpainter(InpainterSpec(**fields))
    network.load_state_dict(state)
    return network.eval()
