"""Runs one batch of tiles on one thread. Two ways: straight on the CPU, or bound to a GPU's memory in few shapes.

A network owns the buffer that tiles are copied into, so that nothing is allocated for a batch; each runner thread has
its own.
"""

import ctypes
from contextlib import suppress
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from model.tiles import TILE

Floats = NDArray[np.float32]
OUTPUTS = ("kind", "map")


class Network(Protocol):
    """buffer: uint8 [largest,TILE,TILE,3]; fill the first `count` places, then `run(count)`."""

    buffer: NDArray[np.uint8]

    def run(self, count: int) -> tuple[Floats, Floats]:
        """kind logits float32 [count,4], map logits float32 [count,5,28,28]."""
        ...


class DirectNetwork:
    """The CPU's: any batch size up to the largest, no padding, no copy."""

    def __init__(self, session: onnxruntime.InferenceSession, largest: int) -> None:
        self._session = session
        self.buffer = np.zeros((largest, TILE, TILE, 3), np.uint8)

    def run(self, count: int) -> tuple[Floats, Floats]:
        kinds, maps = self._session.run(list(OUTPUTS), {"tiles": self.buffer[:count]})
        return kinds, maps


class BoundNetwork:
    """The GPU's: page-locked input, memory on the device bound once for each bucket, padding up to the next bucket.

    Padded places keep what lay there; a tile's result does not depend on its neighbours. device: "cuda" (or "cpu",
    where it works the same without a copy).
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, buckets: tuple[int, ...], device: str = "cuda"
    ) -> None:
        self._session, self._device, self._buckets = session, device, buckets
        self._bound: dict[int, tuple[Any, Any]] = {}
        self.buffer = np.zeros((buckets[-1], TILE, TILE, 3), np.uint8)
        self._locked = device == "cuda" and _page_lock(self.buffer)

    def run(self, count: int) -> tuple[Floats, Floats]:
        bucket = next(size for size in self._buckets if size >= count)
        if bucket not in self._bound:
            self._bound[bucket] = self._bind(bucket)
        binding, place = self._bound[bucket]
        place.update_inplace(self.buffer[:bucket])
        self._session.run_with_iobinding(binding)
        kinds, maps = binding.copy_outputs_to_cpu()
        return kinds[:count], maps[:count]

    def _bind(self, bucket: int) -> tuple[Any, Any]:
        place = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
            [bucket, TILE, TILE, 3], np.uint8, self._device, 0
        )
        binding = self._session.io_binding()
        binding.bind_ortvalue_input("tiles", place)
        for name in OUTPUTS:
            binding.bind_output(name, self._device)
        return binding, place

    def __del__(self) -> None:
        if getattr(self, "_locked", False):
            _page_unlock(self.buffer)


def _page_lock(buffer: NDArray[np.uint8]) -> bool:
    """Pin memory so that the GPU fetches it without a copy in between. False where the CUDA runtime will not."""
    runtime = _cuda_runtime()
    if runtime is None:
        return False
    return int(runtime.cudaHostRegister(ctypes.c_void_p(buffer.ctypes.data), buffer.nbytes, 0)) == 0


def _page_unlock(buffer: NDArray[np.uint8]) -> None:
    runtime = _cuda_runtime()
    if runtime is not None:
        runtime.cudaHostUnregister(ctypes.c_void_p(buffer.ctypes.data))


def _cuda_runtime() -> ctypes.CDLL | None:
    """The runtime that ONNX Runtime has loaded already (model.providers), of CUDA 13 or 12."""
    for name in ("libcudart.so.13", "libcudart.so.12"):
        with suppress(OSError):
            library = ctypes.CDLL(name)
            library.cudaHostRegister.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint]
            library.cudaHostUnregister.argtypes = [ctypes.c_void_p]
            return library
    return None
