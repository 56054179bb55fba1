"""Keeps what the detector said of a refund's photos, and draws the claim's consequences.

In: the detections of one click's photos. Out: their rows, `detection.completed`, and each report's next state by the
rule of `model.verdict.claim`: all reported photos of the refund are judged together.

Judges the reported photos of a refund together, however many clicks they were reported in.

In: a refund whose newest click was screened. Out: the claim's verdict by `model.verdict.claim`, and the images that
carried it.

Every click is a judgement of all photos screened so far, and the bounds of judgements add up: whoever reports photo by
photo, and looks at each answer before the next click, gets no more chances to accuse than the limit allows. So:
- a photo counts from its screening on, whatever becomes of its report: taking a report back takes no judgement back;
- a click that would accuse does so only while the bounds of all judgements of the refund, its own included, stay within
  the limit, and their sum is the bound that is stated; beyond that, a person decides;
- a photo that a person found not to be fake, at first or on appeal, is no evidence against the others any more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.model.detection import Detection, Reason
from refundlens.model.names import DEFECTS, Defect, Verdict
from refundlens.model.verdict.claim import PhotoFinding, judge_claim
from refundlens.model.verdict.consistency import consistency, shot_of
from refundlens.model.verdict.selection import with_reasons
from refundlens.serving.detection.references import SAME_PLACE
from refundlens.serving.detection.store import detection_body, make_record, save_map
from refundlens.serving.events import audit, outbox
from refundlens.serving.events.audit import Fact
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.roles import DETECTOR, SYSTEM
from refundlens.serving.reports import repository
from refundlens.serving.reports.doubt import doubt_of
from refundlens.serving.settings import Settings
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.tables import DetectionRecord, Image, Refund, Report
from refundlens.serving.workflow import guards, suppliers, timers
from refundlens.serving.workflow.change import EventData
from refundlens.serving.workflow.machine import apply
from refundlens.serving.workflow.states import Event, ReportState


@dataclass(frozen=True)
class ClaimJudgement:
    """own: bound of this judgement; bound: of all judgements of this refund together; both none where no photo could
    take part. rule: what made the claim fake. carried: the images that did, none where the claim is not fake or the
    limit is used up."""

    own: float | None
    bound: float | None
    rule: str | None
    carried: frozenset[str]


def judge(session: Session, settings: Settings, refund: Refund, claim_id: str) -> ClaimJudgement:
    """The claim as it stands after the newest click, whose id is `claim_id`."""
    limit = settings.claim_limit
    photos = _photos(session, refund, settings)
    if not photos:
        return ClaimJudgement(None, None, None, frozenset())
    verdict = judge_claim(list(photos.values()), limit)
    if verdict.bound is None:
        return ClaimJudgement(None, None, None, frozenset())
    bound = verdict.bound + _spent(session, refund, claim_id)
    if verdict.rule is None or bound > limit:
        return ClaimJudgement(verdict.bound, bound, None, frozenset())
    images = list(photos)
    return ClaimJudgement(
        verdict.bound, bound, verdict.rule, frozenset(images[place] for place in verdict.carried_by)
    )


def _photos(session: Session, refund: Refund, settings: Settings) -> dict[str, PhotoFinding]:
    """By image; one reported again counts with its newest detection. What the accuser uploaded is no evidence against
    the buyer, nor does it support other photos."""
    rows = session.execute(
        select(Report, Image, DetectionRecord.body)
        .join(DetectionRecord, DetectionRecord.id == Report.screening_id)
        .join(Image, Image.id == Report.image_id)
        .where(Report.refund_id == refund.id)
        .order_by(Report.id)
    )
    photos: dict[str, PhotoFinding] = {}
    for report, image, body in rows:
        if not suppliers.is_independent(settings, image, report.reported_by):
            continue
        finding = PhotoFinding.model_validate(body)
        # under appeal, a verdict counts until it is answered
        state = ReportState(report.was if report.state == ReportState.APPEALED else report.state)
        if state in ReportState.for_buyer() and report.decided_by != DETECTOR.name:
            finding = finding.model_copy(update={"verdict": "authentic", "suspect": False})
        photos[image.id] = finding
    return photos


def _spent(session: Session, refund: Refund, claim_id: str) -> float:
    """The bounds of the refund's other judgements, as they were when each was made."""
    rows = session.execute(
        select(Report.claim_id, Report.claim_bound)
        .where(Report.refund_id == refund.id, Report.claim_id != claim_id, Report.claim_bound.is_not(None))
        .distinct()
    )
    return float(sum(row.claim_bound for row in rows))


