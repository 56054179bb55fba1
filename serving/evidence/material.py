"""Collects what a pack tells, as plain values: from the database and the file store, or from the store of detections.

In: a detection's or a report's id and who asks. Out: `Material`, for that caller's eyes: merchants get what is their
own shop's, and nobody's name is in it unless it is asked for by who may see it.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from refundlens.model.verdict.texts import LANGUAGES
from refundlens.serving.detection.store import load_map
from refundlens.serving.events.audit import members
from refundlens.serving.kit.clock import rfc3339_or_none
from refundlens.serving.kit.language import Language, texts
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import DETECTOR, Role
from refundlens.serving.reports import repository
from refundlens.serving.reports.repository import ReportDetail
from refundlens.serving.reports.schemas import OURSELVES
from refundlens.serving.reports.view import details, reasons
from refundlens.serving.storage.files import FileStore, MissingFile
from refundlens.serving.storage.tables import (
    Appeal,
    AuditEvent,
    Chain,
    Decision,
    DetectionRecord,
    Image,
    Refund,
    Report,
)

Map = NDArray[np.float32]
PhotoState = Literal["kept", "not_kept", "erased"]
"""`not_kept`: photos sent to /v1/detect are judged and forgotten. `erased`: kept once, and no more."""


@dataclass(frozen=True)
class EvidencePhoto:
    """content: none where it was not asked for, or is not there. size: bytes, where known. supplied_by: a `Supplier`,
    `caller` of /v1/detect, or `unknown` of photos from before it was written down."""

    sha256: str
    state: PhotoState
    supplied_by: str = "unknown"
    size: int | None = None
    media_type: str | None = None
    content: bytes | None = None


@dataclass(frozen=True)
class Material:
    """body: the detection as stored. reasons: its sentences by language. claim: what the detector was told to look for,
    `claim_known` where that was kept. report, audit: JSON values, none without a report."""

    body: dict[str, Any]
    reasons: dict[Language, list[dict[str, Any]]]
    photo: EvidencePhoto
    heatmap: Map | None
    reliability: Map | None
    claim: str | None = None
    claim_known: bool = False
    report: dict[str, Any] | None = None
    audit: dict[str, Any] | None = None


@dataclass(frozen=True)
class Asked:
    """Who asks, and whether for the photo's bytes and for the names of those who acted."""

    principal: Principal
    photo: bool = False
    names: bool = False


def of_detection(session: Session, files: FileStore, asked: Asked, identifier: str) -> Material | None:
    """Of a detection; None where there is none for this caller. Raises FileError, OSError."""
    rows = find_rows(session, asked.principal, identifier)
    if rows is None:
        return None
    screening, image = rows
    if image is None:
        return _of_sent(files, screening)
    report = None
    if asked.principal.has_role(Role.MERCHANT, Role.ADJUDICATOR):  # engineers see no reports
        report = repository.of_screening(session, asked.principal, identifier)
    whole = None if report is None else repository.report_detail(session, report)
    return _material(session, files, asked, screening, image, whole)


def of_report(session: Session, files: FileStore, asked: Asked, identifier: str) -> Material | None:
    """Of a report; None where nothing was found yet. Raises NotFound, DamagedFile, OSError."""
    whole = repository.report_detail(session, repository.find_report(session, asked.principal, identifier))
    if whole.screening is None:
        return None
    return _material(session, files, asked, whole.screening, whole.image, whole)


def _of_sent(files: FileStore, record: DetectionRecord) -> Material:
    """Of a photo sent to /v1/detect. Raises FileError: its maps are as old as its row."""
    told = [*record.body["reasons"], *record.body["details"]["reasons"]]
    heat, trust = (
        None if name is None else load_map(files, name) for name in (record.heatmap, record.reliability)
    )
    photo = EvidencePhoto(record.body["sha256"], "not_kept", "caller")
    return Material(record.body, dict.fromkeys(LANGUAGES, told), photo, heat, trust)


