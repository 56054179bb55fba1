"""Stored photos judged anew by one bundle, by the million: what a new model would say, and what is worth a look.

In: a folder of photos (a service's file store, an export, a snapshot's images) and a bundle. Out: a folder of Parquet
parts, a row a photo; a photo that is in them is not judged again, so that an interrupted run goes on. Nothing else
changes: open cases of a service are judged by the service itself (`docs/models.md`).
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import pyarrow
import pyarrow.parquet

from refundlens.datasets.cluster import spread
from refundlens.model.detect import Detector
from refundlens.model.photo.image import ImageError
from refundlens.model.progress import track

PART = 1000
"""Rows of a part: what is judged again at most where a run is interrupted."""
_SCHEMA = pyarrow.schema(
    [
        ("file", pyarrow.string()), ("sha256", pyarrow.string()), ("model", pyarrow.string()),
        ("verdict", pyarrow.string()), ("probability", pyarrow.float64()), ("long_side", pyarrow.int32()),
        ("jpeg_quality", pyarrow.int32()), ("sharpness", pyarrow.float64()), ("supported", pyarrow.bool_()),
        ("error", pyarrow.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Rescored:
    """A photo. file: below the folder. model: SHA-256 of the bundle. error: why there is no verdict."""

    file: str
    sha256: str
    model: str
    verdict: str | None = None
    probability: float | None = None
    long_side: int | None = None
    jpeg_quality: int | None = None
    sharpness: float | None = None
    supported: bool | None = None
    error: str | None = None


def rescore(photos: Path, out: Path, bundle: Path, workers: int = 1, ray: bool = False) -> int:
    """Judge what is not judged yet; gives how many photos were. ray: on a Ray cluster, else in this process.

    Raises BundleError, ClusterError, OSError.
    """
    model = hashlib.sha256(bundle.read_bytes()).hexdigest()
    known = _judged(out, model)
    files = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*") if path.is_file())
    waiting = [name for name in files if name not in known]
    given = photos.resolve(), bundle.resolve(), model
    if ray:
        done: Iterable[Rescored] = (row for _, row in spread(waiting, Judge, given, workers))
    else:
        done = map(Judge(*given), waiting)
    out.mkdir(parents=True, exist_ok=True)
    number = len(list(out.glob("*.parquet")))
    rows: Iterator[Rescored] = track(done, len(files), "photos", done=len(known))
    while part := list(islice(rows, PART)):
        _write(out / f"{number:06d}.parquet", part)
        number += 1
    return len(waiting)


def _judged(out: Path, model: str) -> set[str]:
    """Files that this model has judged."""
    parts = (pyarrow.parquet.read_table(path, columns=["file", "model"]) for path in out.glob("*.parquet"))
    return {row["file"] for part in parts for row in part.to_pylist() if row["model"] == model}


class Judge:
    """One process's detector."""

    def __init__(self, photos: Path, bundle: Path, model: str) -> None:
        self._photos, self._model = photos, model
        self._detector = Detector(bundle, threads=1)

    def __call__(self, name: str) -> Rescored:
        data = (self._photos / name).read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            found = self._detector.detect(data)
        except ImageError as error:
            return Rescored(name, sha256, self._model, error=error.code)
        seen = found.conditions
        return Rescored(
            name, sha256, self._model, found.verdict, found.probability, seen.long_side, seen.jpeg_quality,
            seen.sharpness, seen.supported,
        )  # fmt: skip


def _write(path: Path, rows: Iterable[Rescored]) -> None:
    """Moved into place when whole."""
    columns = [asdict(row) for row in rows]
    table = pyarrow.Table.from_pylist(columns, schema=_SCHEMA)
    beside = path.with_suffix(".new")
    pyarrow.parquet.write_table(table, beside)
    beside.replace(path)
