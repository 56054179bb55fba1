"""BentoML: a batchable endpoint, as in its documentation of adaptive batching, in one process a worker."""

import os
import sys
from typing import Any

import bentoml

from benchmarks.servers.common import HOST, decode, given, judge, load

MAX_LATENCY = 60_000
"""Milliseconds: the batcher refuses what it expects to take longer; the bench's deadline is the client's alone, as
with the others."""
settings = given()


@bentoml.service(workers=settings.workers, traffic={"timeout": 120})
class Judge:
    def __init__(self) -> None:
        self.detector = load()

    @bentoml.api(batchable=True, max_batch_size=settings.batch, max_latency_ms=MAX_LATENCY)
    def judge(self, photos: list[bytes]) -> list[dict[str, Any]]:
        return judge(self.detector, [decode(data) for data in photos])


if __name__ == "__main__":
    where = ["--host", HOST, "--port", str(settings.port)]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", "serve", f"{__spec__.name}:Judge", *where])