def _material(
    session: Session,
    files: FileStore,
    asked: Asked,
    screening: DetectionRecord,
    image: Image,
    whole: ReportDetail | None,
) -> Material:
    return Material(
        body={**screening.body, "file": image.name},
        reasons={
            language: [*reasons(screening, language), *details(screening, language)] for language in LANGUAGES
        },
        photo=_photo(files, image, asked.photo),
        heatmap=_map(files, screening.heatmap),
        reliability=_map(files, screening.reliability),
        claim=session.get_one(Refund, image.refund_id).claim_type,
        claim_known=True,
        report=None if whole is None else _report(whole),
        audit=None if whole is None else _audit(session, asked, whole.report),
    )


def _photo(files: FileStore, image: Image, wanted: bool) -> EvidencePhoto:
    facts = (image.supplied_by or "unknown", image.bytes, image.media_type)
    if image.erased_at is not None:  # the same bytes may still be another refund's
        return EvidencePhoto(image.sha256, "erased", *facts)
    try:
        content = files.get(image.sha256) if wanted else None
    except MissingFile:
        return EvidencePhoto(image.sha256, "erased", *facts)
    there = content is not None or files.exists(image.sha256)
    return EvidencePhoto(image.sha256, "kept" if there else "erased", *facts, content)


def _map(files: FileStore, name: str | None) -> Map | None:
    """None where it was erased with its photo."""
    try:
        return None if name is None else load_map(files, name)
    except MissingFile:
        return None


def _report(whole: ReportDetail) -> dict[str, Any]:
    """Codes and times; no free text, nobody's name."""
    report = whole.report
    by_detector = report.decided_by == DETECTOR.name
    told: tuple[Language, ...] = LANGUAGES if by_detector and report.rule is not None else ()
    return {
        "id": report.id,
        "refund_id": whole.refund.refund_id,
        "claim_id": report.claim_id,
        "version": report.version,
        "state": report.state,
        "verdict": report.verdict,
        "false_accusation_bound": report.bound,
        "rule": report.rule,
        "rule_text": {one: texts("refusal", one)["rules"].get(report.rule, "") for one in told},
        "decided_by": None if report.decided_by is None else "detector" if by_detector else "person",
        "decided_at": rfc3339_or_none(report.decided_at),
        "created_at": rfc3339_or_none(report.created_at),
        "decisions": [_decision(decision) for decision in whole.decisions],
        "appeal": None if whole.appeal is None else _appeal(whole.appeal),
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.id,
        "established": decision.established,
        "appeal_id": decision.appeal_id,
        "reason_code": decision.reason_code,
        "created_at": rfc3339_or_none(decision.created_at),
    }


def _appeal(appeal: Appeal) -> dict[str, Any]:
    return {
        "id": appeal.id,
        "side": appeal.side,
        "against": appeal.was,
        "state": appeal.state,
        "created_at": rfc3339_or_none(appeal.created_at),
        "decided_at": rfc3339_or_none(appeal.decided_at),
    }


def _audit(session: Session, asked: Asked, report: Report) -> dict[str, Any]:
    """The report's rows as they were hashed, and where the tenant's chain ends now."""
    head = session.execute(select(Chain).where(Chain.tenant_id == report.tenant_id)).scalar_one()
    rows = [_row(asked, row) for row in repository.timeline(session, report)]
    return {"rows": rows, "head": {"seq": head.length, "hash": head.hash}}


def _row(asked: Asked, row: AuditEvent) -> dict[str, Any]:
    """actor_withheld: a person did it whose name is not given here, so that this row cannot be hashed again."""
    told = row.actor in OURSELVES or (asked.names and _may_name(asked.principal, row.actor))
    values = members(row) if told else {**members(row), "actor": None}
    return {"row": values, "hash": row.hash, "actor_withheld": not told}


def _may_name(principal: Principal, name: str) -> bool:
    return principal.subject == name or principal.has_role(Role.ADJUDICATOR, Role.ENGINEER)


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
