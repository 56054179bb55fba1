"""Judges the reported photos of a refund together, however many clicks they were reported in.

In: a refund whose newest click was screened. Out: the claim's verdict by `model.claim`, and the images that carried it.

Every click is a judgement of all photos screened so far, and the bounds of judgements add up: whoever reports photo by
photo, and looks at each answer before the next click, gets no more chances to accuse than the limit allows. So:
- a photo counts from its screening on, whatever becomes of its report: taking a report back takes no judgement back;
- a click that would accuse does so only while the bounds of all judgements of the refund, its own included, stay within
  the limit, and their sum is the bound that is stated; beyond that, a person decides;
- a photo that a person found not to be fake, at first or on appeal, is no evidence against the others any more.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from model.claim import PhotoFinding, judge_claim
from serving.audit.chain import DETECTOR
from serving.db.tables import Refund, Report, Screening
from serving.workflow.states import ReportState


@dataclass(frozen=True)
class Judged:
    """own: bound of this judgement; bound: of all judgements of this refund together; both none where no photo could
    take part. rule: what made the claim fake. carried: the images that did, none where the claim is not fake or the
    limit is used up."""

    own: float | None
    bound: float | None
    rule: str | None
    carried: frozenset[str]


def judge(session: Session, refund: Refund, claim_id: str, limit: float) -> Judged:
    """The claim as it stands after the newest click, whose id is `claim_id`."""
    photos = _photos(session, refund)
    if not photos:
        return Judged(None, None, None, frozenset())
    verdict = judge_claim(list(photos.values()), limit)
    if verdict.bound is None:
        return Judged(None, None, None, frozenset())
    bound = verdict.bound + _spent(session, refund, claim_id)
    if verdict.rule is None or bound > limit:
        return Judged(verdict.bound, bound, None, frozenset())
    images = list(photos)
    return Judged(
        verdict.bound, bound, verdict.rule, frozenset(images[place] for place in verdict.carried_by)
    )


def _photos(session: Session, refund: Refund) -> dict[str, PhotoFinding]:
    """By image; one reported again counts with its newest detection."""
    rows = session.execute(
        select(Report.image_id, Report.state, Report.was, Report.decided_by, Screening.body)
        .join(Screening, Screening.id == Report.screening_id)
        .where(Report.refund_id == refund.id)
        .order_by(Report.id)
    )
    photos: dict[str, PhotoFinding] = {}
    for row in rows:
        finding = PhotoFinding.model_validate(row.body)
        # under appeal, a verdict counts until it is answered
        state = ReportState(row.was if row.state == ReportState.APPEALED else row.state)
        if state in ReportState.for_buyer() and row.decided_by != DETECTOR.name:
            finding = finding.model_copy(update={"verdict": "authentic", "suspect": False})
        photos[row.image_id] = finding
    return photos


def _spent(session: Session, refund: Refund, claim_id: str) -> float:
    """The bounds of the refund's other judgements, as they were when each was made."""
    rows = session.execute(
        select(Report.claim_id, Report.claim_bound)
        .where(Report.refund_id == refund.id, Report.claim_id != claim_id, Report.claim_bound.is_not(None))
        .distinct()
    )
    return float(sum(row.claim_bound for row in rows))
