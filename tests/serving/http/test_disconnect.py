"""Callers who hang up before the answer: over a real socket, nothing is begun for them, and nobody else notices."""

import asyncio
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image
from starlette.requests import Request
from starlette.types import Message

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.http.connections import while_connected
from refundlens.serving.http.problems import CALLER_GONE, Problem
from refundlens.serving.settings import Settings
from tests.support.waiting import until

pytestmark = pytest.mark.slow

MakePhoto = Callable[..., bytes]
PATIENCE = 20.0
"""Seconds that no test needs."""
KEY = {"Authorization": "Bearer test-key"}


class Held:
    """A session that waits until `go` is set, and keeps the mean of each tile it was given."""

    def __init__(self, session: object) -> None:
        self._session = session
        self.go, self.busy = threading.Event(), threading.Event()
        self.go.set()
        self.seen: list[float] = []

    def run(self, names: list[str], feed: dict[str, np.ndarray]) -> object:
        self.busy.set()
        assert self.go.wait(PATIENCE)
        self.seen += [float(tile.mean()) for tile in feed["tiles"]]
        return self._session.run(names, feed)  # type: ignore[attr-defined]

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]

    def hold(self) -> None:
        self.seen.clear()
        self.busy.clear()
        self.go.clear()


@pytest.fixture
def held(bundle: Path) -> tuple[Detector, Held]:
    detector = Detector(bundle, threads=1)
    session = Held(detector.bundle.session)
    object.__setattr__(detector.bundle, "session", session)
    return detector, session


@pytest.fixture
def app(settings: Settings, held: tuple[Detector, Held], monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    app = create_app(settings.model_copy(update={"workers": 1, "demo": True}), held[0])
    monkeypatch.setattr(app.state.samples, "prepare", lambda: None)  # nobody looks at the samples here
    return app


@pytest.fixture(params=["httptools", "h11"])
def port(request: pytest.FixtureRequest, app: FastAPI, held: tuple[Detector, Held]) -> Iterator[int]:
    """The warm service on a real port, with either of uvicorn's parsers."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", http=request.param)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started and app.state.ready, seconds=PATIENCE)
    yield int(server.servers[0].sockets[0].getsockname()[1])
    held[1].go.set()
    server.should_exit = True
    thread.join(PATIENCE)


def _post(path: str, body: bytes, kind: str = "image/jpeg", **headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {len(body)}", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in {**KEY, **headers}.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _open(port: int, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection.sendall(data)
    return connection


def _black() -> bytes:
    file = io.BytesIO()
    Image.new("L", (300, 300)).save(file, "PNG")
    return file.getvalue()


def _leave(port: int, route: str, black: bytes) -> socket.socket:
    """A connection with a request for a verdict on `black`, in the form that the route expects."""
    if route == "/v1/detect":
        return _open(port, _post(route, black, Idempotency_Key="mine"))
    if route == "/check":
        cookies = httpx.get(f"http://127.0.0.1:{port}").cookies
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        field = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        kind = "multipart/form-data; boundary=x"
        return _open(port, _post(route, field + black + b"\r\n--x--\r\n", kind, Cookie=cookie))
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES"}
    head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": len(black) + 4}}]}).encode()
    body = head + len(black).to_bytes(4, "little") + black
    length = {"Inference_Header_Content_Length": str(len(head))}
    return _open(port, _post(route, body, "application/octet-stream", **length))


def _requests(app: FastAPI, route: str, status: int) -> float:
    labels = {"method": "POST", "route": route, "status": str(status)}
    return app.state.metrics.registry.get_sample_value("refundlens_requests_total", labels) or 0.0


@pytest.mark.parametrize("route", ["/v1/detect", "/v2/models/refundlens-tiny/infer", "/check"])
def test_nothing_is_begun_for_a_caller_who_has_hung_up(
    app: FastAPI, port: int, held: tuple[Detector, Held], photo: MakePhoto, route: str
) -> None:
    session = held[1]
    engine, waiting = app.state.service.engine, app.state.budgets.photos
    session.hold()
    stays = _open(port, _post("/v1/detect", photo()))
    assert session.busy.wait(PATIENCE)
    black = _black()
    leaving = _leave(port, route, black)
    until(lambda: waiting.total == 2 and len(engine._workers._jobs) == 2, seconds=PATIENCE)
    leaving.close()
    until(lambda: waiting.total == 1, seconds=PATIENCE)
    assert len(engine._workers._jobs) == 1, "before any thread is free"
    template = route.replace("refundlens-tiny", "{name}")
    until(lambda: _requests(app, template, CALLER_GONE) == 1, seconds=PATIENCE)
    session.go.set()
    assert stays.recv(12) == b"HTTP/1.1 200"
    assert min(session.seen) > 50, "no tile of the black one was run"
    shed = app.state.metrics.registry.get_sample_value("refundlens_shed_total", {"reason": "abandoned"})
    assert shed == 1
    headers = {**KEY, "Content-Type": "image/png", "Idempotency-Key": "mine"}
    again = httpx.post(f"http://127.0.0.1:{port}/v1/detect", content=black, headers=headers)
    assert again.status_code == 200 and min(session.seen) < 50, "the key was given back"
    stays.close()


def test_callers_who_stay_get_their_answers_in_order_on_one_connection(
    port: int, held: tuple[Detector, Held], photo: MakePhoto
) -> None:
    """Pipelined: the second request is there while the server waits for the first one's caller to hang up."""
    held[1].hold()
    first, second = photo(), photo(red=True)
    connection = _open(port, _post("/v1/detect", first))
    assert held[1].busy.wait(PATIENCE)
    connection.sendall(_post("/v1/detect", second))
    held[1].go.set()
    answers = b""
    while answers.count(b'"verdict":"') < 2:
        received = connection.recv(65536)
        assert received, answers
        answers += received
    fake = answers.index(b'"verdict":"fake"')
    assert answers.count(b"HTTP/1.1 200") == 2 and answers.rindex(b"HTTP/1.1 200") < fake
    connection.close()


def _request(*messages: Message) -> Request:
    left = list(messages)

    async def receive() -> Message:
        if left:
            return left.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def test_what_is_done_in_time_is_answered_and_faults_are_passed_on() -> None:
    async def work(result: object) -> object:
        await asyncio.sleep(0)
        if isinstance(result, Exception):
            raise result
        return result

    async def check() -> None:
        rest: Message = {"type": "http.request", "body": b"unread", "more_body": False}
        assert await while_connected(_request(rest), work(7)) == 7
        with pytest.raises(KeyError):
            await while_connected(_request(), work(KeyError("mine")))

    asyncio.run(check())


def test_the_work_has_ended_when_the_caller_is_given_up() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    async def check() -> None:
        rest: Message = {"type": "http.request", "body": b"", "more_body": False}
        with pytest.raises(Problem, match="closed") as caught:
            await while_connected(_request(rest, {"type": "http.disconnect"}), work())
        assert caught.value.status == CALLER_GONE and ended == [True]

    asyncio.run(check())
