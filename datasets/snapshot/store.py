"""Snapshots on disk: written once, read only as what they were.

In: samples and the bytes of their photos. Out: a folder below the store whose name holds the hash of its rows; a reader
that refuses rows that are not those that were hashed. Photos lie under their own SHA-256, once for all snapshots.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from refundlens.datasets.snapshot.judged import JudgedPhoto

IMAGES, MANIFEST, FACTS, CARD = "images", "manifest.parquet", "snapshot.json", "README.md"
FORMAT = 1
_DIGITS = 12
_SCHEMA = pyarrow.schema(
    [
        ("sha256", pyarrow.string()), ("file", pyarrow.string()), ("part", pyarrow.string()),
        ("truth", pyarrow.string()), ("label", pyarrow.int8()), ("confidence", pyarrow.float64()),
        ("source", pyarrow.string()), ("said_by", pyarrow.list_(pyarrow.string())),
        ("opposed_by", pyarrow.list_(pyarrow.string())), ("created_at", pyarrow.string()),
        ("group", pyarrow.string()), ("generator", pyarrow.string()), ("claim_type", pyarrow.string()),
        ("image_source", pyarrow.string()), ("width", pyarrow.int32()), ("height", pyarrow.int32()),
        ("phash", pyarrow.string()), ("keep_until", pyarrow.string()), ("model_version", pyarrow.string()),
        ("model_probability", pyarrow.float64()),
    ]
)  # fmt: skip


class SnapshotError(ValueError):
    """A snapshot that cannot be made or used; the message says what to do."""


@dataclass(frozen=True)
class Snapshot:
    """folder: of the snapshot. samples: in order of their hashes. facts: of snapshot.json."""

    folder: Path
    samples: tuple[JudgedPhoto, ...]
    facts: dict[str, Any]

    @property
    def version(self) -> str:
        return str(self.facts["hash"])

    @property
    def store(self) -> Path:
        return self.folder.parent

    def path(self, sample: JudgedPhoto) -> Path:
        return self.store / sample.file


def rows_hash(samples: Iterable[JudgedPhoto]) -> str:
    """SHA-256 of all rows, photos' hashes among them: two snapshots with one hash teach the same."""
    digest = hashlib.sha256(f"refundlens snapshot {FORMAT}\n".encode())
    for sample in sorted(samples, key=lambda sample: sample.sha256):
        digest.update(json.dumps(asdict(sample), sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def keep_image(store: Path, sha256: str, suffix: str, content: bytes) -> str:
    """Put a photo's bytes into the store; its name below it. Raises SnapshotError where they are other bytes."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SnapshotError(f"{sha256}: the file's bytes are not what was labelled; restore it from a backup")
    name = f"{IMAGES}/{sha256[:2]}/{sha256}{suffix}"
    path = store / name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        beside.write_bytes(content)
        beside.replace(path)
    return name


def write_snapshot(
    store: Path, samples: Sequence[JudgedPhoto], facts: dict[str, Any], card: str, day: str
) -> Path:
    """The folder of the snapshot, named by day and hash; the one that is there where the very rows are known."""
    ordered = sorted(samples, key=lambda sample: sample.sha256)
    whole = rows_hash(ordered)
    for known in snapshots(store):
        if known.facts["hash"] == whole:
            return known.folder
    folder = store / f"{day}-{whole[:_DIGITS]}"
    beside = store / f"{folder.name}.new"
    beside.mkdir(parents=True, exist_ok=True)
    columns = {name: [asdict(sample)[name] for sample in ordered] for name in _SCHEMA.names}
    pyarrow.parquet.write_table(pyarrow.table(columns, schema=_SCHEMA), beside / MANIFEST)
    told = {"format": FORMAT, "hash": whole, "day": day, **facts}
    (beside / FACTS).write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
    (beside / CARD).write_text(card, encoding="utf-8")
    for path in beside.iterdir():
        path.chmod(0o444)
    return beside.replace(folder)


def open_snapshot(folder: Path) -> Snapshot:
    """Raises SnapshotError where it is no snapshot, or its rows are not those that were hashed."""
    if not (folder / MANIFEST).is_file() or not (folder / FACTS).is_file():
        raise SnapshotError(f"{folder} is no snapshot; make one with `refundlens data export STORE`")
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        table = pyarrow.parquet.read_table(folder / MANIFEST)
        names = [field.name for field in fields(JudgedPhoto)]
        samples = tuple(_photo(row, names) for row in table.to_pylist())
    except (OSError, KeyError, ValueError, TypeError, pyarrow.ArrowException) as error:
        raise SnapshotError(f"{folder} cannot be read ({error}); make the snapshot anew") from error
    if rows_hash(samples) != facts["hash"]:
        raise SnapshotError(
            f"{folder}: its rows are not those that were hashed; somebody changed it: make the snapshot anew"
        )
    return Snapshot(folder, samples, facts)


_LISTS = ("said_by", "opposed_by")


def _photo(row: dict[str, Any], names: Sequence[str]) -> JudgedPhoto:
    values: dict[str, Any] = {name: tuple(row[name]) if name in _LISTS else row[name] for name in names}
    return JudgedPhoto(**values)


def snapshots(store: Path) -> list[Snapshot]:
    """All of a store, the oldest first; folders that are being written are none."""
    found = [path for path in store.glob(f"*/{FACTS}") if not path.parent.name.endswith(".new")]
    opened = [open_snapshot(path.parent) for path in found]
    return sorted(opened, key=lambda one: (one.facts["number"], one.folder.name))
