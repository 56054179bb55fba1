"""What ONNX Runtime may run a graph on: a device's name in, its list of execution providers out.

CUDA and TensorRT are asked for only where NVIDIA's driver is there; asking elsewhere only prints errors.
"""

import ctypes
from pathlib import Path
from typing import Any

import onnxruntime

from refundlens.model.names import Device

BUCKETS = (1, 2, 4, 8, 16, 32)
"""Batch sizes, in tiles, that run on a GPU; others are padded to the next. cuDNN and TensorRT choose algorithms for
every new shape (300 to 1300 ms each), so there must be few shapes, and all are run before the service is ready."""

_NAMES = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}


def providers(device: Device, cache: Path | None = None) -> list[Any]:
    """Providers in the order ONNX Runtime is to try them.

    cache: folder where TensorRT keeps its engines between starts; none = built anew each time. Raises RuntimeError that
    says what to do where a GPU is asked for by name and there is none.
    """
    offered = onnxruntime.get_available_providers()
    if device == "cpu":
        return ["CPUExecutionProvider"]
    wanted = _NAMES["cuda" if device == "auto" else device]
    if wanted not in offered or not has_driver():
        if device == "auto":
            return ["CPUExecutionProvider"]
        raise RuntimeError(
            f"{device} cannot be used: it needs NVIDIA's driver and onnxruntime-gpu; choose auto or cpu"
        )
    # CUDA and cuDNN from their pip packages (or from torch's) are not on the loader's path
    onnxruntime.preload_dlls()
    chosen: list[Any] = [(_NAMES["tensorrt"], _tensorrt(cache))] if device == "tensorrt" else []
    # EXHAUSTIVE, the default, tunes anew for every batch size; TF32 would move results by more than 1e-4
    cuda = {
        "cudnn_conv_algo_search": "HEURISTIC",
        "use_tf32": "0",
        "arena_extend_strategy": "kSameAsRequested",
    }
    return [*chosen, (_NAMES["cuda"], cuda), "CPUExecutionProvider"]


def missing(device: Device, used: list[str]) -> bool:
    """Whether a session that came up with the providers `used` lacks the one asked for by name."""
    return device in _NAMES and _NAMES[device] not in used


def on_gpu(used: list[str]) -> bool:
    """Whether a session with the providers `used` runs on a GPU."""
    return any(name in used for name in _NAMES.values())


def has_driver() -> bool:
    """Whether NVIDIA's driver can be loaded here."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def _tensorrt(cache: Path | None) -> dict[str, str]:
    """float32 engines for every bucket. fp16 would move probabilities away from what calibration saw."""

    def shape(count: int) -> str:
        return f"tiles:{count}x224x224x3"

    options = {
        "trt_profile_min_shapes": shape(BUCKETS[0]),
        "trt_profile_opt_shapes": shape(BUCKETS[-2]),
        "trt_profile_max_shapes": shape(BUCKETS[-1]),
    }
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        kept = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(cache)}
        options |= kept | {"trt_timing_cache_enable": "1", "trt_timing_cache_path": str(cache)}
    return options
