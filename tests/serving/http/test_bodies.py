"""Bodies that bring words stay small, declared or not; photos pass."""

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from refundlens.serving.http.middleware import MOST_BYTES

TOO_LONG = b'{"note": "' + b"x" * MOST_BYTES + b'"}'


def _pieces() -> Iterator[bytes]:
    for start in range(0, len(TOO_LONG), 50_000):
        yield TOO_LONG[start : start + 50_000]


@pytest.mark.parametrize("path", ["/v1/reports", "/v1/labels", "/v1/webhook-endpoints", "/login", "/none"])
@pytest.mark.parametrize("content", [TOO_LONG, None], ids=["declared", "in pieces"])
def test_a_long_body_is_refused(client: TestClient, path: str, content: bytes | None) -> None:
    answer = client.post(path, content=content or _pieces(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_short_body_arrives_whole_in_pieces(client: TestClient) -> None:
    pieces = iter([b'{"refund_id": "r", ', b'"image": "i"}'])
    answer = client.post(
        "/v1/reports", content=pieces, headers={"Content-Type": "application/json", "Idempotency-Key": "k"}
    )
    assert answer.status_code in (403, 404)  # understood: there is no such refund


def test_photos_may_be_long(client: TestClient, photo: Callable[..., bytes]) -> None:
    picture = photo("BMP", size=(640, 480))
    assert len(picture) > MOST_BYTES
    answer = client.post("/v1/detect", content=picture, headers={"Content-Type": "image/bmp"})
    assert answer.status_code == 200
