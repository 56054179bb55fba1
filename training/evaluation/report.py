"""The report of an evaluation: what was measured, slice by slice, and how to measure it again.

In: scored rows and a context. Out: `report.json` for programs, `report.md` for people, plots beside them.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from refundlens.training.evaluation.controls import Control, as_json, conditions_alone
from refundlens.training.evaluation.metrics import (
    ROUNDS,
    balanced_accuracy,
    expected_calibration_error,
    reliability,
    roc_curve,
)
from refundlens.training.evaluation.plots import draw_all
from refundlens.training.evaluation.slices import Measured, Scored, slices, table

ANCHOR_DELIVERY = "q75_720"
"""The named delivery of the headline: long side 720 px and JPEG 75, what a messenger leaves of a photo."""
CURVE_POINTS = 60
FEW = 30
"""Source photos under which a slice is marked: its interval is then wider than most differences."""

_PLACED = ("command", "title", "notes")
"""Parts of the context that have a place of their own in the report."""
MEANING = """\
- **AUC**: the chance that a fake scores above an authentic picture; 0.5 is guessing. A slice of fakes is
  compared to all authentic pictures delivered the same way, and the other way round. Brackets: 95 % interval
  by bootstrap over source photos, because variants of one photo are not independent.
- **TPR at 1, 3.7, 5 %**: share of fakes found by a threshold that flags that share of authentic pictures. The
  threshold is set on the slice itself; the verdicts use one fixed by calibration.
- **ECE**: mean distance between the probability said and the share that was fake, in 15 bins of equal size.
  Given with both classes weighing the same, since the probability is stated for equal prior odds; in the
  headline also with the shares of this set, which are not those of your refunds.
- **Pixel F1**: overlap of the heat map at 0.5 with the edit's mask, as the mean of pictures and of all pixels
  pooled. For a wholly regenerated picture it tells how much of it lights up, not whether the place is right.
- **called**: shares of the verdicts fake, inconclusive, authentic.
- **accused**: source photos of which any authentic variant was called fake, of all that have one, and the
  95 % upper confidence bound on that rate (Clopper-Pearson).
- **few**: fewer than 30 source photos; read the interval, not the figure.
"""


def _find(measured: Sequence[Measured], dimension: str, value: str) -> Measured | None:
    return next((one for one in measured if (one.dimension, one.value) == (dimension, value)), None)


def _line(
    name: str, part: Measured | None, figure: Callable[[Measured], float], **more: Any
) -> dict[str, Any] | None:
    if part is None:
        return None
    return {"name": name, "value": figure(part), "photos": part.photos, "rows": part.rows, **more}


def _auc_line(name: str, part: Measured | None) -> dict[str, Any] | None:
    if part is None:
        return None
    return _line(name, part, lambda one: one.auc, low=part.auc_low, high=part.auc_high)


def headline(scored: Sequence[Scored], measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """The few figures to read first: name, value, photos, rows, and low, high or bound where there is one."""
    overall = _find(measured, "overall", "all")
    authentic = _find(measured, "kind", "authentic")
    damaged = _find(measured, "source", "real defect")
    labels = [one.row.label for one in scored]
    called = np.array([one.verdict == "fake" for one in scored])
    said = [one.probability for one in scored]
    width = expected_calibration_error(labels, said, binning="equal_width")
    lines = [
        _auc_line("ROC AUC, all pictures", overall),
        _auc_line(f"ROC AUC, delivered {ANCHOR_DELIVERY}", _find(measured, "delivery", ANCHOR_DELIVERY)),
        *(_auc_line(f"ROC AUC, {one.value}", one) for one in measured if one.dimension == "generator seen"),
        _line("fakes found at 1 % false positives", overall, lambda one: one.tpr_at_1),
        _line("fakes found at 5 % false positives", overall, lambda one: one.tpr_at_5),
        _line(
            "balanced accuracy of the verdict fake", overall, lambda one: balanced_accuracy(labels, called)
        ),
        _line("verdicts inconclusive", overall, lambda one: one.called_inconclusive),
        _line("calibration error, equal classes", overall, lambda one: one.ece_balanced),
        _line("calibration error, equal bins", overall, lambda one: one.ece),
        _line("calibration error, equal widths", overall, lambda one: width),
        _line("Brier score", overall, lambda one: one.brier),
        _line("pixel F1 of spliced AI edits", _find(measured, "kind", "ai_edited"), lambda one: one.pixel_f1),
        _accused("authentic photos called fake", authentic),
        _accused("photos of real damage called fake", damaged),
    ]
    return [line for line in lines if line is not None]


def _accused(name: str, part: Measured | None) -> dict[str, Any] | None:
    if part is None:
        return None
    rate = part.accused_photos / part.authentic_photos
    return _line(name, part, lambda one: rate, accused=part.accused_photos, bound=part.accusation_bound)


def curves(scored: Sequence[Scored]) -> dict[str, Any]:
    """For pages that compare models. roc: [false positive rate, true positive rate], some hundred points, dense where
    few are accused. reliability: [mean probability said, share that was fake, pictures] of bins of equal size."""
    labels, said = [one.row.label for one in scored], [one.probability for one in scored]
    false_rate, true_rate, _ = roc_curve(labels, said)
    if np.isnan(false_rate).any() or np.isnan(true_rate).any():
        return {"roc": [], "reliability": []}
    even = np.linspace(0, false_rate.size - 1, CURVE_POINTS).round().astype(int)
    few = np.searchsorted(false_rate, np.geomspace(0.001, 0.1, CURVE_POINTS), side="right") - 1
    kept = np.unique(np.concatenate([even, few]))
    bins = reliability(labels, said)
    return {
        "roc": [[round(float(false_rate[one]), 5), round(float(true_rate[one]), 5)] for one in kept],
        "reliability": [[one.said, one.true, one.count] for one in bins],
    }


def plain(value: Any) -> Any:
    """The value as JSON can hold it: nan and infinity become null, NumPy numbers become Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def number(value: float | None, digits: int = 3) -> str:
    """A figure for people; a dash where it has no meaning."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """A share for people, in per cent."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.1f} %"


