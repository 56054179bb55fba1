"""Processes follow the registry: without losing a photo, several of them, after a restart, not where told not to."""

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.identity.tenants import open_database
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.registry import follower, loader, repository, service
from refundlens.serving.registry.bundles import examine, open_bundles
from refundlens.serving.registry.follower import Follower
from refundlens.serving.registry.stages import Stage
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import digest
from tests.support.waiting import until

pytestmark = pytest.mark.slow

PATIENCE = 60.0
"""Seconds that no test needs."""


@dataclass
class Caller:
    """An engineer of a live server, or whoever is named."""

    base: str

    def ask(self, method: str, path: str, who: str = "eve", **more: Any) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer key-{who}",
            "Cache-Control": "no-cache",
            **more.pop("headers", {}),
        }
        if method == "POST" and "json" in more:
            headers.setdefault("Idempotency-Key", f"{path} {json.dumps(more.get('json'))}")
        return httpx.request(method, self.base + path, headers=headers, timeout=PATIENCE, **more)

    def judge(self, photo: bytes) -> dict[str, Any]:
        answer = self.ask("POST", "/v1/detect", files={"image": ("a.jpg", photo)})
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()["detections"][0]
        return found

    def running(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", "/v1/models").json()["running"]
        return found


@pytest.fixture
def enrol(live_settings: Settings, make_bundle: Any, live_clock: Any) -> Callable[..., tuple[str, str]]:
    """Registers another version in the installation of the live settings, as the command line does; id and SHA-256."""

    def register(version: str, **facts: Any) -> tuple[str, str]:
        path = make_bundle(version, **facts)
        sha256 = open_bundles(live_settings).put(path.read_bytes())
        found = examine(Detector(path, threads=1, device="cpu"), path.stat().st_size)
        database = open_database(live_settings, live_clock())
        with database.transaction() as session:
            identifier = service.add(session, service.SERVICE, found, live_clock()).id
        database.close()
        return identifier, sha256

    return register


def test_a_promotion_changes_what_judges_and_loses_no_photo(
    live: Any, enrol: Any, photo: Callable[..., bytes]
) -> None:
    caller, red = Caller(live.base), photo(red=True)
    before = caller.judge(red)
    two, sha256 = enrol("0.0.2", blind=True)
    answers: list[dict[str, Any]] = []
    failed: list[Exception] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                answers.append(caller.judge(red))
            except httpx.HTTPError as error:
                failed.append(error)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: len(answers) > 2, "an answer")
    promoted = caller.ask("POST", f"/v1/models/{two}/promote", json={"reason": "a test"})
    assert promoted.status_code == 200 and promoted.json()["stage"] == "champion", promoted.text
    until(lambda: answers[-1]["model"]["sha256"] == sha256, "the other model")
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert failed == []
    models = [one["model"]["sha256"] for one in answers]
    assert set(models) == {before["model"]["sha256"], sha256}
    after = caller.judge(red)
    assert after["model"]["version"] == "0.0.2" and after["probability"] != before["probability"]
    assert caller.running()["state"] == "following"


def test_two_services_follow_and_come_back(
    serve: Any, live_settings: Settings, enrol: Any, photo: Callable[..., bytes]
) -> None:
    first, second = (Caller(serve(live_settings).base) for _ in range(2))
    old = first.judge(photo())["model"]["sha256"]
    two, sha256 = enrol("0.0.2")
    assert first.ask("POST", f"/v1/models/{two}/promote", json={}).status_code == 200
    for caller in (first, second):
        until(lambda one=caller: one.running()["sha256"] == sha256, "the new model")  # type: ignore[misc]
    assert second.judge(photo())["model"]["sha256"] == sha256
    back = second.ask("POST", f"/v1/models/{two}/rollback", json={"reason": "a test"})
    assert back.status_code == 200 and back.json()["sha256"] == old
    for caller in (first, second):
        until(lambda one=caller: one.running()["sha256"] == old, "the old model")  # type: ignore[misc]


def test_a_shadow_is_shown_photos_in_every_process(
    live: Any, enrol: Any, photo: Callable[..., bytes]
) -> None:
    caller = Caller(live.base)
    two, sha256 = enrol("0.0.2", blind=True)
    assert caller.ask("POST", f"/v1/models/{two}/shadow", json={"share": 1}).json()["share"] == 1
    until(lambda: (caller.running()["agreement"] or {}).get("sha256") == sha256, "the shadow")
    caller.judge(photo(red=True))
    until(lambda: caller.running()["agreement"]["photos"] == 1, "a comparison")
    assert caller.running()["agreement"]["difference"] > 0
    seconds = [caller.running()["agreement"][f"{name}_seconds"] for name in ("champion", "challenger")]
    assert min(seconds) > 0

    def told() -> list[dict[str, Any]]:
        return list(caller.ask("GET", f"/v1/models/{two}").json()["shadowed"])

    until(lambda: bool(told()), "the report that outlives the process")
    (report,) = told()
    assert report["photos"] == 1 and sum(report["verdicts"].values()) == 1
    assert report["difference"] > 0 and report["challenger_seconds"] > 0
    assert [one["difference"] for one in report["worst"]] == [report["difference"]]
    ended = caller.ask("POST", f"/v1/models/{two}/shadow", json={"share": 0})
    assert ended.json()["stage"] == "candidate"
    until(lambda: caller.running()["agreement"] is None, "the end of the shadow")


