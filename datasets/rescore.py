"""Stored photos judged anew by one bundle, by the million: what a new model would say, and what is worth a look.

In: a folder or bucket of photos (a service's file store, an export, a snapshot's images) and a bundle. Out: a folder or
bucket of Parquet parts, a row a photo; a photo that is in them is not judged again, so that an interrupted run goes on.
Nothing else changes: open cases of a service are judged by the service itself (`docs/models.md`). Names of all photos
are in memory: of a hundred million, take one folder of the store (`files/ab`) after the other.
"""

import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import pyarrow
import pyarrow.parquet

from refundlens.datasets.cluster import spread
from refundlens.datasets.shelf import Shelf, open_shelf
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


def rescore(photos: str, out: str, bundle: Path, workers: int = 1, ray: bool = False) -> int:
    """Judge what is not judged yet; gives how many photos were. photos, out: folders, or addresses of buckets. ray: on
    a Ray cluster, else in this process.

    Raises BundleError, ClusterError, ShelfError, OSError.
    """
    content = bundle.read_bytes()
    model = hashlib.sha256(content).hexdigest()
    source, sink = open_shelf(photos), open_shelf(out)
    parts = sorted(sink.names(".parquet"))
    known = _judged(sink, parts, model)
    files = sorted(source.names())
    waiting = [name for name in files if name not in known]
    given = source, content, model
    if ray:
        done: Iterable[Rescored] = (row for _, row in spread(waiting, Judge, given, workers))
    else:
        done = map(Judge(*given), waiting)
    number = len(parts)
    rows: Iterator[Rescored] = track(done, len(files), "photos", done=len(known))
    while part := list(islice(rows, PART)):
        sink.write(f"{number:06d}.parquet", _parquet(part))
        number += 1
    return len(waiting)


def _judged(sink: Shelf, parts: Iterable[str], model: str) -> set[str]:
    """Files that this model has judged."""
    columns = ["file", "model"]
    tables = (pyarrow.parquet.read_table(io.BytesIO(sink.read(part)), columns=columns) for part in parts)
    return {row["file"] for table in tables for row in table.to_pylist() if row["model"] == model}


class Judge:
    """One process's detector. bundle: its bytes, so that a cluster's machines need to share no disk."""

    def __init__(self, photos: Shelf, bundle: bytes, model: str) -> None:
        self._photos, self._model = photos, model
        with tempfile.TemporaryDirectory(prefix="refundlens-") as folder:
            path = Path(folder) / "bundle.onnx"
            path.write_bytes(bundle)
            self._detector = Detector(path, threads=1)

    def __call__(self, name: str) -> Rescored:
        data = self._photos.read(name)
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


def _parquet(rows: Iterable[Rescored]) -> bytes:
    table = pyarrow.Table.from_pylist([asdict(row) for row in rows], schema=_SCHEMA)
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()
