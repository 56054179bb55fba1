"""The engine behind the HTTP API: refusals before any work, priorities, and a new model on a signal."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import helper
from starlette.requests import Request
from starlette.testclient import TestClient

from refundlens.model.bundle import VERSION
from refundlens.serving.app import create_app
from refundlens.serving.detection import request as asking
from refundlens.serving.engine.engine import Engine
from refundlens.serving.engine.job import PhotoJob
from refundlens.serving.registry import loader
from refundlens.serving.settings import Settings
from tests.support.waiting import until

pytestmark = pytest.mark.slow

MakePhoto = Callable[..., bytes]
PATIENCE = 60.0
"""Seconds that no test needs."""
HEADERS = {"Authorization": "Bearer test-key"}


def _engine(client: TestClient) -> Engine:
    engine: Engine = client.app.state.service.engine  # type: ignore[attr-defined]
    return engine


def test_what_the_engine_cannot_do_in_time_is_refused_with_its_estimate(
    client: TestClient, photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(lambda: client.get("/readyz").status_code == 200)
    monkeypatch.setattr("refundlens.serving.engine.workers.SMALL_TILES", 4)
    monkeypatch.setattr(
        _engine(client)._workers._load, "seconds", lambda ahead, own: 0.0 if own < 5 else own * 10.0
    )
    files = [("image", (str(n), photo())) for n in range(2)]
    assert client.post("/v1/detect", files=files[:1]).status_code == 200
    refused = client.post("/v1/detect", files=files, headers={"Cache-Control": "no-cache"})
    assert refused.status_code == 503 and refused.json()["code"] == "deadline"
    assert refused.headers["retry-after"] == "80", "two photos of four tiles"
    text = client.get("/metrics").text
    assert (
        'refundlens_refused_total{reason="deadline"} 1.0' in text and "refundlens_waiting_tiles 0.0" in text
    )


@pytest.mark.parametrize(
    ("header", "priority"),
    [
        (None, "interactive"), ("u=0, i", "interactive"), ("u=3", "interactive"), ("u=4", "bulk"),
        ("i, u=7", "bulk"), ("u=9", "interactive"), ("xu=7", "interactive"), ("\"", "interactive"),
    ],
)  # fmt: skip
def test_the_priority_header_is_read_as_rfc_9218_has_it(header: str | None, priority: str) -> None:
    headers = [] if header is None else [(b"priority", header.encode())]
    assert asking.priority(Request({"type": "http", "headers": headers})) == priority


def test_callers_may_say_that_others_go_first(
    client: TestClient, photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(lambda: client.get("/readyz").status_code == 200)
    engine, seen = _engine(client), []
    submit = engine.submit

    def spy(jobs: list[PhotoJob]) -> None:
        seen.extend(job.priority for job in jobs)
        submit(jobs)

    monkeypatch.setattr(engine, "submit", spy)
    for headers in ({}, {"Priority": "u=6"}):
        answer = client.post(
            "/v1/detect",
            files={"image": ("a.jpg", photo())},
            headers={"Cache-Control": "no-cache", **headers},
        )
        answer.raise_for_status()
    assert seen == ["interactive", "bulk"]


def test_a_service_that_stops_says_so(client: TestClient, photo: MakePhoto) -> None:
    until(lambda: client.get("/readyz").status_code == 200)
    _engine(client).close()
    answer = client.post("/v1/detect", files={"image": ("a.jpg", photo())})
    assert answer.status_code == 503 and answer.headers["retry-after"]


def test_the_challenger_of_the_settings_is_shown_photos(settings: Settings, photo: MakePhoto) -> None:
    shadowed = settings.model_copy(update={"shadow": settings.bundle, "shadow_share": 1.0})
    with TestClient(create_app(shadowed), headers=HEADERS) as client:
        until(lambda: _engine(client).agreement is not None)
        assert client.post("/v1/detect", files={"image": ("a.jpg", photo())}).status_code == 200
        until(lambda: _engine(client).agreement.photos == 1)  # type: ignore[union-attr]
        assert 'refundlens_shadow_verdicts_total{agreement="same"} 1.0' in client.get("/metrics").text


def test_the_bundle_is_read_anew_on_sighup_and_a_broken_one_changes_nothing(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert settings.bundle
    path = tmp_path / "model.onnx"
    shutil.copy(settings.bundle, path)
    engine = Engine(settings=settings.model_copy(update={"bundle": path}))

    async def hang_up(until: Callable[[], bool]) -> None:
        loader.on_hangup(asyncio.get_running_loop(), engine)
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(PATIENCE):
            while not until():
                await asyncio.sleep(0.01)

    model = onnx.load(str(path))
    facts = {item.key: item.value for item in model.metadata_props} | {VERSION: "0.0.2"}
    helper.set_model_props(model, facts)
    onnx.save(model, str(path))
    asyncio.run(hang_up(lambda: engine.detector.name.version == "0.0.2"))
    path.write_bytes(b"broken")
    asyncio.run(hang_up(lambda: "the model stays" in caplog.text))
    assert engine.detector.name.version == "0.0.2"
    engine.close()
