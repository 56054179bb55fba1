"""The suite's report: targets on top, then what they rest on.

In: everything measured. Out: report.json for programs, report.md for people, slices.csv with every slice, plots.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from refundlens.training.evaluation.controls import Control, as_json
from refundlens.training.evaluation.plots import draw_all
from refundlens.training.evaluation.report import control_lines, number, plain, slice_tables
from refundlens.training.evaluation.slices import Measured
from refundlens.training.evaluation.suite import tables
from refundlens.training.evaluation.suite.harmless import Harmless
from refundlens.training.evaluation.suite.side_by_side import PeerLine
from refundlens.training.evaluation.suite.targets import Measurements, Target

JSON, TEXT, SLICES = "report.json", "report.md", "slices.csv"
SHOWN = ("overall", "kind", "generator seen", "generator", "defect", "source", "collection")
"""Dimensions whose slices the text shows; all others are in slices.csv."""
MEANING = """\
Every master of the test split, of both classes, went through the same chains; nothing is drawn at random. A slice of
fakes is compared to all authentic pictures delivered the same way. Intervals are 95 %, by bootstrap over source photos.
*ECE* and *balanced accuracy* weigh both classes the same, since the probability is stated for equal prior odds.
*Pixel F1* is the mean of pictures at 0.5; *defect F1* pools all pixels. *Accused*: source photos with any authentic
variant called `fake`, and the 95 % upper bound on that rate. A bound counts as kept where the 95 % lower bound of the
observed rate is within what the answers state, so about one slice in twenty at its limit breaks it by chance.
"""


PEERS = """\
All on exactly the same delivered files, both classes. Pixel F1: of pictures changed in one place, by a network or by
classical tools. A dash where a detector gives no score or no map for such files.
"""


@dataclass(frozen=True)
class Results:
    """All that a report shows. measured: every slice. resized: share of masters whose scale each delivery changed."""

    context: Mapping[str, Any]
    targets: Sequence[Target]
    found: Measurements
    measured: Sequence[Measured]
    resized: Mapping[str, float]
    harmless: Sequence[Harmless]
    peers: Sequence[PeerLine] = field(default=())


def write(results: Results, out: Path) -> dict[str, Any]:
    """Write the report into the folder `out`; give back what the JSON holds."""
    out.mkdir(parents=True, exist_ok=True)
    plots = draw_all(results.found.scored, results.measured, out)
    report: dict[str, Any] = plain(_contents(results) | {"plots": plots})
    (out / JSON).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / TEXT).write_text(markdown(results, plots), encoding="utf-8")
    _write_slices(results.measured, out / SLICES)
    return report


def _contents(results: Results) -> dict[str, Any]:
    found = results.found
    return {
        "context": results.context,
        "targets": [asdict(one) for one in results.targets],
        "resized": results.resized,
        "checks": [asdict(one) for one in found.checks],
        "flips": [asdict(one) for one in found.flips],
        "controls": [as_json(one) for one in found.controls],
        "harmless": [asdict(one) for one in results.harmless],
        "authentic": [asdict(one) for one in (*found.damage, *found.goods)],
        "defect_balance": [asdict(one) for one in found.balance],
        "real_edits": [asdict(one) for one in found.edits],
        "peers": [asdict(one) for one in results.peers],
        "leave_one_out": [one.model_dump() for one in found.left_out],
        "slices": [asdict(one) for one in results.measured],
    }


def _write_slices(measured: Sequence[Measured], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        names = [one.name for one in fields(Measured)]
        writer.writerow(names)
        for one in measured:
            values = [getattr(one, name) for name in names]
            writer.writerow([number(v, 4) if isinstance(v, float) else v for v in values])


def markdown(results: Results, plots: Mapping[str, str]) -> str:
    """The report for people."""
    return "\n".join(part for title, lines in _sections(results, plots) for part in (*title, *lines))


def _sections(results: Results, plots: Mapping[str, str]) -> list[tuple[list[str], list[str]]]:
    found, measured = results.found, results.measured
    regions, others = _parted(found.controls)
    shown = [one for one in measured if one.dimension in SHOWN]
    about = [f"- {key}: {value}" for key, value in results.context.items() if key != "command"]
    body = {
        "Targets": tables.target_table(results.targets),
        "What the numbers mean": [MEANING],
        "Delivery by delivery": [*tables.delivery_table(measured, results.resized), *_resizing(results.resized)],
        "AUC by generator and delivery": tables.auc_matrix(measured, "generator and delivery", "generator"),
        "AUC by defect and delivery": tables.auc_matrix(measured, "defect and delivery", "defect"),
        "Does the stated bound hold?": tables.check_table(found.checks),
        "Does a verdict survive one more upload?": tables.flip_table(found.flips),
        "Does the map follow the edit?": tables.region_table(regions),
        "Harmless processing, copies, catalogue cut-outs": tables.harmless_table(results.harmless),
        "Other controls": [*control_lines(others), ""],
        "Real photos": tables.authentic_table([*found.damage, *found.goods]) if found.damage or found.goods
        else _missing("--real-defects DIR` and `--catalogue DIR"),
        "Real damage against painted damage": tables.balance_table(found.balance),
        "Edits by real editors": tables.edits_table(found.edits) if found.edits else _missing("--real-edits DIR"),
        "Side by side with open detectors": [PEERS, *tables.peer_table(results.peers)] if results.peers
        else _missing("--peers sahu65,pyifd-ela,pyifd-adq1,pyifd-noi1"),
        "Generators and sources left out of training": tables.left_out_table(found.left_out),
        "Plots": [*(f"![{title}]({name})" for title, name in plots.items()), ""],
        "Slices": [*slice_tables(shown), f"Every slice, crossings included: {SLICES}.", ""],
        "Measure again": ["```sh", str(results.context["command"]), "```", ""],
    }  # fmt: skip
    head = (["# Suite", ""], [*about, ""])
    return [head, *(([f"## {title}", ""], lines) for title, lines in body.items())]


def _parted(controls: Sequence[Control]) -> tuple[list[Control], list[Control]]:
    """(controls of random regions, the others)."""
    is_region = lambda one: one.name.startswith("random regions")  # noqa: E731
    parts = {key: list(some) for key, some in groupby(sorted(controls, key=is_region), key=is_region)}
    return parts.get(True, []), parts.get(False, [])


def _missing(option: str) -> list[str]:
    return [f"Not measured: give `{option}`.", ""]


def _resizing(resized: Mapping[str, float]) -> list[str]:
    """What small pictures mean for chains that only shrink."""
    untouched = [name for name in ("q75_720", "q60_768", "screenshot") if resized.get(name, 1.0) < 1.0]
    if not untouched:
        return []
    shares = ", ".join(f"{name} {100 * resized[name]:.1f} %" for name in untouched)
    return [
        f"Chains only shrink: of these masters they resized {shares}. On the others q75_720 is JPEG 75 and no more; "
        "enlarging small pictures first would blur both classes and measure something else.",
        "",
    ]


def summary(report: Mapping[str, Any], out: Path) -> str:
    """One screen: every target with what came out, and where the rest lies."""
    lines = []
    for one in report["targets"]:
        mark = {True: "met   ", False: "MISSED", None: "–     "}[one["met"]]
        interval = f" [{number(one['interval'][0])}, {number(one['interval'][1])}]" if one["interval"] else ""
        lines.append(f"{mark} {number(one['measured']):>8}{interval:<18} {one['target']:<8} {one['name']}")
    met = sum(one["met"] is True for one in report["targets"])
    known = sum(one["met"] is not None for one in report["targets"])
    return "\n".join([*lines, f"{met} of {known} measured targets met; the report: {out / TEXT}"])