@dataclass(frozen=True)
class ScreeningResult:
    """What became of one photo: a detection whose maps are in the file store, or why there is none."""

    detection: Detection | None = None
    heatmap: str | None = None
    reliability: str | None = None
    error: str | None = None


def keep_maps(files: FileStore, detection: Detection) -> ScreeningResult:
    """Store the maps, outside of any transaction."""
    trust = detection.reliabilitymap
    return ScreeningResult(
        detection, save_map(files, detection.heatmap), None if trust is None else save_map(files, trust)
    )


def conclude(
    context: Context,
    claim_id: str,
    refund: Refund,
    found: Mapping[str, ScreeningResult],
    missing: str = "not_judged",
    reused: Collection[str] = (),
) -> None:
    """Have each report of a click that is still `submitted` go where its photos lead. refund is locked.

    found: by image id. A photo without a detection goes to a person: the detector could say nothing. missing: why, for
    those that `found` does not name. reused: images that are in other claims, too.
    """
    session = context.session
    found = _with_agreement(session, refund, found)
    reports = [repository.relock(session, report.id) for report in repository.of_claim(session, claim_id)]
    waiting = [report for report in reports if report.state == ReportState.SUBMITTED]
    for report in waiting:
        what = found.get(report.image_id)
        if what is not None and what.detection is not None:
            screening = keep(session, report.tenant_id, report.image_id, what, context.now)
            report.screening_id, report.verdict = screening.id, screening.verdict
            report.bound = screening.bound
            report.doubt = doubt_of(what.detection, report.image_id in reused)
            _publish(session, report, screening, context.now)
    session.flush()
    judged = judge(session, context.settings, refund, claim_id)
    for report in waiting:
        report.claim_bound = judged.own
        what = found.get(report.image_id, ScreeningResult(error=missing))
        _conclude_one(context, report, refund, judged, what)
    timers.cancel(session, claim_id, timers.SCREEN, timers.SCREEN_LIMIT)


def _with_agreement(
    session: Session, refund: Refund, found: Mapping[str, ScreeningResult]
) -> dict[str, ScreeningResult]:
    """The same with what the refund's photos say together, those of earlier clicks included."""
    judged = {image: one.detection for image, one in found.items() if one.detection is not None}
    rows = session.execute(
        select(DetectionRecord.image_id, DetectionRecord.body)
        .join(Image, Image.id == DetectionRecord.image_id)
        .where(Image.refund_id == refund.id, DetectionRecord.image_id.not_in(judged))
        .order_by(DetectionRecord.id)
    )
    before = {image: shot_of(_told(body)) for image, body in rows}
    now = {image: shot_of([*one.reasons, *one.details.reasons]) for image, one in judged.items()}
    said = consistency([*before.values(), *now.values()], refund.created_at.replace(tzinfo=None), "en")
    return {
        image: replace(one, detection=with_reasons(one.detection, said)) if one.detection and said else one
        for image, one in found.items()
    }


def _told(body: Mapping[str, Any]) -> list[Reason]:
    """The reasons of a stored detection, with the values of their sentences."""
    told = [*body["reasons"], *body.get("details", {}).get("reasons", [])]
    return [Reason.model_validate(one) for one in told if "details" in one]


def _with_values(reasons: Sequence[Reason]) -> list[dict[str, Any]]:
    """Reasons with the values of their sentences, so that they can be said in another language later."""
    return [{**reason.model_dump(), "details": reason.details} for reason in reasons]


def keep(
    session: Session, tenant: str, image_id: str, found: ScreeningResult, now: datetime
) -> DetectionRecord:
    """The row of a detection."""
    detection = found.detection
    assert detection is not None and found.heatmap is not None
    body = detection_body(None, detection, now)
    body["reasons"] = _with_values(detection.reasons)
    body["details"] = {"reasons": _with_values(detection.details.reasons)}
    row = make_record(
        tenant, body, now, image_id=image_id, heatmap=found.heatmap, reliability=found.reliability
    )
    session.add(row)
    session.flush()
    return row


