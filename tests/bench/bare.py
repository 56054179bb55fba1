"""The raw ceiling, and the right answers: decoding and ONNX Runtime in a loop, without any server.

In: an `Order` as JSON on standard input, in a process of its own. Out: JSON: each photo's probability, latency of one
photo with every processor, throughput with one photo a thread. Two loops: `network` decodes a photo and runs its tiles,
`judged` is `Detector.detect`, with everything else that an answer needs.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refundlens.model.detect import BATCH, Detector
from refundlens.model.network import tiles
from refundlens.model.photo.image import read_photo
from refundlens.model.verdict import stability
from refundlens.serving.cli.bench_photos import peak_bytes
from refundlens.serving.settings import environment
from tests.bench.figures import percentiles, steady_rate
from tests.bench.photos import mark
from tests.bench.process import ROOT

LOOPS = ("network", "judged")
Judge = Callable[[int], object]


@dataclass(frozen=True)
class Order:
    """What to measure. workers: threads, one inference thread each. seconds: of each of the loops; 0 for the answers
    only."""

    bundle: str
    photos: tuple[str, ...]
    workers: int
    seconds: float
    seed: int


def measure(order: Order) -> dict[str, Any]:
    """Run an order in a child process. Raises RuntimeError with the child's words where it fails."""
    command = [sys.executable, "-m", "tests.bench.bare"]
    done = subprocess.run(
        command,
        env=environment(PYTHONPATH=str(ROOT)),
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise RuntimeError(f"the bare loop failed: {words[-1]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def answers(order: Order) -> dict[str, Any]:
    """What the detector says of each photo, and whether it looks at it twice."""
    detector = Detector(Path(order.bundle), threads=order.workers)
    found = []
    for number, path in enumerate(order.photos):
        data = mark(Path(path).read_bytes(), number)
        detection = detector.detect(data)
        twice = detection.stability.measured
        found.append({"probability": detection.probability, "verdict": detection.verdict, "twice": twice})
    return {"answers": found}


def loops(order: Order, twice: Sequence[bool]) -> dict[str, Any]:
    """Latency with all threads on one photo, then throughput with one thread a photo, of both loops."""
    photos = [Path(path).read_bytes() for path in order.photos]
    figures: dict[str, Any] = {}
    for threads, workers in ((order.workers, 1), (1, order.workers)):
        detector = Detector(Path(order.bundle), threads=threads)
        ways: dict[str, Judge] = {
            "network": lambda index, detector=detector: _network(detector, photos[index], twice[index]),  # type: ignore[misc]
            "judged": lambda index, detector=detector: detector.detect(photos[index]),  # type: ignore[misc]
        }
        for name in LOOPS:
            ways[name](0)
            began, busy = time.process_time(), _loop(ways[name], len(photos), workers, order)
            spent = time.process_time() - began
            latencies = [end - start for start, end in busy]
            one = figures.setdefault(name, {})
            if workers == 1:
                one["alone"] = percentiles(latencies)
            if workers == order.workers:
                one["photos_per_second"] = steady_rate([end for _, end in busy], order.seconds)
                one["cpu_ms"] = 1000 * spent / len(busy)
    figures["peak_mb"] = peak_bytes() / 1e6
    return figures


def _network(detector: Detector, data: bytes, twice: bool) -> None:
    """Decode a photo and run its tiles; and those of its copy, where the verdict needs a second look."""
    pixels = read_photo(data).judged
    looks = [pixels, stability.reencode(pixels)] if twice else [pixels]
    for look in looks:
        grid = tiles.plan(*look.shape[:2])
        for first in range(0, len(grid.origins), BATCH):
            detector.bundle.run(tiles.cut(look, grid, first, first + BATCH))


def _loop(judge: Judge, count: int, workers: int, order: Order) -> list[tuple[float, float]]:
    """(start, end) of each photo in seconds since the loop began."""
    began = time.perf_counter()
    spans: list[tuple[float, float]] = []

    def work(worker: int) -> None:
        rng = np.random.default_rng((order.seed, worker))
        while (start := time.perf_counter() - began) < order.seconds:
            judge(int(rng.integers(count)))
            spans.append((start, time.perf_counter() - began))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return spans


def _main(text: str) -> dict[str, Any]:
    values = json.loads(text)
    order = Order(**{**values, "photos": tuple(values["photos"])})
    found = answers(order)
    if order.seconds:
        found["loops"] = loops(order, [one["twice"] for one in found["answers"]])
    return found


if __name__ == "__main__":
    print(json.dumps(_main(sys.stdin.read())))
