"""Pictures out of a real git repository, checked against their list; a small collection that others train on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from refundlens.datasets.cli import app
from refundlens.datasets.collect import collect, read_list
from refundlens.datasets.collection import CollectionError, family_of, read_index
from tests.datasets.collections import snapshot

pytestmark = pytest.mark.slow


def test_listed_pictures_come_out_bit_for_bit(tmp_path: Path) -> None:
    source = snapshot(tmp_path)
    result = collect(read_list(source.list), source.snapshots, tmp_path / "out", source.masks)
    assert not result.absent and not result.wrong
    assert {row["file"] for row in result.rows} == {row["file"] for row in read_list(source.list)}
    for row in result.rows:
        if not row["op"]:
            assert (tmp_path / "out" / row["file"]).read_bytes() == source.files[row["file"]]
    assert [entry.file for entry in read_index(tmp_path / "out")] == sorted(
        row["file"] for row in result.rows
    )


def test_other_bytes_than_listed_are_left_out_and_told(tmp_path: Path) -> None:
    source = snapshot(tmp_path)
    rows = [dict(row, sha256="0" * 64) if not row["op"] else row for row in read_list(source.list)]
    result = collect(rows, source.snapshots, tmp_path / "out")
    assert sorted(result.wrong) == sorted(row["file"] for row in rows if not row["op"])
    assert not any((tmp_path / "out" / name).exists() for name in result.wrong)


def test_a_repository_without_a_snapshot_is_named(tmp_path: Path) -> None:
    source = snapshot(tmp_path)
    rows = [*read_list(source.list), {**read_list(source.list)[0], "repo": "no/body", "file": "x.png"}]
    result = collect(rows, source.snapshots, tmp_path / "out")
    assert result.absent == ["no/body"] and len(result.rows) == len(rows) - 1


def test_a_second_split_joins_the_first(tmp_path: Path) -> None:
    source = snapshot(tmp_path)
    for split in ("train", "validation"):
        collect(read_list(source.list, split), source.snapshots, tmp_path / "out", source.masks)
    assert {entry.split for entry in read_index(tmp_path / "out")} == {"train", "validation"}


def test_a_list_without_a_column_says_which(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("file,split\na.png,train\n")
    with pytest.raises(CollectionError, match="sha256"):
        read_list(path)


def test_the_command_exits_1_where_a_snapshot_is_missing(tmp_path: Path) -> None:
    source = snapshot(tmp_path)
    (tmp_path / "empty").mkdir()
    answer = CliRunner().invoke(
        app, ["collect", str(tmp_path / "empty"), str(tmp_path / "out"), "--list", str(source.list)]
    )
    assert answer.exit_code == 1 and "no snapshot of" in answer.output


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gpt-image-2", "openai"),
        ("Gemini 3 Pro Image (nano-banana pro / nano-banana 2)", "google"),
        ("ACE++ (FLUX.1 Fill)", "flux"),
        ("FLUX.1-Kontext (libcom)", "flux"),
        ("SDXL inpainting", "stable_diffusion"),
        ("LaMa (big-lama)", "gan"),
        ("Kolors IP-Adapter", "newer"),
        ("DALL-E 2", "midjourney_dalle"),
        ("a tool nobody knows", "other"),
    ],
)
def test_generators_belong_to_families(name: str, family: str) -> None:
    assert family_of(name) == family


def test_what_watches_training_is_never_trained_on(tmp_path: Path) -> None:
    source = snapshot(tmp_path)
    collect(read_list(source.list), source.snapshots, tmp_path / "out", source.masks)
    entries = read_index(tmp_path / "out")
    trained = {entry.file for entry in entries if entry.usable_for("train")}
    watching = {entry.file for entry in entries if entry.usable_for("watch")}
    assert trained and watching and not trained & watching
    assert not {e.repository for e in entries if e.file in trained and e.label == "authentic"} & {
        e.repository for e in entries if e.file in watching and e.label == "authentic"
    }
    assert not any(entry.split == "validation" for entry in entries if entry.file in trained | watching)
