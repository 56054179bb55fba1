"""The high-pass residual: what is left of a picture when its content is taken away.

Generators and editors betray themselves in the last bits, which content drowns. Fixed filters see them without
training: each channel against its neighbours' mean (as in the denoising residual of Noiseprint) and luma's second
differences, the SRM filters of Fridrich and Kodovsky, "Rich Models for Steganalysis of Digital Images", IEEE TIFS 2012.
Each is given in two ranges: one that tells single grey levels apart and saturates on edges, one that spans all of them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

FINE = 3.0
"""Grey levels at which the fine range bends: sensor noise and the traces of decoders lie below. A clip at 6.4 levels
saturated a quarter of the residuals of phone photos, so that noise and edges looked alike."""
WIDE = 16.0
"""Grey levels that the wide range maps to log 2."""

_MEAN = [[-1, -2, -1], [-2, 12, -2], [-1, -2, -1]]
_HORIZONTAL = [[0, 0, 0], [-6, 12, -6], [0, 0, 0]]
_VERTICAL = [[0, -6, 0], [0, 12, 0], [0, -6, 0]]
_LUMA = [0.299, 0.587, 0.114]
FILTERS = 5
CHANNELS = 2 * FILTERS


class HighPass(nn.Module):
    """RGB in 0..255, float [N,3,H,W] -> residual [N,10,H,W]: five filters in the fine range, then in the wide one."""

    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernels = torch.zeros(FILTERS, 3, 3, 3)
        for channel in range(3):
            kernels[channel, channel] = torch.tensor(_MEAN) / 12
        for channel, weight in enumerate(_LUMA):
            kernels[3, channel] = torch.tensor(_HORIZONTAL) / 12 * weight
            kernels[4, channel] = torch.tensor(_VERTICAL) / 12 * weight
        self.register_buffer("kernels", kernels)

    def forward(self, rgb: Tensor) -> Tensor:
        found = functional.conv2d(functional.pad(rgb, (1, 1, 1, 1), mode="replicate"), self.kernels)
        wide = torch.sign(found) * torch.log1p(found.abs() / WIDE)
        return torch.cat([torch.tanh(found / FINE), wide], dim=1)
