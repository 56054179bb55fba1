"""Queries of the review pages. Every one filters by tenant and has an index."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from refundlens.serving.kit.principal import Principal
from refundlens.serving.reuse.finder import Use as Alike
from refundlens.serving.storage.tables import (
    AuditEvent,
    DetectionRecord,
    Image,
    Label,
    ModelVersion,
    Refund,
    Report,
    Tenant,
)

How = Literal["bytes", "picture", "mirrored"]
MOST_USES = 20
"""Earlier uses of a picture that are shown; more say no more."""


@dataclass(frozen=True)
class ReusedPicture:
    """The same picture in another refund. how: the very same file, the same picture as another file, or its mirror
    image. reports: its reports there, oldest first."""

    image: Image
    refund: Refund
    how: How
    reports: Sequence[Report]


def settings(session: Session, tenant: str) -> dict[str, object]:
    """What the tenant chose for itself."""
    found = session.execute(select(Tenant.settings).where(Tenant.id == tenant)).scalar_one_or_none()
    return found or {}


def done_by(session: Session, tenant: str, object_id: str, action: str, actor: str) -> bool:
    """Whether the audit log has this person do this to it. Reads the events of one object."""
    query = select(AuditEvent.seq).where(
        AuditEvent.tenant_id == tenant,
        AuditEvent.object_id == object_id,
        AuditEvent.action == action,
        AuditEvent.actor == actor,
    )
    return session.execute(query.limit(1)).first() is not None


def reports_by_id(session: Session, tenant: str, ids: Sequence[str]) -> dict[str, Report]:
    query = select(Report).where(Report.tenant_id == tenant, Report.id.in_(ids))
    return {row.id: row for row in session.execute(query).scalars()}


def earlier_uses(session: Session, image: Image, alike: Sequence[Alike]) -> list[ReusedPicture]:
    """The same picture in other refunds of the tenant, the newest first. alike: photos that show it, by their prints;
    the same bytes are found even where a photo and its print were erased."""
    query = (
        select(Image, Refund)
        .join(Refund, Refund.id == Image.refund_id)
        .where(
            Image.sha256 == image.sha256,
            Image.tenant_id == image.tenant_id,
            Image.refund_id != image.refund_id,
        )
        .order_by(Image.id.desc())
        .limit(MOST_USES)
    )
    hows: list[tuple[Image, Refund, How]] = [(row[0], row[1], "bytes") for row in session.execute(query)]
    same = {found.id for found, _, _ in hows}
    hows += [
        (use.image, use.refund, "mirrored" if use.mirrored else "picture")
        for use in alike
        if use.image.id not in same and use.refund.id != image.refund_id
    ]
    hows = sorted(hows, key=lambda one: one[0].id, reverse=True)[:MOST_USES]
    asked = select(Report).where(Report.refund_id.in_([refund.id for _, refund, _ in hows]))
    reports = session.execute(asked.order_by(Report.id)).scalars().all() if hows else []
    return [
        ReusedPicture(found, refund, how, [report for report in reports if report.image_id == found.id])
        for found, refund, how in hows
    ]


def photo_of_tenant(session: Session, principal: Principal, image_id: str) -> Image | None:
    """Any photo of the tenant; judges see all of its refunds."""
    query = select(Image).where(Image.tenant_id == principal.tenant, Image.id == image_id)
    return session.execute(query).scalar_one_or_none()


def newest_screenings(session: Session, images: Sequence[str]) -> dict[str, DetectionRecord]:
    """By image: what the detector said of it last."""
    newest = (
        select(func.max(DetectionRecord.id))
        .where(DetectionRecord.image_id.in_(images))
        .group_by(DetectionRecord.image_id)
    )
    if not images:
        return {}
    rows = session.execute(select(DetectionRecord).where(DetectionRecord.id.in_(newest))).scalars()
    return {row.image_id: row for row in rows if row.image_id is not None}


def photo_of(session: Session, principal: Principal, report: Report, image_id: str) -> Image | None:
    """A photo of the report's own refund."""
    query = select(Image).where(
        Image.tenant_id == principal.tenant, Image.id == image_id, Image.refund_id == report.refund_id
    )
    return session.execute(query).scalar_one_or_none()


@dataclass(frozen=True)
class LabelCount:
    """Labels of one truth and source. photos: different ones; fresh: those labelled since the champion began."""

    truth: str
    source: str
    photos: int
    fresh: int


def champion_since(session: Session) -> datetime | None:
    """When the champion was promoted; none where there is none."""
    query = select(ModelVersion.promoted_at).where(ModelVersion.stage == "champion")
    return session.execute(query).scalar_one_or_none()


def labels_by_truth(session: Session, tenant: str, since: datetime | None) -> list[LabelCount]:
    """What the next training set is made from, the most first."""
    photos = func.count(Label.sha256.distinct())
    fresh = func.count(case((Label.created_at > since, Label.sha256)).distinct()) if since else photos
    counted = select(Label.truth, Label.source, photos, fresh).where(Label.tenant_id == tenant)
    rows = session.execute(counted.group_by(Label.truth, Label.source).order_by(photos.desc()))
    return [LabelCount(*row) for row in rows]
