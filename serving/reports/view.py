"""What each side sees of a report: one function for the API's JSON, narrowed by who asks.

Merchants and buyers are not told which person judged; buyers see neither the merchant's note nor who reported.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from refundlens.model.verdict.texts import reason_text
from refundlens.serving.detection.oracle import in_tenths
from refundlens.serving.kit.language import Language
from refundlens.serving.kit.roles import JUDGING, Actor, Role
from refundlens.serving.refunds.service import image_view
from refundlens.serving.reports import links, repository
from refundlens.serving.reports.repository import ReportDetail
from refundlens.serving.reports.service import allowed
from refundlens.serving.reuse import telling
from refundlens.serving.reuse.finder import Finder
from refundlens.serving.settings import Settings
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import (
    Appeal,
    AuditEvent,
    Decision,
    PhotoRequest,
    Refund,
    Refusal,
    Screening,
)
from refundlens.serving.workflow.events import moment
from refundlens.serving.workflow.states import ReportState

OURSELVES = ("detector", "system", "buyer")
"""Actors that are no person with a key; they may be named to anybody."""


@dataclass(frozen=True)
class Viewer:
    """Who looks, when, and in which language."""

    actor: Actor
    now: datetime
    language: Language
    settings: Settings
    secret: Secret
    links: bool = True
    """Whether to give status links: not in answers that are stored, nor to keys that may only read."""
    finder: Finder | None = None
    """Looks for the picture in other claims; none where nobody asks."""

    @property
    def sees_names(self) -> bool:
        return self.actor.role in (Role.ADJUDICATOR, Role.ADMIN, Role.ENGINEER)


def report_json(session: Session, viewer: Viewer, whole: ReportDetail, steps: bool = True) -> dict[str, Any]:
    """The API's JSON. steps: whether with the timeline, which costs a query a report."""
    report, refund, screening = whole.report, whole.refund, whole.screening
    buyer = viewer.actor.role is Role.BUYER
    timeline = repository.timeline(session, report) if steps else []
    reused = None
    if steps and not buyer and viewer.finder is not None:
        reused = telling.reuse_of_image(session, viewer.finder, whole.image, viewer.now)
    return {
        "id": report.id,
        "version": report.version,
        "state": report.state,
        "refund_id": refund.refund_id,
        "account": report.account,
        "claim_id": report.claim_id,
        "image": image_view(whole.image),
        "note": "" if buyer else report.note,
        "reported_by": "merchant" if buyer else report.reported_by,
        "verdict": report.verdict,
        "probability": _probability(viewer, screening.probability) if screening else None,
        "false_accusation_bound": report.bound,
        "rule": report.rule,
        "review_reason": report.review_reason,
        "reasons": [
            *(reasons(screening, viewer.language) if screening else []),
            *(telling.reasons(reused, viewer.language) if reused else []),
        ],
        "reuse": None if reused is None else telling.shown(reused),
        "detection_id": screening.id if screening else None,
        "heatmap_url": f"/v1/detections/{screening.id}/heatmap" if screening else None,
        "evidence_url": f"/v1/reports/{report.id}/evidence.jpg" if screening else None,
        "decided_by": _person(viewer, report.decided_by),
        "decided_at": moment(report.decided_at),
        "due_at": moment(report.due_at),
        "due": _due(report.state) if moment(report.due_at) else None,
        "allowed_actions": allowed(session, viewer.settings, viewer.now, viewer.actor, whole),
        "outcome": refund.outcome,
        "outcome_final": refund.outcome_final,
        "appeal": appeal_view(whole.appeal) if whole.appeal else None,
        "photo_requests": [wish_view(wish) for wish in whole.wishes],
        "decisions": [_decision_view(viewer, decision) for decision in whole.decisions],
        "refusal": refusal_view(whole.refusal, refund) if whole.refusal and not buyer else None,
        "track_urls": _track_urls(viewer, report.id),
        "timeline": [step_view(viewer, step) for step in timeline],
        "created_at": moment(report.created_at),
        "updated_at": moment(report.updated_at),
    }


