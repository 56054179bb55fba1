"""What each side sees of a report: one function for the API's answer, narrowed by who asks.

Merchants and buyers are not told which person judged; buyers see neither the merchant's note nor who reported.
"""

from collections.abc import Sequence
from typing import Any

from refundlens.model.verdict.texts import reason_text
from refundlens.serving.kit.clock import NEVER
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.format import in_tenths
from refundlens.serving.kit.language import Language
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds.schemas import image_url
from refundlens.serving.reports import links, repository
from refundlens.serving.reports.repository import ReportDetail
from refundlens.serving.reports.schemas import ImageRef, RefusalOut, ReportOut, Step
from refundlens.serving.reports.service import allowed
from refundlens.serving.reuse import telling
from refundlens.serving.reuse.finder import Finder
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import AuditEvent, DetectionRecord, Refund, Refusal
from refundlens.serving.workflow.states import ReportState


def report_out(
    context: Context,
    whole: ReportDetail,
    steps: bool = True,
    secret: Secret | None = None,
    finder: Finder | None = None,
) -> ReportOut:
    """A report for the context's caller. steps: whether with the timeline, which costs a query a report. secret: makes
    the status links; none in answers that are stored, nor for keys that may only read. finder: looks for the picture in
    other claims; none where nobody asks."""
    report, refund, screening, reader = whole.report, whole.refund, whole.screening, context.principal
    buyer = reader.role is Role.BUYER
    reused = None
    if steps and not buyer and finder is not None:
        reused = telling.reuse_of_image(context.session, finder, whole.image, context.now)
    told: dict[str, Any] = {"note": "", "reported_by": "merchant"} if buyer else {}
    return ReportOut.of(
        report,
        reader,
        refund_id=refund.refund_id,
        platform=refund.platform or None,
        image=ImageRef.of(whole.image, url=image_url(whole.image)),
        probability=None if screening is None else _probability(reader, screening.probability),
        reasons=[
            *in_language(whole.reasons, context.language),
            *(telling.reasons(reused, context.language) if reused else []),
        ],
        reuse=None if reused is None else telling.shown(reused),
        detection_id=screening.id if screening else None,
        heatmap_url=f"/v1/detections/{screening.id}/heatmap" if screening else None,
        evidence_url=f"/v1/reports/{report.id}/evidence.jpg" if screening else None,
        due=None if report.due_at == NEVER else _due(report.state),
        allowed_actions=allowed(context, whole),
        outcome=refund.outcome,
        outcome_final=refund.outcome_final,
        appeal=whole.appeal,
        photo_requests=whole.wishes,
        decisions=whole.decisions,
        refusal=refusal_out(whole.refusal, refund) if whole.refusal and not buyer else None,
        track_urls={} if secret is None else _track_urls(context, secret, report.id),
        timeline=[step_out(context, step) for step in repository.timeline(context.session, report)]
        if steps
        else [],
        **told,
    )


def reasons(screening: DetectionRecord, language: Language) -> list[dict[str, Any]]:
    """The detector's reasons that come first, in a language."""
    return in_language(screening.body["reasons"], language)


def details(screening: DetectionRecord, language: Language) -> list[dict[str, Any]]:
    """All its other reasons; none in answers of versions that told all of them first."""
    return in_language(screening.body.get("details", {}).get("reasons", []), language)


def in_language(said: Sequence[dict[str, Any]], language: Language) -> list[dict[str, Any]]:
    """Reasons of a detection's body, made again from what they say."""
    return [_reason(reason, language) for reason in said]


def _reason(reason: dict[str, Any], language: Language) -> dict[str, Any]:
    try:
        text = reason_text(reason["code"], language, **reason["details"])
    except KeyError:  # said by an older version, whose sentence took other values: as it was said
        text = reason["text"]
    return {"code": reason["code"], "basis": reason["basis"], "text": text}


def refusal_out(refusal: Refusal, refund: Refund) -> RefusalOut:
    url = f"/v1/reports/{refusal.report_id}/evidence.jpg"
    return RefusalOut.of(refusal, refund_id=refund.refund_id, evidence_url=url)


def step_out(context: Context, step: AuditEvent) -> Step:
    return Step.of(step, context.principal, model=step.data.get("model"))


def _due(state: str) -> str | None:
    if ReportState(state) in ReportState.undecided():
        return "refund"
    return {ReportState.APPEALED: "appeal"}.get(ReportState(state), "appeal_window")


def _probability(reader: Principal, value: float) -> float:
    """In tenths for both sides of the dispute (`detection.oracle`)."""
    return value if reader.judges else in_tenths(value)


def _track_urls(context: Context, secret: Secret, report_id: str) -> dict[str, str]:
    """The side's own link; the platform gets both, to pass the buyer's on. A merchant must not act as the buyer."""
    role = context.principal.role
    sides: tuple[links.Side, ...] = ("merchant",) if role is Role.MERCHANT else links.SIDES
    if role is Role.BUYER:
        sides = ("buyer",)
    base = context.settings.public_url.rstrip("/")
    return {side: f"{base}/track/{links.token(secret, report_id, side, context.now)}" for side in sides}
