"""The suite's tables for people, in Markdown: short ones, the long ones being in slices.csv.

In: what the suite measured. Out: lines of Markdown.
"""

from collections.abc import Iterable, Mapping, Sequence

from refundlens.model.names import VERDICTS
from refundlens.training.evaluation.controls import Control
from refundlens.training.evaluation.report import number, percent
from refundlens.training.evaluation.slices import LEAST_CROSSED, Measured
from refundlens.training.evaluation.suite.checks import BoundCheck
from refundlens.training.evaluation.suite.defects import DefectBalance
from refundlens.training.evaluation.suite.flips import Flips
from refundlens.training.evaluation.suite.harmless import Harmless
from refundlens.training.evaluation.suite.left_out import COMMAND, LeftOut
from refundlens.training.evaluation.suite.real import Authentic, Edits
from refundlens.training.evaluation.suite.side_by_side import PeerLine
from refundlens.training.evaluation.suite.sweep import DELIVERIES
from refundlens.training.evaluation.suite.targets import Target

WORST = 8
"""Slices shown of the check of bounds, besides those that failed: the closest to failing."""


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table with an empty line after it; a dash where there is no row."""
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *(lines or ["| – |"]), ""]


def between(low: float, high: float) -> str:
    """An interval in brackets."""
    return f"[{number(low)}, {number(high)}]"


def called(verdicts: Mapping[str, int]) -> str:
    """Verdicts counted, in the order fake / authentic / inconclusive."""
    return " / ".join(str(verdicts.get(name, 0)) for name in VERDICTS)


def outcome(one: Target) -> str:
    """Met, missed, or not measured; and whether the interval leaves a doubt."""
    if one.met is None:
        return "not measured"
    word = "met" if one.met else "**missed**"
    return word if one.sure or one.interval is None else f"{word}, interval reaches across"


def target_table(targets: Sequence[Target]) -> list[str]:
    rows = [
        (
            one.name,
            one.target,
            number(one.measured),
            between(*one.interval) if one.interval else "",
            outcome(one),
            one.note,
        )
        for one in targets
    ]
    return table(["what", "target", "measured", "95 %", "", "on"], rows)


def delivery_table(measured: Sequence[Measured], resized: Mapping[str, float]) -> list[str]:
    """One line a delivery, in the suite's order, with the share of pictures whose scale the chain changed."""
    found = {one.value: one for one in measured if one.dimension == "delivery"}
    rows = [
        (
            name,
            percent(resized[name]),
            f"{one.photos} / {one.rows}",
            f"{number(one.auc)} {between(one.auc_low, one.auc_high)}",
            " / ".join(number(rate, 2) for rate in (one.tpr_at_1, one.tpr_at_3_7, one.tpr_at_5)),
            number(one.ece_balanced),
            number(one.balanced_accuracy),
            f"{number(one.pixel_f1, 2)} / {number(one.defect_f1, 2)}",
            f"{one.accused_photos} of {one.authentic_photos} (≤ {percent(one.accusation_bound)})",
        )
        for name in DELIVERIES
        if (one := found.get(name))
    ]
    heads = ["delivery", "resized", "photos / pictures", "AUC", "TPR at 1 / 3.7 / 5 %", "ECE", "balanced accuracy",
             "pixel / defect F1", "accused"]  # fmt: skip
    return table(heads, rows)


def auc_matrix(measured: Sequence[Measured], dimension: str, what: str) -> list[str]:
    """AUC with one value a line and one delivery a column, from a dimension crossed with deliveries."""
    cells = {one.value: one.auc for one in measured if one.dimension == dimension}
    if not cells:
        return [f"Left out: no {what} has {LEAST_CROSSED} photos in a delivery.", ""]
    values = sorted({key.rpartition(", ")[0] for key in cells})
    rows = [(value, *(number(cells.get(f"{value}, {name}"), 2) for name in DELIVERIES)) for value in values]
    return table([what, *DELIVERIES], rows)


def check_table(checks: Sequence[BoundCheck]) -> list[str]:
    """The slices that broke their bound, then the closest to it."""
    order = sorted(checks, key=lambda one: (one.passed, -(one.lower - (one.stated or 0.0)), -one.rate))
    shown = [one for index, one in enumerate(order) if not one.passed or index < WORST]
    rows = [
        (
            f"{one.dimension}: {one.value}",
            f"{one.accused} of {one.photos} ({percent(one.rate)})",
            percent(one.picture_rate),
            f"≥ {percent(one.lower)}",
            percent(one.stated),
            "kept" if one.passed else "**not kept**",
        )
        for one in shown
    ]
    return table(["slice", "accused photos", "by pictures", "rate, 95 % surely", "stated bound", ""], rows)


