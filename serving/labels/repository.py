"""Queries about labels and what they are of. Every one filters by tenant."""

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from serving.db.tables import Image, Label, Refund, Screening
from serving.labels.truth import LabelSource, Truth

_BATCH = 500
"""Rows held in memory while an export reads them all."""


def image_by_id(session: Session, tenant: str, identifier: str) -> Image | None:
    asked = select(Image).where(Image.tenant_id == tenant, Image.id == identifier)
    return session.execute(asked).scalar_one_or_none()


def image_by_sha256(session: Session, tenant: str, sha256: str) -> Image | None:
    """The newest image with these bytes."""
    asked = select(Image).where(Image.tenant_id == tenant, Image.sha256 == sha256)
    return session.execute(asked.order_by(Image.id.desc()).limit(1)).scalar_one_or_none()


def screening(session: Session, tenant: str, identifier: str) -> Screening | None:
    asked = select(Screening).where(Screening.tenant_id == tenant, Screening.id == identifier)
    return session.execute(asked).scalar_one_or_none()


def newest_screening(session: Session, tenant: str, image: str) -> Screening | None:
    """What the detector said last of an image."""
    # asked for the tenant, too, SQLite would walk through all of its screenings: their order fits as well
    asked = select(Screening).where(Screening.image_id == image).order_by(Screening.id.desc()).limit(1)
    found = session.execute(asked).scalar_one_or_none()
    return found if found is not None and found.tenant_id == tenant else None


def page(
    session: Session,
    tenant: str,
    limit: int,
    before: str | None,
    sha256: str | None = None,
    source: LabelSource | None = None,
    truth: Truth | None = None,
) -> Sequence[Label]:
    """Up to limit + 1 labels, newest first. before: the id of the last one given."""
    asked = select(Label).where(Label.tenant_id == tenant)
    if before is not None:
        asked = asked.where(Label.id < before)
    said_by: ColumnElement[str] = Label.source.expression
    said: ColumnElement[str] = Label.truth.expression
    if sha256 is not None:
        asked = asked.where(Label.sha256 == sha256)
        # joined with nothing no index fits them: a photo's few labels are looked through, not all of a source
        said_by, said = Label.source.concat(""), Label.truth.concat("")
    if source is not None:
        asked = asked.where(said_by == source.value)
    if truth is not None:
        asked = asked.where(said == truth.value)
    return session.execute(asked.order_by(Label.id.desc()).limit(limit + 1)).scalars().all()


def by_photo(session: Session, tenant: str) -> Iterator[Label]:
    """All labels, those of one photo together, oldest first."""
    asked = select(Label).where(Label.tenant_id == tenant).order_by(Label.sha256, Label.id)
    yield from session.execute(asked.execution_options(yield_per=_BATCH)).scalars()


def of_refund(session: Session, tenant: str, sha256: str) -> tuple[Image, Refund] | None:
    """The newest image with these bytes and its refund; one that still has its bytes comes first."""
    asked = (
        select(Image, Refund)
        .join(Refund, Refund.id == Image.refund_id)
        .where(Image.tenant_id == tenant, Image.sha256 == sha256)
        .order_by(Image.erased_at.is_not(None), Image.id.desc())
        .limit(1)
    )
    found = session.execute(asked).first()
    return None if found is None else (found[0], found[1])
