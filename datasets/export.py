"""`refundlens data export`: a part of a dataset, as a folder or as a tar that streams (WebDataset's layout).

In: a dataset and a filter. Out: a dataset folder of its own, or one tar with `<key>.<suffix>`,
`<key>.mask.png`, `<key>.defect.png` and `<key>.json` per row.
"""

import io
import shutil
import tarfile
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from refundlens.datasets import manifest
from refundlens.datasets.degradations.quantisation import TABLES
from refundlens.datasets.row import Row


class ExportError(Exception):
    """Nothing can be exported; the message says why."""


def select(rows: Sequence[Row], splits: Collection[str] = (), kinds: Collection[str] = ()) -> list[Row]:
    """Rows of these splits and kinds; an empty choice means all."""
    return [row for row in rows if (not splits or row.split in splits) and (not kinds or row.kind in kinds)]


def to_folder(dataset: Path, rows: Sequence[Row], out: Path) -> str:
    """Copy rows' files and write papers of their own. Returns the new version.

    Raises ExportError when `out` is not empty, OSError when a file is missing.
    """
    _check(rows, out)
    for row in rows:
        for name in _names(row):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(dataset / name, out / name)
    info = manifest.read_info(dataset)
    facts: dict[str, object] = {key: info[key] for key in ("seed", "recipe") if key in info}
    for paper in (manifest.SOURCES, TABLES):
        if (dataset / paper).is_file():
            shutil.copyfile(dataset / paper, out / paper)
    return manifest.write(out, rows, {**facts, "exported_from": info["version"]})


def to_tar(dataset: Path, rows: Sequence[Row], out: Path) -> None:
    """Write rows into one tar. The same rows give the same bytes. Raises ExportError, OSError."""
    _check(rows, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(out, "w") as archive:
        for row in manifest.ordered(rows):
            picture = PurePosixPath(row.file_name)
            key = f"{row.split}/{picture.stem}"
            _add(archive, key + picture.suffix, (dataset / row.file_name).read_bytes())
            if row.mask_file_name:
                _add(archive, key + ".mask.png", (dataset / row.mask_file_name).read_bytes())
            if row.defect_mask_file_name:
                _add(archive, key + ".defect.png", (dataset / row.defect_mask_file_name).read_bytes())
            _add(archive, key + ".json", manifest.canonical(row).encode())


def _check(rows: Sequence[Row], out: Path) -> None:
    if not rows:
        raise ExportError("no row passes the filter")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise ExportError(f"{out} exists already: choose another place")


def _names(row: Row) -> list[str]:
    return [name for name in (row.file_name, row.mask_file_name, row.defect_mask_file_name) if name]


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)  # owner 0, time 0: nothing of this machine goes along
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))
