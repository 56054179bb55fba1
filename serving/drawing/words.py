"""What an evidence picture says, in English and Chinese. The verdict in words comes first.

In: a stored detection and what became of its report. Out: a heading, lines of facts, reasons, a footer.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from refundlens.model.verdict.texts import TEXTS, WORDS, Language, reason_text
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.format import percent
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


_STATES: dict[ReportState, tuple[str, dict[Language, str]]] = {
    ReportState.ESTABLISHED: ("fake", {"en": "Established: this photo is fake", "zh": "成立：该图片系伪造"}),
    ReportState.FINAL_ESTABLISHED: (
        "fake",
        {"en": "Established, final: this photo is fake", "zh": "成立（终局）：该图片系伪造"},
    ),
    ReportState.NOT_ESTABLISHED: (
        "authentic",
        {"en": "Not established: the photo does not count as fake", "zh": "不成立：该图片不认定为伪造"},
    ),
    ReportState.FINAL_NOT_ESTABLISHED: (
        "authentic",
        {
            "en": "Not established, final: the photo does not count as fake",
            "zh": "不成立（终局）：该图片不认定为伪造",
        },
    ),
}
_OPEN: dict[Language, str] = {"en": "Not decided", "zh": "尚未认定"}
_VERDICTS: dict[str, dict[Language, str]] = {
    "fake": {"en": "Detector: fake", "zh": "检测结论：伪造"},
    "authentic": {"en": "Detector: no manipulation found", "zh": "检测结论：未发现伪造"},
    "inconclusive": {"en": "Detector: inconclusive", "zh": "检测结论：无法判断"},
}
_KINDS: dict[str, dict[Language, str]] = {
    "authentic": {"en": "authentic", "zh": "真实照片"},
    "ai_generated": {"en": "AI-generated", "zh": "AI 生成"},
    "ai_edited": {"en": "AI-edited", "zh": "AI 局部编辑"},
    "photoshopped": {"en": "photoshopped", "zh": "修图拼接"},
}
_BASES: dict[str, dict[Language, str]] = {
    "observed": {"en": "read from the file", "zh": "读自文件"},
    "derived": {"en": "computed from the file", "zh": "由文件计算"},
    "inferred": {"en": "the model's estimate", "zh": "模型推断"},
    "declared": {"en": "declared by metadata, which anyone can write", "zh": "元数据自述，可被任意改写"},
}
_SENTENCES: dict[str, dict[Language, str]] = {
    "photo": {"en": "The photo; boxes mark suspicious areas", "zh": "图片；方框标出可疑区域"},
    "heat": {"en": "Heat map: the redder, the more probably changed", "zh": "热力图：越红越可能被改动"},
    "no_heat": {"en": "No heat map was kept", "zh": "未保存热力图"},
    "by_detector": {
        "en": "Decided by the detector, within its stated bound on false accusations",
        "zh": "由检测器在所述误判上限内作出判定",
    },
    "by_person": {"en": "Decided by an adjudicator", "zh": "由审核员作出判定"},
    "probability": {
        "en": "Probability that the pixels were generated or edited: {share}. Most likely: {kind}.",
        "zh": "像素经生成或编辑的概率：{share}；最可能的类型：{kind}。",
    },
    "bound": {
        "en": "False-accusation bound: of authentic photos in this condition, at most {share} are called fake "
        "(upper confidence limit).",
        "zh": "误判上限：此类条件下的真实照片，被误判为伪造的比例不超过 {share}（置信上限）。",
    },
    "claim_bound": {
        "en": "For the whole claim, the bound is {share}.",
        "zh": "就整个退款申请而言，该上限为 {share}。",
    },
    "no_bound": {
        "en": "No false-accusation bound is stated: the detector alone calls this photo neither fake nor not.",
        "zh": "未给出误判上限：仅凭检测器不足以认定该图片为伪造。",
    },
    "condition": {
        "en": "Condition: {width} x {height} pixels, {saved}, sharpness {sharpness:.2f}.",
        "zh": "图片条件：{width} x {height} 像素，{saved}，清晰度 {sharpness:.2f}。",
    },
    "jpeg": {"en": "JPEG quality {quality}", "zh": "JPEG 质量 {quality}"},
    "not_jpeg": {"en": "not a JPEG", "zh": "非 JPEG"},
    "reason": {"en": "{text} [{basis}]", "zh": "{text}（{basis}）"},
}
_FOOTER: dict[str, dict[Language, str]] = {
    "report": {"en": "Report", "zh": "举报编号"},
    "refund": {"en": "Refund", "zh": "退款编号"},
    "photo": {"en": "Photo SHA-256", "zh": "图片 SHA-256"},
    "model": {"en": "Model", "zh": "模型"},
    "detection": {"en": "Detection", "zh": "检测编号"},
    "judged": {"en": "Judged", "zh": "检测时间"},
    "decided": {"en": "Decided", "zh": "判定时间"},
}


def words(body: dict[str, Any], report: ReportFacts | None, language: Language) -> Words:
    """body: the stored JSON of a detection. report: none where the detection belongs to none."""
    verdict: str = body["verdict"]
    tone, heading, subheading = verdict, _VERDICTS[verdict][language], ""
    if report is not None:
        tone, state = _STATES.get(report.state, ("inconclusive", _OPEN))
        heading = state[language]
        subheading = _VERDICTS[verdict][language]
        if report.state in _STATES:
            who = "by_detector" if report.decided_by == DETECTOR.name else "by_person"
            subheading = f"{_say(who, language)} · {subheading}"
    return Words(
        tone=tone,
        heading=heading,
        subheading=subheading,
        photo=_say("photo", language),
        heat=_say("heat", language),
        no_heat=_say("no_heat", language),
        facts=_facts(body, report, language),
        reasons=_reasons(body, report, language),
        footer=_footer(body, report, language),
    )


def _facts(body: dict[str, Any], report: ReportFacts | None, language: Language) -> list[str]:
    likeliest = max(body["kind"], key=lambda kind: body["kind"][kind])
    found = [
        _say("probability", language, share=percent(body["probability"]), kind=_KINDS[likeliest][language])
    ]
    bound = body.get("false_accusation_bound")
    if bound is not None:
        found.append(_say("bound", language, share=_bound(bound)))
    elif report is None or report.bound is None:
        found.append(_say("no_bound", language))
    if report is not None and report.bound is not None and report.bound != bound:
        found.append(_say("claim_bound", language, share=_bound(report.bound)))
    conditions = body["conditions"]
    quality = conditions.get("jpeg_quality")
    saved = _say("jpeg", language, quality=quality) if quality is not None else _say("not_jpeg", language)
    size = {"width": body["width"], "height": body["height"]}
    found.append(_say("condition", language, **size, saved=saved, sharpness=conditions["sharpness"]))
    return found


def _reasons(body: dict[str, Any], report: ReportFacts | None, language: Language) -> list[str]:
    shown = [
        _say("reason", language, text=_in_language(reason, language), basis=_BASES[reason["basis"]][language])
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
    return [
        "   ".join(f"{_FOOTER[name][language]}: {value}" for name, value in line) for line in lines if line
    ]


def _bound(share: float) -> str:
    """Rounded up: a bound must not be made smaller by writing it."""
    hundredths = math.ceil(round(share * 10_000, 6))  # 0.07 * 10,000 is a little more than 700
    return f"{hundredths / 100:.2f} %"


def _say(code: str, language: Language, **values: Any) -> str:
    return _SENTENCES[code][language].format(**values)


def every_text() -> set[str]:
    """All Chinese that may be set without a stranger's part in it; the font must have each character."""
    tables = (
        *_SENTENCES.values(),
        *_FOOTER.values(),
        *_BASES.values(),
        *_KINDS.values(),
        *_VERDICTS.values(),
    )
    own = {table["zh"] for table in (*tables, _OPEN, *(texts for _, texts in _STATES.values()))}
    return own | {table["zh"] for table in (*TEXTS.values(), *WORDS.values())}
