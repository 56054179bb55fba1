"""The detections as they are stored: of reported photos, and of those sent to /v1/detect.

In: a detection's id and who asks. Out: its row, with the photo it is of where that is kept; the API's JSON of it.
Merchants see those of their own shop.
"""

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from refundlens.serving.kit.language import Language
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports.view import details, reasons
from refundlens.serving.storage.tables import DetectionRecord, Image, Refund

Rows = tuple[DetectionRecord, Image | None]
"""A detection, and the refund's photo that it is of; none where it was sent to /v1/detect."""


def find_rows(session: Session, principal: Principal, identifier: str) -> Rows | None:
    """None where there is none for this caller."""
    query = select(DetectionRecord, Image).outerjoin(Image, Image.id == DetectionRecord.image_id)
    query = query.where(DetectionRecord.tenant_id == principal.tenant, DetectionRecord.id == identifier)
    if principal.role is Role.MERCHANT:
        query = query.outerjoin(Refund, Refund.id == Image.refund_id)
        query = query.where(or_(Refund.account == principal.account, DetectionRecord.image_id.is_(None)))
    row = session.execute(query).first()
    if row is None or (row[0].owner is not None and not principal.may_read(row[0].owner)):
        return None
    return row[0], row[1]


def body_of(rows: Rows, language: Language) -> dict[str, Any]:
    """The JSON: as it was answered, or of a reported photo with its reasons in a language."""
    record, image = rows
    if image is None:
        return record.body
    told = {"reasons": reasons(record, language), "details": {"reasons": details(record, language)}}
    return {**record.body, "file": image.name, **told}
