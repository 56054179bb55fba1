"""A tiny but real ONNX bundle whose verdicts are known beforehand, for tests and for load that is not about photos.

In: a path. Out: a bundle there. Red pixels look manipulated and like a hole, everything else looks authentic.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from refundlens.model.bundle import CALIBRATION, CARD, FORMAT, FORMAT_KEY, NAME, TRAINING, VERSION
from refundlens.model.detection import MissedOn
from refundlens.model.network.pooling import FEATURES
from refundlens.model.verdict.calibration import LOSSLESS, Bin, Calibration
from refundlens.model.verdict.reliability import Curve, ReliabilityTable

PASSED = {"passed": True, "champion": "refundlens-tiny 0.0.0", "suite": "0" * 64, "failed": []}
"""What the gate says of a candidate that may be promoted."""


def save_bundle(path: Path, version: str = "0.0.1", gain: float = 1.0) -> Path:
    """Write it, as one that passed the gate. gain: how much it makes of colours; 0 makes nothing of them. Raises
    OSError."""
    network = _network(gain)
    facts = {
        FORMAT_KEY: FORMAT,
        NAME: "refundlens-tiny",
        VERSION: version,
        CARD: "For tests.",
        CALIBRATION: tiny_calibration().to_json(),
        TRAINING: json.dumps({"gate": PASSED}),
    }
    helper.set_model_props(network, facts)
    onnx.save(network, str(path))
    return path


def _network(gain: float) -> onnx.ModelProto:
    """tiles -> mean colours -> logits: red pixels look manipulated, and look like a hole."""
    colours = np.array([[-2, -2, 4, -2], [2, 0, -2, 0], [2, 0, -2, 0]], np.float32)
    cells = np.zeros((5, 3, 1, 1), np.float32)
    cells[0, :, 0, 0] = cells[1, :, 0, 0] = [24, -12, -12]
    weights = [
        numpy_helper.from_array(np.array(1 / 255, np.float32), "scale"),
        numpy_helper.from_array((gain * colours).astype(np.float32), "colours"),
        numpy_helper.from_array((gain * cells).astype(np.float32), "cells"),
        numpy_helper.from_array(np.array([-4, -4, -9, -9, -9], np.float32), "offsets"),
        numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
    ]
    nodes = [
        helper.make_node("Cast", ["tiles"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["planes", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "colours"], ["kind"]),
        helper.make_node("AveragePool", ["planes"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["small", "cells", "offsets"], ["map"]),
    ]
    tiles = helper.make_tensor_value_info("tiles", TensorProto.UINT8, ["n", 224, 224, 3])
    kind = helper.make_tensor_value_info("kind", TensorProto.FLOAT, ["n", 4])
    local = helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", 5, 28, 28])
    graph = helper.make_graph(nodes, "tiny", [tiles], [kind, local], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def tiny_calibration() -> Calibration:
    """One condition that holds everything, with both bounds."""
    count = len(FEATURES)
    everything = Bin(
        long_side=(1, 100_000),
        jpeg_quality=(1, LOSSLESS + 1),
        sharpness=(0, 1),
        photos=400,
        threshold=0.9,
        bound=0.0075,
        cleared=0.9,
        miss_bound=0.12,
        miss_bound_of=MissedOn(
            kinds={"ai_edited": 60, "ai_generated": 40}, editors=8, pictures=100, missed=7
        ),
    )
    return Calibration(
        features=tuple(FEATURES),
        mean=(0.0,) * count,
        scale=(1.0,) * count,
        weights=(1.0,) * count,
        offset=-1.0,
        clear_below=0.3,
        limit=0.01,
        confidence=0.95,
        bins=(everything,),
        reliability=_reliability(),
    )


def _reliability() -> ReliabilityTable:
    """Flat cells are worth a tenth, all others nine tenths."""
    any_value = Curve(at=(0.5,), worth=(0.9,))
    contrast = Curve(at=(4.0, 6.0), worth=(0.1, 0.9))
    return ReliabilityTable(
        saturation=any_value, contrast=contrast, sharpness=any_value, overall=0.6, pictures=100
    )
