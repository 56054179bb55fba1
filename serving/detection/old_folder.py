"""Reads in what versions up to 0.1 kept of /v1/detect: a JSON file and maps each, in the folder `detections`.

In: that folder. Out: rows of the store; the files go, and the folder with the last of them. A process that dies on the
way goes on at its next start; several that start together do it once.
"""

import json
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from sqlalchemy import select

from refundlens.serving.detection.store import make_record, save_map
from refundlens.serving.kit.ids import DETECTION_ID
from refundlens.serving.kit.principal import tenant_of_owner
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.tables import DetectionRecord, Tenant

BATCH = 200
"""Detections in one transaction."""
MAPS = {"heatmap": ".npy", "reliability": ".reliability.npy"}

_log = logging.getLogger(__name__)


def take_over(folder: Path, database: Database, files: FileStore) -> int:
    """How many detections were read in. What is damaged goes, too: it answered nobody. Raises OSError."""
    if not folder.is_dir():
        return 0
    found = sorted(path.stem for path in folder.glob("det_*.json") if DETECTION_ID.fullmatch(path.stem))
    questions = dict(name.split(".")[:2] for name in (path.name for path in folder.glob("det_*.*.answer")))
    count = 0
    for start in range(0, len(found), BATCH):
        batch = found[start : start + BATCH]
        rows = [_row(folder, identifier, questions.get(identifier), files) for identifier in batch]
        count += _insert(database, [row for row in rows if row is not None])
        for path in (path for identifier in batch for path in folder.glob(f"{identifier}.*")):
            if path.is_file():
                path.unlink(missing_ok=True)
        _log.info("%d of %d detections of %s are in the database", start + len(batch), len(found), folder)
    try:
        folder.rmdir()
    except OSError as error:  # somebody else's files; they do no harm
        _log.info("the folder %s stays: %s", folder, error.strerror)
    return count


def _row(folder: Path, identifier: str, question: str | None, files: FileStore) -> DetectionRecord | None:
    """None where it is damaged."""
    try:
        content = json.loads((folder / f"{identifier}.json").read_text(encoding="utf-8"))
        body, owner = content["body"], content["owner"]
        if body["id"] != identifier:
            raise ValueError("the JSON is another detection's")
        maps = {name: _map(folder / f"{identifier}{suffix}", files) for name, suffix in MAPS.items()}
        at = datetime.fromisoformat(body["created_at"])
        return make_record(tenant_of_owner(owner), body, at, owner=owner, question=question, **maps)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        _log.warning("the stored detection %s is damaged and left out: %s", identifier, error)
        return None


def _map(path: Path, files: FileStore) -> str | None:
    """The name of a map in the file store; None where there is none. Raises ValueError for what is no map."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        cells = np.lib.format.read_array(file, allow_pickle=False)
    if cells.ndim != 2 or cells.dtype.kind != "f":
        raise ValueError(f"{path.name} holds no map")
    return save_map(files, np.asarray(cells, np.float32), lasting=False)


def _insert(database: Database, rows: Sequence[DetectionRecord]) -> int:
    """Those that are not there yet, of tenants that still are."""
    with database.transaction() as session:
        ids, tenants = [row.id for row in rows], {row.tenant_id for row in rows}
        there = set(session.execute(select(DetectionRecord.id).where(DetectionRecord.id.in_(ids))).scalars())
        known = set(session.execute(select(Tenant.id).where(Tenant.id.in_(tenants))).scalars())
        fresh = [row for row in rows if row.id not in there and row.tenant_id in known]
        session.add_all(fresh)
    return len(fresh)
