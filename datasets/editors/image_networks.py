"""Loaders of saved image-to-image networks. One network = one small function here that returns an `ImageNetwork`.

In: a file or folder. Out: an object whose `run` turns RGB uint8 [h,w,3] into RGB uint8 [h*scale,w*scale,3].
All run on the CPU. PyTorch and ONNX files are expected to take and give [1,3,h,w] in 0..1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from refundlens.datasets.editors.base import Pixels

Floats = NDArray[np.float32]
PROBE = 32
"""Side in pixels of the picture with which a network's scale is found out."""


@dataclass(frozen=True)
class ImageNetwork:
    """`function`: float32 [3,h,w] in 0..1 -> float32 [3,h*scale,w*scale]. Both sides must divide by `multiple`."""

    function: Callable[[Floats], Floats]
    scale: int
    multiple: int = 1

    def run(self, pixels: Pixels) -> Pixels:
        """RGB uint8 [h,w,3] -> RGB uint8 [h*scale,w*scale,3], for any h and w."""
        height, width = pixels.shape[:2]
        bottom, right = -height % self.multiple, -width % self.multiple
        padded = np.pad(pixels, ((0, bottom), (0, right), (0, 0)), mode="symmetric")
        planes = np.ascontiguousarray(padded.transpose(2, 0, 1), np.float32) / np.float32(255)
        drawn = self.function(planes)[:, : height * self.scale, : width * self.scale]
        return np.ascontiguousarray(np.rint(np.clip(drawn, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0))


def _from_torch(network: Callable[[Tensor], Tensor]) -> Callable[[Floats], Floats]:
    def function(planes: Floats) -> Floats:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(planes)[None])[0].float().numpy(), np.float32)

    return function


def _measured_scale(function: Callable[[Floats], Floats], path: Path) -> int:
    """Find out by how much a network enlarges. Raises ValueError unless it is a whole number, the same both ways."""
    grey = np.full((3, PROBE, PROBE), 0.5, np.float32)
    shape = function(grey).shape
    scale = int(shape[-1]) // PROBE
    if shape != (3, PROBE * scale, PROBE * scale) or scale < 1:
        raise ValueError(
            f"{path} is no image-to-image network: 3x{PROBE}x{PROBE} gave {'x'.join(map(str, shape))}"
        )
    return scale


class _SrganResidual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.prelu = nn.PReLU()
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = features + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(features)))))
        return out


class _SrganDouble(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width * 4, 3, padding=1)
        self.prelu = nn.PReLU()

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.prelu(nn.functional.pixel_shuffle(self.conv(features), 2))
        return out


class SrganGenerator(nn.Module):
    """SRGAN's generator (arXiv 1609.04802) in leftthomas/SRGAN's naming: [N,3,h,w] -> [N,3,h*scale,w*scale] in 0..1."""

    def __init__(self, scale: int, width: int = 64) -> None:
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), nn.PReLU())
        for index in range(2, 7):
            self.add_module(f"block{index}", _SrganResidual(width))
        self.block7 = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.PReLU())
        doubles = [_SrganDouble(width) for _ in range(scale.bit_length() - 1)]
        self.block8 = nn.Sequential(*doubles, nn.Conv2d(width, 3, 9, padding=4))

    def forward(self, pictures: Tensor) -> Tensor:
        first = features = self.block1(pictures)
        for index in range(2, 8):
            features = self.get_submodule(f"block{index}")(features)
        out: Tensor = (torch.tanh(self.block8(first + features)) + 1) / 2
        return out


def load_srgan(path: Path) -> ImageNetwork:
    """SRGAN from a PyTorch state dict (leftthomas/SRGAN, MIT); scale and width are read from the weights."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    scale = 2 ** sum(key.startswith("block8.") and key.endswith("prelu.weight") for key in state)
    generator = SrganGenerator(scale, state["block1.0.weight"].shape[0])
    generator.load_state_dict(state)
    return ImageNetwork(_from_torch(generator.eval()), scale)


def load_torchscript(path: Path, multiple: int = 1) -> ImageNetwork:
    """Any TorchScript image-to-image network. Load only files you trust: TorchScript runs what it says."""
    function = _from_torch(torch.jit.load(path, map_location="cpu").eval())  # type: ignore[no-untyped-call]
    return ImageNetwork(function, _measured_scale(function, path), multiple)


def load_onnx(path: Path, multiple: int = 1) -> ImageNetwork:
    """Any ONNX image-to-image network with one float input [1,3,h,w] and free sides."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the dataset builder runs one process a core
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0].name

    def function(planes: Floats) -> Floats:
        return np.asarray(session.run(None, {entry: planes[None]})[0][0], np.float32)

    return ImageNetwork(function, _measured_scale(function, path), multiple)
