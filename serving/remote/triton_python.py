"""The bundle beside it, run by ONNX Runtime in Triton's Python backend: `model.py` of a model repository.

For servers without Triton's own ONNX Runtime backend, which is faster and needs none of this. It knows nothing of
RefundLens; where it runs, numpy and onnxruntime must be installed. Tensors pass by DLPack: servers built for numpy 1
answer nothing where numpy 2 is, if they are given its arrays.
"""

import os
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    """One instance; Triton starts each in a process of its own."""

    def initialize(self, args: dict[str, str]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # more gain nothing, and instances share the processors
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = os.path.join(args["model_repository"], args["model_version"], "model.onnx")  # noqa: PTH118
        offered = onnxruntime.get_available_providers()
        gpu = args["model_instance_kind"] == "GPU" and "CUDAExecutionProvider" in offered
        cuda = ("CUDAExecutionProvider", {"device_id": args["model_instance_device_id"], "use_tf32": "0"})
        providers: list[Any] = [*([cuda] if gpu else []), "CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(path, options, providers=providers)

    def execute(self, requests: list[Any]) -> list[Any]:
        """One run for all requests that Triton gathered."""
        tiles = [np.from_dlpack(triton.get_input_tensor_by_name(request, "tiles")) for request in requests]
        kinds, maps = self._session.run(["kind", "map"], {"tiles": np.concatenate(tiles)})
        ends = np.cumsum([len(part) for part in tiles])[:-1]
        return [
            triton.InferenceResponse(
                [triton.Tensor.from_dlpack("kind", kind), triton.Tensor.from_dlpack("map", map_)]
            )
            for kind, map_ in zip(np.split(kinds, ends), np.split(maps, ends), strict=True)
        ]
