"""A reader for convolutional networks saved as TensorFlow.js layers models (`model.json` + float32 shards).

In: a folder. Out: an `ImageNetwork`. It knows the layers that image-to-image networks are made of, and says which one
it does not know; pixels in and out are RGB in 0..1.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from refundlens.datasets.editors.image_networks import PROBE, Floats, ImageNetwork

Layer = Callable[[list[Tensor]], Tensor]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda features: features,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "leaky_relu": lambda features: functional.leaky_relu(features, 0.2),
}


def read_weights(
    folder: Path, manifest: list[dict[str, Any]]
) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """All tensors of a weights manifest by name. Raises ValueError for quantised or non-float32 ones."""
    weights = {}
    for group in manifest:
        shards = b"".join((folder / name).read_bytes() for name in group["paths"])
        offset = 0
        for entry in group["weights"]:
            if entry["dtype"] != "float32" or "quantization" in entry:
                raise ValueError(f"{folder}: {entry['name']} is not plain float32")
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(shards, "<f4", count, offset)
            weights[entry["name"]] = values.reshape(entry["shape"]).copy()
            offset += count * 4
    return weights


def _convolution(config: dict[str, Any], weights: dict[str, Any]) -> Layer:
    if (
        config["strides"] != [1, 1]
        or config.get("groups", 1) != 1
        or config.get("dilation_rate", [1, 1]) != [1, 1]
    ):
        raise ValueError(f"layer {config['name']}: only plain convolutions of stride 1 are supported")
    kernel = (
        torch.from_numpy(weights[f"{config['name']}/kernel"]).permute(3, 2, 0, 1).contiguous()
    )  # HWIO -> OIHW
    bias = torch.from_numpy(weights[f"{config['name']}/bias"]) if config["use_bias"] else None
    padding = config["padding"]
    activation = _activation(config)

    def layer(inputs: list[Tensor]) -> Tensor:
        return activation(functional.conv2d(inputs[0], kernel, bias, padding=padding))

    return layer


def _activation(config: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    name = config["activation"]
    if name not in _ACTIVATIONS:
        raise ValueError(f"layer {config['name']}: unknown activation {name}")
    return _ACTIVATIONS[name]


def _pixel_shuffle(features: Tensor, factor: int) -> Tensor:
    """TensorFlow's depth_to_space, whose channels are ordered (row, column, channel), unlike PyTorch's."""
    count, channels, height, width = features.shape
    blocks = features.view(count, factor, factor, channels // factor**2, height, width)
    return blocks.permute(0, 3, 4, 1, 5, 2).reshape(
        count, channels // factor**2, height * factor, width * factor
    )


def _layer(kind: str, config: dict[str, Any], weights: dict[str, Any]) -> Layer:
    """The function of one layer on [N,C,H,W] tensors."""
    if kind == "Conv2D":
        return _convolution(config, weights)
    if kind == "Activation":
        activation = _activation(config)
        return lambda inputs: activation(inputs[0])
    if kind == "Add":
        return lambda inputs: torch.stack(inputs).sum(0)
    if kind == "Concatenate":
        return lambda inputs: torch.cat(inputs, 1)
    if kind == "UpSampling2D":
        factor, mode = float(config["size"][0]), config.get("interpolation", "nearest")
        return lambda inputs: functional.interpolate(inputs[0], scale_factor=factor, mode=mode)
    if kind == "PixelShuffle":
        scale = int(config["scale"])
        return lambda inputs: _pixel_shuffle(inputs[0], scale)
    raise ValueError(f"layer {config['name']}: {kind} is not supported")


def load_tfjs(folder: Path) -> ImageNetwork:
    """A TF.js layers model from `folder/model.json`. Raises ValueError naming the layer it cannot run."""
    saved = json.loads((folder / "model.json").read_text())
    topology = saved["modelTopology"]
    graph = topology.get("model_config", topology)["config"]
    weights = read_weights(folder, saved["weightsManifest"])
    steps: list[tuple[str, list[str], Layer]] = []
    for node in graph["layers"]:
        if node["class_name"] != "InputLayer":
            sources = [source[0] for source in node["inbound_nodes"][0]]
            steps.append((node["name"], sources, _layer(node["class_name"], node["config"], weights)))
    entry, exit = graph["input_layers"][0][0], graph["output_layers"][0][0]

    def function(planes: Floats) -> Floats:
        with torch.inference_mode():
            values = {entry: torch.from_numpy(planes)[None]}
            for name, sources, layer in steps:
                values[name] = layer([values[source] for source in sources])
            return np.asarray(values[exit][0].numpy(), np.float32)

    scale = function(np.zeros((3, PROBE, PROBE), np.float32)).shape[-1] // PROBE
    return ImageNetwork(function, scale)