def keep_extra(session: Session, image: Image, found: ScreeningResult, now: datetime) -> None:
    """A photo that nobody reported, such as one the buyer was asked for: kept for the adjudicator, decides nothing."""
    if found.detection is None:
        fact = Fact("image.not_judged", image.id, data={"sha256": image.sha256, "error": found.error})
    else:
        row = keep(session, image.tenant_id, image.id, found, now)
        data = {
            "sha256": image.sha256,
            "detection_id": row.id,
            "model": row.model_version,
            "verdict": row.verdict,
        }
        fact = Fact("image.screened", image.id, data=data)
    audit.append(session, image.tenant_id, now, DETECTOR, fact)


def _conclude_one(
    context: Context, report: Report, refund: Refund, judged: ClaimJudgement, found: ScreeningResult
) -> None:
    if refund.deadline_at is not None and refund.deadline_at <= context.now:
        # the clock has not rung yet, but the platform has decided by itself
        apply(context.session, context.settings, context.now, SYSTEM, Event.PASS_DEADLINE, report, refund)
        return
    detection = found.detection
    missed = None if detection is None else detection.miss_bound
    most = guards.chosen_miss_limit(context.session, context.settings, report.tenant_id)
    image = context.session.get_one(Image, report.image_id)
    independent = suppliers.is_independent(context.settings, image, report.reported_by)
    event = Event.SCREENED_UNSURE
    if report.image_id in judged.carried:
        event = Event.SCREENED_FAKE
        report.verdict, report.bound, report.rule = "fake", judged.bound, judged.rule
    elif (
        independent
        and report.verdict == "authentic"
        and guards.within_miss_limit(missed, most)
        and not _same_shot(detection)
    ):
        event = Event.SCREENED_AUTHENTIC
    if event is Event.SCREENED_UNSURE:
        report.review_reason = _why_a_person(found, independent)
    given = EventData(miss_bound=missed, data=_data(report, found))
    apply(context.session, context.settings, context.now, DETECTOR, event, report, refund, given)


def alone(verdict: Verdict, miss_bound: float | None, independent: bool, most: float) -> ReportState:
    """Where a photo would lead a report if it were its refund's only one. most: the largest miss bound that settles."""
    if independent and verdict == "fake":
        return ReportState.ESTABLISHED
    if independent and verdict == "authentic" and guards.within_miss_limit(miss_bound, most):
        return ReportState.NOT_ESTABLISHED
    return ReportState.NEEDS_REVIEW


def defect_of(claim: str | None) -> Defect | None:
    """What a refund's claim has the detector look for."""
    return next((defect for defect in DEFECTS if defect == claim), None)


def _why_a_person(found: ScreeningResult, independent: bool) -> str:
    """The code of `ReportOut.review_reason`."""
    if found.detection is None:
        return found.error or "not_judged"
    if not independent:
        return "supplied_by_accuser"
    if found.detection.verdict != "fake" and _same_shot(found.detection):
        return "same_shot_as_listing"
    return _UNDECIDED[found.detection.verdict]


def _same_shot(detection: Detection | None) -> bool:
    """Whether it is the listing's own picture, changed or not: such a photo shows nothing that a buyer saw. The listing
    is the merchant's, so a person decides."""
    told = [] if detection is None else [*detection.reasons, *detection.details.reasons]
    return any(reason.code in SAME_PLACE for reason in told)


_UNDECIDED: dict[Verdict, str] = {
    "inconclusive": "inconclusive",
    "authentic": "miss_bound_too_large",
    "fake": "claim_bound_used_up",
}
"""Why a photo's own verdict settles nothing without a person."""


def _data(report: Report, found: ScreeningResult) -> dict[str, Any]:
    reason = {"review_reason": report.review_reason} if report.review_reason else {}
    if found.detection is None:
        return {"error": found.error, **reason}
    model = found.detection.model
    return {
        "detection_id": report.screening_id,
        "model": f"{model.name} {model.version}",
        "model_sha256": model.sha256,
        "verdict": found.detection.verdict,
        "probability": found.detection.probability,
        "bound": report.bound,
        "miss_bound": found.detection.miss_bound,
        "rule": report.rule,
        **reason,
    }


def _publish(session: Session, report: Report, screening: DetectionRecord, now: datetime) -> None:
    data = {
        "detection_id": screening.id,
        "report_id": report.id,
        "account": report.account,
        "image_id": report.image_id,
        "verdict": screening.verdict,
        "probability": screening.probability,
        "false_accusation_bound": screening.bound,
        "miss_bound": screening.body["miss_bound"],
        "model": screening.model_version,
    }
    outbox.publish(session, report.tenant_id, now, WebhookType.DETECTION_COMPLETED, screening.id, data)
