"""Ray Serve: `@serve.batch` behind Ray's own HTTP, one replica a worker, as in its documentation of batching."""

import signal
from typing import Any

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from tests.bench.peers.common import BATCH_WAIT, HOST, decode, encoded, given, judge, load

settings = given()


@serve.deployment(num_replicas=settings.workers, ray_actor_options={"num_cpus": 1})
class Photos:
    def __init__(self) -> None:
        self.detector = load()

    @serve.batch(max_batch_size=settings.batch, batch_wait_timeout_s=BATCH_WAIT)
    async def judge(self, photos: list[bytes]) -> list[dict[str, Any]]:
        return judge(self.detector, [decode(data) for data in photos])

    async def __call__(self, request: Request) -> Response:
        answer = await self.judge(await request.body())
        return Response(encoded(answer), media_type="application/json")


def main() -> None:
    # a processor for each replica and one for Ray's own actors, which it books but hardly uses
    ray.init(num_cpus=settings.workers + 1, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": HOST, "port": settings.port})
    serve.run(Photos.bind(), route_prefix="/detect")  # type: ignore[attr-defined]
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
