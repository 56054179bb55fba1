"""Labels from decisions and engineers, and the export of the strongest truth."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from refundlens.datasets.photos import gather
from refundlens.model.photo.image import type_as_sent
from refundlens.serving.cli.main import app as cli
from refundlens.serving.identity.tenants import DEFAULT, open_database
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.labels import service
from refundlens.serving.labels.export import ExportError, export
from refundlens.serving.labels.schemas import LabelIn, Truth
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileStore, open_files
from refundlens.serving.workflow.states import Event, ReportState

Caller = Callable[[str], Any]
ENGINEER = Principal("tnt_one", "key_1", Role.ENGINEER, "eve")
BUYER = "b" * 64


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.mark.parametrize(
    ("event", "state", "truth", "source", "weight"),
    [
        (Event.DECIDE_ESTABLISHED, ReportState.ESTABLISHED, "fake", "decision", 1),
        (Event.DECIDE_NOT_ESTABLISHED, ReportState.NOT_ESTABLISHED, "authentic", "decision", 1),
        (Event.UPHOLD, ReportState.FINAL_ESTABLISHED, "fake", "appeal_upheld", 2),
        (Event.OVERTURN, ReportState.FINAL_NOT_ESTABLISHED, "authentic", "appeal_overturned", 3),
    ],
)
def test_a_decision_leaves_a_label(
    database: Database,
    create_dispute: Callable[..., Any],
    moving_clock: Any,
    event: Event,
    state: ReportState,
    truth: str,
    source: str,
    weight: float,
) -> None:
    with database.transaction() as session:
        made = create_dispute(session, moving_clock(), buyer=BUYER, state=state)
        label = service.for_decision(session, made.report, event, "ann", moving_clock())
        assert (label.truth, label.source, label.weight) == (truth, source, weight)
        assert (label.sha256, label.report_id, label.labelled_by) == (
            made.image.sha256,
            made.report.id,
            "ann",
        )
        assert (label.model_version, label.model_probability) == ("1.0.0", 0.97)


def test_engineers_label_photos_by_any_of_their_names(
    workflow_app: FastAPI, as_caller: Caller, create_dispute: Callable[..., Any], moving_clock: Any
) -> None:
    with workflow_app.state.database.transaction() as session:
        made = create_dispute(session, moving_clock(), buyer=BUYER, tenant=DEFAULT)
    eve = as_caller("eve")
    names = [
        {"sha256": made.image.sha256},
        {"image_id": made.image.id},
        {"detection_id": made.report.screening_id},
    ]
    for name in names:
        answer = eve.post("/v1/labels", json={"truth": "ai_edited", **name})
        assert answer.status_code == 201
        assert (answer.json()["sha256"], answer.json()["image_id"]) == (made.image.sha256, made.image.id)
        assert (answer.json()["model_probability"], answer.json()["source"]) == (0.97, "engineer")
    moving_clock.forward(seconds=1)
    unknown = eve.post("/v1/labels", json={"truth": "authentic", "sha256": "0" * 64})
    assert (unknown.status_code, unknown.json()["image_id"]) == (201, None)
    assert eve.post("/v1/labels", json={"truth": "authentic", "image_id": "img_1"}).status_code == 404
    for wrong in (
        {"truth": "authentic"},
        {"truth": "odd", **names[0]},
        {"truth": "fake", **names[0], **names[1]},
    ):
        assert eve.post("/v1/labels", json=wrong).status_code == 422
    first = eve.get("/v1/labels?limit=3").json()
    rest = eve.get(f"/v1/labels?limit=3&cursor={first['next_cursor']}").json()
    assert [one["truth"] for one in first["items"] + rest["items"]] == ["authentic", *["ai_edited"] * 3]
    assert len(eve.get(f"/v1/labels?sha256={made.image.sha256}&source=engineer").json()["items"]) == 3
    assert eve.get("/v1/labels?truth=fake").json()["items"] == []
    assert as_caller("shop-1").get("/v1/labels").status_code == 403


def _lines(out: Path) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["sha256"] for line in lines] == sorted(line["sha256"] for line in lines)
    return {line["sha256"]: line for line in lines}


def test_the_export_has_the_strongest_truth_of_each_photo(
    database: Database,
    create_dispute: Callable[..., Any],
    moving_clock: Any,
    files: FileStore,
    tmp_path: Path,
) -> None:
    with database.transaction() as session:
        wronged, fake, erased = (
            create_dispute(session, moving_clock(), buyer=BUYER, files=files, content=content)
            for content in (b"wronged", b"fake", b"erased")
        )
        for made in (wronged, fake, erased):
            service.for_decision(session, made.report, Event.DECIDE_ESTABLISHED, "ann", moving_clock())
        wronged.report.state = ReportState.FINAL_NOT_ESTABLISHED.value
        service.for_decision(session, wronged.report, Event.OVERTURN, "bob", moving_clock.forward(days=1))
        erased.image.erased_at = moving_clock()
        for sha256, truth in (
            (wronged.image.sha256, Truth.FAKE),  # later, but worth less than the appeal
            (fake.image.sha256, Truth.AI_GENERATED),  # agrees, and knows more
            ("0" * 64, Truth.AUTHENTIC),
        ):
            asked = LabelIn(sha256=sha256, truth=truth)
            context = Context(session, Settings(), moving_clock.forward(days=1), ENGINEER)
            service.make_label(context, asked)
        other = create_dispute(session, moving_clock(), buyer=BUYER, tenant="tnt_two", content=b"theirs")
        service.for_decision(session, other.report, Event.DECIDE_ESTABLISHED, "ann", moving_clock())
    with database.reading() as session:
        done = export(session, files, "tnt_one", tmp_path / "out")
    assert (done.photos, done.without, done.conflicts, done.damaged) == (2, 2, 1, ())
    lines = _lines(tmp_path / "out")
    assert set(lines) == {*(made.image.sha256 for made in (wronged, fake, erased)), "0" * 64}
    best = lines[wronged.image.sha256]
    assert (best["truth"], best["label"], best["source"], best["labels"]) == (
        "authentic",
        0,
        "appeal_overturned",
        3,
    )
    assert [one["source"] for one in best["conflicts"]] == ["decision", "engineer"]
    assert (tmp_path / "out" / best["file_name"]).read_bytes() == b"wronged"
    known = lines[fake.image.sha256]
    assert (known["truth"], known["conflicts"], known["group"]) == ("ai_generated", [], best["group"])
    assert (lines[erased.image.sha256]["file_name"], lines[erased.image.sha256]["missing"]) == (
        None,
        "erased",
    )
    assert lines["0" * 64]["missing"] == "never_stored"
    assert BUYER not in (tmp_path / "out" / "manifest.jsonl").read_text(encoding="utf-8")
    with (tmp_path / "out" / "MANIFEST.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["file"], row["role"], row["defect"]) for row in rows] == [
        (best["file_name"], "real_defect", "hole")
    ]


def test_a_damaged_photo_is_told_and_nothing_is_written_over(
    tmp_path: Path, create_dispute: Callable[..., Any], moving_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUNDLENS_DATA_DIR", str(tmp_path))
    kept = Settings(data_dir=tmp_path)
    database, files = open_database(kept, moving_clock()), open_files(kept)
    with database.transaction() as session:
        made = create_dispute(session, moving_clock(), buyer=BUYER, files=files, tenant=DEFAULT)
        service.for_decision(session, made.report, Event.DECIDE_ESTABLISHED, "ann", moving_clock())
    sha256 = made.image.sha256
    (tmp_path / "files" / sha256[:2] / sha256[2:]).write_bytes(b"something else")
    run = CliRunner().invoke
    told = run(cli, ["labels", "export", str(tmp_path / "out")])
    assert (told.exit_code, "0 photos, 1 without" in told.stdout, sha256 in told.stderr) == (1, True, True)
    again = run(cli, ["labels", "export", str(tmp_path / "out")])
    assert (again.exit_code, "exists already" in again.stderr) == (1, True)
    with database.reading() as session, pytest.raises(ExportError):
        export(session, files, DEFAULT, tmp_path / "files")
    database.close()


def test_authentic_photos_of_the_export_are_sources_of_a_dataset(
    database: Database,
    create_dispute: Callable[..., Any],
    moving_clock: Any,
    files: FileStore,
    tmp_path: Path,
    photo: Callable[..., bytes],
) -> None:
    """`refundlens data build` takes the folder as it is, and knows whose photos they are and what they show."""
    state = ReportState.NOT_ESTABLISHED
    with database.transaction() as session:
        live = io.BytesIO()
        with zipfile.ZipFile(live, "w") as archive:
            archive.writestr("IMG_1.JPG", photo(size=(200, 200)))
        for content in (photo(size=(320, 240)), photo(size=(240, 320)), live.getvalue()):
            made = create_dispute(
                session, moving_clock(), buyer=BUYER, files=files, content=content, state=state
            )
            made.image.media_type = type_as_sent(content, "jpeg")
            service.for_decision(session, made.report, Event.DECIDE_NOT_ESTABLISHED, "ann", moving_clock())
    with database.reading() as session:
        export(session, files, "tnt_one", tmp_path / "out")
    gathered = gather([tmp_path / "out" / "authentic"])
    lines = _lines(tmp_path / "out")
    assert {Path(line["file_name"]).suffix for line in lines.values()} == {".jpg", ".livp"}
    assert {one.sha256 for one in gathered.photos} == set(lines)
    assert {one.group for one in gathered.photos} == {line["group"] for line in lines.values()}
    assert {one.real_defect for one in gathered.photos} == {"hole"}
    assert gathered.unreadable == []


def test_a_tenant_s_labels_become_a_snapshot_once_it_agrees(
    tmp_path: Path,
    create_dispute: Callable[..., Any],
    moving_clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    photo: Callable[..., bytes],
) -> None:
    monkeypatch.setenv("REFUNDLENS_DATA_DIR", str(tmp_path))
    kept = Settings(data_dir=tmp_path)
    database, files = open_database(kept, moving_clock()), open_files(kept)
    state = ReportState.NOT_ESTABLISHED
    with database.transaction() as session:
        content = photo(size=(320, 240))
        made = create_dispute(
            session, moving_clock(), buyer=BUYER, files=files, content=content, state=state, tenant=DEFAULT
        )
        service.for_decision(session, made.report, Event.DECIDE_NOT_ESTABLISHED, "ann", moving_clock())
    database.close()
    run, store = CliRunner().invoke, tmp_path / "snapshots"
    refused = run(cli, ["data", "export", str(store)])
    assert refused.exit_code == 1 and "refundlens tenants set" in refused.stderr
    assert run(cli, ["tenants", "set", "default", "--training"]).exit_code == 0
    told = run(cli, ["data", "export", str(store)])
    folder = Path(told.stdout.strip())
    assert folder.parent == store and (folder / "manifest.parquet").is_file()
    assert told.exit_code == 1 and "empty_class" in told.stderr, "one photo is nothing to learn from"
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| authentic |" in card and BUYER not in card and "ann" not in card.replace("Anna", "")
