"""What the PDF says beside the picture's own words (`serving.drawing.words`), in English and Chinese.

In: a pack's document. Out: titles, rows of names and values, paragraphs.
"""

import math
from typing import Any

from refundlens.model.verdict.texts import Language

Rows = list[tuple[str, str]]
Both = dict[Language, str]

_TEXTS: dict[str, Both] = {
    "pack": {"en": "Evidence pack", "zh": "证据包"},
    "reasons": {"en": "Reasons, and what each rests on", "zh": "理由及其依据"},
    "model": {"en": "The model, and how it was calibrated", "zh": "模型及其校准"},
    "report": {"en": "The report", "zh": "举报"},
    "audit": {"en": "What happened: rows of the audit log", "zh": "经过：审计日志记录"},
    "hashes": {"en": "Fingerprints and signature", "zh": "指纹与签名"},
    "verify": {"en": "How to check this", "zh": "如何核验"},
    "photo_not_kept": {
        "en": "The photo is not in this pack: what is sent to be judged is not kept. Whoever has the file can show by "
        "its SHA-256 that it is the one.",
        "zh": "本证据包不含图片：送检图片不予保存。持有原文件者可用其 SHA-256 证明两者一致。",
    },
    "photo_erased": {
        "en": "The photo was erased; its SHA-256 stays.",
        "zh": "图片已被删除，仅保留其 SHA-256。",
    },
    "no_report": {
        "en": "This detection belongs to no report that the reader of this pack may see.",
        "zh": "此次检测不属于本证据包读者有权查看的任何举报。",
    },
    "other_model": {
        "en": "Another model was running when this pack was issued; the facts of the calibration are in the model's "
        "own file.",
        "zh": "签发本证据包时运行的是另一模型；校准信息见该模型文件本身。",
    },
    "not_covered": {
        "en": "The calibration does not cover photos in this condition; no false-accusation bound is stated.",
        "zh": "校准未覆盖此类条件的照片，故不给出误判上限。",
    },
    "name": {"en": "Model", "zh": "模型"},
    "sha256": {"en": "Its SHA-256", "zh": "模型 SHA-256"},
    "card": {"en": "Card's SHA-256", "zh": "模型卡 SHA-256"},
    "dataset": {"en": "Training data", "zh": "训练数据"},
    "calibration": {"en": "Calibration", "zh": "校准 SHA-256"},
    "limit": {"en": "Limit it keeps", "zh": "误判上限要求"},
    "limit_is": {
        "en": "at most {limit} of authentic photos called fake, at a confidence of {confidence}",
        "zh": "真实照片被误判为伪造的比例不超过 {limit}，置信度 {confidence}",
    },
    "covered": {"en": "Condition", "zh": "所属条件"},
    "covered_is": {
        "en": "long side {low} to {high} pixels, {quality}",
        "zh": "长边 {low} 至 {high} 像素，{quality}",
    },
    "quality": {"en": "JPEG quality {low} to {high}", "zh": "JPEG 质量 {low} 至 {high}"},
    "lossless": {"en": "not JPEG", "zh": "非 JPEG"},
    "counted": {"en": "Counted on", "zh": "校准样本"},
    "counted_is": {
        "en": "{photos} authentic photos; {accused} of them at or above the threshold",
        "zh": "{photos} 张真实照片，其中 {accused} 张达到阈值",
    },
    "wider": {"en": "Threshold from", "zh": "阈值来源"},
    "wider_is": {
        "en": "a wider condition, since this one has too few photos: {condition}",
        "zh": "因本条件样本不足，取自更宽的条件：{condition}",
    },
    "threshold": {"en": "Called fake from", "zh": "判伪阈值"},
    "threshold_is": {"en": "a probability of {value}", "zh": "概率 {value}"},
    "no_threshold": {
        "en": "no probability: no threshold keeps the limit here",
        "zh": "无：此条件下没有阈值满足上述要求",
    },
    "bound": {"en": "Bound", "zh": "误判上限"},
    "second_look": {"en": "Second look", "zh": "二次检测"},
    "second_look_is": {
        "en": "compressed once more (JPEG {quality}, {subsampling}); the copy's probability: {value}",
        "zh": "再压缩一次（JPEG {quality}，{subsampling}），副本的概率：{value}",
    },
    "no_second_look": {
        "en": "none: only photos that would be called fake are compressed and judged again",
        "zh": "无：仅对拟判为伪造的照片再压缩并复检",
    },
    "state": {"en": "State", "zh": "状态"},
    "decided_by": {"en": "Decided by", "zh": "判定者"},
    "rule": {"en": "Rule of the claim", "zh": "合并规则"},
    "detector": {"en": "the detector", "zh": "检测器"},
    "person": {"en": "an adjudicator", "zh": "审核员"},
    "nobody": {"en": "nobody yet", "zh": "尚无"},
    "decision": {"en": "Decision", "zh": "决定"},
    "decision_is": {"en": "{time}: {what}, reason {code}", "zh": "{time}：{what}，理由 {code}"},
    "established": {"en": "established", "zh": "成立"},
    "not_established": {"en": "not established", "zh": "不成立"},
    "appeal": {"en": "Appeal", "zh": "申诉"},
    "appeal_is": {"en": "{time}: by the {side}, now {state}", "zh": "{time}：{side}方提出，现为 {state}"},
    "buyer": {"en": "buyer", "zh": "买家"},
    "merchant": {"en": "merchant", "zh": "商家"},
    "row": {"en": "Row", "zh": "序号"},
    "time": {"en": "Time (UTC)", "zh": "时间（UTC）"},
    "event": {"en": "Event", "zh": "事件"},
    "change": {"en": "From → to", "zh": "变化"},
    "hash": {"en": "Hash (first 16 digits)", "zh": "哈希（前 16 位）"},
    "head": {
        "en": "When this was issued the log ended with row {seq}, whose hash is {hash}. Whoever keeps that number can "
        "see later that no earlier row was changed.",
        "zh": "签发时日志止于第 {seq} 行，其哈希为 {hash}。保存该值者日后可核实此前各行均未被更改。",
    },
    "photo_hash": {"en": "Photo", "zh": "图片"},
    "heat_hash": {"en": "Heat map", "zh": "热力图"},
    "trust_hash": {"en": "Reliability map", "zh": "可靠性图"},
    "key": {"en": "Key", "zh": "密钥"},
    "keys_url": {"en": "Key published at", "zh": "公钥公布于"},
    "software": {"en": "Program", "zh": "程序"},
    "issued": {"en": "Issued", "zh": "签发时间"},
    "how": {
        "en": "Attached to this PDF is evidence.json, which holds every number on these pages and more, signed with "
        "Ed25519. With the program (pip install refundlens), run: refundlens verify THIS.pdf --key KEY",
        "zh": "本 PDF 附有 evidence.json，含本文全部数值及更多内容，"
        "并以 Ed25519 签名。安装程序（pip install refundlens）"
        "后运行：refundlens verify THIS.pdf --key KEY",
    },
    "how_key": {
        "en": "KEY is the issuer's public key, from the address above or from whoever you trust to know it. The key "
        "inside the pack shows only that nothing was changed since it was signed, not by whom.",
        "zh": "KEY 为签发方公钥，取自上述地址或您信任的来源。"
        "仅凭证据包内所附密钥只能证明签名后未被更改，不能证明签发者身份。",
    },
    "how_numbers": {
        "en": "With the photo (--photo FILE) and the model of the SHA-256 above (--model FILE) the detector runs again "
        "and every number is compared.",
        "zh": "若有原图（--photo FILE）及上述 SHA-256 对应的模型（--model FILE），程序将重新检测并逐一比对全部数值。",
    },
    "limits": {
        "en": "A detector's finding is an estimate with a stated error, not a proof of intent. What metadata declares, "
        "anyone can write.",
        "zh": "检测结论是带有明示误差的估计，并非对主观意图的证明；元数据的自述内容任何人均可改写。",
    },
}  # fmt: skip


