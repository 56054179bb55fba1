"""Has things happen to reports: each function is one request's work inside its transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from serving.audit.chain import Actor
from serving.db.tables import Appeal, Image, Refund, Report
from serving.db.tables.reports import NEVER
from serving.identity.principal import Principal
from serving.ids import make_id
from serving.problems import Problem
from serving.refunds import repository as refunds
from serving.reports import repository
from serving.reports.actions import side_of
from serving.reports.schemas import MOST_PHOTOS, AppealDecisionIn, DecisionIn, PhotoRequestIn, ReportIn
from serving.rest import etags
from serving.settings import Settings
from serving.workflow.machine import Given, happen
from serving.workflow.states import Event, ReportState

if TYPE_CHECKING:
    from serving.reports.evidence_use import Drawn


@dataclass(frozen=True)
class Doing:
    """What every request has: where it works, when, and by which rules."""

    session: Session
    settings: Settings
    now: datetime


def submit(doing: Doing, principal: Principal, body: ReportIn) -> list[Report]:
    """One report a photo, all of one claim. Raises Problem 404, 409, 422; then none is made."""
    wanted = [body.image] if isinstance(body.image, str) else list(dict.fromkeys(body.image))
    if not 1 <= len(wanted) <= MOST_PHOTOS:
        raise Problem(422, "invalid_request", f"image: 1 to {MOST_PHOTOS} photos")
    refund = refunds.get(doing.session, principal, body.refund_id, lock=True)
    images = _photos(doing.session, refund, wanted)
    claim = make_id("clm", doing.now)
    return [_submit(doing, principal, refund, image, claim, body.note) for image in images]


def withdraw(doing: Doing, principal: Principal, identifier: str, if_match: str | None) -> Report:
    return _happen(doing, principal, identifier, Event.WITHDRAW, if_match)


def decide(
    doing: Doing, principal: Principal, identifier: str, body: DecisionIn, if_match: str | None
) -> Report:
    established = body.decision == "established"
    event = Event.DECIDE_ESTABLISHED if established else Event.DECIDE_NOT_ESTABLISHED
    given = Given(reason_code=body.reason_code, reason=body.reason)
    return _happen(doing, principal, identifier, event, if_match, given)


def request_photo(
    doing: Doing, principal: Principal, identifier: str, body: PhotoRequestIn, if_match: str | None
) -> Report:
    given = Given(wish=body.wish.value, message=body.message)
    return _happen(doing, principal, identifier, Event.REQUEST_PHOTO, if_match, given)


def appeal(doing: Doing, principal: Principal, identifier: str, grounds: str) -> Appeal:
    report, refund = repository.lock(doing.session, principal, identifier)
    return file_appeal(doing, principal.actor, report, refund, grounds)


def file_appeal(doing: Doing, actor: Actor, report: Report, refund: Refund, grounds: str) -> Appeal:
    """For a principal or the buyer of a status link. report and refund are locked."""
    given = Given(side=side_of(actor, report.state), reason=grounds, appeal_id=make_id("apl", doing.now))
    happen(doing.session, doing.settings, doing.now, actor, Event.APPEAL, report, refund, given)
    return doing.session.execute(select(Appeal).where(Appeal.report_id == report.id)).scalar_one()


def decide_appeal(doing: Doing, principal: Principal, identifier: str, body: AppealDecisionIn) -> Report:
    _, found = repository.appeal(doing.session, principal, identifier)
    report, refund = repository.lock_pair(doing.session, found)
    event = Event.UPHOLD if body.decision == "uphold" else Event.OVERTURN
    given = Given(reason_code=body.reason_code, reason=body.reason)
    happen(doing.session, doing.settings, doing.now, principal.actor, event, report, refund, given)
    return report


def refuse(
    doing: Doing, principal: Principal, identifier: str, if_match: str | None, drawn: "Drawn | None"
) -> Report:
    """drawn: the evidence; none where the report was not established when it should be drawn. Raises Problem 409."""
    report, refund = repository.lock(doing.session, principal, identifier)
    etags.check(if_match, report.version)
    if drawn is not None and drawn.version != report.version:
        raise Problem(
            409, "changed_meanwhile", "The report changed while its evidence was drawn. Look at it again."
        )
    given = drawn.given if drawn is not None else None
    happen(doing.session, doing.settings, doing.now, principal.actor, Event.REFUSE, report, refund, given)
    return report


def _submit(
    doing: Doing, principal: Principal, refund: Refund, image: Image, claim: str, note: str
) -> Report:
    report = Report(
        id=make_id("rpt", doing.now),
        tenant_id=refund.tenant_id,
        refund_id=refund.id,
        image_id=image.id,
        claim_id=claim,
        account=refund.account,
        version=1,
        state=ReportState.SUBMITTED.value,
        note=note,
        reported_by=principal.subject,
        due_at=NEVER,
        amount_rank=-refund.amount_minor,
        created_at=doing.now,
        updated_at=doing.now,
    )
    happen(doing.session, doing.settings, doing.now, principal.actor, Event.SUBMIT, report, refund)
    return report


def _happen(
    doing: Doing,
    principal: Principal,
    identifier: str,
    event: Event,
    if_match: str | None,
    given: Given | None = None,
) -> Report:
    report, refund = repository.lock(doing.session, principal, identifier)
    etags.check(if_match, report.version)
    happen(doing.session, doing.settings, doing.now, principal.actor, event, report, refund, given)
    return report


def _photos(session: Session, refund: Refund, wanted: Sequence[str]) -> list[Image]:
    """In the order asked for, each once. Raises Problem 422 for one that the refund does not have."""
    query = select(Image).where(
        Image.refund_id == refund.id, or_(Image.id.in_(wanted), Image.sha256.in_(wanted))
    )
    found = session.execute(query).scalars().all()
    by_name = {name: image for image in found for name in (image.id, image.sha256)}
    missing = [name for name in wanted if name not in by_name]
    if missing:
        detail = f"Refund {refund.refund_id} has no photo {missing[0]}; GET it to see those it has."
        raise Problem(422, "unknown_photo", detail)
    return list(dict.fromkeys(by_name[name] for name in wanted))
