"""The clients: examples in three languages against a real port, and the Python client when things go wrong."""

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from refundlens.serving import client as module
from refundlens.serving.client import Client, ClientError, Unreachable

pytestmark = pytest.mark.slow

Photo = Callable[..., bytes]
ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "docs" / "examples"
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def server(app: FastAPI) -> Iterator[str]:
    """The service on a real port."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def _run(
    server: str, folder: Path, *command: object, key: str = "test-key"
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin:/usr/local/bin", "no_proxy": "*", "REFUNDLENS_URL": server,
        "REFUNDLENS_API_KEY": key,
    }  # fmt: skip
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "program",
    [
        ("sh", EXAMPLES / "detect.sh"),
        (sys.executable, EXAMPLES / "detect.py"),
        pytest.param(
            ("node", EXAMPLES / "detect.mjs"),
            marks=pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
        ),
    ],
    ids=["curl", "python", "node"],
)
def test_the_examples_run(program: tuple[object, ...], server: str, tmp_path: Path, photo: Photo) -> None:
    (tmp_path / "a b.jpg").write_bytes(photo(red=True))
    (tmp_path / "b.jpg").write_bytes(b"")
    done = _run(server, tmp_path, *program, "a b.jpg", "b.jpg")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    lines = answers[0].get("detections", answers)
    assert [line["file"] for line in lines] == ["a b.jpg", "b.jpg"]
    assert lines[0]["verdict"] == "fake" and lines[1]["error"]["code"] == "empty_file"
    assert _run(server, tmp_path, *program, "a b.jpg", key="wrong").returncode != 0
    assert _run(server, tmp_path, *program).returncode != 0


def test_the_readmes_code_runs(server: str, tmp_path: Path, photo: Photo) -> None:
    [code] = re.findall(r"^```python run\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(photo(red=True))
    done = _run(server, tmp_path, sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a.jpg fake\n" and (tmp_path / "heat.png").stat().st_size
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (EXAMPLES / target).exists()


def _client(answer: Callable[[httpx.Request], httpx.Response], **more: Any) -> Client:
    return Client("http://server/", "key", http=httpx.Client(transport=httpx.MockTransport(answer)), **more)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the client slept, without sleeping."""
    slept: list[float] = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    return slept


def _judged(request: httpx.Request) -> httpx.Response:
    count = request.content.count(b'name="image"')
    return httpx.Response(200, json={"detections": [{"verdict": "fake"} for _ in range(count)]})


def _busy(status: int, after: str | None, code: str = "overloaded") -> httpx.Response:
    headers = {} if after is None else {"Retry-After": after}
    return httpx.Response(status, json={"code": code, "detail": "later"}, headers=headers)


def test_any_number_of_photos_in_requests_of_sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    sent: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content.count(b'name="image"'))
        bad = {"index": 0, "error": {"code": "empty_file", "message": ""}}
        return httpx.Response(200, json={"detections": [bad, *[{"verdict": "fake"}] * (sent[-1] - 1)]})

    found = _client(answer).detect([b"x"] * 17 + [b"y" * 60, b"z" * 60, b"w" * 200])
    assert sent == [16, 2, 1, 1] and len(found) == 20
    assert [entry["index"] for entry in found if "index" in entry] == [0, 16, 18, 19], (
        "over all that were given"
    )
    assert _client(answer).detect([]) == []


def test_waits_as_long_as_it_is_asked_to_under_one_key(naps: list[float]) -> None:
    answers = [
        _busy(429, "7"),
        _busy(503, None),
        _busy(409, "1", module.IN_PROGRESS),
        _busy(503, "999"),
        None,
    ]
    keys = set()

    def answer(request: httpx.Request) -> httpx.Response:
        keys.add(request.headers["Idempotency-Key"])
        assert request.headers["Authorization"] == "Bearer key" and "X-Deadline-Ms" not in request.headers
        return answers.pop(0) or _judged(request)

    assert _client(answer).detect(b"x", claim="hole") == [{"verdict": "fake"}]
    assert naps == [7, 2 * module.FIRST_WAIT, 1, module.LONGEST_WAIT] and len(keys) == 1


def test_gives_up_when_no_time_is_left(naps: list[float]) -> None:
    limits = []

    def answer(request: httpx.Request) -> httpx.Response:
        limits.append(int(request.headers["X-Deadline-Ms"]))
        return _busy(503, "20")

    with pytest.raises(ClientError) as failed:
        _client(answer).detect(b"x", deadline=10)
    assert (failed.value.code, failed.value.status) == ("overloaded", 503) and naps == []
    assert len(limits) == 1 and 1 <= limits[0] <= 10_000


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (httpx.Response(413, json={"code": "too_large", "detail": "less"}), "too_large"),
        (httpx.Response(409, json={"code": "other", "detail": ""}), "other"),
        (httpx.Response(302), "engine_failed"),
        (httpx.Response(200, json={"detections": []}), "engine_failed"),
        (httpx.Response(200, json=[]), "engine_failed"),
        (httpx.Response(200, text="<html>"), "engine_failed"),
        (httpx.Response(503, text="gateway"), "engine_failed"),
    ],
)
def test_failures_have_a_code(response: httpx.Response, code: str, naps: list[float]) -> None:
    with pytest.raises(ClientError) as failed:
        _client(lambda _: response).detect(b"x")
    assert failed.value.code == code and len(naps) == (4 if response.status_code == 503 else 0)


def test_a_server_that_is_gone_is_tried_again_and_a_slow_one_is_not(naps: list[float]) -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    def slow(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow")

    for answer, tries in ((gone, 2), (slow, 0)):
        naps.clear()
        with pytest.raises(Unreachable):
            _client(answer, attempts=3).detect(b"x")
        assert len(naps) == tries
    with pytest.raises(Unreachable):
        _client(gone).detection("det_1")


def test_what_is_sent(server: str, photo: Photo, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photo(red=True))
    with Client(server, "test-key", "zh", http=httpx.Client(trust_env=False)) as client:
        [first] = client.detect(path, "hole", [("shop.jpg", photo())])
        assert first["file"] == "a.jpg" and re.search("[\u4e00-\u9fff]", first["reasons"][0]["text"])
        assert client.detection(first["id"]) == first
        assert client.picture(first["heatmap_url"]).startswith(b"\x89PNG")
        [once], [again], [anew] = client.detect(path), client.detect(path), client.detect(path, anew=True)
        assert once["id"] == again["id"] != anew["id"]
        with pytest.raises(ClientError, match="no detection"):
            client.detection("det_x")
