"""The month's figures as a page and a plot."""

import json
import re
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

_CHANGE = re.compile(r"([\d.]+) -> ([\d.]+)")


def write_month(facts: dict[str, Any], out: Path) -> None:
    (out / "month.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    _plot(facts, out / "month.png")
    rollout = facts["rollout"]
    shadow, rescored = rollout["agreement"], rollout["rescored"]
    lines = [
        "# One month of the loop",
        "",
        f"World: {facts['world']}; newcomer: {facts['newcomer']}; labelled by people: "
        f"{facts['labelled']['fakes']} fakes and {facts['labelled']['photos']} photos. {facts['seconds']} s in all.",
        "",
        "![slices before and after](month.png)",
        "",
        "## How each photo got its label",
        "",
        "| what it was: what the champion said of it, who decided | photos |",
        "| --- | --- |",
        *(f"| {way} | {count} |" for way, count in facts["ways"].items()),
        "",
        f"## The gate: {'passed' if facts['gate']['passed'] else 'refused'}",
        "",
        "| rule | slice | | champion -> candidate |",
        "| --- | --- | --- | --- |",
    ]
    for check in facts["checks"]:
        word = ("passed" if check["passed"] else "FAILED") if check["decides"] else "too few to tell"
        lines.append(f"| {check['rule']} | {check['slice']} | {word} | {check['text']} |")
    for check in facts["checks"]:
        if check["worst"]:
            lines += ["", f"Furthest the wrong way, {check['rule']} {check['slice']}:".replace(" :", ":"), ""]
            lines += [f"- {one}" for one in check["worst"]]
    lines += [
        "",
        "## Pairs and controls",
        "",
        "| figure | champion | candidate | pictures |",
        "| --- | --- | --- | --- |",
        *(
            f"| {name} | {before:.3f} | {after:.3f} | {pictures:.0f} |"
            for name, (before, after, pictures) in facts["pairs_and_controls"].items()
        ),
        "",
        "## Rollout",
        "",
        *([f"Promotion was refused: {rollout['refused']} An admin forced it, to play the way there and back.", ""]
          if rollout["refused"] else []),
        f"Shadow: {shadow['photos']} photos, {shadow['same_verdict']} with the same verdict, probabilities apart by "
        f"{shadow['difference']:.3f}; {shadow['challenger_seconds']:.2f} s of inference a photo, the champion "
        f"{shadow['champion_seconds']:.2f} s.",
        "",
        f"Promoted and rolled back under load: {rollout['requests']} requests, lost {rollout['lost'] or 'none'}; "
        f"{', '.join(f'{version} answered {count}' for version, count in rollout['answered_by'].items())}; the longest "
        f"took {rollout['longest_seconds']} s. Open cases judged by the new champion: {rescored['cases']}, failed "
        f"{rescored['failed']}; the photo alone would lead {rescored['changed']} elsewhere than what people decided; "
        "none was decided anew.",
        "",
        "| step | seconds |",
        "| --- | --- |",
        *(f"| {name} | {one['seconds']:.0f} |" for name, one in facts["steps"].items()),
        "",
        f"While training, the network waited for data {facts['waited']:.1%} of the time." if facts["waited"] else "",
    ]  # fmt: skip
    (out / "month.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plot(facts: dict[str, Any], path: Path) -> None:
    """Champion and candidate: ROC AUC of every slice that decides, and of pairs and controls."""
    slices = []
    for check in facts["checks"]:
        found = _CHANGE.search(check["text"])
        if check["rule"] == "slice_auc" and check["decides"] and found:
            slices.append((check["slice"], float(found[1]), float(found[2])))
    controls = [
        (name.replace(", AUC", ""), before, after)
        for name, (before, after, _) in facts["pairs_and_controls"].items()
        if "AUC" in name
    ]
    heights = [len(slices), len(controls)]
    figure, both = pyplot.subplots(
        2, sharex=True, figsize=(9, 0.35 * sum(heights) + 1.5), height_ratios=heights, layout="constrained"
    )
    for axes, pairs, title in zip(
        both, (slices, controls), ("slices of the gate", "pairs and controls"), strict=True
    ):
        for row, (_, before, after) in enumerate(pairs):
            axes.plot([before, after], [row, row], color="#999", zorder=1)
            axes.scatter([before], [row], color="#b33", zorder=2, label="champion" if not row else None)
            axes.scatter([after], [row], color="#183", zorder=2, label="candidate" if not row else None)
        axes.axvline(0.5, color="#ccc", zorder=0)
        axes.set_yticks(range(len(pairs)), [name for name, _, _ in pairs])
        axes.set_title(title, fontsize="medium")
    both[0].legend(loc="upper left")
    both[1].set_xlabel("ROC AUC; chance is 0.5")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
