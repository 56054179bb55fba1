"""A live server with its worker, on a real socket, whose clock a test can move."""

import importlib.util
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from model.detect import Detector
from serving.app import create_app
from serving.clock import utc_now
from serving.settings import Settings

ROOT = Path(__file__).parents[3]
KEYS = ("admin:platform:key-admin", "merchant:shop-1:key-shop-1", "merchant:shop-2:key-shop-2",
        "adjudicator:ann:key-ann", "adjudicator:bob:key-bob", "engineer:eve:key-eve")  # fmt: skip


@dataclass
class Live:
    """base: its address. clock: the one it goes by."""

    base: str
    app: FastAPI
    clock: Any

    def key(self, subject: str) -> str:
        return f"key-{subject}"


@pytest.fixture(scope="session")
def story() -> ModuleType:
    """clients/story.py, which is no package."""
    spec = importlib.util.spec_from_file_location("refundlens_story", ROOT / "clients" / "story.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def moving_clock(moving_clock: Any) -> Any:
    """From now on: receivers check signatures by their own clock."""
    moving_clock.now = utc_now()
    return moving_clock


@pytest.fixture
def live_settings(bundle: Path, tmp_path: Path) -> Settings:
    return Settings(
        bundle=bundle,
        data_dir=tmp_path / "var",
        workers=2,
        api_keys=",".join(KEYS),  # type: ignore[arg-type]
        demo=False,
        allow_private_webhooks=True,
    )


@pytest.fixture
def serve(detector: Detector, moving_clock: Any) -> Iterator[Callable[[Settings], Live]]:
    """Starts servers; ends them with the test."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(settings: Settings) -> Live:
        app = create_app(settings, detector, moving_clock)
        door = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        running.append((server, thread))
        base = f"http://127.0.0.1:{door.getsockname()[1]}"
        _wait_ready(base, thread)
        return Live(base, app, moving_clock)

    yield start
    for server, _ in running:
        server.should_exit = True
    for _, thread in running:
        thread.join(20)


@pytest.fixture
def live(serve: Callable[[Settings], Live], live_settings: Settings) -> Live:
    return serve(live_settings)


def _wait_ready(base: str, thread: threading.Thread) -> None:
    for _ in range(600):
        if not thread.is_alive():
            raise RuntimeError("the server ended; the log above says why")
        try:
            if httpx.get(f"{base}/readyz", timeout=1).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise TimeoutError("the server did not get ready")
