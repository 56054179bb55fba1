"""Bringing listed public pictures out of snapshots of the repositories they stand in.

In: a list (`pictures.csv`: repository, git blob, SHA-256, class, pair, mask, generator, licence …) and a folder of
snapshots, each a git directory or a clone. Out: a folder of verified files and `index.csv`, the rows that are really
there. Nothing is taken on trust: a file whose bytes differ from the list is left out and told.
"""

import csv
import hashlib
import io
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from refundlens.datasets.collection import INDEX, CollectionError
from refundlens.model.progress import track

COLUMNS = (
    "file",
    "split",
    "class",
    "pair",
    "mask",
    "generator",
    "repo",
    "git_blob",
    "op",
    "sha256",
    "licence",
)
"""Columns that every list must have; others are carried along."""
Row = Mapping[str, str]


@dataclass
class Collected:
    """rows: of the list, now in the folder. absent: repositories without a snapshot. wrong: files whose bytes are
    missing from their snapshot or differ from the list."""

    rows: list[dict[str, str]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def read_list(path: Path, split: str | None = None) -> list[dict[str, str]]:
    """The rows of a list, of one split if named. Raises CollectionError where a column is missing."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise CollectionError(f"{path} is no list of pictures: it has no column {', '.join(missing)}")
        return [row for row in reader if split in (None, row["split"])]


def collect(
    rows: Sequence[dict[str, str]], snapshots: Path, out: Path, masks: Path | None = None
) -> Collected:
    """Write every listed picture whose snapshot is there to `out`, with its mask; those already there are kept.

    Raises CollectionError where `snapshots` is no folder, OSError where `out` cannot be written.
    """
    if not snapshots.is_dir():
        raise CollectionError(f"{snapshots} is no folder; put a snapshot OWNER+NAME of each repository there")
    out.mkdir(parents=True, exist_ok=True)
    by_repository: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_repository[row["repo"]].append(row)
    result = Collected()
    for repository, wanted in track(sorted(by_repository.items()), len(by_repository), "collect"):
        directory = git_directory(snapshots, repository)
        if directory is None:
            result.absent.append(repository)
            continue
        missing = [row for row in wanted if not (out / row["file"]).is_file()]
        for row, data in _blobs(directory, missing):
            if data is None or not _write(row, data, out):
                result.wrong.append(row["file"])
        for row in wanted:
            if (out / row["file"]).is_file():
                result.rows.append(_with_mask(row, out, masks))
    _write_index(result, out)
    return result


def git_directory(snapshots: Path, repository: str) -> Path | None:
    """Where the objects of OWNER/NAME lie below `snapshots`, none where it has no snapshot."""
    folder = snapshots / repository.replace("/", "+")
    candidates = (folder / name for name in ("repo/.git", "repo", ".git", "."))
    return next((path for path in candidates if (path / "objects").is_dir()), None)


def _blobs(directory: Path, rows: Sequence[dict[str, str]]) -> Iterator[tuple[dict[str, str], bytes | None]]:
    """Each row with the bytes of its blob, none where the snapshot lacks it."""
    if not rows:
        return
    command = ["git", "--git-dir", str(directory), "cat-file", "--batch"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as batch:
        assert batch.stdin is not None and batch.stdout is not None
        for row in rows:
            batch.stdin.write(row["git_blob"].encode() + b"\n")
            batch.stdin.flush()
            head = batch.stdout.readline().split()
            if len(head) != 3:  # "<blob> missing"
                yield row, None
                continue
            data = batch.stdout.read(int(head[2]))
            batch.stdout.read(1)
            yield row, data
        batch.stdin.close()


def _write(row: Row, data: bytes, out: Path) -> bool:
    """Check the bytes (or, for a tile of a figure, its pixels) against the list and write them."""
    if row["op"]:
        corners = [int(number) for number in row["op"].split()[1:]]
        with Image.open(io.BytesIO(data)) as figure:
            tile = np.asarray(figure.convert("RGB").crop((corners[0], corners[1], corners[2], corners[3])))
        if "rgb:" + hashlib.sha256(tile.tobytes()).hexdigest() != row["sha256"]:
            return False
        Image.fromarray(tile).save(out / row["file"], "PNG")
        return True
    if hashlib.sha256(data).hexdigest() != row["sha256"]:
        return False
    (out / row["file"]).write_bytes(data)
    return True


def _with_mask(row: dict[str, str], out: Path, masks: Path | None) -> dict[str, str]:
    if not row["mask"]:
        return row
    if not (out / row["mask"]).is_file():
        if masks is None or not (masks / row["mask"]).is_file():
            return {**row, "mask": ""}
        shutil.copyfile(masks / row["mask"], out / row["mask"])
    return row


def _write_index(result: Collected, out: Path) -> None:
    """`index.csv`, with the rows of earlier calls whose pictures are still there."""
    path = out / INDEX
    kept = {row["file"]: row for row in result.rows}
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["file"] not in kept and (out / row["file"]).is_file():
                    kept[row["file"]] = row
    if not kept:
        return
    names = list(dict.fromkeys(name for row in kept.values() for name in row))
    beside = path.with_name(INDEX + ".new")
    with beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(kept[name] for name in sorted(kept))
    beside.replace(path)