def say(name: str, language: Language, /, **values: Any) -> str:
    """A text by its name."""
    return _TEXTS[name][language].format(**values)


def model_rows(document: dict[str, Any], language: Language) -> Rows:
    """The model and its calibration."""
    model = document["model"]
    rows = [
        (say("name", language), f"{model['name']} {model['version']}"),
        (say("sha256", language), model["sha256"]),
    ]
    for name, member in (("card", "card_sha256"), ("dataset", "dataset_sha256")):
        rows += [(say(name, language), model[member])] if model[member] else []
    facts = model["calibration"]
    if facts is None:
        rows.append((say("calibration", language), say("other_model", language)))
    else:
        rows += _calibration_rows(facts, language)
    return [*rows, (say("second_look", language), _second_look(document, language))]


def report_rows(report: dict[str, Any], language: Language) -> Rows:
    """What became of it."""
    rows = [
        (say("state", language), f"{report['state']} ({report['id']})"),
        (say("decided_by", language), say(report["decided_by"] or "nobody", language)),
    ]
    if report["rule"]:
        rows.append((say("rule", language), f"{report['rule']}; {share(report['false_accusation_bound'])}"))
    for decision in report["decisions"]:
        what = say("established" if decision["established"] else "not_established", language)
        told = {"time": decision["created_at"], "what": what, "code": decision["reason_code"]}
        rows.append((say("decision", language), say("decision_is", language, **told)))
    if appeal := report["appeal"]:
        told = {"time": appeal["created_at"], "side": say(appeal["side"], language), "state": appeal["state"]}
        rows.append((say("appeal", language), say("appeal_is", language, **told)))
    return rows


