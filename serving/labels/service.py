"""Makes labels: from judges' decisions inside the decision's transaction, and from what engineers say.

Queries about labels and what they are of. Every one filters by tenant.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import NotFound
from refundlens.serving.kit.ids import make_id
from refundlens.serving.labels.schemas import WEIGHTS, LabelIn, LabelOut, LabelSource, Truth
from refundlens.serving.storage.tables import DetectionRecord, Image, Label, Refund, Report
from refundlens.serving.workflow.change import Effects, Transition
from refundlens.serving.workflow.states import Event, ReportState
from refundlens.serving.workflow.transitions import Effect

_BATCH = 500
"""Rows held in memory while an export reads them all."""


def image_by_id(session: Session, tenant: str, identifier: str) -> Image | None:
    asked = select(Image).where(Image.tenant_id == tenant, Image.id == identifier)
    return session.execute(asked).scalar_one_or_none()


def image_by_sha256(session: Session, tenant: str, sha256: str) -> Image | None:
    """The newest image with these bytes."""
    asked = select(Image).where(Image.tenant_id == tenant, Image.sha256 == sha256)
    return session.execute(asked.order_by(Image.id.desc()).limit(1)).scalar_one_or_none()


def screening(session: Session, tenant: str, identifier: str) -> DetectionRecord | None:
    asked = select(DetectionRecord).where(
        DetectionRecord.tenant_id == tenant, DetectionRecord.id == identifier
    )
    return session.execute(asked).scalar_one_or_none()


def newest_screening(session: Session, tenant: str, image: str) -> DetectionRecord | None:
    """What the detector said last of an image."""
    # asked for the tenant, too, SQLite would walk through all of its screenings: their order fits as well
    asked = (
        select(DetectionRecord)
        .where(DetectionRecord.image_id == image)
        .order_by(DetectionRecord.id.desc())
        .limit(1)
    )
    found = session.execute(asked).scalar_one_or_none()
    return found if found is not None and found.tenant_id == tenant else None


def list_labels(
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


_SOURCES = {
    Event.DECIDE_ESTABLISHED: LabelSource.DECISION,
    Event.DECIDE_NOT_ESTABLISHED: LabelSource.DECISION,
    Event.UPHOLD: LabelSource.APPEAL_UPHELD,
    Event.OVERTURN: LabelSource.APPEAL_OVERTURNED,
}


def for_decision(session: Session, report: Report, event: Event, judge: str, now: datetime) -> Label:
    """The label of a decision that was just made; report has its new state. Raises KeyError for an event that decides
    nothing.

    A judge says that a photo is fake, not how: its truth is then `fake`. To take the detector's own guess for the kind
    would teach it what it said itself.
    """
    source = _SOURCES[event]
    established = ReportState(report.state) in ReportState.for_merchant()
    truth = Truth.FAKE if established else Truth.AUTHENTIC
    image = session.get_one(Image, report.image_id)
    said = session.get(DetectionRecord, report.screening_id) if report.screening_id else None
    return _add(session, report.tenant_id, image.sha256, truth, source, judge, now, image, said, report.id)


def make_label(context: Context, asked: LabelIn) -> LabelOut:
    """An engineer's label, audited. Raises NotFound for an image or detection that is not there."""
    session, principal, now = context.session, context.principal, context.now
    sha256, image, said = _photo(session, principal.tenant, asked)
    made = _add(
        session,
        principal.tenant,
        sha256,
        asked.truth,
        LabelSource.ENGINEER,
        principal.subject,
        now,
        image,
        said,
        None,
    )
    facts = {"sha256": sha256, "truth": made.truth}
    audit.append(session, principal.tenant, now, principal.actor, Fact("label.made", made.id, data=facts))
    return LabelOut.of(made)


def _photo(session: Session, tenant: str, asked: LabelIn) -> tuple[str, Image | None, DetectionRecord | None]:
    """Which photo is meant, by whichever name it was given."""
    said = None
    if asked.detection_id is not None:
        said = screening(session, tenant, asked.detection_id)
        if said is None:
            detail = f"There is no detection {asked.detection_id}, or it is no longer kept."
            raise NotFound(f"{detail} Name the photo by its sha256.")
        if said.image_id is None:  # sent to /v1/detect: of no refund
            return str(said.body["sha256"]), None, said
    identifier = said.image_id if said else asked.image_id
    if identifier is not None:
        image = image_by_id(session, tenant, identifier)
        if image is None:
            raise NotFound(f"There is no image {identifier}.")
    else:
        assert asked.sha256 is not None  # the schema wants one of the three
        image = image_by_sha256(session, tenant, asked.sha256)
        if image is None:
            return asked.sha256, None, None
    return image.sha256, image, said or newest_screening(session, tenant, image.id)


def _add(
    session: Session,
    tenant: str,
    sha256: str,
    truth: Truth,
    source: LabelSource,
    who: str,
    now: datetime,
    image: Image | None,
    said: DetectionRecord | None,
    report: str | None,
) -> Label:
    label = Label(
        id=make_id("lbl", now),
        tenant_id=tenant,
        sha256=sha256,
        image_id=image.id if image else None,
        report_id=report,
        truth=truth.value,
        source=source.value,
        weight=WEIGHTS[source],
        model_version=said.model_version if said else None,
        model_probability=said.probability if said else None,
        labelled_by=who,
        created_at=now,
    )
    session.add(label)
    session.flush()
    return label


def _label(change: Transition) -> None:
    for_decision(change.session, change.report, change.edge.event, change.actor.name, change.now)


EFFECTS: Effects = {Effect.LABEL: _label}
"""What the workflow's changes add to the labels."""
