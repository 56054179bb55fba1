"""What the PDF says beside the picture's own words (`serving.drawing.words`), in English and Chinese.

In: a pack's document. Out: titles, rows of names and values, paragraphs.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refundlens.serving.kit.format import bound_percent
from refundlens.serving.kit.language import Language, texts

Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class Pack:
    """What is drawn. document: of a pack. photo: its bytes, heatmap: float32 [h,w], as far as they are there. font: a
    file with every character. key_id: of who will sign it. attached: the pack's file, under this name."""

    document: dict[str, Any]
    photo: bytes | None
    heatmap: NDArray[np.float32] | None
    font: Path
    key_id: str
    now: datetime
    attached: tuple[str, bytes]


def say(name: str, language: Language, /, **values: Any) -> str:
    """A text by its name."""
    return str(texts("evidence_pack", language)[name]).format(**values)


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
        (say("state", language), f"{state_text(report['state'], language)}  {report['id']}"),
        (say("decided_by", language), say(report["decided_by"] or "nobody", language)),
    ]
    if report["rule"]:
        rows.append(
            (
                say("rule", language),
                f"{report['rule_text'][language]} {share(report['false_accusation_bound'])}",
            )
        )
    for decision in report["decisions"]:
        what = say("established" if decision["established"] else "not_established", language)
        code = texts("queue", language)["codes"].get(decision["reason_code"], decision["reason_code"])
        told = {"time": decision["created_at"], "what": what, "code": code}
        rows.append((say("decision", language), say("decision_is", language, **told)))
    if appeal := report["appeal"]:
        told = {
            "time": appeal["created_at"],
            "side": say(appeal["side"], language),
            "state": say(f"appeal_{appeal['state']}", language),
        }
        rows.append((say("appeal", language), say("appeal_is", language, **told)))
    return rows


def hash_rows(document: dict[str, Any], key_id: str, language: Language) -> Rows:
    """By what everything is known."""
    issuer = document["issuer"]
    photo = document["photo"]
    supplied = supplied_by(
        photo.get("supplied_by", "unknown"), language
    )  # packs of earlier versions do not say
    rows = [(say("photo_hash", language), photo["sha256"]), (say("supplied", language), supplied)]
    for name, member in (("heat_hash", "heatmap"), ("trust_hash", "reliability")):
        rows += [(say(name, language), document[member]["sha256"])] if document[member] else []
    between = texts("page", language)["between"]
    software = between.join(f"{name} {version}" for name, version in issuer["software"].items())
    return [
        *rows,
        (say("key", language), key_id),
        (say("keys_url", language), issuer["keys_url"]),
        (say("software", language), software),
        (say("issued", language), document["issued_at"]),
    ]


def supplied_by(supplier: str, language: Language) -> str:
    """Who sent the photo, in words."""
    return str(texts("evidence_picture", language)["suppliers"].get(supplier, supplier))


def share(value: float | None) -> str:
    """A bound, or a dash for none."""
    return "–" if value is None else bound_percent(value)


def state_text(state: str, language: Language) -> str:
    """A report's state as the console names it."""
    return str(texts("queue", language)["states"].get(state, state))


def audit_cells(one: dict[str, Any], language: Language) -> list[str]:
    """A row of the audit log. English shows the log's own names, for which there is room in its column."""
    row = one["row"]
    states = [state for state in (row["before"], row["after"]) if state]
    if language == "zh":
        event = texts("queue", language)["events"].get(row["action"], row["action"])
        states = [state_text(state, language) for state in states]
    else:
        event = row["action"].removeprefix("report.")
    return [str(row["seq"]), row["at"], event, " → ".join(states), one["hash"][:16]]


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
