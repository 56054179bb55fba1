"""The detections of reported photos, in the shape that those of /v1/detect are given in.

In: a detection's id and who asks. Out: the stored answer with its maps, as long as the report is kept; merchants see
those of their own shop.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.detection.maps import load_map
from refundlens.serving.detection.store import DetectionRecord
from refundlens.serving.drawing.picture import evidence_jpeg
from refundlens.serving.kit.language import Language
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports.view import details, reasons
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileStore, MissingFile
from refundlens.serving.storage.tables import Image, Refund, Screening


def find_stored(
    database: Database, files: FileStore, principal: Principal, identifier: str, language: Language
) -> DetectionRecord | None:
    """None where there is none for this caller. Raises FileError where a map was erased with its photo."""
    with database.reading() as session:
        found = find_rows(session, principal, identifier)
    if found is None:
        return None
    screening, image = found
    trust = None if screening.reliability is None else load_map(files, screening.reliability)
    heatmap = _map(files, screening)
    return DetectionRecord(screening.id, principal.tenant, _body(screening, image, language), heatmap, trust)


def stored_json(
    database: Database, principal: Principal, identifier: str, language: Language
) -> dict[str, Any] | None:
    """The JSON alone, which outlives the photo. None where there is none for this caller."""
    with database.reading() as session:
        found = find_rows(session, principal, identifier)
    return None if found is None else _body(*found, language)


def evidence(
    database: Database, files: FileStore, principal: Principal, identifier: str, language: Language
) -> bytes | None:
    """The evidence JPEG of the detection alone; None where there is none. Raises FileError."""
    with database.reading() as session:
        found = find_rows(session, principal, identifier)
    if found is None:
        return None
    screening, image = found
    if image.erased_at is not None:
        raise MissingFile(f"the photo of {identifier} was erased")
    return evidence_jpeg(files.get(image.sha256), screening.body, _map(files, screening), None, language)


def _map(files: FileStore, screening: Screening) -> NDArray[np.float32]:
    if screening.heatmap is None:
        raise MissingFile(f"the heat map of {screening.id} was erased with its photo")
    return load_map(files, screening.heatmap)


def find_rows(session: Session, principal: Principal, identifier: str) -> tuple[Screening, Image] | None:
    """The rows of a detection, None where there is none for this caller."""
    query = select(Screening, Image).join(Image, Image.id == Screening.image_id)
    query = query.where(Screening.tenant_id == principal.tenant, Screening.id == identifier)
    if principal.role is Role.MERCHANT:
        query = query.join(Refund, Refund.id == Image.refund_id).where(Refund.account == principal.account)
    row = session.execute(query).first()
    return None if row is None else (row[0], row[1])


def _body(screening: Screening, image: Image, language: Language) -> dict[str, Any]:
    told = {"reasons": reasons(screening, language), "details": {"reasons": details(screening, language)}}
    return {**screening.body, "file": image.name, **told}
