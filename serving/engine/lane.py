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

CPU_SIZES = (1, 2, 4, 8)
"""Tiles in a batch on the CPU: no faster beyond 8, which bounds memory and how long others wait for a batch."""
ROUNDS = 3
"""Timed runs of each size in the warm-up; the fastest counts, since whatever disturbs only slows down."""


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
        """Run every size on `runners` threads at once, as under load. Seconds of a batch by size, the fastest."""
        networks = [self._make() for _ in range(runners)]
        with ThreadPoolExecutor(runners, thread_name_prefix="warm-up") as pool:
            return {size: min(pool.map(_fastest, networks, [size] * runners)) for size in self.curve.sizes}

    def _make(self) -> Network:
        sizes = self.curve.sizes
        return BoundNetwork(self._session, sizes) if self.gpu else DirectNetwork(self._session, sizes[-1])


def _fastest(network: Network, size: int) -> float:
    network.run(size)  # the first run of a shape allocates and, on a GPU, chooses algorithms
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        network.run(size)
        spent.append(time.perf_counter() - began)
    return min(spent)
