"""Snapshots: what they hold, that they cannot be changed, and what leaves them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from refundlens.datasets.cli import app
from refundlens.datasets.collection import read_index
from refundlens.datasets.snapshot.join import join
from refundlens.datasets.snapshot.judged import confidence_of
from refundlens.datasets.snapshot.make import chain, make_snapshot, note_model
from refundlens.datasets.snapshot.store import SnapshotError, open_snapshot, snapshots
from tests.datasets.collections import COLUMNS
from tests.datasets.snapshot.feedback import Feedback, jpeg, photo, usual

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def test_the_same_labels_are_the_same_snapshot_and_photos_lie_there_once(tmp_path: Path) -> None:
    folder = usual(tmp_path / "labels").write()
    first = make_snapshot([folder], tmp_path / "store", NOW)
    again = make_snapshot([folder], tmp_path / "store", NOW)
    elsewhere = make_snapshot([folder], tmp_path / "other", NOW)
    assert first.folder == again.folder and first.folder.name == elsewhere.folder.name
    opened = open_snapshot(first.folder)
    assert len(opened.samples) == 48 == len([*(tmp_path / "store" / "images").rglob("*.jpg")])
    assert all(opened.path(sample).is_file() for sample in opened.samples)
    assert {sample.part for sample in opened.samples} == {"train", "test"}
    assert opened.version.startswith(first.folder.name.rpartition("-")[2])


def test_a_changed_row_is_found_out(tmp_path: Path) -> None:
    made = make_snapshot([usual(tmp_path / "a").write()], tmp_path / "store", NOW)
    other = usual(tmp_path / "b")
    other.lines[0]["truth"] = "fake"
    other.lines[0]["label"] = 1
    foreign = make_snapshot([other.write()], tmp_path / "elsewhere", NOW)
    manifest = made.folder / "manifest.parquet"
    assert manifest.stat().st_mode & 0o222 == 0
    manifest.chmod(0o644)
    manifest.write_bytes((foreign.folder / "manifest.parquet").read_bytes())
    with pytest.raises(SnapshotError, match="somebody changed it"):
        open_snapshot(made.folder)


def test_only_people_who_agreed_and_photos_whose_time_runs(tmp_path: Path) -> None:
    feedback = usual(tmp_path / "labels")
    with pytest.raises(SnapshotError, match="--training"):
        make_snapshot([feedback.write(training=False)], tmp_path / "store", NOW)
    late = feedback.add(50, keep_until="2026-11-01T00:00:00Z")
    own = feedback.add(51, source="detector")
    made = make_snapshot([feedback.write()], tmp_path / "store", NOW)
    assert dict(made.skipped) == {"past its time": 1, "not a person's word": 1}
    assert {late, own}.isdisjoint(sample.sha256 for sample in open_snapshot(made.folder).samples)


def test_an_erased_photo_leaves_and_the_card_says_who_saw_it(tmp_path: Path) -> None:
    feedback, store = usual(tmp_path / "labels"), tmp_path / "store"
    first = make_snapshot([feedback.write()], store, NOW)
    note_model(store, "refundlens-s-0.4.0", "f" * 64, chain(first.folder))
    gone = feedback.lines[0]
    path = open_snapshot(first.folder).path(
        next(one for one in open_snapshot(first.folder).samples if one.sha256 == gone["sha256"])
    )
    gone |= {"file_name": None, "missing": "erased"}
    second = make_snapshot([feedback.write()], store, NOW)
    assert not path.exists() and gone["sha256"] in second.left
    assert gone["sha256"] not in {one.sha256 for one in open_snapshot(second.folder).samples}
    card = (second.folder / "README.md").read_text(encoding="utf-8")
    line = next(line for line in card.splitlines() if gone["sha256"][:12] in line)
    assert "erased" in line and "refundlens-s-0.4.0" in line
    assert chain(second.folder) == [one.version for one in reversed(snapshots(store))]


def test_near_alike_photos_of_two_senders_are_in_one_part(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path / "labels")
    for index in range(12):
        pixels = photo(index)
        feedback.add(index, content=jpeg(pixels), group=f"first{index}")
        feedback.add(index, content=jpeg(pixels[:, :, :] // 2 * 2), group=f"second{index}")
    samples = open_snapshot(make_snapshot([feedback.write()], tmp_path / "s", NOW).folder).samples
    by_group: dict[str, set[str]] = {}
    for sample in samples:
        by_group.setdefault(sample.group, set()).add(sample.part)
    assert len(by_group) == 12 and all(len(parts) == 1 for parts in by_group.values())


def test_confidence_falls_with_who_disagrees() -> None:
    against = [{"source": "engineer", "weight": 2.0}]
    judge = [{"source": "decision", "weight": 1.0}]
    assert confidence_of("decision", 1.0, []) > confidence_of("decision", 1.0, against) == 0.5
    assert confidence_of("appeal_overturned", 3.0, judge) == confidence_of("appeal_overturned", 3.0, [])
    assert confidence_of("engineer", 2.0, judge) < confidence_of("engineer", 2.0, [])


def test_joined_photos_train_or_are_measured_on_and_never_calibrate(tmp_path: Path) -> None:
    feedback = usual(tmp_path / "labels")
    vague = feedback.add(2000, "fake")
    made = make_snapshot([feedback.write()], tmp_path / "store", NOW)
    collection = tmp_path / "collection"
    collection.mkdir()
    (collection / "index.csv").write_text(",".join(COLUMNS) + "\n")
    entries = read_index(join(collection, [open_snapshot(made.folder)], tmp_path / "joined"))
    assert len(entries) == 49 and all(entry.fed for entry in entries)
    train = {entry.file for entry in entries if entry.usable_for("train")}
    parts = {one.sha256: one.part for one in open_snapshot(made.folder).samples}
    assert {Path(name).stem for name in train} == {sha for sha, part in parts.items() if part == "train"}
    assert not any(entry.usable_for("watch") or entry.unseen for entry in entries)
    unlocated = next(entry for entry in entries if Path(entry.file).stem == vague)
    assert unlocated.unlocated and unlocated.label == "ai_edited"


def test_the_verbs_write_and_check_and_exit_1_where_something_is_wrong(tmp_path: Path) -> None:
    run = CliRunner().invoke
    folder, store = usual(tmp_path / "labels").write(), tmp_path / "store"
    made = run(app, ["export", str(store), "--feedback", str(folder)])
    assert made.exit_code == 0, made.output
    snapshot = made.stdout.strip()
    assert run(app, ["check", snapshot]).stdout == "no problem found in 48 photos\n"
    image = next((store / "images").rglob("*.jpg"))
    image.write_bytes(b"no picture")
    told = run(app, ["check", snapshot])
    assert (told.exit_code, told.stdout.startswith("corrupt_image: 1 photo(s)")) == (1, True)
    assert json.loads((Path(snapshot) / "snapshot.json").read_text())["number"] == 1
    assert run(app, ["export", str(store)]).exit_code == 2


def test_an_engineer_s_own_photos_become_labels_with_their_name(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "own"
    for number in range(3):
        (photos / f"camera{number}").mkdir(parents=True)
        (photos / f"camera{number}" / "a.jpg").write_bytes(jpeg(photo(number, 96, 112)))

    def label(where: Path, truth: str = "ai_generated") -> Result:
        given = [
            "label",
            str(photos),
            str(where),
            "--truth",
            truth,
            "--by",
            "eve",
            "--generator",
            "Newcomer 2",
        ]
        return CliRunner().invoke(app, given)

    assert label(out).exit_code == 0
    again = label(out)
    assert again.exit_code == 1 and "choose another place" in again.output
    assert label(tmp_path / "odd", "odd").exit_code == 2
    samples = open_snapshot(make_snapshot([out], tmp_path / "store", NOW).folder).samples
    assert {(one.truth, one.source, one.confidence, one.generator) for one in samples} == {
        ("ai_generated", "engineer", 0.95, "Newcomer 2")
    }
    assert len({one.group for one in samples}) == 3 and len({one.said_by for one in samples}) == 1
    assert "eve" not in (out / "manifest.jsonl").read_text(encoding="utf-8")
    (photos / "torn.jpg").write_bytes(b"torn")
    assert label(tmp_path / "torn").exit_code == 1
