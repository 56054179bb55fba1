"""The remote editor against a server on this machine that speaks OpenAI's images API."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from refundlens.datasets.editors.base import EditRequest
from refundlens.datasets.editors.http import EditServiceError, HttpEditor


def _white(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "PNG")
    return buffer.getvalue()


class _Service(ThreadingHTTPServer):
    """Answers each POST with the next of `answers`, (status, headers, body), the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        picture = base64.b64encode(_white(64, 64)).decode()
        self.answers: list[tuple[int, dict[str, str], Any]] = [(200, {}, {"data": [{"b64_json": picture}]})]
        self.posts: list[tuple[str, Message, dict[str, bytes]]] = []
        self.gets: list[Message] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: _Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts = BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()  # type: ignore[attr-defined]
        fields = {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
            for part in parts
        }
        self.server.posts.append((self.path, self.headers, fields))
        status, headers, answer = self.server.answers.pop(0)
        if not self.server.answers:
            self.server.answers.append((status, headers, answer))
        self._send(status, headers, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    def do_GET(self) -> None:
        self.server.gets.append(self.headers)
        self._send(200 if self.path == "/picture" else 404, {}, _white(32, 48))

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""


@pytest.fixture
def service() -> Iterator[_Service]:
    server = _Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def editor(service: _Service, waits: list[float]) -> Iterator[HttpEditor]:
    with httpx.Client(timeout=5, trust_env=False) as client:
        yield HttpEditor(
            "remote",
            service.base + "/",
            "edit-1",
            "sk-test",
            product="mug",
            client=client,
            sleep=waits.append,
        )


@pytest.fixture
def request_() -> EditRequest:
    photo = np.random.default_rng(0).integers(0, 200, (72, 100, 3), dtype=np.uint8)
    region = np.zeros((72, 100), np.float32)
    region[30:50, 40:70] = 1
    return EditRequest(photo, photo, region, "mould")


RNG_SEED = 3


def test_the_request_is_what_the_api_wants(
    editor: HttpEditor, service: _Service, request_: EditRequest
) -> None:
    edit = editor.edit(request_, np.random.default_rng(RNG_SEED))
    ((path, headers, fields),) = service.posts
    assert path == "/v1/images/edits" and headers["Authorization"] == "Bearer sk-test"
    assert headers["Content-Type"].startswith("multipart/form-data")
    assert fields["model"] == b"edit-1" and fields["response_format"] == b"b64_json"
    assert b"mug" in fields["prompt"] and fields["prompt"].decode() == edit.parameters["prompt"]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(fields["image"]))), request_.photo)
    mask = np.asarray(Image.open(io.BytesIO(fields["mask"])))
    assert mask.shape == (72, 100, 4)
    assert (mask[30:50, 40:70, 3] == 0).all() and mask[0, 0, 3] == 255


def test_the_whole_answer_at_the_photos_size(editor: HttpEditor, request_: EditRequest) -> None:
    edit = editor.edit(request_, np.random.default_rng(RNG_SEED))
    assert (edit.kind, edit.generator) == ("ai_generated", "remote")
    assert edit.pixels.shape == request_.photo.shape and (edit.pixels == 255).all()
    assert (edit.changed == 1).all() and edit.parameters["answer_size"] == (64, 64)


def test_composite_keeps_the_photo_outside(editor: HttpEditor, request_: EditRequest) -> None:
    editor.composite = True
    edit = editor.edit(request_, np.random.default_rng(RNG_SEED))
    assert edit.kind == "ai_edited"
    np.testing.assert_array_equal(edit.pixels[edit.changed == 0], request_.photo[edit.changed == 0])
    assert (edit.pixels[edit.changed == 1] == 255).all() and edit.changed[40, 55] == 1


def test_optional_fields_can_be_left_out(
    editor: HttpEditor, service: _Service, request_: EditRequest
) -> None:
    editor.response_format, editor.send_mask = None, False
    editor.edit(request_, np.random.default_rng(RNG_SEED))
    assert not {"mask", "response_format"} & set(service.posts[0][2])


def test_a_picture_behind_an_address_is_fetched_without_the_key(
    editor: HttpEditor, service: _Service, request_: EditRequest
) -> None:
    service.answers = [(200, {}, {"data": [{"url": f"{service.base}/picture"}]})]
    assert editor.edit(request_, np.random.default_rng(RNG_SEED)).parameters["answer_size"] == (32, 48)
    assert "Authorization" not in service.gets[0]
    service.answers = [(200, {}, {"data": [{"url": f"{service.base}/gone"}]})]
    with pytest.raises(EditServiceError, match="404"):
        editor.edit(request_, np.random.default_rng(RNG_SEED))


def test_busy_services_are_asked_again(
    editor: HttpEditor, service: _Service, request_: EditRequest, waits: list[float]
) -> None:
    service.answers = [
        (429, {"Retry-After": "7"}, {}),
        (503, {"Retry-After": "Thu, 01 Jan 2015 00:00:00 GMT"}, {}),
        (500, {}, {}),
        *service.answers,
    ]
    editor.edit(request_, np.random.default_rng(RNG_SEED))
    assert len(service.posts) == 4
    assert waits[:2] == [7.0, 0.0] and waits[2] > 0
    assert all(fields["image"] for _, _, fields in service.posts), "each repetition carries the picture"


def test_it_gives_up_with_the_services_words(
    editor: HttpEditor, service: _Service, request_: EditRequest, waits: list[float]
) -> None:
    service.answers = [(500, {}, {"error": {"message": "out of memory"}})]
    with pytest.raises(EditServiceError, match="out of memory") as caught:
        editor.edit(request_, np.random.default_rng(RNG_SEED))
    assert caught.value.status == 500 and len(service.posts) == editor.attempts
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_a_wait_of_hours_is_an_error(
    editor: HttpEditor, service: _Service, request_: EditRequest, waits: list[float]
) -> None:
    service.answers = [(429, {"Retry-After": "86400"}, {"error": {"message": "quota"}})]
    with pytest.raises(EditServiceError, match="quota"):
        editor.edit(request_, np.random.default_rng(RNG_SEED))
    assert waits == [] and len(service.posts) == 1


@pytest.mark.parametrize("status", [400, 401, 404])
def test_refusals_are_not_repeated(
    editor: HttpEditor, service: _Service, request_: EditRequest, status: int
) -> None:
    service.answers = [(status, {}, b"no such model")]
    with pytest.raises(EditServiceError, match="no such model") as caught:
        editor.edit(request_, np.random.default_rng(RNG_SEED))
    assert caught.value.status == status and len(service.posts) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        [],
        {"data": []},
        {"data": [{}]},
        {"data": [{"b64_json": "%%%"}]},
        {"data": [{"b64_json": base64.b64encode(b"no picture").decode()}]},
    ],
)
def test_answers_that_are_no_pictures(
    editor: HttpEditor, service: _Service, request_: EditRequest, answer: Any
) -> None:
    service.answers = [(200, {}, answer)]
    with pytest.raises(EditServiceError, match="answered"):
        editor.edit(request_, np.random.default_rng(RNG_SEED))


def test_nobody_listens(request_: EditRequest, waits: list[float]) -> None:
    with httpx.Client(trust_env=False) as client:
        editor = HttpEditor(
            "remote", "http://127.0.0.1:9", "m", attempts=2, client=client, sleep=waits.append
        )
        with pytest.raises(EditServiceError, match="cannot be reached") as caught:
            editor.edit(request_, np.random.default_rng(RNG_SEED))
    assert caught.value.status is None and waits == [1.0]
