"""LitServe: decode_request, batch, predict, unbatch, encode_response, in one process a worker.

Batches as in its documentation: up to `max_batch_size` requests, waiting `batch_timeout` for them to come.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import litserve
from fastapi import Body

from refundlens.model.photo.image import ImageError, Photo
from tests.bench.peers.common import BATCH_WAIT, HOST, body, decode, given, judge, load


class Photos(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.detector = load()

    def decode_request(self, request: Annotated[bytes, Body(media_type="image/jpeg")]) -> Photo | ImageError:
        return decode(request)

    def batch(self, inputs: Sequence[Photo | ImageError]) -> Sequence[Photo | ImageError]:
        return inputs

    def predict(self, x: Any) -> Any:
        """Batches are lists; without batching, one photo comes alone."""
        return judge(self.detector, x) if isinstance(x, list) else judge(self.detector, [x])[0]

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return body(output)


def main() -> None:
    settings = given()
    wait = BATCH_WAIT if settings.batch > 1 else 0.0
    api = Photos(max_batch_size=settings.batch, batch_timeout=wait, api_path="/detect")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=settings.workers)
    server.run(host=HOST, port=settings.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