def flip_table(found: Sequence[Flips]) -> list[str]:
    rows = [
        (
            f"{one.first}, then {one.uploads} × q85",
            f"{one.photos} / {one.pictures}",
            percent(one.decided),
            f"{percent(one.changed)} [{percent(one.low)}, {percent(one.high)}]",
            percent(one.to_inconclusive),
            percent(one.from_inconclusive),
            percent(one.opposite),
            percent(one.authentic_to_fake),
        )
        for one in found
    ]
    heads = ["uploads", "photos / pictures", "decided before", "changed at all", "to inconclusive",
             "from inconclusive", "opposite", "authentic newly fake"]  # fmt: skip
    return table(heads, rows)


def harmless_table(found: Sequence[Harmless]) -> list[str]:
    rows = [
        (one.group, one.name, one.photos, number(one.auc, 2), one.fake, one.inconclusive, one.turned_fake)
        for one in found
    ]
    return table(["what", "operation", "photos", "AUC", "called fake", "inconclusive", "turned fake"], rows)


def region_table(found: Sequence[Control]) -> list[str]:
    rows = []
    for one in found:
        values = one.values
        verdict = {True: "follows the edit", False: "**does not follow it**", None: "–"}[one.passed]
        rows.append(
            (
                one.name.removeprefix("random regions, "),
                one.pictures,
                number(values["auc"]),
                number(values["map_auc_edit"]),
                number(values["map_auc_object"]),
                f"{number(values['map_inside_edit'], 2)} / {number(values['map_outside_edit'], 2)}",
                number(values["pixel_f1"], 2),
                verdict,
            )
        )
    heads = ["editor", "photos", "AUC of pictures", "map AUC, edit", "map AUC, object", "map inside / outside",
             "pixel F1", ""]  # fmt: skip
    return table(heads, rows)


def authentic_table(found: Sequence[Authentic]) -> list[str]:
    rows = [
        (
            one.name,
            one.delivery,
            one.photos,
            called(one.called),
            f"{percent(one.not_fake)} [{percent(one.not_fake_interval[0])}, {percent(one.not_fake_interval[1])}]",
            one.covered,
            " / ".join(number(one.quantiles[key], 2) for key in ("0.5", "0.95", "1.0")),
        )
        for one in found
    ]
    heads = ["photos of", "delivery", "photos", "fake / authentic / inconclusive",
             "not called fake, of those covered", "covered", "probability: median / 95 % / highest"]  # fmt: skip
    return table(heads, rows)


def edits_table(found: Sequence[Edits]) -> list[str]:
    rows = [
        (
            one.generator,
            one.delivery,
            f"{one.edits} / {one.originals}",
            f"{number(one.auc)} {between(one.low, one.high)}",
            f"{number(one.pixel_f1, 2)} / {number(one.best_f1, 2)}",
            called(one.edits_called),
            called(one.originals_called),
        )
        for one in found
    ]
    heads = ["editor", "delivery", "edits / originals", "AUC", "pixel F1 at 0.5 / best",
             "edits: fake / authentic / inconclusive", "originals: the same"]  # fmt: skip
    return table(heads, rows)


def balance_table(found: Sequence[DefectBalance]) -> list[str]:
    rows = [
        (one.real, one.rule, f"{one.real_photos} / {one.fakes}", number(one.true_negatives), number(one.true_positives),
         f"{number(one.balanced)} {between(one.low, one.high)}")
        for one in found
    ]  # fmt: skip
    return table(["real damage", "rule", "real / painted", "TNR", "TPR", "balanced accuracy"], rows)


def peer_table(found: Sequence[PeerLine]) -> list[str]:
    rows = [
        (
            one.delivery,
            one.detector,
            f"{one.photos} / {one.pictures}",
            f"{number(one.auc)} {between(one.low, one.high)}",
            number(one.tpr, 2),
            f"{number(one.pixel_f1, 2)} / {number(one.best_f1, 2)}",
        )
        for one in found
    ]
    return table(
        ["delivery", "detector", "photos / pictures", "AUC", "TPR at 3.7 %", "pixel F1 at 0.5 / best"], rows
    )


def left_out_table(found: Sequence[LeftOut]) -> list[str]:
    if not found:
        return [f"Not measured: `{COMMAND}` retrains without each and writes the file that is read here.", ""]
    rows = [
        (
            one.name,
            one.rows,
            one.steps,
            f"{number(one.auc_without)} {between(one.low, one.high)}",
            number(one.auc_with),
        )
        for one in found
    ]
    return table(["left out", "pictures", "steps", "AUC without it", "AUC with it"], rows)
