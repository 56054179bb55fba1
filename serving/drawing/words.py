"""What an evidence picture says, in English and Chinese. The verdict in words comes first.

In: a stored detection and what became of its report. Out: a heading, lines of facts, reasons, a footer.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from refundlens.model.verdict.texts import Language, reason_text
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.format import bound_percent, percent
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import DETECTOR
from refundlens.serving.workflow.states import ReportState

MOST_REASONS = 8
"""Sentences shown; detections have two to six, and a full-length picture is read by nobody."""


@dataclass(frozen=True)
class ReportFacts:
    """What a report adds to its detection. decided_by: `detector`, else somebody judged; who is not told. bound: of the
    whole claim, where the detector judged its photos together. claim_reason: the sentence of that judgement."""

    report_id: str
    refund_id: str
    state: ReportState
    decided_by: str | None = None
    decided_at: datetime | None = None
    bound: float | None = None
    claim_reason: str = ""


@dataclass(frozen=True)
class Words:
    """Everything written on the picture. tone: `fake`, `authentic` or `inconclusive`, for its colour."""

    tone: str
    heading: str
    subheading: str
    photo: str
    heat: str
    no_heat: str
    facts: list[str]
    reasons: list[str]
    footer: list[str]


_TONES = {
    ReportState.ESTABLISHED: "fake",
    ReportState.FINAL_ESTABLISHED: "fake",
    ReportState.NOT_ESTABLISHED: "authentic",
    ReportState.FINAL_NOT_ESTABLISHED: "authentic",
}


def words(
    body: dict[str, Any], report: ReportFacts | None, supplied_by: str | None, language: Language
) -> Words:
    """body: the stored JSON of a detection. report: none where the detection belongs to none. supplied_by: a
    `Supplier`, `caller` of /v1/detect, or none where that was not written down."""
    verdict: str = body["verdict"]
    tone, heading, subheading = verdict, _text("verdicts", verdict, language), ""
    if report is not None:
        tone = _TONES.get(report.state, "inconclusive")
        decided = report.state in _TONES
        heading = _text("states", report.state, language) if decided else _say("open", language)
        subheading = _text("verdicts", verdict, language)
        if decided:
            who = "by_detector" if report.decided_by == DETECTOR.name else "by_person"
            subheading = f"{_say(who, language)} · {subheading}"
    return Words(
        tone=tone,
        heading=heading,
        subheading=subheading,
        photo=_say("photo", language),
        heat=_say("heat", language),
        no_heat=_say("no_heat", language),
        facts=_facts(body, report, supplied_by, language),
        reasons=_reasons(body, report, language),
        footer=_footer(body, report, language),
    )


def _facts(
    body: dict[str, Any], report: ReportFacts | None, supplied_by: str | None, language: Language
) -> list[str]:
    likeliest = max(body["kind"], key=lambda kind: body["kind"][kind])
    found = [
        _say(
            "probability",
            language,
            share=percent(body["probability"]),
            kind=_text("kinds", likeliest, language),
        )
    ]
    bound = body.get("false_accusation_bound")
    if bound is not None:
        found.append(_say("bound", language, share=bound_percent(bound)))
    elif body["verdict"] == "authentic" and body.get("miss_bound") is not None:
        found.append(_say("miss_bound", language, share=bound_percent(body["miss_bound"])))
    elif report is None or report.bound is None:
        found.append(_say("no_bound", language))
    if report is not None and report.bound is not None and report.bound != bound:
        found.append(_say("claim_bound", language, share=bound_percent(report.bound)))
    conditions = body["conditions"]
    quality = conditions.get("jpeg_quality")
    saved = _say("jpeg", language, quality=quality) if quality is not None else _say("not_jpeg", language)
    size = {"width": body["width"], "height": body["height"]}
    found.append(_say("condition", language, **size, saved=saved, sharpness=conditions["sharpness"]))
    found.append(_say("supplied", language, who=_text("suppliers", supplied_by or "unknown", language)))
    return found


def _reasons(body: dict[str, Any], report: ReportFacts | None, language: Language) -> list[str]:
    shown = [
        _say(
            "reason",
            language,
            text=_in_language(reason, language),
            basis=_text("bases", reason["basis"], language),
        )
        for reason in body["reasons"][:MOST_REASONS]
    ]
    return [report.claim_reason, *shown] if report is not None and report.claim_reason else shown


def _in_language(reason: dict[str, Any], language: Language) -> str:
    """The sentence in the asked language where it needs no values, which are not stored; else as it was stored."""
    try:
        return reason_text(reason["code"], language)
    except (KeyError, IndexError):
        return str(reason["text"])


def _footer(body: dict[str, Any], report: ReportFacts | None, language: Language) -> list[str]:
    model = body["model"]
    first = [("detection", body["id"])] if body.get("id") else []
    if report is not None:
        first = [("report", report.report_id), ("refund", report.refund_id), *first]
    times = [("judged", body["created_at"])] if body.get("created_at") else []
    if report is not None and report.decided_at is not None:
        times.append(("decided", rfc3339(report.decided_at.astimezone(UTC))))
    lines = [
        first,
        [("photo", body["sha256"])],
        [("model", f"{model['name']} {model['version']} ({model['sha256'][:16]})"), *times],
    ]
    colon = texts("page", language)["colon"]
    return [
        "   ".join(f"{_text('footer', name, language)}{colon}{value}" for name, value in line)
        for line in lines
        if line
    ]


def _say(code: str, language: Language, **values: Any) -> str:
    return str(texts("evidence_picture", language)[code]).format(**values)


def _text(table: str, key: str, language: Language) -> str:
    return str(texts("evidence_picture", language)[table][key])
