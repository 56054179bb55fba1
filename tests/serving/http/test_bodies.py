"""Bodies that bring words stay small, declared or not; photos pass. No JSON holds the process up, whatever it is, and
no answer about it is long."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from refundlens.serving.http.middleware import MOST_BYTES
from refundlens.serving.kit.schema import from_base64
from refundlens.serving.settings import Settings

pytestmark = pytest.mark.slow

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


FLOOD = b'{"image":[' + b'"",' * 11_000_000 + b'""]}'
"""35 MB, as they froze the process of 0de9c60 for minutes."""


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/detect"), ("PUT", "/v1/refunds/R-1"), ("POST", "/v2/models/NAME/infer")],
)
def test_a_flood_of_values_is_refused_and_holds_nobody_up(live: Any, method: str, path: str) -> None:
    key = live.key("shop-1")
    path = path.replace("NAME", live.app.state.service.detector.name.name)
    slowest: list[float] = []
    over = threading.Event()

    def watch() -> None:
        with httpx.Client() as client:
            while not over.is_set():
                began = time.monotonic()
                client.get(f"{live.base}/healthz")
                slowest.append(time.monotonic() - began)
                time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    while not slowest:
        time.sleep(0.01)
    began = time.monotonic()
    headers = {**_bearer(key), "Content-Type": "application/json"}
    answer = httpx.request(method, live.base + path, content=FLOOD, headers=headers, timeout=60)
    took = time.monotonic() - began
    over.set()
    watcher.join()
    assert answer.status_code == 413 and len(answer.content) < 2_000, answer.text[:300]
    assert took < 5 and max(slowest) < 0.5


def test_what_is_wrong_a_thousand_times_is_told_once(client: TestClient) -> None:
    body = {"image": [{"data": "", "colour": 1, "x" * 3_000: 2} for _ in range(400)]}
    answer = client.post("/v1/detect", json=body)
    assert answer.status_code == 422 and len(answer.content) < 2_000
    assert answer.json()["detail"].count("colour") == 1


@pytest.mark.parametrize("path", ["/v1/labels", "/v1/webhook-endpoints"])
def test_no_problem_is_long(client: TestClient, path: str) -> None:
    body = {f"unknown-{index}-" + "字\\u0001" * 200: index for index in range(60)}
    answer = client.post(f"{path}?{'q' * 5_000}", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code in (403, 422) and len(answer.content) <= 2_000
    far = client.get("/" + "%01" * 6_000)
    assert far.status_code == 404 and len(far.content) <= 2_000


def test_base64_is_strict_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refundlens.serving.kit.schema.PIECE", 8)
    for text, fine in (
        ("QUJDREVGR0hJSg==", True),
        ("QUJDRA==QUJDRA==", False),
        ("QUJ DREVGR0hJSg==", False),
        ("", True),
    ):
        if fine:
            assert from_base64(text) == base64.b64decode(text)
        else:
            with pytest.raises(ValueError, match=r"."):
                from_base64(text)


def test_a_body_must_come_at_a_least_rate(
    serve: Callable[[Settings], Any], live_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refundlens.serving.http.body.UPLOAD_GRACE", 0.3)
    live = serve(live_settings)

    def trickle() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 100
            time.sleep(0.1)

    headers = {**_bearer(live.key("shop-1")), "Content-Type": "image/jpeg"}
    began = time.monotonic()
    answer = httpx.post(f"{live.base}/v1/detect", content=trickle(), headers=headers, timeout=30)
    assert answer.json()["code"] == "upload_timeout" and time.monotonic() - began < 3


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
