"""A trained network -> one ONNX file that carries all serving needs, checked against PyTorch.

In: a run folder (model.pt; calibration.json and card.md once they exist). Out: a bundle as `model.bundle` reads it.
"""

import hashlib
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from refundlens.model import bundle
from refundlens.model.network.network import Network, NetworkConfig
from refundlens.model.network.tiles import TILE
from refundlens.training.loop import CONFIG, FINAL

OPSET = 18
"""Old enough for every ONNX Runtime that serving accepts."""
PARITY = 1e-3
"""Largest difference of any logit between PyTorch and ONNX Runtime that is let through."""
PARITY_TILES = 16
RAW = "network.onnx"
"""The uncalibrated bundle in a run's folder: calibration and evaluation score with it, so that what they measure is
what serving runs."""
WEIGHTS = "refundlens.weights"
"""Metadata key: SHA-256 of the model.pt a graph was made from. A calibration holds for these weights and no others."""


class BundleExportError(RuntimeError):
    """The export is not what was trained; the message says by how much."""


def _weights(run: Path) -> Path:
    path = run / FINAL
    if not path.is_file():
        raise BundleExportError(
            f"{run} has no {FINAL}: `refundlens train` has not finished there; start it again to resume"
        )
    return path


def load_network(run: Path) -> Network:
    """The trained network of a run, ready for inference. Raises BundleExportError where the run is not finished."""
    saved = torch.load(_weights(run), map_location="cpu", weights_only=True)
    network = Network(NetworkConfig.model_validate({**saved["config"], "pretrained": False}))
    network.load_state_dict(saved["state"])
    return network.eval()


def is_of(bundle_path: Path, run: Path) -> bool:
    """Whether a bundle is there and was made from the run's weights as they are now. Raises BundleExportError without
    any."""
    wanted = hashlib.sha256(_weights(run).read_bytes()).hexdigest()
    return bundle_path.is_file() and _facts(onnx.load(bundle_path)).get(WEIGHTS) == wanted


def raw_bundle(run: Path) -> Path:
    """The run's uncalibrated bundle, made anew when the weights are others."""
    path = run / RAW
    if not is_of(path, run):
        write_bundle(run, path, name="uncalibrated", version="0", metadata={})
    return path


def write_bundle(run: Path, out: Path, name: str, version: str, metadata: dict[str, str]) -> float:
    """Export a run's network with this metadata; return the largest difference to PyTorch (logits).

    Raises BundleExportError where it exceeds PARITY; `out` is then not written.
    """
    network = load_network(run)
    graph = _trace(network)
    graph.metadata_props.clear()
    weights = hashlib.sha256(_weights(run).read_bytes()).hexdigest()
    facts = {bundle.FORMAT_KEY: bundle.FORMAT, bundle.NAME: name, bundle.VERSION: version, WEIGHTS: weights}
    facts |= metadata
    onnx.helper.set_model_props(graph, facts)
    onnx.checker.check_model(graph)
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(out.name + ".new")
    onnx.save(graph, beside)
    difference = parity(network, beside)
    if difference > PARITY:
        beside.unlink()
        raise BundleExportError(
            f"ONNX Runtime differs from PyTorch by {difference:.2e}, more than {PARITY:.0e}"
        )
    beside.replace(out)
    return difference


def write_weights(run: Path, out: Path) -> None:
    """The run's weights in half precision, for `refundlens train --init`: a bundle's graph has its batch norms folded
    in and cannot be trained on."""
    saved = torch.load(_weights(run), map_location="cpu", weights_only=True)
    half = {
        name: value.half() if value.is_floating_point() else value for name, value in saved["state"].items()
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(out.name + ".new")
    torch.save({"config": saved["config"], "state": half}, beside)
    beside.replace(out)


def with_metadata(source: Path, out: Path, metadata: dict[str, str]) -> None:
    """Copy a bundle with some of its metadata replaced; the graph stays as it is."""
    graph = onnx.load(source)
    facts = _facts(graph) | metadata
    graph.metadata_props.clear()
    onnx.helper.set_model_props(graph, facts)
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(out.name + ".new")
    onnx.save(graph, beside)
    beside.replace(out)


def _facts(graph: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in graph.metadata_props}


def parity(network: Network, path: Path) -> float:
    """Largest absolute difference of any logit over random and smooth tiles, whatever their batch."""
    loaded = bundle.load(path, threads=1)
    tiles = _sample_tiles()
    with torch.no_grad():
        wanted = [part.numpy() for part in network(torch.from_numpy(tiles))]
    worst = 0.0
    for size in (1, 3, PARITY_TILES):
        for first in range(0, len(tiles), size):
            given = loaded.run(tiles[first : first + size])
            for mine, theirs in zip(given, wanted, strict=True):
                worst = max(worst, float(np.abs(mine - theirs[first : first + size]).max()))
    return worst


def _sample_tiles() -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (PARITY_TILES // 2, TILE, TILE, 3))
    ramp = np.linspace(0, 255, TILE)[None, :, None, None] * rng.random((PARITY_TILES // 2, 1, TILE, 3))
    return np.concatenate([noise, ramp]).astype(np.uint8)


def _trace(network: Network) -> onnx.ModelProto:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    # two tiles: a batch of one would be traced as a constant
    example = torch.zeros(2, TILE, TILE, 3, dtype=torch.uint8)
    count = torch.export.Dim("tiles", min=1, max=4096)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            network, (example,), dynamo=True, input_names=["tiles"], output_names=["kind", "map"],
            dynamic_shapes={"tiles": {0: count}}, opset_version=OPSET, verbose=False,
        )  # fmt: skip
    graph: onnx.ModelProto = program.model_proto
    # the exporter notes the stack that made each node: paths of this machine, of no use to anybody
    for part in (graph.graph, *graph.graph.node, *graph.graph.value_info, *graph.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    return graph


def training_facts(run: Path, extra: dict[str, Any]) -> str:
    """What the bundle remembers of its making, JSON: the run's settings and `extra`."""
    config = (run / CONFIG).read_text(encoding="utf-8")
    return json.dumps({"config": config, **extra})
