"""Connections: a share for each address, headers in time and of a size, the idle ones go first."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from refundlens.serving.http import connections
from refundlens.serving.settings import Settings

pytestmark = pytest.mark.slow

OTHER = "127.0.0.2"
"""Another address of this machine, which no setting calls a proxy."""


@pytest.fixture
def door(
    serve: Callable[[Settings], Any], live_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Callable[..., socket.socket]]]:
    """Starts a service; gives what connects to it, from an address."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    with ExitStack() as opened:

        def start(**given: Any) -> Callable[..., socket.socket]:
            live = serve(live_settings.model_copy(update=given))
            address = urlsplit(live.base)

            def connect(source: str = OTHER) -> socket.socket:
                assert address.hostname and address.port
                made = socket.create_connection(
                    (address.hostname, address.port), timeout=10, source_address=(source, 0)
                )
                opened.callback(made.close)
                return made

            return connect

        yield start


def _told(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """Status and problem of what the service says before it hangs up."""
    content = b""
    while piece := connection.recv(65_536):
        content += piece
    head, _, body = content.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def _alive(connection: socket.socket) -> bool:
    connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    return connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_an_address_has_its_share_and_leaves_the_rest(door: Callable[..., Any]) -> None:
    connect = door(connections_per_address=3)
    mine = [connect() for _ in range(3)]
    status, problem = _told(connect())
    assert (status, problem["code"]) == (429, "too_many_connections")
    assert _alive(connect("127.0.0.3")) and _alive(mine[0])
    assert all(_alive(connect("127.0.0.1")) for _ in range(5)), "a proxy has any number"
    mine.pop().close()
    time.sleep(0.1)
    assert _alive(connect())


def test_when_all_are_in_use_the_idle_one_goes(door: Callable[..., Any]) -> None:
    connect = door(max_connections=4)
    first, second = connect(), connect()
    assert _alive(first) and _alive(second)
    third, fourth = connect(), connect()
    assert _alive(third) and _alive(fourth) and _alive(second)
    assert _alive(connect()), "there is room for who comes"
    assert first.recv(10) == b"", "the one that idled longest was closed"


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nx: y\r\n"])
def test_a_header_must_come_in_time(door: Callable[..., Any], sent: bytes) -> None:
    connection = door()()
    connection.sendall(sent)
    began = time.monotonic()
    assert _told(connection)[0] == 408
    assert time.monotonic() - began < 5


def test_a_second_header_must_come_in_time_too(door: Callable[..., Any]) -> None:
    connection = door()()
    assert _alive(connection)
    connection.sendall(b"GET / HT")
    assert _told(connection)[0] == 408


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.1\r\nx: " + b"y" * 100_000,  # one that never ends
        b"GET /healthz HTTP/1.1\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["one header", "many headers", "a path"],
)
def test_a_header_has_a_size(door: Callable[..., Any], sent: bytes) -> None:
    connection = door()()
    connection.sendall(sent)
    assert _told(connection)[0] == 431


def test_no_http_is_a_problem(door: Callable[..., Any]) -> None:
    connection = door()()
    connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
    assert _told(connection)[0] == 400


def test_a_photo_takes_longer_than_a_header(live: Any, photo: Callable[..., bytes]) -> None:
    """The clock of the header stops with the header."""
    picture = photo()

    def slowly() -> Iterator[bytes]:
        for start in range(0, len(picture), 4_000):
            yield picture[start : start + 4_000]
            time.sleep(0.1)

    headers = {"Authorization": f"Bearer {live.key('shop-1')}", "Content-Type": "image/jpeg"}
    answer = httpx.post(f"{live.base}/v1/detect", content=slowly(), headers=headers, timeout=30)
    assert answer.status_code == 200