@pytest.fixture
def installation(live_settings: Settings) -> Iterator[Callable[..., FastAPI]]:
    """Starts the service as a process would, without a server around it: `create_app` and a look of its follower."""
    apps: list[FastAPI] = []

    def start(**changed: Any) -> FastAPI:
        app = create_app(live_settings.model_copy(update=changed))
        apps.append(app)
        app.state.follower.look()
        return app

    yield start
    for app in apps:
        app.state.service.close()
        app.state.database.close()


def _runs(app: FastAPI) -> tuple[str, str]:
    running = app.state.follower.running
    return running.model.version, running.state


def _promote(app: FastAPI, version: str, chosen: bool = True) -> None:
    database: Database = app.state.database
    with database.transaction() as session:
        if chosen:
            by = Principal("tnt_default", "", Role.ADMIN, "root")
            service.promote(Context(session, app.state.settings, app.state.clock(), by), version)
        else:
            service.install(session, version, app.state.clock(), None)


def test_the_champion_is_there_again_after_a_restart(installation: Any, enrol: Any) -> None:
    app = installation()
    assert _runs(app) == ("0.0.1", "following")
    two, _ = enrol("0.0.2")
    _promote(app, two)
    again = create_app(app.state.settings)
    assert again.state.service.detector.name.version == "0.0.2", "from the first photo on"
    again.state.service.close()


def test_a_bundle_that_is_named_and_unknown_runs_and_follows_nobody(
    installation: Any, enrol: Any, make_bundle: Any, caplog: pytest.LogCaptureFixture
) -> None:
    installation()
    mine = make_bundle("9.9.9")
    app = installation(bundle=mine)
    assert _runs(app) == ("9.9.9", "own")
    assert "not in the registry of models" in caplog.text
    two, _ = enrol("0.0.2")
    _promote(app, two)
    app.state.follower.look()
    assert _runs(app) == ("9.9.9", "own")
    enrol("9.9.9")  # the same bytes: now the registry knows it, and its process follows
    app.state.follower.look()
    assert _runs(app) == ("0.0.2", "following")


def test_a_bundle_that_cannot_be_loaded_leaves_the_old_model_running(
    installation: Any, enrol: Any, live_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = installation()
    two, sha256 = enrol("0.0.2")
    stored = live_settings.data_dir / "models" / sha256[:2] / sha256[2:]
    content = stored.read_bytes()
    stored.write_bytes(b"broken")
    _promote(app, two)
    app.state.follower.look()
    assert _runs(app) == ("0.0.1", "failed")
    assert "damaged" in app.state.follower.running.why
    stored.write_bytes(content)
    app.state.follower.look()
    assert _runs(app) == ("0.0.1", "failed"), "not tried at every look"
    later = time.monotonic() + follower.TRY_AGAIN + 1
    monkeypatch.setattr("refundlens.serving.registry.follower.time.monotonic", lambda: later)
    app.state.follower.look()
    assert _runs(app) == ("0.0.2", "following")
    assert app.state.follower.running.why is None


def test_a_service_whose_champion_is_gone_starts_with_its_own_bundle(
    installation: Any, enrol: Any, live_settings: Settings
) -> None:
    app = installation()
    two, sha256 = enrol("0.0.2")
    _promote(app, two)
    open_bundles(live_settings).erase(sha256)
    assert _runs(installation()) == ("0.0.1", "failed")


def test_a_new_release_brings_its_model_unless_somebody_chose_one(
    installation: Any, make_bundle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def release(version: str) -> FastAPI:
        shipped = make_bundle(version)
        monkeypatch.setattr(loader, "bundled_path", lambda: shipped)
        app: FastAPI = installation(bundle=None)
        return app

    assert _runs(release("1.0.0")) == ("1.0.0", "following")
    app = release("1.1.0")
    assert _runs(app) == ("1.1.0", "following")
    _promote(app, "refundlens-tiny-1.0.0")
    app = release("1.2.0")
    assert _runs(app) == ("1.0.0", "following")
    with app.state.database.reading() as session:
        stages = {row.version: row.stage for row in repository.list_versions(session, 10)}
    assert stages == {"1.0.0": "champion", "1.1.0": "retired", "1.2.0": "candidate"}


def test_a_detector_of_the_callers_own_that_nothing_names_stays_out(
    live_settings: Settings, make_bundle: Any
) -> None:
    app = create_app(live_settings, Detector(make_bundle("5"), threads=1, device="cpu"))
    app.state.follower.look()
    assert _runs(app) == ("5", "own")
    with app.state.database.reading() as session:
        assert repository.at(session, Stage.CHAMPION) is None
    app.state.service.close()


def test_a_hangup_reads_a_replaced_bundle_and_follows_again_when_it_is_known(
    installation: Any, make_bundle: Any, tmp_path: Path, bundle: Path
) -> None:
    path = tmp_path / "model.onnx"
    shutil.copy(bundle, path)
    app = installation(bundle=path)
    follows: Follower = app.state.follower
    shutil.copy(make_bundle("7"), path)
    assert follows.swap().version == "7"
    follows.look()
    assert _runs(app) == ("7", "own")
    shutil.copy(bundle, path)
    assert digest(path.read_bytes()) == follows.swap().sha256
    assert _runs(app) == ("0.0.1", "following")


def test_the_loop_survives_a_database_that_is_away(
    installation: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = installation()
    follows: Follower = app.state.follower
    looks = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise OSError("away")

    monkeypatch.setattr(follows, "look", look)
    monkeypatch.setattr(follower, "REST", 0.0)

    async def run() -> None:
        task = asyncio.create_task(follows.run(asyncio.create_task(asyncio.sleep(0))))
        async with asyncio.timeout(PATIENCE):
            while len(looks) < 3:
                app.state.notifier.notify()
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(run())
    assert "could not be read" in caplog.text
