"""What keeping a detection costs a request, step by step, and what waiting for the disk would add.

    python -m tests.bench.keeping [FOLDER]

In: a folder on the disk that is to be measured (the system's temporary one otherwise). Out: for each step the median
and the 99th percentile in milliseconds, and a processor's mean. Maps are those of a photo of 960 x 1280 pixels.
"""

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from refundlens.serving.detection.schemas import EXAMPLE
from refundlens.serving.detection.store import DetectionStore, make_record, save_map
from refundlens.serving.identity.tenants import DEFAULT, open_database
from refundlens.serving.kit.ids import make_id
from refundlens.serving.settings import Settings
from refundlens.serving.storage.files import FileStore
from tests.bench.figures import percentiles

PHOTOS = 300
CELLS = (160, 120)


def measure(folder: Path) -> dict[str, dict[str, Any]]:
    """By step."""
    database = open_database(Settings(data_dir=folder), datetime.now(UTC))
    files = FileStore(folder / "files")
    store, rng = DetectionStore(database, files, PHOTOS * 10), np.random.default_rng(0)
    wall: dict[str, list[float]] = defaultdict(list)
    processor: dict[str, float] = defaultdict(float)

    def step(name: str, work: Callable[[], object]) -> None:
        began, spent = time.perf_counter(), time.process_time()
        work()
        wall[name].append(time.perf_counter() - began)
        processor[name] += time.process_time() - spent

    def rows(number: int) -> list[Any]:
        body = {**EXAMPLE, "id": make_id("det", datetime.now(UTC))}
        owner, question = f"{DEFAULT}//engineer/me", f"{number:064x}"
        return [make_record(DEFAULT, body, datetime.now(UTC), owner=owner, question=question)]

    def commit(number: int) -> None:
        with database.transaction() as session:
            session.add_all(rows(number))

    for number in range(PHOTOS):
        heat, other = rng.random((2, *CELLS), np.float32)
        step("is the answer known", lambda number=number: store.answers([f"{number:064x}"]))  # type: ignore[misc]
        step("a map", lambda heat=heat: save_map(files, heat, lasting=False))  # type: ignore[misc]
        step("a map, waiting for the disk", lambda other=other: save_map(files, other))  # type: ignore[misc]
        step("the row", lambda number=number: store.put(rows(number)))  # type: ignore[misc]
        step("the row, waiting for the disk", lambda number=number: commit(PHOTOS + number))  # type: ignore[misc]
    database.close()
    return {
        name: {**percentiles(spans), "cpu_ms": 1000 * processor[name] / PHOTOS}
        for name, spans in wall.items()
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        for what, one in measure(Path(name)).items():
            print(
                f"{what:30} p50 {one['p50_ms']:6.2f}  p99 {one['p99_ms']:7.2f}  cpu {one['cpu_ms']:5.2f} ms"
            )
