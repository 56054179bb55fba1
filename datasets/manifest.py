"""The papers of a dataset: its manifest, its version, and what Hugging Face's ImageFolder needs.

In: rows and how they were made. Out: `metadata.jsonl` (all rows, the contract), `<split>/metadata.jsonl` (the
same for ImageFolder), `dataset.json`, `SOURCES.csv`, `README.md`.

ImageFolder (checked with datasets 5.2) reads every row of each metadata file in a split, refuses paths that
leave the file's folder, and needs one Arrow type per column: hence one file per split, masks below the
split's folder, and nested values as JSON text.
"""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from refundlens.datasets.card import card
from refundlens.datasets.row import SPLITS, Row, Split
from refundlens.datasets.task import Task

METADATA = "metadata.jsonl"
INFO = "dataset.json"
SOURCES = "SOURCES.csv"
CARD = "README.md"
_NESTED = ("painter", "edit", "benign", "delivery")
_FILES = ("file_name", "mask_file_name", "defect_mask_file_name")


class DatasetError(ValueError):
    """A folder that is not a dataset of ours, or a damaged one; the message says what is wrong."""


def canonical(row: Row) -> str:
    """The row as one line of JSON, the same for equal rows."""
    return json.dumps(row.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Rows in the manifest's order: by split as trained on, then by file."""
    return sorted(rows, key=lambda row: (SPLITS.index(row.split), row.file_name))


def version(rows: Iterable[Row]) -> str:
    """SHA-256 of the sorted manifest lines: the dataset's version."""
    digest = hashlib.sha256()
    for line in sorted(canonical(row) for row in rows):
        digest.update(line.encode())
        digest.update(b"\n")
    return digest.hexdigest()


def counts(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """Rows per split and kind."""
    found: dict[str, Counter[str]] = {}
    for row in rows:
        found.setdefault(row.split, Counter())[row.kind] += 1
    return {split: dict(sorted(found[split].items())) for split in SPLITS if split in found}


def read(dataset: Path) -> list[Row]:
    """The rows of a dataset. Raises DatasetError when there is no manifest or a line is not a row."""
    file = dataset / METADATA
    if not file.is_file():
        raise DatasetError(f"{dataset} has no {METADATA}: it is no dataset made by `refundlens data build`")
    rows: list[Row] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(Row.model_validate_json(line))
        except ValueError as error:
            raise DatasetError(f"{file}, line {number}: {error}") from error
    return rows


def read_info(dataset: Path) -> dict[str, Any]:
    """`dataset.json`. Raises DatasetError when it is missing or no JSON object."""
    try:
        info = json.loads((dataset / INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{dataset / INFO} cannot be read: {error}") from error
    if not isinstance(info, dict):
        raise DatasetError(f"{dataset / INFO} is no JSON object")
    return info


def write(out: Path, rows: Sequence[Row], facts: dict[str, Any]) -> str:
    """Write everything but the sources' list, and return the version. `facts` go into `dataset.json` as they
    are.
    """
    rows = ordered(rows)
    _write_lines(out / METADATA, map(canonical, rows))
    for split in SPLITS:
        members = [row for row in rows if row.split == split]
        if members:
            _write_lines(out / split / METADATA, (_for_image_folder(row) for row in members))
    current = version(rows)
    info = {"version": current, "rows": len(rows), "counts": counts(rows), **facts}
    (out / INFO).write_text(
        json.dumps(info, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (out / CARD).write_text(card(rows, info), encoding="utf-8")
    return current


def write_sources(out: Path, tasks: Iterable[Task]) -> None:
    """Which photos went in, whose they are and under which licence: the attribution some licences ask for."""
    with (out / SOURCES).open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["sha256", "file", "split", "group", "licence", "origin", "content", "real_defect"])
        for task in tasks:
            photo = task.photo
            facts = (photo.licence, photo.origin, photo.content, photo.real_defect or "")
            table.writerow([photo.sha256, photo.path.name, task.split, task.group, *facts])


def _for_image_folder(row: Row) -> str:
    """The row with paths relative to its split's folder, nested values as text, and no column of changing
    type.
    """
    loose = row.model_dump(mode="json")
    for key in _FILES:
        if loose[key] is not None:
            loose[key] = _inside(loose[key], row.split)
    for key in _NESTED:
        loose[key] = json.dumps(loose[key], sort_keys=True, ensure_ascii=False)
    for key in ("defect", "real_defect", "editor", "generator"):
        loose[key] = loose[key] or ""
    loose["delivery_name"] = row.delivery["name"]
    loose = {
        "file_name": loose.pop("file_name"),
        **loose,
    }  # ImageFolder gives `file_name` to the first image column
    return json.dumps(loose, ensure_ascii=False, separators=(",", ":"))


def _inside(name: str, split: Split) -> str:
    return Path(name).relative_to(split).as_posix()


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in lines)