def hash_rows(document: dict[str, Any], key_id: str, language: Language) -> Rows:
    """By what everything is known."""
    issuer = document["issuer"]
    rows = [(say("photo_hash", language), document["photo"]["sha256"])]
    for name, member in (("heat_hash", "heatmap"), ("trust_hash", "reliability")):
        rows += [(say(name, language), document[member]["sha256"])] if document[member] else []
    software = ", ".join(f"{name} {version}" for name, version in issuer["software"].items())
    return [
        *rows,
        (say("key", language), key_id),
        (say("keys_url", language), issuer["keys_url"]),
        (say("software", language), software),
        (say("issued", language), document["issued_at"]),
    ]


def share(value: float | None) -> str:
    """As a percentage, rounded up: a bound must not be made smaller by writing it."""
    return "–" if value is None else f"{math.ceil(round(value * 10_000, 6)) / 100:.2f} %"


def every_pack_text() -> set[str]:
    """All Chinese of the table; the font must have each character."""
    return {table["zh"] for table in _TEXTS.values()}


def _calibration_rows(facts: dict[str, Any], language: Language) -> Rows:
    limit = {"limit": share(facts["limit"]), "confidence": f"{facts['confidence']:.0%}"}
    rows = [
        (say("calibration", language), facts["sha256"]),
        (say("limit", language), say("limit_is", language, **limit)),
    ]
    covered = facts["condition"]
    if covered is None:
        return [*rows, (say("covered", language), say("not_covered", language))]
    threshold = facts["threshold"]
    return [
        *rows,
        (say("covered", language), _condition(covered["long_side"], covered["jpeg_quality"], language)),
        (say("counted", language), say("counted_is", language, **covered)),
        *_wider(covered["counted_on"], language),
        (
            say("threshold", language),
            say("no_threshold", language)
            if threshold is None
            else say("threshold_is", language, value=f"{threshold:.4f}"),
        ),
        (say("bound", language), share(covered["bound"])),
    ]


def _wider(counted_on: list[list[int]] | None, language: Language) -> Rows:
    if counted_on is None:
        return []
    long_side, jpeg_quality = counted_on
    told = say("wider_is", language, condition=_condition(long_side, jpeg_quality, language))
    return [(say("wider", language), told)]


def _condition(long_side: list[int], jpeg_quality: list[int], language: Language) -> str:
    """Ranges are [from, to); people are told the last value within."""
    low, high = jpeg_quality
    jpeg = low <= _BEST_QUALITY
    quality = (
        say("quality", language, low=low, high=min(high - 1, _BEST_QUALITY))
        if jpeg
        else say("lossless", language)
    )
    sizes = {"low": long_side[0], "high": long_side[1] - 1}
    return say("covered_is", language, **sizes, quality=quality)


def _second_look(document: dict[str, Any], language: Language) -> str:
    look, copy = document["second_look"], document["detection"]["stability"]["probability_reencoded"]
    if not look["made"] or copy is None:
        return say("no_second_look", language)
    told = {"quality": look["quality"], "subsampling": look["subsampling"], "value": f"{copy:.4f}"}
    return say("second_look_is", language, **told)


_BEST_QUALITY = 100
"""libjpeg's highest; above it, a calibration's range means files that are not JPEG."""
