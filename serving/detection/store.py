"""Keeps what /v1/detect answered, so that it can be fetched again: a row each, beside those of the screenings.

In: judged photos. Out: the same by the question that they answer (`serving.detection.cache`); by id they are found by
`serving.evidence`, screenings and all. Photos themselves are not kept. Rows and maps may be lost with the power of the
last second (nobody waits for the disk), never by a crash: a row that lost its map is told as damaged, answers no
question any more, and its photo is judged anew.
"""

import io
import logging
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, select, update

from refundlens.model.detection import Detection
from refundlens.serving.buyers.retention import needed
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.principal import tenant_of_owner
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileError, FileStore
from refundlens.serving.storage.tables import DetectionRecord


def load_map(files: FileStore, name: str) -> NDArray[np.float32]:
    """float32 [h,w]. Raises FileError."""
    return np.asarray(np.load(io.BytesIO(files.get(name)), allow_pickle=False), np.float32)


def save_map(files: FileStore, values: NDArray[np.float32], lasting: bool = True) -> str:
    """The file's name. lasting: as `FileStore.put` has it."""
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    return files.put(content.getvalue(), lasting)


SURPLUS = 100
"""The oldest go when one in so many of those to be kept have come since: a hundredth more than asked for is kept."""
SETTLED = 60.0
"""Seconds after which a map's file belongs to no row that is still to be written; longer than anybody takes for it."""
BATCH = 500
"""Rows deleted in one transaction."""

_log = logging.getLogger(__name__)


def make_record(
    tenant: str, body: dict[str, Any], created_at: datetime, **given: str | None
) -> DetectionRecord:
    """The row of a detection's JSON. given: `image_id` or `owner` and `question`, and the names of its maps' files."""
    model = body["model"]
    return DetectionRecord(
        id=body["id"],
        tenant_id=tenant,
        verdict=body["verdict"],
        probability=body["probability"],
        bound=body.get("false_accusation_bound"),
        model_version=f"{model['name']} {model['version']}",
        body=body,
        created_at=created_at,
        **given,
    )


def detection_body(name: str | None, detection: Detection, now: datetime) -> dict[str, Any]:
    """The API's JSON of a detection that is made now: the line, with an id and where its maps are."""
    identifier = make_id("det", now)
    trust = None if detection.reliabilitymap is None else f"/v1/detections/{identifier}/reliability"
    return {
        "id": identifier,
        "created_at": rfc3339(now),
        "file": name,
        **detection.public(),
        "heatmap_url": f"/v1/detections/{identifier}/heatmap",
        "reliability_url": trust,
    }


class DetectionStore:
    """Bounded: when more than `keep` are stored, the oldest go. Safe to use from several threads and processes."""

    def __init__(self, database: Database, files: FileStore, keep: int) -> None:
        self._database, self._files, self._keep = database, files, keep
        self._since = 0
        """Rows put since the oldest were last deleted."""
        self._trimming = threading.Lock()

    def make(
        self, owner: str, body: dict[str, Any], detection: Detection, now: datetime, question: str | None
    ) -> DetectionRecord:
        """The row of a detection, its maps stored. question: the digest of what it answers. Raises OSError."""
        trust = detection.reliabilitymap
        return make_record(
            tenant_of_owner(owner),
            body,
            now,
            owner=owner,
            question=question,
            heatmap=save_map(self._files, detection.heatmap, lasting=False),
            reliability=None if trust is None else save_map(self._files, trust, lasting=False),
        )

    def put(self, rows: Sequence[DetectionRecord]) -> bool:
        """Store; whether it is time to `trim`."""
        with self._database.transaction(lasting=False) as session:
            session.add_all(rows)
        self._since += len(rows)
        return self._since * SURPLUS >= self._keep

    def answers(self, questions: Sequence[str]) -> dict[str, str]:
        """By question, the id of the newest detection that answers it. Reads no file."""
        asked = (
            select(DetectionRecord.question, func.max(DetectionRecord.id))
            .where(DetectionRecord.question.in_(questions))
            .group_by(DetectionRecord.question)
        )
        with self._database.reading() as session:
            return {str(row[0]): row[1] for row in session.execute(asked)}

    def whole(self, identifier: str) -> dict[str, Any] | None:
        """The JSON of a detection whose maps can be read; None where there is none: its photo is judged anew. Raises
        OSError."""
        with self._database.reading() as session:
            found = session.get(DetectionRecord, identifier)
        if found is None:
            return None
        try:
            for name in filter(None, (found.heatmap, found.reliability)):
                load_map(self._files, name)
        except FileError:
            self.forget(identifier)
            return None
        return found.body

    def forget(self, identifier: str) -> None:
        """A detection that lost a map answers nobody any more."""
        _log.error("the stored detection %s lost a map; its photo is judged anew", identifier)
        changed = update(DetectionRecord).where(DetectionRecord.id == identifier).values(question=None)
        with self._database.transaction() as session:
            session.execute(changed)

    def trim(self) -> None:
        """Delete the oldest beyond those to be kept, and their maps."""
        if not self._trimming.acquire(blocking=False):
            return
        try:
            self._since = 0
            while names := self._delete_oldest():
                with self._database.reading() as session:
                    kept = needed(session, sorted(names))
                for name in names - kept:
                    if self._files.age(name) > SETTLED:  # what is left goes with the daily sweep
                        self._files.erase(name, lasting=False)
        except Exception:
            _log.exception("the oldest detections could not be deleted; trying again with the next ones")
        finally:
            self._trimming.release()

    def _delete_oldest(self) -> set[str]:
        """Names of the maps of some that were deleted."""
        sent = DetectionRecord.image_id.is_(None)
        surplus = select(DetectionRecord.id).where(sent).order_by(DetectionRecord.id.desc())
        with self._database.transaction(lasting=False) as session:
            oldest = session.execute(surplus.offset(self._keep).limit(BATCH)).scalars().all()
            gone = session.execute(
                delete(DetectionRecord)
                .where(DetectionRecord.id.in_(oldest))
                .returning(DetectionRecord.heatmap, DetectionRecord.reliability)
            ).all()
        return {name for row in gone for name in row if name}
