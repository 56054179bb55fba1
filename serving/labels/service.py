"""Makes labels: from judges' decisions inside the decision's transaction, and from what engineers say."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from serving.audit import chain
from serving.audit.chain import Fact
from serving.clock import rfc3339
from serving.db.tables import Image, Label, Report, Screening
from serving.identity.principal import Principal
from serving.ids import make_id
from serving.labels import repository
from serving.labels.schemas import LabelIn
from serving.labels.truth import WEIGHTS, LabelSource, Truth
from serving.problems import Problem
from serving.workflow.states import Event, ReportState

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
    said = session.get(Screening, report.screening_id) if report.screening_id else None
    return _add(session, report.tenant_id, image.sha256, truth, source, judge, now, image, said, report.id)


def make(session: Session, principal: Principal, asked: LabelIn, now: datetime) -> dict[str, Any]:
    """An engineer's label, audited. Raises Problem 404 for an image or detection that is not there."""
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
    chain.append(session, principal.tenant, now, principal.actor, Fact("label.made", made.id, data=facts))
    return show(made)


def show(label: Label) -> dict[str, Any]:
    """A label as JSON."""
    return {
        "id": label.id,
        "sha256": label.sha256,
        "image_id": label.image_id,
        "report_id": label.report_id,
        "truth": label.truth,
        "source": label.source,
        "weight": label.weight,
        "model_version": label.model_version,
        "model_probability": label.model_probability,
        "labelled_by": label.labelled_by,
        "created_at": rfc3339(label.created_at),
    }


def _photo(session: Session, tenant: str, asked: LabelIn) -> tuple[str, Image | None, Screening | None]:
    """Which photo is meant, by whichever name it was given."""
    said = None
    if asked.detection_id is not None:
        said = repository.screening(session, tenant, asked.detection_id)
        if said is None:
            detail = (
                f"No refund's photo has the detection {asked.detection_id}. Name the photo by its sha256."
            )
            raise Problem(404, "not_found", detail)
    identifier = said.image_id if said else asked.image_id
    if identifier is not None:
        image = repository.image_by_id(session, tenant, identifier)
        if image is None:
            raise Problem(404, "not_found", f"There is no image {identifier}.")
    else:
        assert asked.sha256 is not None  # the schema wants one of the three
        image = repository.image_by_sha256(session, tenant, asked.sha256)
        if image is None:
            return asked.sha256, None, None
    return image.sha256, image, said or repository.newest_screening(session, tenant, image.id)


def _add(
    session: Session,
    tenant: str,
    sha256: str,
    truth: Truth,
    source: LabelSource,
    who: str,
    now: datetime,
    image: Image | None,
    said: Screening | None,
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