def _headline_rows(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = ["| figure | value | 95 % | photos | pictures |", "| --- | --- | --- | --- | --- |"]
    for line in lines:
        value, interval = number(line["value"]), ""
        if "low" in line:
            interval = f"{number(line['low'])} to {number(line['high'])}"
        if "bound" in line:
            value, interval = (
                f"{line['accused']} ({percent(line['value'])})",
                f"at most {percent(line['bound'])}",
            )
        rows.append(f"| {line['name']} | {value} | {interval} | {line['photos']} | {line['rows']} |")
    return rows


def _slice_row(one: Measured) -> str:
    accused = f"{one.accused_photos} of {one.authentic_photos} (≤ {percent(one.accusation_bound)})"
    cells = [
        one.value + (" *(few)*" if one.photos < FEW else ""),
        f"{one.photos} / {one.rows}",
        f"{number(one.auc)} [{number(one.auc_low)}, {number(one.auc_high)}]",
        " / ".join(number(rate, 2) for rate in (one.tpr_at_1, one.tpr_at_3_7, one.tpr_at_5)),
        number(one.ece_balanced),
        f"{number(one.pixel_f1, 2)} / {number(one.pixel_f1_pooled, 2)}",
        " / ".join(
            percent(share) for share in (one.called_fake, one.called_inconclusive, one.called_authentic)
        ),
        accused if one.authentic_photos else "–",
    ]
    return f"| {' | '.join(cells)} |"


def slice_tables(measured: Sequence[Measured]) -> list[str]:
    lines = []
    for dimension, parts in groupby(measured, key=lambda one: one.dimension):
        lines += [
            f"### By {dimension}" if dimension != "overall" else "### Overall",
            "",
            "| slice | photos / pictures | AUC | TPR at 1 / 3.7 / 5 % | ECE | pixel F1 mean / pooled "
            "| called fake / inconclusive / authentic | accused |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *(_slice_row(one) for one in parts),
            "",
        ]
    return lines


def control_lines(controls: Sequence[Control]) -> list[str]:
    lines = []
    for one in controls:
        outcome = {True: " – kept", False: " – **not kept**", None: ""}[one.passed]
        figures = ", ".join(f"{name} {number(value)}" for name, value in one.values.items())
        lines += [f"- **{one.name}**{outcome} ({one.pictures} pictures): {figures}. {one.meaning}"]
    return lines


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    return ", ".join(_words(item) for item in value) if isinstance(value, list) else str(value)


def markdown(report: Mapping[str, Any], measured: Sequence[Measured], controls: Sequence[Control]) -> str:
    """The report for people, from what `write_report` puts together."""
    context = report["context"]
    about = [f"- {key}: {_words(value)}" for key, value in context.items() if key not in _PLACED]
    return "\n".join(
        [
            f"# {context.get('title', 'Evaluation')}",
            "",
            *about,
            "",
            "## The figures to read first",
            "",
            *_headline_rows(report["headline"]),
            "",
            *(f"- {note}" for note in context.get("notes", [])),
            "",
            "## What the numbers mean",
            "",
            MEANING,
            "## Controls",
            "",
            *control_lines(controls),
            "",
            *(f"![{title}]({name})" for title, name in report["plots"].items()),
            "",
            "## Slice by slice",
            "",
            *slice_tables(measured),
            "## Measure again",
            "",
            "```sh",
            str(context.get("command", "refundlens evaluate --help")),
            "```",
            "",
        ]
    )


def write_report(scored: Sequence[Scored], out: Path, context: Mapping[str, Any]) -> dict[str, Any]:
    """Write `report.json`, `report.md` and the plots into the folder `out`; give back what the JSON holds.

    context: printed as it is, except for what follows. title; notes: sentences under the headline; command:
    how to measure again; trained_generators: tells seen from never seen; controls: a list of `Control`;
    rounds: of the bootstrap. Raises ValueError without any row.
    """
    if not scored:
        raise ValueError("there is nothing to report: no scored rows")
    shown = dict(context)
    controls = [conditions_alone(scored), *shown.pop("controls", [])]
    measured = table(slices(scored, shown.get("trained_generators")), shown.pop("rounds", ROUNDS))
    out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = plain(
        {
            "context": shown,
            "headline": headline(scored, measured),
            "controls": [as_json(control) for control in controls],
            "slices": [asdict(one) for one in measured],
            "curves": curves(scored),
            "plots": draw_all(scored, measured, out),
        }
    )
    (out / "report.json").write_text(
        json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (out / "report.md").write_text(markdown(report, measured, controls), encoding="utf-8")
    return report
