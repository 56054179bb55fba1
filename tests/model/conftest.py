"""A bundle small enough to reason about: it takes red for manipulated and blue for a hole."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from refundlens.model import bundle
from refundlens.model.detection import MissedOn
from refundlens.model.network.pooling import FEATURES
from refundlens.model.verdict.calibration import LOSSLESS, Bin, Calibration

MakeBundle = Callable[..., Path]
MISSED_ON = MissedOn(kinds={"ai_edited": 40, "ai_generated": 20}, editors=5, pictures=60, missed=4)
CONTRAST = 20.0
"""Logits between no red at all and full red: far beyond what calibration needs to be sure."""


def seer_of_red() -> onnx.GraphProto:
    """tiles uint8 [N,224,224,3] -> kind [N,4], map [N,5,28,28].

    The reddest cell speaks for all three kinds of fake almost alike, ai_edited leading.
    """
    # channel 0 = red - green, channel 1 = blue - green, the others never fire
    see = np.zeros((5, 3, 1, 1), np.float32)
    see[0, 0], see[0, 1], see[1, 2], see[1, 1] = (
        CONTRAST / 255,
        -CONTRAST / 255,
        CONTRAST / 255,
        -CONTRAST / 255,
    )
    offset = np.array([-CONTRAST / 2] * 2 + [-CONTRAST] * 3, np.float32)
    judge = np.array([[0, 1, 1, 1], [0, 0, 0, 0], *[[0] * 4] * 3], np.float32)
    constants = {
        "see": see,
        "offset": offset,
        "judge": judge,
        "lean": np.array([0, -0.2, 0, -0.4], np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["tiles"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["cells", "see", "offset"], ["map"]),
        helper.make_node("GlobalMaxPool", ["map"], ["peak"]),
        helper.make_node("Flatten", ["peak"], ["flat"]),
        helper.make_node("MatMul", ["flat", "judge"], ["judged"]),
        helper.make_node("Add", ["judged", "lean"], ["kind"]),
    ]
    return helper.make_graph(
        nodes,
        "red",
        [helper.make_tensor_value_info("tiles", TensorProto.UINT8, ["n", 224, 224, 3])],
        [
            helper.make_tensor_value_info("kind", TensorProto.FLOAT, ["n", 4]),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", 5, 28, 28]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )


def calibrated(offset: float = 0.0, threshold: float | None = 0.9) -> Calibration:
    """The probability follows the strongest tile; every size and compression is covered, with one threshold."""
    weights = tuple(1.0 if name == "strongest_tile" else 0.0 for name in FEATURES)
    everything = [(1, LOSSLESS), (LOSSLESS, LOSSLESS + 1)]
    bins = tuple(
        Bin(
            long_side=(1, 100_000), jpeg_quality=quality, sharpness=(0.0, 1.0), photos=300,
            threshold=threshold, bound=0.01 if threshold else None, miss_bound=0.15, miss_bound_of=MISSED_ON,
        )
        for quality in everything
    )  # fmt: skip
    count = len(FEATURES)
    return Calibration(
        features=FEATURES, mean=(0.0,) * count, scale=(1.0,) * count, weights=weights, offset=offset,
        clear_below=0.3, limit=0.01, confidence=0.95, bins=bins,
    )  # fmt: skip


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Write a bundle. facts: metadata by name that replaces what it has; None leaves an entry out."""

    def make(calibration: Calibration | None = None, facts: dict[str, str | None] | None = None) -> Path:
        model = helper.make_model(seer_of_red(), opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        entries: dict[str, str | None] = {
            bundle.FORMAT_KEY: bundle.FORMAT,
            bundle.NAME: "red",
            bundle.VERSION: "0",
            bundle.CALIBRATION: (calibration or calibrated()).to_json(),
            **{f"refundlens.{key}": value for key, value in (facts or {}).items()},
        }
        helper.set_model_props(model, {key: value for key, value in entries.items() if value is not None})
        onnx.checker.check_model(model)
        path = tmp_path / "red.onnx"
        onnx.save(model, path)
        return path

    return make


@pytest.fixture
def calibration() -> Callable[..., Calibration]:
    return calibrated
