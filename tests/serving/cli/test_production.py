"""What `serve` holds to where others can reach it, and what every answer carries."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.cli.production import LEAST_KEY, fit_for, is_loopback, keep_for_owner
from refundlens.serving.settings import Settings, SettingsError
from refundlens.serving.storage.files import FileStore


@pytest.mark.parametrize(
    ("host", "public_url", "demo"),
    [
        ("127.0.0.1", "", True),
        ("localhost", "http://localhost:8000", True),
        ("::1", "", True),
        ("127.0.0.2", "", True),
        ("0.0.0.0", "", False),
        ("::", "", False),
        ("192.0.2.1", "", False),
        ("lens.example.com", "", False),
        ("127.0.0.1", "https://lens.example.com", False),  # a reverse proxy stands before it
    ],
)
def test_the_demo_is_for_this_machine_alone(host: str, public_url: str, demo: bool) -> None:
    settings, told = fit_for(Settings(public_url=public_url), host)
    assert settings.demo is demo and len(told) == (not demo)
    assert fit_for(Settings(public_url=public_url, demo=False), host)[1] == []


@pytest.mark.parametrize("entry", ["short", "admin:short", "merchant:a-very-long-shop-name:short"])
def test_a_short_key_is_refused(entry: str) -> None:
    with pytest.raises(SettingsError, match=f"{LEAST_KEY} are the least"):
        fit_for(Settings(api_keys=entry), "127.0.0.1")
    long = entry.replace("short", "x" * LEAST_KEY)
    fit_for(Settings(api_keys=long), "127.0.0.1")


def test_hosts_that_are_no_addresses() -> None:
    assert not is_loopback("") and not is_loopback("127.0.0.1.example.com")


@pytest.fixture
def mask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_files_are_for_their_owner(
    mask: None, tmp_path: Path, settings: Settings, detector: Detector
) -> None:
    settings.data_dir.mkdir(mode=0o755)
    keep_for_owner(settings.data_dir)
    create_app(settings, detector)
    FileStore(settings.data_dir / "files").put(b"a photo")
    made = [settings.data_dir, *settings.data_dir.rglob("*")]
    assert any(path.name == "refundlens.db" for path in made)
    wrong = [path.name for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert not wrong


@pytest.mark.parametrize("path", ["/healthz", "/v1/none", "/openapi.json", "/login", "/static/page.css"])
@pytest.mark.slow
def test_no_answer_is_taken_for_something_else(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in answer.headers


def test_nor_is_a_crash(app: FastAPI) -> None:
    """It is answered outside of all middleware."""

    def crash() -> None:
        raise RuntimeError("a fault of ours")

    app.add_api_route("/crash", crash)
    answer = TestClient(app, raise_server_exceptions=False).get("/crash")
    assert (answer.status_code, answer.headers["x-content-type-options"]) == (500, "nosniff")


def test_over_tls_browsers_are_told_to_stay_there(
    app: FastAPI, settings: Settings, detector: Detector
) -> None:
    secure = TestClient(app, base_url="https://testserver")
    assert "max-age=" in secure.get("/healthz").headers["strict-transport-security"]
    behind = create_app(settings.model_copy(update={"public_url": "https://lens.example.com"}), detector)
    assert "max-age=" in TestClient(behind).get("/healthz").headers["strict-transport-security"]


def test_openapi_is_built_once(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    client = TestClient(app)
    first = client.get("/openapi.json")
    monkeypatch.setattr(app, "openapi", lambda: pytest.fail("built again"))
    assert client.get("/openapi.json").content == first.content and first.json()["openapi"].startswith("3.1")


def test_keys_cannot_be_tried_out(client: TestClient) -> None:
    """Ten a minute from one address; who is logged in, and the API, are not concerned."""
    for _ in range(11):
        assert client.post("/login", data={"key": "wrong"}).status_code == 401
    refused = client.post("/login", data={"key": "test-key"})
    assert refused.status_code == 429 and refused.headers["retry-after"] and "wrong keys" in refused.text
    assert client.get("/v1/refunds").status_code == 200
