"""One loaded model: its detector, what its batches cost, and a network for each runner thread.

In: a detector. Out: a lane that photos are sent down. While models are swapped there are two lanes side by side.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from model.detect import Detector
from model.providers import BUCKETS, on_gpu
from serving.engine.curve import CostCurve
from serving.engine.network import BoundNetwork, DirectNetwork, Network

CPU_SIZES = (1, 2, 4)
"""Tiles in a batch on the CPU. Measured no faster at 8 than at 1 (docs/architecture.md), and each tile of a batch takes
some 10 MB that ONNX Runtime never gives back, in every thread."""
ROUNDS = 2
"""Runs of each size in the warm-up. The fastest counts: the first one allocates and, on a GPU, chooses algorithms, and
whatever else disturbs only slows down."""
PATIENCE = 2.0
"""Seconds of warm-up after which a CPU leaves the larger sizes for later (`CostCurve.next_limit`): on a processor so
busy or slow, being ready comes first. A GPU runs every size, or the first photo of each would wait for it."""


class Lane:
    """A model that photos go through. `jobs`: those under way, guarded by the engine's lock, as is `curve`."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self._session = detector.bundle.session
        self.gpu = on_gpu(self._session.get_providers())
        self.curve = CostCurve(BUCKETS if self.gpu else CPU_SIZES)
        self.jobs = 0
        self._local = threading.local()

    def network(self) -> Network:
        """This thread's own."""
        if not hasattr(self._local, "network"):
            self._local.network = self._make()
        network: Network = self._local.network
        return network

    def batch(self, ready: int, idle: int) -> int:
        """Tiles for one batch. ready: tiles that wait. idle: runners with nothing to do, the asking one included.

        Processors share what is there; a GPU takes all at once, since a full batch costs it hardly more.
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

    def _make(self) -> Network:
        sizes = self.curve.sizes
        return BoundNetwork(self._session, sizes) if self.gpu else DirectNetwork(self._session, sizes[-1])


def _fastest(network: Network, size: int) -> float:
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        network.run(size)
        spent.append(time.perf_counter() - began)
    return min(spent)
