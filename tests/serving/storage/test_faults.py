"""A full disk and a damaged database are told as what they are, everywhere, and nothing acknowledged is lost."""

import base64
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from starlette.testclient import TestClient
from typer.testing import CliRunner

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.cli.main import app as command
from refundlens.serving.identity.tenants import open_database
from refundlens.serving.kit.clock import utc_now
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database, DatabaseError, sqlite_file
from refundlens.serving.storage.files import FileStore
from tests.support.waiting import until

pytestmark = pytest.mark.slow

REFUND = {
    "account": "shop-1",
    "status": "open",
    "amount": {"value": 12800, "currency": "CNY"},
    "buyer": "b-1",
    "claim": {"type": "hole", "text": "a hole"},
    "deadline_at": "2099-01-01T00:00:00Z",
}


def _damage(file: Path) -> None:
    """Random bytes over the middle pages of an SQLite file, as a failing disk writes them."""
    size = file.stat().st_size
    start = min(8192, size // 2)  # most of it may be in the log still
    with file.open("r+b") as opened:
        opened.seek(start)
        opened.write(os.urandom(max(4096, size - start)))


@pytest.fixture
def data(settings: Settings) -> Path:
    """A data folder with a database in it."""
    open_database(settings, utc_now()).close()
    return settings.data_dir


def test_a_damaged_database_is_told_at_start(settings: Settings, data: Path) -> None:
    _damage(sqlite_file(data))
    with pytest.raises(DatabaseError, match="restore the last backup"):
        open_database(settings, utc_now())


@pytest.mark.parametrize("how", ["emptied", "gone"])
def test_no_new_database_is_made_where_one_was(settings: Settings, data: Path, how: str) -> None:
    FileStore(data / "files").put(b"a photo")
    file = sqlite_file(data)
    file.write_bytes(b"") if how == "emptied" else file.unlink()
    for extra in data.glob("refundlens.db-*"):
        extra.unlink()
    with pytest.raises(DatabaseError, match="restore the last backup"):
        open_database(settings, utc_now())


@pytest.mark.parametrize("verb", [["audit", "verify"], ["keys", "list"], ["doctor", "--json"]])
def test_commands_say_what_to_do_and_show_no_traceback(
    data: Path, monkeypatch: pytest.MonkeyPatch, bundle: Path, verb: list[str]
) -> None:
    _damage(sqlite_file(data))
    monkeypatch.setenv("REFUNDLENS_DATA_DIR", str(data))
    monkeypatch.setenv("REFUNDLENS_BUNDLE", str(bundle))
    result = CliRunner().invoke(command, verb)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    said = result.output + result.stderr
    assert "restore the last backup" in said and "Traceback" not in said
    if verb[0] == "doctor":
        found = {one["check"]: one["state"] for one in json.loads(result.stdout)["checks"]}
        assert found["database"] == "failed" and found["model"] != "failed"


@pytest.mark.parametrize("path", ["/v1/refunds", "/v1/reports", "/v1/webhook-endpoints"])
@pytest.mark.parametrize("how", ["damaged", "cut off"])
def test_no_list_is_empty_because_the_database_is_damaged(
    settings: Settings, detector: Detector, path: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refundlens.serving.storage.database.BUSY_SECONDS", 1)
    admin = Settings(**{**settings.model_dump(), "api_keys": "admin:root:key-root", "worker": False})
    app = create_app(admin, detector)
    file = sqlite_file(settings.data_dir)
    with TestClient(
        app, headers={"Authorization": "Bearer key-root"}, raise_server_exceptions=False
    ) as client:
        assert client.get(path).status_code == 200
        app.state.database.close()
        for extra in settings.data_dir.glob("refundlens.db-*"):
            extra.unlink()
        if how == "damaged":
            _damage(file)
        else:
            os.truncate(file, 0)
        answer = client.get(path)
        told = {(500, "database_corrupt")}
        if how == "cut off":
            told.add((503, "overloaded"))  # where somebody has it open still: locked
        assert (answer.status_code, answer.json()["code"]) in told, answer.text
        ready = client.get("/readyz")
        assert ready.status_code == 503 and "database" in ready.json()["detail"]


def test_one_answer_of_a_damaged_database_has_the_whole_file_looked_at(data: Path) -> None:
    """Readiness asks for a page that connections keep in memory: another page's damage is told all the same."""
    database = Database(f"sqlite:///{sqlite_file(data)}")
    with database.transaction() as session:
        session.execute(text("CREATE TABLE filled (word TEXT)"))
        session.execute(text("INSERT INTO filled VALUES (:word)"), [{"word": "x" * 100}] * 2000)
    database.close()  # nothing is left in memory, nothing in the log
    database.ping()
    file = sqlite_file(data)
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size - 150_000)
        opened.write(os.urandom(150_000))
    database.ping()
    with pytest.raises(DBAPIError), database.reading() as session:
        session.execute(text("SELECT * FROM filled")).all()
    with pytest.raises(DatabaseError, match="restore the last backup"):
        database.ping()
    database.close()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets every file that is written from now on meet a full disk."""

    def fill() -> None:
        def refuse(handle: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", refuse)
        monkeypatch.setattr("refundlens.serving.detection.store.np.save", lambda *given, **more: refuse(0))

    return fill


@pytest.fixture
def root(settings: Settings, detector: Detector) -> Iterator[TestClient]:
    merchant = Settings(
        **{**settings.model_dump(), "api_keys": "merchant:shop-1:key-shop-1", "worker": False}
    )
    app = create_app(merchant, detector)
    headers = {"Authorization": "Bearer key-shop-1"}
    with TestClient(app, headers=headers, raise_server_exceptions=False) as client:
        yield client


def test_a_full_disk_is_507_and_keeps_what_was_acknowledged(
    root: TestClient,
    photo: Callable[..., bytes],
    full_disk: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refund(number: int, picture: bytes) -> Any:
        data = base64.b64encode(picture).decode()
        body = {**REFUND, "images": {"refund": [{"name": "a.jpg", "data": data}]}}
        return root.put(f"/v1/refunds/R-{number}", json=body)

    first = refund(1, photo())
    assert first.status_code == 201, first.text
    kept = root.post("/v1/detect", content=photo(), headers={"Content-Type": "image/jpeg"})
    full_disk()
    refused = refund(2, photo(red=True))
    assert (refused.status_code, refused.json()["code"]) == (507, "disk_full")
    unjudged = root.post("/v1/detect", content=photo(red=True), headers={"Content-Type": "image/jpeg"})
    assert (unjudged.status_code, unjudged.json()["code"]) == (507, "disk_full")
    monkeypatch.undo()
    assert root.get("/v1/refunds/R-1").json()["images"] == first.json()["images"]
    assert root.get("/v1/refunds/R-2").status_code == 404
    line = kept.json()["detections"][0]
    assert root.get(f"/v1/detections/{line['id']}").json() == line
    assert refund(2, photo(red=True)).status_code == 201
    folder = root.app.state.settings.data_dir  # type: ignore[attr-defined]
    assert not list(folder.rglob("*.partial"))


def test_a_full_database_is_507(root: TestClient, photo: Callable[..., bytes]) -> None:
    """SQLite's own word for it, by the pages it may have."""
    database: Database = root.app.state.database  # type: ignore[attr-defined]
    body = {**REFUND, "images": {"refund": []}}
    assert root.put("/v1/refunds/R-1", json=body).status_code == 201
    engine = database._engine

    def bound(connection: Any, *_: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(engine, "checkout", bound)
    database.close()
    codes = set()
    for number in range(2, 60):
        answer = root.put(
            f"/v1/refunds/R-{number}", json={**body, "claim": {"type": "hole", "text": "x" * 1900}}
        )
        codes.add((answer.status_code, answer.json().get("code")))
        if answer.status_code != 201:
            break
    assert (507, "disk_full") in codes
    event.remove(engine, "checkout", bound)
    database.close()
    assert root.get("/v1/refunds/R-1").status_code == 200


def test_readiness_tells_of_disk_worker_and_model(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _until_ready(client)
    assert set(client.get("/readyz").json()["checks"].values()) == {"ok"}
    usage = shutil.disk_usage(app.state.settings.data_dir)
    monkeypatch.setattr("refundlens.serving.readiness.KEPT_SECONDS", 0.0)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1000))
    assert "disk: 0 MB are free" in client.get("/readyz").json()["detail"]
    monkeypatch.undo()
    monkeypatch.setattr("refundlens.serving.readiness.KEPT_SECONDS", 0.0)
    app.state.working.get_loop().call_soon_threadsafe(app.state.working.cancel)
    until(lambda: client.get("/readyz").status_code == 503, seconds=30)
    assert "worker: the worker has ended" in client.get("/readyz").json()["detail"]


def _until_ready(client: TestClient) -> None:
    until(lambda: client.get("/readyz").status_code == 200, seconds=30)
