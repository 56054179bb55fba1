"""Measures the detector in processes of its own, so that nothing else's memory is counted.

In: a size, a number of photos. Out: latency with every processor on one photo, throughput with one photo a processor,
peak memory of each. Run as a module it is the measured process: it prints one JSON object.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from refundlens.serving.cli.backends import Detecting, load
from refundlens.serving.cli.common import in_order
from refundlens.serving.demo.scenes import draw, photograph
from refundlens.serving.settings import cores

SIZES = ((1280, 960), (4000, 3000))
"""Pixels: what a messenger leaves of a phone photo (1.2 megapixels), and what the phone took (12)."""
JPEG_QUALITY = 90


def measure(size: tuple[int, int], photos: int, bundle: Path | None, folder: Path) -> dict[str, float]:
    """Figures of one size. Raises RuntimeError with the child's words where it fails."""
    path = folder / f"{size[0]}x{size[1]}.jpg"
    rng = np.random.default_rng(size[0])
    Image.fromarray(photograph(draw("fabric", *size, rng), rng)).save(path, quality=JPEG_QUALITY)
    alone = _child(path, photos, 1, bundle)
    busy = _child(path, photos, cores(), bundle)
    return {
        "megapixels": size[0] * size[1] / 1e6,
        "photos": photos,
        "processors": cores(),
        "latency_p50_ms": float(np.percentile(alone["seconds"], 50)) * 1000,
        "latency_p95_ms": float(np.percentile(alone["seconds"], 95)) * 1000,
        "photos_per_second": photos / busy["wall"],
        "peak_memory_alone_mb": alone["peak_mb"],
        "peak_memory_busy_mb": busy["peak_mb"],
    }


def _child(path: Path, photos: int, workers: int, bundle: Path | None) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "refundlens.serving.cli.bench_photos",
        str(path),
        str(photos),
        str(workers),
        str(bundle or ""),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"status {done.returncode}, as when memory runs out"]
        raise RuntimeError(f"the measured process failed: {words[-1]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _judge(detector: Detecting, data: bytes) -> float:
    started = time.perf_counter()
    detector.detect(data)
    return time.perf_counter() - started


def _main(path: Path, photos: int, workers: int, bundle: Path | None) -> None:
    data = path.read_bytes()
    detector = load(bundle, threads=max(1, cores() // workers))
    detector.detect(data)  # the first run allocates and is not what a user waits for all day
    started = time.perf_counter()
    seconds = list(in_order(lambda _: _judge(detector, data), range(photos), workers))
    wall = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "wall": wall, "peak_mb": peak_bytes() / 1e6}))


def peak_bytes() -> int:
    """Peak resident memory. VmHWM where there is one: ru_maxrss of a child begins with its parent's peak on Linux."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]) if sys.argv[4] else None)
