"""Judges the reported photos of a refund together, however many clicks they were reported in.

In: a refund whose newest click was screened. Out: the claim's verdict by `model.claim`, and the images that carried it.

Every click is a judgement of all photos screened so far, and the bounds of judgements add up: whoever reports photo by
photo, and looks at each answer before the next click, gets no more chances to accuse than the limit allows. So:
- a photo counts from its screening on, whatever becomes of its report: taking a report back takes no judgement back;
- a click that would accuse does so only while the bounds of all judgements of the refund, its own included, stay within
  the limit, and their sum is the bound that is stated; beyond that, a person decides;
- a photo that a person found not to be fake, at first or on appeal, is no evidence against the others any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from model.claim import PhotoFinding, judge_claim, rule_for
from serving.audit.chain import DETECTOR
from serving.db.tables import Refund, Report, Screening
from serving.workflow.states import ReportState


@dataclass(frozen=True)
class Judged:
    """bound: of all judgements of this refund together, none where no photo could take part. rule: what made the claim
    fake. carried: the images that did, none where the claim is not fake or the limit is used up."""

    bound: float | None
    rule: str | None
    carried: frozenset[str]


@dataclass(frozen=True)
class _Photo:
    image_id: str
    claim_id: str
    finding: PhotoFinding


def judge(session: Session, refund: Refund, limit: float) -> Judged:
    """The claim as it stands after the newest click."""
    photos = _photos(session, refund)
    if not photos:
        return Judged(None, None, frozenset())
    verdict = judge_claim([photo.finding for photo in photos.values()], limit)
    if verdict.bound is None:
        return Judged(None, None, frozenset())
    bound = verdict.bound + _spent(list(photos.values()), limit)
    if verdict.rule is None or bound > limit:
        return Judged(bound, None, frozenset())
    images = list(photos)
    return Judged(bound, verdict.rule, frozenset(images[place] for place in verdict.carried_by))


def _photos(session: Session, refund: Refund) -> dict[str, _Photo]:
    """By image, in the order they were first reported; one reported again counts with its newest detection."""
    rows = session.execute(
        select(Report.image_id, Report.claim_id, Report.state, Report.decided_by, Screening.body)
        .join(Screening, Screening.id == Report.screening_id)
        .where(Report.refund_id == refund.id)
        .order_by(Report.id)
    )
    photos: dict[str, _Photo] = {}
    for row in rows:
        finding = PhotoFinding.model_validate(row.body)
        if ReportState(row.state) in ReportState.for_buyer() and row.decided_by != DETECTOR.name:
            finding = finding.model_copy(update={"verdict": "authentic", "suspect": False})
        first = photos.get(row.image_id)
        photos[row.image_id] = _Photo(row.image_id, first.claim_id if first else row.claim_id, finding)
    return photos


def _spent(photos: Sequence[_Photo], limit: float) -> float:
    """The bounds of the judgements before the newest: one for each earlier click, of the photos known then."""
    clicks = list(dict.fromkeys(photo.claim_id for photo in photos))
    spent = 0.0
    for count in range(1, len(clicks)):
        then = [photo.finding for photo in photos if photo.claim_id in clicks[:count]]
        rule = rule_for(then, limit)
        spent += rule.bound if rule else 0.0
    return spent
