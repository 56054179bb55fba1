"""Writes what Triton needs to run a bundle: a model repository.

In: a bundle, a folder. Out: FOLDER/MODEL/config.pbtxt and FOLDER/MODEL/1/model.onnx, moved into place when whole,
beside the models that are there already: a server keeps the old model while fronts change over to the new one.
"""

import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from refundlens.model.bundle import Bundle, bundled_path, load
from refundlens.model.names import DEFECTS, KINDS
from refundlens.model.network.tiles import CELLS, TILE
from refundlens.model.providers import BUCKETS
from refundlens.serving.remote.batches import model_there

Backend = Literal["onnxruntime", "python"]
"""onnxruntime: Triton's own. python: ONNX Runtime in a Python process, for servers that lack the other."""
VERSION_FOLDER = "1"
"""Of Triton's numbers; our versions are models of their own."""


@dataclass(frozen=True)
class TritonOptions:
    """delay: microseconds that a batch waits for more tiles while an instance is busy with another. instances: copies
    of the model on each GPU, or on the processors. device: where. tensorrt: compile it there, in float32."""

    backend: Backend = "onnxruntime"
    device: Literal["gpu", "cpu"] = "gpu"
    instances: int = 1
    delay: int = 500
    largest: int = BUCKETS[-1]
    tensorrt: bool = False


def write_repository(out: Path, bundle: Path | None, options: TritonOptions) -> Path:
    """The model's folder. Raises BundleError, OSError; FileExistsError where the model is there already."""
    bundle = bundle or bundled_path()
    opened = load(bundle, threads=1, device="cpu")
    folder = out / model_there(opened)
    if folder.exists():
        raise FileExistsError(f"{folder} is there already")
    beside = out / f".{folder.name}.new"
    shutil.rmtree(beside, ignore_errors=True)
    version = beside / VERSION_FOLDER
    version.mkdir(parents=True)
    shutil.copyfile(bundle, version / "model.onnx")
    if options.backend == "python":
        code = resources.files("refundlens.serving.remote").joinpath("triton_python.py")
        (version / "model.py").write_text(code.read_text(encoding="utf-8"), encoding="utf-8")
    (beside / "config.pbtxt").write_text(model_config(opened, options), encoding="utf-8")
    beside.rename(folder)
    return folder


def model_config(bundle: Bundle, options: TritonOptions) -> str:
    """config.pbtxt: shapes, dynamic batching, copies, and a warm-up of every size before the model is ready."""
    sizes = [size for size in BUCKETS if size <= options.largest]
    kind = "KIND_GPU" if options.device == "gpu" else "KIND_CPU"
    cells = f"{1 + len(DEFECTS)}, {CELLS}, {CELLS}"
    parts = [
        f'name: "{model_there(bundle)}"',
        f'backend: "{options.backend}"',
        f"max_batch_size: {options.largest}",
        f'input [ {{ name: "tiles" data_type: TYPE_UINT8 dims: [ {TILE}, {TILE}, 3 ] }} ]',
        "output [",
        f'  {{ name: "kind" data_type: TYPE_FP32 dims: [ {len(KINDS)} ] }},',
        f'  {{ name: "map" data_type: TYPE_FP32 dims: [ {cells} ] }}',
        "]",
        "dynamic_batching {",
        f"  preferred_batch_size: [ {', '.join(map(str, sizes[-2:]))} ]",
        f"  max_queue_delay_microseconds: {options.delay}",
        "}",
        f"instance_group [ {{ kind: {kind} count: {options.instances} }} ]",
        *(_warm_up(size) for size in sizes),
        f'parameters {{ key: "refundlens_sha256" value {{ string_value: "{bundle.name.sha256}" }} }}',
    ]
    if options.backend == "onnxruntime":
        parts.append(_onnxruntime(options))
    return "\n".join(parts) + "\n"


def _warm_up(size: int) -> str:
    """cuDNN and TensorRT choose algorithms for every new size; callers must not wait for that."""
    tensor = f"value {{ data_type: TYPE_UINT8 dims: [ {TILE}, {TILE}, 3 ] random_data: true }}"
    return (
        f'model_warmup [ {{ name: "{size} tiles" batch_size: {size} inputs {{ key: "tiles" {tensor} }} }} ]'
    )


def _onnxruntime(options: TritonOptions) -> str:
    """As `model.providers` has it; 1 is cuDNN's HEURISTIC search."""
    lines = []
    if options.device == "cpu":
        lines.append('parameters { key: "intra_op_thread_count" value { string_value: "1" } }')
    else:
        lines.append('parameters { key: "cudnn_conv_algo_search" value { string_value: "1" } }')
    if options.tensorrt:
        fp32 = 'parameters { key: "precision_mode" value: "FP32" }'
        faster = f'gpu_execution_accelerator [ {{ name: "tensorrt" {fp32} }} ]'
        lines.append(f"optimization {{ execution_accelerators {{ {faster} }} }}")
    return "\n".join(lines)
