"""Small networks in the formats that the real ones come in."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save_negating_inpainter(path: Path) -> None:
    """With the inputs and outputs of MI-GAN's pipeline: what is in the hole comes back as its negative."""
    sizes = ["n", 3, "h", "w"]
    given = [
        helper.make_tensor_value_info("image", TensorProto.UINT8, sizes),
        helper.make_tensor_value_info("mask", TensorProto.UINT8, ["n", 1, "h", "w"]),
    ]
    white = numpy_helper.from_array(np.array(255, np.uint8), "white")
    nodes = [
        helper.make_node("Sub", ["white", "image"], ["negative"]),
        helper.make_node("Equal", ["mask", "white"], ["known"]),
        helper.make_node("Where", ["known", "image", "negative"], ["result"]),
    ]
    result = helper.make_tensor_value_info("result", TensorProto.UINT8, sizes)
    graph = helper.make_graph(nodes, "inpainter", given, [result], [white])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
