"""The reverse proxy of deploy/nginx.conf, run as it is but for ports and folders, before a live service."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from refundlens.serving.kit.clock import utc_now
from refundlens.serving.settings import Settings
from tests.support.ports import free_port

pytestmark = pytest.mark.slow
SAMPLE = Path(__file__).parents[3] / "deploy" / "nginx.conf"
HOST = "lens.example.com"


@dataclass(frozen=True)
class Front:
    """live: the service behind it."""

    live: Any
    port: int
    plain_port: int
    context: ssl.SSLContext


def _client(front: Front) -> httpx.Client:
    transport = httpx.HTTPTransport(verify=front.context)
    return httpx.Client(
        base_url=f"https://127.0.0.1:{front.port}", transport=transport, headers={"Host": HOST}, timeout=30
    )


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(utc_now() - timedelta(days=1)).not_valid_after(utc_now() + timedelta(days=1))
    signed = made.sign(key, hashes.SHA256())
    (folder / "fullchain.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "privkey.pem").write_bytes(private)


@pytest.fixture
def front(
    serve: Callable[[Settings], Any],
    live_settings: Settings,
    tmp_path: Path,
) -> Iterator[Front]:
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("no nginx: apt-get install nginx")
    live = serve(live_settings.model_copy(update={"public_url": f"https://{HOST}"}))
    folder = tmp_path / "nginx"
    folder.mkdir()
    _certificate(folder)
    port, plain = free_port(), free_port()
    text = SAMPLE.read_text(encoding="utf-8")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    for old, new in (
        ("server 127.0.0.1:8000;", f"server {live.base.removeprefix('http://')};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
        ("listen [::]:443 ssl http2;", ""),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen [::]:80;", ""),
        ("/etc/ssl/lens", str(folder)),
        ("pid /run/nginx.pid;", f"pid {folder}/nginx.pid; daemon off;"),
        ("/var/log/nginx/error.log", f"{folder}/error.log"),
        ("http {", f"http {{ {temporary}"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    made = Front(live, port, plain, context)
    try:
        _until_up(made, process)
        yield made
    finally:
        process.terminate()
        process.wait(10)


def _until_up(front: Front, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 10
    while True:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        try:
            if _client(front).get("/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_photo_is_judged_over_tls(front: Front, photo: Callable[..., bytes]) -> None:
    headers = {"Authorization": f"Bearer {front.live.key('shop-1')}", "Content-Type": "image/jpeg"}
    with _client(front) as client:
        answer = client.post("/v1/detect", content=photo(), headers=headers)
        assert answer.status_code == 200 and answer.json()["detections"][0]["verdict"]
        assert "max-age" in answer.headers["strict-transport-security"]
        assert "nginx/" not in answer.headers.get("server", "")
        login = client.post(
            "/login", data={"key": front.live.key("ann")}, headers={"Origin": f"https://{HOST}"}
        )
        assert login.status_code == 303 and "Secure" in login.headers["set-cookie"]
        assert client.get("/metrics").status_code == 403


def test_plain_http_is_sent_to_https(front: Front) -> None:
    answer = httpx.get(f"http://127.0.0.1:{front.plain_port}/login?next=/", headers={"Host": HOST})
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{HOST}/login?next=/")


def test_nobody_chooses_the_address_he_is_counted_by(front: Front) -> None:
    """Wrong keys are throttled by address, whatever the client says it is."""
    with _client(front) as client:
        statuses = [
            client.post(
                "/login",
                data={"key": "wrong"},
                headers={"X-Forwarded-For": f"192.0.2.{number}", "Forwarded": f"for=192.0.2.{number}"},
            ).status_code
            for number in range(14)
        ]
    assert statuses[0] == 401 and statuses[-1] == 429


def test_limits_hold_before_the_service(front: Front) -> None:
    headers = {"Authorization": f"Bearer {front.live.key('shop-1')}", "Content-Type": "image/jpeg"}
    with _client(front) as client:
        large = client.post("/v1/detect", content=b"x" * 67_200_000, headers=headers)
        assert large.status_code == 413
        long = client.get("/healthz", headers={"X-Long": "y" * 40_000})
        assert long.status_code == 400


def test_an_address_has_its_share_of_connections(front: Front) -> None:
    """Requests that stand still: 64 may be under way, the rest is told so."""
    held = []
    head = f"POST /v1/detect HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n"
    head += f"Authorization: Bearer {front.live.key('shop-1')}\r\n\r\nx"
    for _ in range(70):
        plain = socket.create_connection(("127.0.0.1", front.port), timeout=10)
        made = front.context.wrap_socket(plain, server_hostname=HOST)
        made.sendall(head.encode())
        held.append(made)
    time.sleep(0.5)
    refused = 0
    for made in held:
        made.settimeout(0.05)
        try:
            refused += b" 429 " in made.recv(200)
        except (TimeoutError, ssl.SSLError, OSError):
            continue
        finally:
            made.close()
    assert refused >= 6
