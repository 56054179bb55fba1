"""A bundle in eight bits: the same network, faster where the processor multiplies bytes (VNNI, AMX).

In: a float bundle and delivered tiles to set ranges by. Out: a bundle whose dense convolutions run in int8 (static,
weights per channel, activations unsigned); the residual's filters, the layers that read pixels or residuals, depthwise
layers and the heads stay in float. Method: Jacob et al., "Quantization and Training of Neural
Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, as ONNX Runtime implements it.

Thresholds do not carry over: calibrate on the eight-bit bundle.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from refundlens.model import bundle
from refundlens.model.network import pooling
from refundlens.model.network.network import MAP_CHANNELS
from refundlens.model.network.residual import CHANNELS
from refundlens.training.evaluation.metrics import roc_auc
from refundlens.training.export import BundleExportError

TILES = 200
"""Delivered tiles that set the ranges of activations."""
BATCH = 4
LEAST_SHARE = 0.005
"""ROC AUC that may be lost."""
PRECISION = "refundlens.precision"
"""Metadata key: "int8" for bundles made here."""


@dataclass(frozen=True)
class QuantizationLoss:
    """correlation: of the tiles' log odds, float against int8. auc_float, auc_int8: on the same labelled tiles."""

    correlation: float
    auc_float: float
    auc_int8: float


class _Tiles(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, tiles: NDArray[np.uint8]) -> None:
        self.parts = iter([tiles[first : first + BATCH] for first in range(0, len(tiles), BATCH)])

    def get_next(self) -> dict[str, Any] | None:
        part = next(self.parts, None)
        return None if part is None else {"tiles": part}


def quantize(source: Path, out: Path, tiles: NDArray[np.uint8]) -> None:
    """Write the eight-bit twin of a bundle. tiles: uint8 [N,TILE,TILE,3] as delivered. Calibration and card are left
    out: they hold for the float graph. Raises BundleExportError where the graph has no convolution to quantise."""
    facts = {entry.key: entry.value for entry in onnx.load(source).metadata_props}
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(prepared)
        convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
        if not convolutions:
            raise BundleExportError(f"{source} has no convolution to quantise")
        quantised = Path(folder) / "int8.onnx"
        quantize_static(
            str(prepared),
            str(quantised),
            _Tiles(tiles[:TILES]),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_kept_in_float(graph, convolutions),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        made = onnx.load(quantised)
    del made.metadata_props[:]
    kept = {key: value for key, value in facts.items() if key not in (bundle.CALIBRATION, bundle.CARD)}
    onnx.helper.set_model_props(made, kept | {PRECISION: "int8"})
    beside = out.with_name(out.name + ".new")
    onnx.save(made, beside)
    beside.replace(out)


def _kept_in_float(graph: onnx.ModelProto, convolutions: Sequence[Any]) -> list[str]:
    """The residual's own filters and the layer that reads them, the first layer, depthwise ones (a channel's range is
    its own there, and eight bits cost 3 points of AUC for a tenth of the time), and the last ones before the
    outputs."""
    weights = {tensor.name: list(tensor.dims) for tensor in graph.graph.initializer}
    kept = []
    for node in convolutions:
        shape = weights.get(node.input[1], [])
        last = bool(shape) and shape[0] <= MAP_CHANNELS
        if last or (len(shape) == 4 and shape[1] in (1, 3, CHANNELS)):
            kept.append(node.name)
    return kept


def compare(source: Path, out: Path, tiles: NDArray[np.uint8], labels: NDArray[np.int64]) -> QuantizationLoss:
    """What eight bits cost on labelled tiles: uint8 [N,TILE,TILE,3], 1 for manipulated."""
    odds = []
    for path in (source, out):
        loaded = bundle.load(path)
        parts = [loaded.run(tiles[first : first + BATCH])[0] for first in range(0, len(tiles), BATCH)]
        odds.append(pooling.margins(np.concatenate(parts)))
    return QuantizationLoss(
        float(np.corrcoef(odds[0], odds[1])[0, 1]), roc_auc(labels, odds[0]), roc_auc(labels, odds[1])
    )
