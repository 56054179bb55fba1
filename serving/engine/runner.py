"""One loaded model: its detector, what its batches cost, and a network for each runner thread.

In: a detector. Out: a lane that photos are sent down. While models are swapped there are two lanes side by side.

Runs one batch of tiles on one thread. Three ways: straight on the CPU, bound to a GPU's memory in few shapes, or on
another machine (`serving.remote`).

A network owns the buffer that tiles are copied into, so that nothing is allocated for a batch; each runner thread has
its own.

What a batch costs, by its size: measured before a model serves, kept fresh by every run.

In: seconds of runs. Out: the largest batch worth running. On one CPU thread a second tile in a batch gains next to
nothing; on a GPU thirty-two tiles cost little more than one. So it is measured, and nobody has to configure it.
"""

import ctypes
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from refundlens.model.detect import Detector
from refundlens.model.network.tiles import TILE
from refundlens.model.providers import BUCKETS, on_gpu
from refundlens.serving.remote.batches import BatchCall, RemoteModel, patiently

NEAR = 0.05
"""A batch size counts as best from this share under the best speed on: bigger ones only make others wait, and on a CPU
sizes differ by less than measuring does (13.4 to 14.7 ms a tile at 1 to 8)."""
SMOOTHING = 0.1
"""Weight of the newest run: follows a change of load within some twenty runs."""
TRY_EVERY = 64
"""Runs after which one batch may have the next larger size, so that a cap learned in a bad moment is not kept."""


class CostCurve:
    """Seconds per batch for some sizes, ascending. Not thread-safe: the engine's lock guards it."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self._seconds: dict[int, float] = {}
        self._runs = 0
        self._cap = self.sizes[-1]

    def observe(self, size: int, seconds: float) -> None:
        """Take a run into account; sizes between those of the curve tell nothing new."""
        if size not in self.sizes or seconds <= 0:
            return
        known = self._seconds.get(size)
        self._seconds[size] = seconds if known is None else known + SMOOTHING * (seconds - known)
        self._cap = self._best()

    @property
    def cap(self) -> int:
        """The smallest size with nearly the best speed; before anything is known, the largest."""
        return self._cap

    def next_limit(self) -> int:
        """The cap for the next batch: mostly `cap`, now and then the next larger size to look again."""
        self._runs += 1
        larger = [size for size in self.sizes if size > self._cap]
        return larger[0] if larger and self._runs % TRY_EVERY == 0 else self._cap

    def per_tile(self) -> float | None:
        """Seconds a tile takes in a batch of the cap; None before anything was observed."""
        return self._seconds[self._cap] / self._cap if self._cap in self._seconds else None

    def _best(self) -> int:
        speeds = {size: size / seconds for size, seconds in self._seconds.items()}
        enough = (1 - NEAR) * max(speeds.values())
        return min(size for size, speed in speeds.items() if speed >= enough)


Floats = NDArray[np.float32]
OUTPUTS = ("kind", "map")


class NetworkRunner(Protocol):
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


class RemoteNetwork:
    """Other machines': sent again while nobody takes it."""

    def __init__(self, call: BatchCall, largest: int) -> None:
        self._call = call
        self.buffer = np.zeros((largest, TILE, TILE, 3), np.uint8)

    def run(self, count: int) -> tuple[Floats, Floats]:
        """Raises EngineAway."""
        return patiently(self._call, self.buffer[:count])


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


CPU_SIZES = (1, 2, 4)
"""Tiles in a batch on the CPU. Measured no faster at 8 than at 1 (docs/architecture.md), and each tile of a batch takes
some 10 MB that ONNX Runtime never gives back, in every thread."""
ROUNDS = 2
"""Runs of each size in the warm-up. The fastest counts: the first one allocates and, on a GPU, chooses algorithms, and
whatever else disturbs only slows down."""
GPU_RUNNERS = 2
"""Threads that run batches on a GPU: one copies its tiles there while the other's are computed."""
PATIENCE = 2.0
"""Seconds of warm-up after which a CPU leaves the larger sizes for later (`CostCurve.next_limit`): on a processor so
busy or slow, being ready comes first. A GPU runs every size, or the first photo of each would wait for it."""


class ModelRunner:
    """A model that photos go through. `jobs`: those under way, guarded by the engine's lock, as is `curve`.

    remote, calls: where its batches run, and how many at once, if not here.
    """

    def __init__(self, detector: Detector, remote: RemoteModel | None = None, calls: int = 0) -> None:
        self.detector = detector
        self._session, self._remote = detector.bundle.session, remote
        self.gpu = remote is None and on_gpu(self._session.get_providers())
        self.apart = calls if remote else GPU_RUNNERS * self.gpu
        """Threads that run its batches and do nothing else; 0 where those that decode run them, too."""
        self.curve = CostCurve(BUCKETS if self.apart else CPU_SIZES)
        self.jobs = 0
        self._local = threading.local()

    def network(self) -> NetworkRunner:
        """This thread's own."""
        if not hasattr(self._local, "network"):
            self._local.network = self._make()
        network: NetworkRunner = self._local.network
        return network

    def batch(self, ready: int, idle: int) -> int:
        """Tiles for one batch. ready: tiles that wait. idle: runners with nothing to do, the asking one included.

        Processors share what is there, here or elsewhere; a GPU takes all at once, since a full batch costs it hardly
        more.
        """
        share = ready if self.gpu else -(-ready // idle)
        return min(self.curve.next_limit(), share)

    def warm_up(self, runners: int) -> dict[int, float]:
        """Run the sizes on `runners` threads at once, as under load. Seconds of a batch by size, the fastest."""
        networks = [self._make() for _ in range(runners)]
        began, seconds = time.perf_counter(), {}
        with ThreadPoolExecutor(runners, thread_name_prefix="warm-up") as pool:
            for size in self.curve.sizes:
                seconds[size] = min(pool.map(_fastest, networks, [size] * runners))
                if not self.gpu and time.perf_counter() - began > PATIENCE:
                    break
        return seconds

    def close(self) -> None:
        """Give up what other machines hold for it."""
        if self._remote is not None:
            self._remote.close()

    def _make(self) -> NetworkRunner:
        sizes = self.curve.sizes
        if self._remote is not None:
            return RemoteNetwork(self._remote.connect(), sizes[-1])
        return BoundNetwork(self._session, sizes) if self.gpu else DirectNetwork(self._session, sizes[-1])


def _fastest(network: NetworkRunner, size: int) -> float:
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        network.run(size)
        spent.append(time.perf_counter() - began)
    return min(spent)
