"""The high-pass residual: what is left of a picture when its content is taken away.

Generators and editors betray themselves in the last bits, which content drowns. Three fixed filters see them without
training: the pixel against its neighbours' mean (as in the denoising residual of Noiseprint), and the two second-order
SRM filters of Fridrich and Kodovsky, "Rich Models for Steganalysis of Digital Images", IEEE TIFS 2012.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

GAIN = 60.0
"""Amplification after scaling pixels to 0..1: a residual of four grey levels reaches one, like the picture's own
contrasts. With a gain of 12 the traces were drowned and 400 steps learned almost nothing (docs/experiments.md)."""
LIMIT = 1.5
"""Residuals are clipped here: an edge of the content says nothing more by being strong (SRM's truncation)."""

_MEAN = [[-1, -2, -1], [-2, 12, -2], [-1, -2, -1]]
_HORIZONTAL = [[0, 0, 0], [-6, 12, -6], [0, 0, 0]]
_VERTICAL = [[0, -6, 0], [0, 12, 0], [0, -6, 0]]
_LUMA = [0.299, 0.587, 0.114]
CHANNELS = 5


class HighPass(nn.Module):
    """RGB in 0..1, float [N,3,H,W] -> residual [N,5,H,W]: mean-residual of R, G, B; luma's second differences."""

    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernels = torch.zeros(CHANNELS, 3, 3, 3)
        for channel in range(3):
            kernels[channel, channel] = torch.tensor(_MEAN) / 12
        for channel, weight in enumerate(_LUMA):
            kernels[3, channel] = torch.tensor(_HORIZONTAL) / 12 * weight
            kernels[4, channel] = torch.tensor(_VERTICAL) / 12 * weight
        self.register_buffer("kernels", kernels * GAIN)

    def forward(self, rgb: Tensor) -> Tensor:
        padded = functional.pad(rgb, (1, 1, 1, 1), mode="replicate")
        return functional.conv2d(padded, self.kernels).clamp(-LIMIT, LIMIT)