def reasons(screening: Screening, language: Language) -> list[dict[str, Any]]:
    """The detector's reasons that come first, in a language, made again from what they say."""
    return [_reason(reason, language) for reason in screening.body["reasons"]]


def details(screening: Screening, language: Language) -> list[dict[str, Any]]:
    """All its other reasons; none in answers of versions that told all of them first."""
    return [_reason(reason, language) for reason in screening.body.get("details", {}).get("reasons", [])]


def _reason(reason: dict[str, Any], language: Language) -> dict[str, Any]:
    try:
        text = reason_text(reason["code"], language, **reason["details"])
    except KeyError:  # said by an older version, whose sentence took other values: as it was said
        text = reason["text"]
    return {"code": reason["code"], "basis": reason["basis"], "text": text}


def appeal_view(appeal: Appeal, actions: list[str] | None = None) -> dict[str, Any]:
    return {
        "id": appeal.id,
        "report_id": appeal.report_id,
        "side": appeal.side,
        "against": appeal.was,
        "grounds": appeal.grounds,
        "state": appeal.state,
        "due_at": moment(appeal.due_at),
        "created_at": moment(appeal.created_at),
        "decided_at": moment(appeal.decided_at),
        "allowed_actions": actions or [],
    }


def wish_view(wish: PhotoRequest) -> dict[str, Any]:
    return {
        "id": wish.id,
        "wish": wish.wish,
        "message": wish.message,
        "state": wish.state,
        "due_at": moment(wish.due_at),
        "created_at": moment(wish.created_at),
        "ended_at": moment(wish.ended_at),
    }


def refusal_view(refusal: Refusal, refund: Refund) -> dict[str, Any]:
    return {
        "id": refusal.id,
        "report_id": refusal.report_id,
        "refund_id": refund.refund_id,
        "message": refusal.message,
        "evidence_sha256": refusal.evidence,
        "evidence_url": f"/v1/reports/{refusal.report_id}/evidence.jpg",
        "platform": refusal.platform,
        "created_at": moment(refusal.created_at),
        "undone_at": moment(refusal.undone_at),
    }


def step_view(viewer: Viewer, step: AuditEvent) -> dict[str, Any]:
    return {
        "seq": step.seq,
        "at": moment(step.at),
        "event": step.action,
        "role": step.role,
        "actor": _person(viewer, step.actor),
        "from": step.before,
        "to": step.after,
        "model": step.data.get("model"),
    }


def _decision_view(viewer: Viewer, decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.id,
        "established": decision.established,
        "appeal_id": decision.appeal_id,
        "reason_code": decision.reason_code,
        "reason": decision.reason,
        "decided_by": _person(viewer, decision.decided_by),
        "created_at": moment(decision.created_at),
    }


def _person(viewer: Viewer, name: str | None) -> str | None:
    shown = viewer.sees_names or name == viewer.actor.name or name in OURSELVES
    return name if shown else None


def _due(state: str) -> str | None:
    if ReportState(state) in ReportState.undecided():
        return "refund"
    return {ReportState.APPEALED: "appeal"}.get(ReportState(state), "appeal_window")


def _probability(viewer: Viewer, value: float) -> float:
    """In tenths for both sides of the dispute (`detection.oracle`)."""
    return value if viewer.actor.role in JUDGING else in_tenths(value)


def _track_urls(viewer: Viewer, report_id: str) -> dict[str, str]:
    """The side's own link; the platform gets both, to pass the buyer's on. A merchant must not act as the buyer."""
    if not viewer.links:
        return {}
    sides: tuple[links.Side, ...] = ("merchant",) if viewer.actor.role is Role.MERCHANT else links.SIDES
    if viewer.actor.role is Role.BUYER:
        sides = ("buyer",)
    base = viewer.settings.public_url.rstrip("/")
    return {side: f"{base}/track/{links.token(viewer.secret, report_id, side, viewer.now)}" for side in sides}
