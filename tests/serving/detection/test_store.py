"""The store of what /v1/detect answered: bounded, found by question, and what versions before it kept is read in."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.detection import store as storing
from refundlens.serving.detection.old_folder import take_over
from refundlens.serving.detection.store import DetectionStore, load_map, make_record
from refundlens.serving.kit.ids import make_id
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.tables import DetectionRecord, Image

pytestmark = pytest.mark.slow

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = "tnt_one//engineer/me"


def _body(second: int) -> dict[str, Any]:
    identifier = make_id("det", MOMENT + timedelta(seconds=second))
    return {
        "id": identifier, "created_at": "2026-01-01T00:00:00.000Z", "file": None, "sha256": "0" * 64, "width": 48,
        "height": 32, "verdict": "fake", "probability": 0.97, "false_accusation_bound": 0.01,
        "model": {"name": "tiny", "version": "1.0.0", "sha256": "1" * 64},
    }  # fmt: skip


def _rows(database: Database) -> list[DetectionRecord]:
    with database.reading() as session:
        return list(session.execute(select(DetectionRecord).order_by(DetectionRecord.id)).scalars())


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def test_the_newest_answers_and_the_oldest_go(
    database: Database, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "SETTLED", -1.0)
    store = DetectionStore(database, files, keep=2)
    bodies = [_body(second) for second in range(4)]
    for number, body in enumerate(bodies):
        heat = files.put(b"map %d" % (number // 2))  # the first two share a map, as the last two do
        row = make_record("tnt_one", body, MOMENT, owner=OWNER, question=f"q{number % 2}", heatmap=heat)
        assert store.put([row]) == (number >= 0), "with so few kept, every one makes another go"
        store.trim()
    ids = [body["id"] for body in bodies]
    assert [row.id for row in _rows(database)] == ids[2:]
    assert store.answers(["q0", "q1", "q2"]) == {"q0": ids[2], "q1": ids[3]}
    assert not files.exists(_name(b"map 0")) and files.exists(_name(b"map 1"))


def _name(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def test_trimming_takes_no_screening_and_no_map_that_another_row_needs(
    database: Database, files: FileStore, create_dispute: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "SETTLED", -1.0)
    store = DetectionStore(database, files, keep=1)
    with database.transaction() as session:
        image: Image = create_dispute(session, MOMENT, buyer="b" * 64, files=files, content=b"photo").image
    heat = files.put(b"map of photo")
    for second in range(3):
        store.put([make_record("tnt_one", _body(second), MOMENT, owner=OWNER, heatmap=heat)])
    store.trim()
    rows = _rows(database)
    assert [row.image_id for row in rows if row.owner is None] == [image.id] and len(rows) == 2
    assert files.exists(heat)


def test_a_map_that_came_just_now_is_left_to_the_daily_sweep(database: Database, files: FileStore) -> None:
    """Somebody may be about to write a row that names it."""
    store = DetectionStore(database, files, keep=1)
    names = [files.put(b"map %d" % second) for second in range(2)]
    for second, name in enumerate(names):
        store.put([make_record("tnt_one", _body(second), MOMENT, owner=OWNER, heatmap=name)])
    store.trim()
    assert len(_rows(database)) == 1 and files.exists(names[0])


def test_a_trim_comes_with_every_hundredth_of_what_is_kept(database: Database, files: FileStore) -> None:
    store = DetectionStore(database, files, keep=300)
    due = [store.put([make_record("tnt_one", _body(second), MOMENT, owner=OWNER)]) for second in range(3)]
    assert due == [False, False, True]


def test_a_failing_trim_costs_nobody_anything(
    database: Database, files: FileStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = DetectionStore(database, files, keep=1)
    for second in range(2):
        store.put([make_record("tnt_one", _body(second), MOMENT, owner=OWNER)])
    with monkeypatch.context() as patch:
        patch.setattr(database, "transaction", None)
        store.trim()
    assert "could not be deleted" in caplog.text
    store.trim()
    assert len(_rows(database)) == 1


def _old(folder: Path, body: dict[str, Any], owner: str = OWNER, question: str | None = None) -> None:
    """A detection as versions up to 0.1 kept it."""
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{body['id']}.npy", np.full((4, 6), 0.25, np.float32))
    np.save(folder / f"{body['id']}.reliability.npy", np.full((4, 6), 0.5, np.float32))
    (folder / f"{body['id']}.json").write_text(json.dumps({"owner": owner, "body": body}))
    if question:
        (folder / f"{body['id']}.{question}.answer").touch()


def test_the_old_folder_is_read_in_once(database: Database, files: FileStore, tmp_path: Path) -> None:
    folder = tmp_path / "detections"
    good, asked, lost, strange = (_body(second) for second in range(4))
    _old(folder, good)
    _old(folder, asked, question="a" * 64)
    _old(folder, lost)
    (folder / f"{lost['id']}.npy").write_bytes(b"no map")
    _old(folder, strange, owner="tnt_gone//engineer/me")
    assert take_over(folder, database, files) == 2
    first, second = _rows(database)
    assert (first.id, first.body, first.owner, first.question) == (good["id"], good, OWNER, None)
    assert (second.id, second.question, second.created_at) == (asked["id"], "a" * 64, MOMENT)
    assert (first.verdict, first.bound, first.model_version) == ("fake", 0.01, "tiny 1.0.0")
    assert first.heatmap and load_map(files, first.heatmap).mean() == 0.25
    assert first.reliability and load_map(files, first.reliability).mean() == 0.5
    assert not folder.exists() and take_over(folder, database, files) == 0


def test_what_two_processes_read_in_is_there_once(
    database: Database, files: FileStore, tmp_path: Path
) -> None:
    body = _body(0)
    for _ in range(2):
        _old(tmp_path / "detections", body)
        take_over(tmp_path / "detections", database, files)
    with database.reading() as session:
        assert session.execute(select(func.count()).select_from(DetectionRecord)).scalar() == 1


def test_other_files_stay_and_keep_nobody_from_starting(
    database: Database, files: FileStore, tmp_path: Path
) -> None:
    folder = tmp_path / "detections"
    folder.mkdir()
    for name in ("det_.json", "det_x.json", "det_x.y.z.answer", "notes.txt", f"det_{'0' * 26}.partial"):
        (folder / name).touch()
    (folder / f"det_{'1' * 26}.json").mkdir()
    assert take_over(folder, database, files) == 0 and folder.exists()


def test_a_service_has_what_its_former_version_kept(
    settings: Settings, detector: Detector, photo: Callable[..., bytes]
) -> None:
    headers = {"Authorization": "Bearer test-key"}
    app = create_app(settings, detector)
    with TestClient(app, headers=headers) as client:
        first = client.post("/v1/detect", files={"image": ("a.jpg", photo())}).json()["detections"][0]
        heat = client.get(first["heatmap_url"]).content
        (row,) = _rows(app.state.database)
        with app.state.database.transaction() as session:
            session.delete(session.get_one(DetectionRecord, first["id"]))
    folder = settings.data_dir / "detections"
    assert row.owner and row.heatmap
    _old(folder, first, row.owner, row.question)
    np.save(folder / f"{first['id']}.npy", load_map(app.state.files, row.heatmap))
    with TestClient(create_app(settings, detector), headers=headers) as client:
        while client.get("/readyz").status_code != 200:
            pass
        assert client.get(f"/v1/detections/{first['id']}").json() == first
        assert client.get(first["heatmap_url"]).content == heat
        again = client.post("/v1/detect", files={"image": ("a.jpg", photo())})
        assert again.json()["detections"] == [first] and again.headers["cache-status"] == "refundlens; hit"
