"""Mosec: one stage that decodes, scores and judges, in one process a worker; with batches or without.

One fused stage is its fastest arrangement on a CPU: two stages leave one processor idle and send pixels between
processes.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import mosec

from tests.bench.peers.common import BATCH_WAIT, HOST, body, decode, given, judge, load


class Photos(mosec.Worker):
    def __init__(self) -> None:
        super().__init__()
        self.detector = load()

    def deserialize(self, data: bytes) -> bytes:
        return data

    def serialize(self, data: Any) -> bytes:
        return json.dumps(body(data)).encode()

    def forward(self, data: Any) -> Any:
        """Batches are lists; without batching, one photo comes alone."""
        if isinstance(data, list):
            return self._judge(data)
        return self._judge([data])[0]

    def _judge(self, photos: Sequence[bytes]) -> list[dict[str, Any]]:
        return judge(self.detector, [decode(data) for data in photos])


def main() -> None:
    settings = given()
    # its settings are read from the command line
    sys.argv += ["--address", HOST, "--port", str(settings.port), "--log-level", "warning"]
    if settings.capacity:
        sys.argv += ["--capacity", str(settings.capacity)]
    server = mosec.Server()
    server.register_runtime(
        {
            "/detect": [
                mosec.Runtime(
                    Photos,
                    num=settings.workers,
                    max_batch_size=settings.batch,
                    max_wait_time=int(1000 * BATCH_WAIT) if settings.batch > 1 else 0,
                )
            ]
        }
    )
    server.run()


if __name__ == "__main__":
    main()
