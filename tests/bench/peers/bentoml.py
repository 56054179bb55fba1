"""BentoML: a batchable endpoint, as in its documentation of adaptive batching, in one process a worker.

A batchable endpoint takes lists only, so a service before it takes single photos, as the documentation advises.
"""

import os
import sys
from typing import Any

import bentoml
from fastapi import FastAPI, Request

from tests.bench.peers.common import HOST, body, decode, given, judge, load

MAX_LATENCY = 60_000
"""Milliseconds: the batcher refuses what it expects to take longer; the bench's deadline is the client's alone, as
with the others."""
app = FastAPI()
settings = given()


@bentoml.service(workers=settings.workers, traffic={"timeout": 120})
class Judge:
    def __init__(self) -> None:
        self.detector = load()

    @bentoml.api(batchable=True, max_batch_size=settings.batch, max_latency_ms=MAX_LATENCY)
    def judge(self, photos: list[bytes]) -> list[dict[str, Any]]:
        return judge(self.detector, [decode(data) for data in photos])


@bentoml.service(workers=1, traffic={"timeout": 120})
@bentoml.asgi_app(app)
class Door:
    judges = bentoml.depends(Judge)

    @app.post("/detect")
    async def detect(self, request: Request) -> dict[str, Any]:
        answers = await self.judges.to_async.judge([await request.body()])
        return body(answers[0])


if __name__ == "__main__":
    where = ["--host", HOST, "--port", str(settings.port)]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", "serve", f"{__spec__.name}:Door", *where])
