"""One page on one retraining: what was learned, what it gained, what the gate said, how long each step took."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from refundlens.datasets.snapshot.store import Snapshot
from refundlens.training.commands import REAL_EDITORS
from refundlens.training.evaluation.real_editors import read_report
from refundlens.training.gate.gate import GATE, GateResult
from refundlens.training.loop import METRICS
from refundlens.training.retrain.plan import RetrainPlan

SHOWN = ("recall", "slice_recall", "slice_auc")


def retrain_report(
    plan: RetrainPlan, snapshot: Snapshot, result: GateResult, steps: dict[str, dict[str, Any]]
) -> str:
    """Markdown."""
    new = Counter(sample.generator for sample in snapshot.samples if sample.label and sample.generator)
    truths = Counter((sample.truth, sample.part) for sample in snapshot.samples)
    word = "passed" if result.passed else "failed"
    lines = [
        f"# Retraining: {plan.name} {plan.version}",
        "",
        f"Gate **{word}** against {result.champion}: `gate/gate.md`. Pairs against their own inputs and the controls "
        "on the look of the collection, by generator: `champion/real_editors.md`, `run/report/real_editors.md`.",
        "",
        f"## Snapshot {snapshot.version[:12]}",
        "",
        "| truth | train | test |",
        "| --- | --- | --- |",
        *(
            f"| {truth} | {truths[truth, 'train']} | {truths[truth, 'test']} |"
            for truth in sorted({truth for truth, _ in truths})
        ),
    ]
    gains = [
        check
        for check in result.checks
        if check.rule in SHOWN and (not check.slice or check.slice.partition(" ")[2] in new)
    ]
    lines += ["", "## What it gained", "", "| rule | slice | champion -> candidate |", "| --- | --- | --- |"]
    lines += [f"| {check.rule} | {check.slice or 'all'} | {check.text} |" for check in gains]
    lines += [*_real_editors(plan), "", "## What the gate refused", ""]
    lines += [f"- {check.rule} {check.slice}: {check.text}" for check in result.failed] or ["Nothing."]
    lines += ["", "## Steps", "", "| step | seconds |", "| --- | --- |"]
    lines += [f"| {name} | {one['seconds']:.0f} |" for name, one in steps.items()]
    waited = share_waited(plan.run)
    if waited is not None:
        lines += ["", f"While training, the network waited for data {waited:.1%} of the time."]
    problems = json.loads((plan.work / "problems.json").read_text(encoding="utf-8"))
    if problems:
        lines += ["", "## Problems of the snapshot that somebody accepted", ""]
        lines += [f"- {one['code']}: {one['text']}" for one in problems]
    return "\n".join([*lines, "", f"Everything: `{plan.gate.name}/{GATE}`."]) + "\n"


def share_waited(run: Path) -> float | None:
    """Share of a training's time that its network waited for data, 0 to 1; none where it was too short for its log to
    say."""
    log = run / METRICS
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    told = [json.loads(line) for line in lines if line]
    shares = [one["waited"] for one in told if "waited" in one]  # each over as many steps
    return sum(shares) / len(shares) if shares else None


def _real_editors(plan: RetrainPlan) -> list[str]:
    """Both models' figures on real editors, side by side."""
    before, after = (read_report(folder / REAL_EDITORS).figures for folder in (plan.before, plan.after))
    lines = ["", "## Pairs and controls", "", "| figure | champion | candidate (95 %) | pictures |",
             "| --- | --- | --- | --- |"]  # fmt: skip
    for name, value in after.items():
        span = f"({value['low']:.3f} to {value['high']:.3f})"
        lines.append(
            f"| {name} | {before[name]['value']:.3f} | {value['value']:.3f} {span} | {value['pictures']:.0f} |"
        )
    return lines
